"""The command line as people meet it: help, streams, exit codes, JSON."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from dlcli import __version__
from dlcli.cli import app
from dlcli.errors import (
    CheckError,
    DataError,
    DlcliError,
    ExitCode,
    RunError,
    SpecError,
    TrainingError,
    UsageError,
)
from dlcli.runs import RunFolder

REPOSITORY = Path(__file__).parents[1]
EXPLAIN = sys.modules["dlcli.cli.explain"]
GOOD = """\
data: {source: plants.csv, target: height}
layers: [Dense: 1]
epochs: 2
"""


def run(*arguments: str | Path, **options: Any) -> Any:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="dlcli", **options)


def run_process(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dlcli", *arguments]
    return subprocess.run(command, text=True, cwd=REPOSITORY, check=False, **options)


def commands() -> Iterator[tuple[str, Any]]:
    group: Any = typer.main.get_command(app)
    yield from group.commands.items()


COMMANDS = dict(commands())
EXPECTED = {"train", "evaluate", "predict", "summarize", "init", "validate", "schema", "explain"}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace("epochs", "epoch"))
    return path


def test_every_command_of_the_design_is_there() -> None:
    assert COMMANDS.keys() >= EXPECTED


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert command.help.splitlines()[0].endswith((".", ":")), "the first line is a sentence"
    assert f"Example: dlcli {name}" in command.help
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name}"
        assert parameter.help.endswith("."), f"{name} {parameter.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_printed_to_stdout(name: str) -> None:
    for option in ("--help", "-h"):
        outcome = run(name, option)
        assert outcome.exit_code == 0
        assert outcome.stderr == ""
        assert f"Example: dlcli {name}" in " ".join(outcome.stdout.split())


def test_examples_in_help_name_files_that_are_there() -> None:
    for command in COMMANDS.values():
        example = command.help.partition("Example: ")[2].split()
        for word in example:
            if word.startswith(("configs/", "datasets/")) and "*" not in word:
                assert (REPOSITORY / word).is_file(), word


def test_version() -> None:
    outcome = run("--version")
    assert (outcome.exit_code, outcome.stdout) == (0, f"dlcli {__version__}\n")


def test_no_command_shows_help() -> None:
    outcome = run()
    assert outcome.exit_code == 2
    assert "validate" in outcome.output


def test_module_runs_as_a_program() -> None:
    done = run_process("--version", capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"dlcli {__version__}\n", "")


def test_program_ends_with_the_exit_code_and_keeps_stdout_clean(bad: Path) -> None:
    done = run_process("validate", str(bad), capture_output=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error: {bad}:3:1: unknown key 'epoch'")


def test_reader_that_has_enough_ends_the_program_quietly() -> None:
    command = f"{sys.executable} -m dlcli schema | head -c 100"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) == 100


def test_good_config_is_ok_on_stdout(good: Path) -> None:
    outcome = run("validate", good)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    verdict, *touched = outcome.stdout.splitlines()
    assert verdict == f"{good}: ok"
    assert [line.split()[0] for line in touched] == ["reads", "writes"]


def test_bad_config_does_not_keep_others_from_being_checked(good: Path, bad: Path) -> None:
    outcome = run("validate", bad, good)
    assert outcome.exit_code == 3
    assert outcome.stdout.splitlines()[0] == f"{good}: ok"
    assert "unknown key 'epoch'" in outcome.stderr


def test_worst_exit_code_of_several_configs_counts(good: Path, bad: Path) -> None:
    assert run("validate", "--data", good).exit_code == 4
    assert run("validate", "--data", good, bad).exit_code == 4
    assert run("validate", "--data", bad).exit_code == 3


def test_validate_tells_in_json_what_is_wrong(good: Path, bad: Path) -> None:
    outcome = run("validate", "--json", good, bad)
    assert outcome.exit_code == 3
    first, second = json.loads(outcome.stdout)
    assert (first["config"], first["error"]) == (str(good), None)
    assert "unknown key 'epoch'" in second["error"]["message"]
    assert second["error"]["exit_code"] == ExitCode.SPEC
    (problem,) = second["error"]["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == (str(bad), 3, 1)


def test_validate_with_data_counts_the_rows(good: Path) -> None:
    rows = "\n".join(f"{number},{number * 2}" for number in range(10))
    (good.parent / "plants.csv").write_text(f"height,age\n{rows}\n")
    outcome = run("validate", "--data", good)
    assert outcome.stdout.splitlines()[0] == f"{good}: ok (8 train, 2 test rows)"


def test_override_reaches_the_config(good: Path) -> None:
    assert run("validate", good, "--set", "epochs=3", "--set", "seed=4").exit_code == 0
    assert run("validate", good, "--set", "epochs=0").exit_code == 3


def test_schema_is_a_json_schema_that_takes_the_example() -> None:
    outcome = run("schema")
    schema = json.loads(outcome.stdout)
    assert schema["$schema"].endswith("2020-12/schema")
    config = {"data": {"source": "a.csv", "target": "b"}, "layers": [{"Dense": 1}], "epochs": 1}
    assert Draft202012Validator(schema).is_valid(config)
    assert not Draft202012Validator(schema).is_valid({**config, "epoch": 1})


@pytest.mark.parametrize("name", ["Dense", "mse", "Adam", "EarlyStopping", "relu"])
def test_explain_in_words_and_in_json(name: str) -> None:
    assert name in run("explain", name).stdout
    assert json.loads(run("explain", name, "--json").stdout)["name"] == name


@pytest.mark.parametrize(
    "arguments", [["datasets", "--json"], ["explain", "--list", "loss", "--json"]]
)
def test_lists_in_json(arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.exit_code == 0
    assert json.loads(outcome.stdout)


RAISED: list[tuple[BaseException, int]] = [
    (DlcliError("x"), ExitCode.BUG),
    (UsageError("x"), ExitCode.USAGE),
    (SpecError("x"), ExitCode.SPEC),
    (DataError("x"), ExitCode.DATA),
    (TrainingError("x"), ExitCode.TRAINING),
    (RunError("x"), ExitCode.RUN),
    (CheckError("x"), ExitCode.CHECK),
    (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    (ZeroDivisionError("division by zero"), ExitCode.BUG),
]


def raising(error: BaseException) -> Callable[[str], Any]:
    def load(name: str) -> Any:
        raise error

    return load


@pytest.mark.parametrize(("error", "code"), RAISED, ids=lambda value: type(value).__name__)
def test_errors_become_exit_codes_at_one_place(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(EXPLAIN, "import_command", raising(error))
    outcome = run("explain", "Dense")
    assert outcome.exit_code == code
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("error: ")
    assert "Traceback" not in outcome.stderr


def test_hint_stands_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EXPLAIN, "import_command", raising(DataError("no file", hint="make one")))
    assert run("explain", "Dense").stderr == "error: no file\nhint: make one\n"


def test_bug_is_one_line_with_a_log_that_holds_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(EXPLAIN, "import_command", raising(ZeroDivisionError("division by zero")))
    lines = run("explain", "Dense").stderr.splitlines()
    assert lines[0] == "error: a bug in dlcli: ZeroDivisionError: division by zero"
    log = Path(lines[1].rpartition(" ")[2])
    text = log.read_text(encoding="utf-8")
    log.unlink()
    assert __version__ in text
    assert "Traceback" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "a.yaml", "--threads", "abc"], "'abc' is not a valid integer."),
        (["train", "a.yaml", "--threads", "-5"], "-5 is not in the range x>=1."),
        (["predict", "run", "--interval", "wide"], "'wide' is not a valid float."),
        (
            ["init", "a.csv", "--preset", "stong"],
            "'stong' is not one of 'small', 'strong', 'fast'.",
        ),
    ],
)
def test_a_value_that_is_wrong_is_named(arguments: list[str], message: str) -> None:
    outcome = run(*arguments)
    assert outcome.exit_code == ExitCode.USAGE
    assert outcome.stderr.endswith(f"Error: Invalid value for '{arguments[-2]}': {message}\n")


def test_typers_own_mistakes_are_wrong_usage() -> None:
    for arguments in (["tran"], ["train"], ["train", "a.yaml", "--epoch"], ["validate", "--set"]):
        outcome = run(*arguments)
        assert outcome.exit_code == 2
        assert outcome.stdout == ""
        assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["summarize", "no-such.csv", "--json"], ExitCode.DATA),
        (["evaluate", "--json", "no-such-run"], ExitCode.RUN),
        (["train", "no-such.yaml", "--json"], ExitCode.SPEC),
        (["train", "--json", "--no-such-option"], ExitCode.USAGE),
        (["evaluate", "--json"], ExitCode.USAGE),
    ],
)
def test_errors_are_json_too_where_json_is_asked_for(arguments: list[str], code: int) -> None:
    outcome = run(*arguments)
    assert outcome.exit_code == code
    error = json.loads(outcome.stdout)["error"]
    assert error["exit_code"] == code
    assert error["message"].splitlines()[0] in outcome.stderr
    assert error.keys() == {"message", "hint", "exit_code", "problems"}


def test_problems_of_a_config_have_their_places_in_json(bad: Path) -> None:
    (problem,) = json.loads(run("train", "--json", bad).stdout)["error"]["problems"]
    assert problem == {
        "file": str(bad),
        "line": 3,
        "column": 1,
        "message": "unknown key 'epoch'",
        "hint": "did you mean 'epochs'?",
    }


def test_what_no_command_foresees_of_the_system_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    error = PermissionError(13, "Permission denied", "/srv/x")
    monkeypatch.setattr(EXPLAIN, "import_command", raising(error))
    outcome = run("explain", "Dense")
    assert outcome.exit_code == ExitCode.USAGE
    assert outcome.stderr == "error: /srv/x cannot be used: Permission denied\n"


@pytest.fixture
def plants(good: Path) -> Path:
    rows = "\n".join(f"{number},{number * 2}" for number in range(10))
    (good.parent / "plants.csv").write_text(f"height,age\n{rows}\n")
    return good


@pytest.mark.slow
def test_several_trainings_are_one_document(
    plants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other.yaml"
    other.write_text(GOOD)
    one = json.loads(run("train", plants, "--json").stdout)
    assert one["run"] == "runs/good/001"
    both = json.loads(run("train", plants, other, "--json").stdout)
    assert [each["run"] for each in both] == ["runs/good/002", "runs/other/001"]


@pytest.mark.slow
def test_a_training_that_fails_is_named_and_what_came_before_it_is_kept(
    plants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other.yaml"
    other.write_text(GOOD.replace("plants.csv", "no-such.csv"))
    outcome = run("train", plants, other, "--json")
    assert outcome.exit_code == ExitCode.DATA
    first, second = json.loads(outcome.stdout)
    assert first["run"] == "runs/good/001"
    assert second["error"]["message"].startswith(f"{other}: no such file: ")
    assert second["error"]["message"].endswith("(`data.source`); finished: runs/good/001")
    assert second["error"]["message"] in outcome.stderr


@pytest.mark.parametrize("check", ["test.R2Score > 2"])
def test_figures_that_miss_a_check_are_one_document(trained_run: RunFolder, check: str) -> None:
    outcome = run("evaluate", trained_run.path, "--json", "--check", check)
    assert outcome.exit_code == ExitCode.CHECK
    assert json.loads(outcome.stdout)["rows"] == 206
    assert "R2Score" in outcome.stderr
