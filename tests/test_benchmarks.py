"""The benchmarks do the same work as their peers and lay it out; nothing here looks at a clock."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import serving
from benchmarks.__main__ import read_options
from benchmarks.bars import Bar, format_bars
from benchmarks.big import Big, format_big, reduce_seconds, write_file
from benchmarks.commands import TEN_MISTAKES
from benchmarks.figures import (
    Spread,
    alternate,
    differences,
    format_number,
    format_table,
    ratios,
    spread,
)
from benchmarks.problems import PROBLEMS, Layer, Problem, find_problems
from benchmarks.processes import ProcessError, run_peer, run_python
from benchmarks.shipped import find_configs
from benchmarks.streaming import NUM_COLUMNS, WRITERS, Case, Load, format_loads, write_table
from benchmarks.training import (
    DLCLI,
    KERAS,
    LOOP_BARS,
    SKLEARN,
    TORCH,
    WHOLE_BARS,
    Trial,
    find_tools,
    format_training,
    make_bars,
)
from dlcli.data.readers import read_table
from dlcli.errors import SpecError
from dlcli.spec.run import load_spec

# 10 rows, 2 inputs, 2 targets; 6 train, 2 validate, 2 test.
TINY_CSV = "a,b,y,z\n" + "".join(f"{i},{i * i},{2 * i},{3 * i}\n" for i in range(10))


def _tiny(folder: Path, *, branched: bool) -> Problem:
    path = folder / "tiny.csv"
    path.write_text(TINY_CSV, encoding="utf-8")
    chain = (Layer(units=3, activation="relu", name="trunk"), Layer(units=1, name="y"))
    branch = (Layer(units=2, activation="tanh", inputs="trunk"), Layer(units=1, name="z"))
    return Problem(
        name="tiny",
        config=folder / "tiny.yaml",
        find_source=lambda _: path,
        inputs=("a", "b"),
        targets=("y", "z") if branched else ("y",),
        validation=0.2,
        target_scale="minmax",
        layers=(*chain, *branch) if branched else chain,
        metrics=("mae",),
        batch_size=4,
        early_stopping={"monitor": "val_loss", "min_delta": 0, "patience": 9},
        epochs=2,
        whole_epochs=2,
    )


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_every_problem_describes_the_config_that_dlcli_trains(
    problem: Problem, tmp_path: Path, shared_datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCLI_DATASETS", str(shared_datasets))
    overrides = tuple(problem.settings(tmp_path, epochs=problem.epochs))
    spec = load_spec(problem.config, overrides)
    described = json.loads(json.dumps(problem.describe(tmp_path)))
    assert Path(described["source"]).is_file()
    assert spec.batch_size == described["batch_size"]
    units = [layer.component.arguments["units"] for layer in spec.layers]
    assert units == [layer["units"] for layer in described["layers"]]
    assert len(spec.callbacks) == (problem.early_stopping is not None)
    assert spec.data.split.test == described["test"]
    assert spec.data.split.validation == described["validation"]


def test_problems_have_the_published_epochs_of_their_configs() -> None:
    for problem in PROBLEMS:
        if "30 epochs" not in problem.name:
            assert load_spec(problem.config).epochs == problem.epochs


@pytest.mark.parametrize(
    ("script", "package", "branched"),
    [
        ("keras_script", "keras", True),
        ("torch_loop", "torch", True),
        ("sklearn_mlp", "sklearn", False),
    ],
)
def test_a_peer_trains_the_rows_and_parameters_it_should(
    script: str, package: str, branched: bool, tmp_path: Path
) -> None:
    if find_spec(package) is None or find_spec("sklearn") is None:
        pytest.skip(f"{package} is not installed")
    problem = _tiny(tmp_path, branched=branched)
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(problem.describe(tmp_path)), encoding="utf-8")
    values = run_peer(script, [str(path), "2"], folder=tmp_path).values()
    assert values["rows"] == 6
    assert values["epochs"] == 2
    # 2x3 + 3 and 3x1 + 1; the branch adds 3x2 + 2 and 2x1 + 1.
    assert values["parameters"] == (24 if branched else 13)


def test_only_a_chain_with_squared_error_is_a_perceptron() -> None:
    able = {problem.name for problem in PROBLEMS if problem.can_be_perceptron()}
    assert {"CCPP", "wine quality"}.isdisjoint(able)
    assert {"sine", "brazing"} <= able


def test_tools_that_cannot_express_a_problem_are_left_out() -> None:
    (ccpp,) = find_problems("ccpp")
    assert SKLEARN not in find_tools(ccpp)
    assert DLCLI in find_tools(ccpp)


def test_an_unknown_problem_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of Advertising"):
        find_problems("titanic")


def test_every_bar_names_a_problem_that_is_measured() -> None:
    names = {problem.name for problem in PROBLEMS}
    assert {name for name, _, _ in (*LOOP_BARS, *WHOLE_BARS)} <= names


def _trial(milliseconds: float, wall: float) -> Trial:
    return Trial(rows=6, parameters=13, epoch_seconds=milliseconds / 1000, wall_seconds=wall)


def test_training_tables_leave_the_cell_of_a_missing_peer_empty(tmp_path: Path) -> None:
    problem = _tiny(tmp_path, branched=False)
    trials = {
        DLCLI.name: [_trial(1, 5), _trial(2, 5)],
        KERAS.name: [_trial(100, 20), _trial(300, 25)],
    }
    text = format_training([problem], {problem.name: trials})
    assert "200 ms, 125x (100 to 150)" in text
    assert "22.5 s, 4.50x (4.00 to 5.00)" in text
    row = next(line for line in text.splitlines() if line.startswith("| tiny"))
    header = next(line for line in text.splitlines() if line.startswith("| problem"))
    cells = dict(
        zip(*([cell.strip() for cell in line.split("|")] for line in (header, row)), strict=True)
    )
    assert cells[TORCH.name] == ""


def test_bars_compare_medians_of_paired_ratios() -> None:
    trials = {
        DLCLI.name: [_trial(1, 5), _trial(1, 5), _trial(1, 5)],
        KERAS.name: [_trial(90, 50), _trial(120, 50), _trial(130, 50)],
    }
    bars = {bar.what: bar for bar in make_bars({"Advertising": trials})}
    assert bars["Advertising: training loop against model.fit"].is_met
    assert bars["Advertising: training loop against the PyTorch loop"].is_met is None
    assert bars["Advertising: whole process against the Keras script"].is_met


def test_bars_say_what_was_not_reached_and_what_was_not_measured() -> None:
    found = Spread(median=3.0, least=2.5, greatest=3.5)
    text = format_bars(
        [
            Bar(what="slow", bound=2.5, measured=found, unit="s", at_least=False),
            Bar(what="fast", bound=2.5, measured=found),
            Bar(what="absent", bound=2.5, measured=None),
        ]
    )
    slow, fast, absent = text.splitlines()[2:]
    assert "**no**" in slow
    assert "3.00 times (2.50 to 3.50)" in fast
    assert fast.endswith("| yes    |")
    assert "not measured" in absent


def test_samples_are_summarized_pair_by_pair() -> None:
    assert spread([3, 1, 2]) == Spread(median=2, least=1, greatest=3)
    assert ratios([2, 9], [1, 3]) == Spread(median=2.5, least=2, greatest=3)
    assert differences([5, 4], [1, 2]) == Spread(median=3, least=2, greatest=4)
    assert [alternate("ab", pair) for pair in (0, 1, 2)] == [["a", "b"], ["b", "a"], ["a", "b"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1,234")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert format_number(value) == text


def test_short_rows_of_a_table_end_in_empty_cells() -> None:
    assert format_table(["a", "b"], [["1"]]) == "| a   | b   |\n|-----|-----|\n| 1   |     |"


@pytest.mark.parametrize("suffix", WRITERS)
def test_large_tables_have_their_rows_and_columns(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    write_table(path, 50)
    table = read_table([path])
    assert table.num_rows == 50
    assert len(table.arrow.column_names) == NUM_COLUMNS


def test_a_load_that_cannot_be_measured_says_so() -> None:
    load = Load(path="compiled", loop_seconds=0.5, wall_seconds=5, peak_bytes=2**29)
    text = format_loads(
        {
            Case(rows=10**5, suffix=".csv", streamed=False): [load],
            Case(rows=10**5, suffix=".csv", streamed=True): [],
        }
    )
    memory, streamed = text.splitlines()[-2:]
    assert "200,000" in memory
    assert "512 MiB" in memory
    assert "not measured" in streamed


def test_a_large_file_is_written_and_its_stages_laid_out(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    assert write_file(path, 120) == 120
    assert len(path.read_text(encoding="utf-8").splitlines()) == 121
    seconds = {"read": 40.0, "fit": 10.0, "encode": 20.0, "epoch": 10.0, "whole": 100.0}
    found = Big(
        file_bytes=5 * 10**9,
        rows=10**7,
        train_rows=9_800_000,
        parameters=3500,
        budget_bytes=4 * 10**8,
        scan_seconds=20.0,
        scan_cpu_seconds=35.0,
        scan_peak_bytes=10**8,
        seconds=seconds,
        peak_bytes=10**9,
        cpu_seconds=150.0,
    )
    text = format_big(found)
    assert "500,000" in next(line for line in text.splitlines() if "plain Arrow scan" in line)
    one, ten, hundred = text.splitlines()[-7:-4]
    assert [line.split("|")[2].strip() for line in (one, ten, hundred)] == [
        "3.89 h", "23.3 min", "2.3 min",
    ]  # fmt: skip
    assert one.split("|")[4].strip() == "33.3 min"
    # A step of a millisecond is no longer than a few exchanges.
    assert "saves in the arithmetic." in text
    assert text.endswith("the terabyte takes 8.33 h of one core, and a plain scan of it 1.94 h.")
    assert reduce_seconds(3500, 1) == 0 < reduce_seconds(3500, 2) < reduce_seconds(3500, 3)


def test_the_broken_config_has_ten_mistakes_or_more(tmp_path: Path) -> None:
    path = tmp_path / "mistakes.yaml"
    path.write_text(TEN_MISTAKES, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert caught.value.message.count("mistakes.yaml:") >= 10


def test_a_child_is_measured_and_its_failure_told(tmp_path: Path) -> None:
    finished = run_python(["-c", "print('[1]')"], folder=tmp_path)
    assert finished.values() == [1]
    assert finished.peak_bytes > 2**20
    with pytest.raises(ProcessError, match="no such thing"):
        run_python(["-c", "raise SystemExit('no such thing')"], folder=tmp_path)


def test_options_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert read_options(["--only", "training", "--problem", "sine"]).problems[0].name == "sine"
    for arguments in (["--pairs", "0"], ["--problem", "titanic"]):
        with pytest.raises(SystemExit):
            read_options(arguments)
    assert "expected 1 or more" in capsys.readouterr().err


def test_servers_are_laid_out_and_judged():
    ours = {
        "start": [1.2, 1.4],
        "1": [900.0, 1000.0],
        "8": [2000.0, 2000.0],
        "64": [3000.0, 4000.0],
    }
    plain = {"start": [0.9, 0.9], "1": [1000.0, 1000.0], "8": [1000.0, 1000.0], "64": [1e3, 1e3]}
    samples = {serving.DLCLI: ours, serving.PLAIN: plain}
    text = serving.format_serving(samples)
    assert "| 1 connection " in text
    assert "0.950x (0.900 to 1.00)" in text
    bars = serving.make_bars(samples)
    assert [bar.is_met for bar in bars] == [True, True, True, True]
    nothing = serving.make_bars({serving.DLCLI: {}, serving.PLAIN: {}})
    assert {bar.is_met for bar in nothing} == {None}
    assert (
        "connection"
        not in serving.format_serving({serving.DLCLI: {}, serving.PLAIN: {}}).split("|")[0]
    )


@pytest.mark.slow
def test_the_plain_service_predicts_what_dlcli_serve_does(tmp_path, monkeypatch):
    # What `measure_serving` asks of both before it measures anything.
    if find_spec("fastapi") is None:
        pytest.skip("the extra `serve` is not installed")
    row = serving.prepare(tmp_path)
    for name in (serving.DLCLI, serving.PLAIN):
        with serving.start(name, tmp_path) as server:
            serving.check_answer(name, serving.ask(server, row), tmp_path)
            assert server.start_seconds > 0
    with serving.start(serving.PLAIN, tmp_path) as server, pytest.raises(ProcessError):
        answer = serving.ask(server, {**row, "age": 1.0})
        serving.check_answer(serving.PLAIN, answer, tmp_path)


def test_shipped_configs_are_found_by_name_and_all_of_them_without() -> None:
    assert [path.stem for path in find_configs("brazing")] == ["brazing"]
    assert len(find_configs(None)) > 25
