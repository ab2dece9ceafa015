"""What is cheap stays cheap: no command loads a library before it needs it."""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dlcli.runs import RunFolder

REPOSITORY = Path(__file__).parents[1]
GOLDEN = REPOSITORY / "tests" / "golden" / "errors"
TEN_MISTAKES = GOLDEN / "configs" / "ten_mistakes.yaml"
FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")
TABLES = ("pandas", "sklearn", "matplotlib", "scipy")
ARRAYS = ("numpy", "pyarrow", "onnxruntime")

RUN = """
import contextlib, io, json, sys
from typer.testing import CliRunner
from dlcli.cli import app
codes = [CliRunner().invoke(app, arguments).exit_code for arguments in json.loads(sys.argv[1])]
print(json.dumps({"codes": codes, "modules": sorted(sys.modules)}))
"""


def loaded_by(*commands: Sequence[str]) -> tuple[list[int], set[str]]:
    """Run command lines in one fresh process; return their exit codes and what it imported."""
    arguments = [sys.executable, "-c", RUN, json.dumps([list(command) for command in commands])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    found = json.loads(done.stdout)
    return found["codes"], set(found["modules"])


def test_reference_and_checks_load_no_arrays_tables_or_frameworks() -> None:
    commands = [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["validate", str(TEN_MISTAKES)],
        ["validate", str(GOLDEN / "configs" / "base.yaml")],
        ["schema"],
        ["explain", "Dense"],
        ["explain", "--list", "layer"],
    ]
    codes, modules = loaded_by(*commands)
    assert codes == [0, 0, 0, 3, 0, 0, 0, 0]
    assert modules.isdisjoint((*FRAMEWORKS, *TABLES, *ARRAYS))


def test_mistakes_in_config_and_data_are_told_before_a_framework_is_loaded() -> None:
    data = GOLDEN / "data"
    commands = [
        ["train", str(TEN_MISTAKES)],
        ["train", str(data / "column_unknown_target.yaml")],
        ["train", str(data / "target_three_classes_one_unit.yaml")],
        ["validate", "--data", str(data / "trainable.yaml")],
        ["summarize", str(data / "plants.csv")],
        ["evaluate", "no-such-run"],
    ]
    codes, modules = loaded_by(*commands)
    assert codes == [3, 4, 3, 0, 0, 6]
    assert modules.isdisjoint((*FRAMEWORKS, *TABLES))


def test_finished_runs_are_read_and_scored_without_a_framework(
    trained_run: RunFolder, concrete_csv: Path, tmp_path: Path
) -> None:
    run = str(trained_run.path)
    commands = [
        ["summarize", run],
        ["evaluate", run],
        ["evaluate", run, "--data", str(concrete_csv)],
        ["predict", run, "--data", str(concrete_csv), "--out", str(tmp_path / "predicted.csv")],
    ]
    codes, modules = loaded_by(*commands)
    assert codes == [0, 0, 0, 0]
    assert modules.isdisjoint((*FRAMEWORKS, *TABLES))


@pytest.mark.slow
def test_ten_mistakes_take_less_than_600_milliseconds() -> None:
    # Processor time, since other work on the machine is no fault of ours.
    command = [sys.executable, "-m", "dlcli", "validate", str(TEN_MISTAKES)]
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, check=False, cwd=REPOSITORY)
        assert done.returncode == 3
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.6
