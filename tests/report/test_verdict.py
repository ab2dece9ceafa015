"""A verdict compares what can be compared, and says where a difference may be chance."""

import json
import shutil
from pathlib import Path

import pytest

from dlcli.report.record import find_previous, load_record
from dlcli.report.verdict import Rival, Verdict, judge, rank
from dlcli.runs import RunFolder


def verdict(figure: str, value: float, *rivals: Rival) -> Verdict:
    return Verdict(
        target="y",
        figure=figure,
        value=value,
        interval=None,
        rivals=rivals,
        part="test",
        num_rows=1200,
    )


def rival(value: float, standing: str, *, name: str = "linear", is_baseline: bool = True) -> Rival:
    return Rival(
        name=name, value=value, standing=standing, difference=None, is_baseline=is_baseline
    )


@pytest.mark.parametrize(
    ("figure", "value", "rivals", "sentence"),
    [
        (
            "RootMeanSquaredError",
            4.0,
            [rival(8.0, "better"), rival(4.1, "even", name="net 002", is_baseline=False)],
            (
                "RMSE 4.000 on 1,200 test rows; 50% below linear (8.000); "
                "2% below net 002 (4.100), which may be chance"
            ),
        ),
        (
            "RootMeanSquaredError",
            9.0,
            [rival(4.0, "worse")],
            "RMSE 9.000 on 1,200 test rows; 2.2 times that of linear (4.000)",
        ),
        (
            "RootMeanSquaredError",
            4.001,
            [rival(4.0, "worse")],
            "RMSE 4.001 on 1,200 test rows; 0.0% above linear (4.000)",
        ),
        (
            "Accuracy",
            0.75,
            [rival(0.5, "better")],
            "accuracy 0.750 on 1,200 test rows; 0.250 above linear (0.500)",
        ),
        (
            "Accuracy",
            0.75,
            [rival(0.75, "even")],
            "accuracy 0.750 on 1,200 test rows; the same as linear (0.750)",
        ),
        ("Accuracy", 0.75, [], "accuracy 0.750 on 1,200 test rows"),
    ],
)
def test_it_is_one_sentence(figure, value, rivals, sentence) -> None:
    assert verdict(figure, value, *rivals).sentence() == sentence


def test_the_strongest_baseline_decides() -> None:
    strong, weak = rival(1.0, "worse"), rival(9.0, "better", name="mean")
    assert verdict("RootMeanSquaredError", 2.0, strong, weak).standing == "worse"
    assert verdict("RootMeanSquaredError", 2.0).standing is None


def numbered(run: RunFolder, folder: Path, *numbers: str) -> list[RunFolder]:
    for number in numbers:
        shutil.copytree(run.path, folder / number)
    return [RunFolder(folder / number) for number in numbers]


def test_the_run_before_is_compared_row_by_row(trained_run: RunFolder, tmp_path: Path) -> None:
    _, second = numbered(trained_run, tmp_path, "001", "002")
    record = load_record(second)
    previous = find_previous(record)
    assert previous is not None
    assert previous.label == "concrete 001"
    (found,) = judge(record, previous)
    last = found.rivals[-1]
    assert (last.name, last.standing, last.is_baseline) == ("concrete 001", "even", False)
    assert last.difference == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_runs_before_that_are_no_help_are_passed_over(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    _, broken, stopped, last = numbered(trained_run, tmp_path, "001", "002", "003", "004")
    (broken.path / "metrics.json").unlink()
    manifest = json.loads(stopped.manifest.read_text())
    stopped.manifest.write_text(json.dumps({**manifest, "status": "interrupted"}))
    previous = find_previous(load_record(last))
    assert previous is not None
    assert previous.run.path.name == "001"
    assert find_previous(load_record(trained_run)) is None


def test_other_rows_have_no_interval(trained_run: RunFolder, tmp_path: Path) -> None:
    first, second = numbered(trained_run, tmp_path, "001", "002")
    manifest = json.loads(first.manifest.read_text())
    manifest["data"]["split"]["sha256"]["test"] = "0" * 64
    first.manifest.write_text(json.dumps(manifest))
    (found,) = judge(load_record(second), load_record(first))
    assert found.rivals[-1].difference is None


def test_runs_are_ranked_by_their_main_figure(trained_run: RunFolder, tmp_path: Path) -> None:
    better, worse = numbered(trained_run, tmp_path, "001", "002")
    metrics = json.loads(worse.metrics.read_text())
    figures = metrics["parts"]["test"]["targets"]["compressive_strength"]
    figures["RootMeanSquaredError"] *= 2
    worse.metrics.write_text(json.dumps(metrics))
    manifest = json.loads(worse.manifest.read_text())
    del manifest["files"]["metrics.json"]
    worse.manifest.write_text(json.dumps(manifest))
    found = rank([load_record(worse), load_record(better)], "compressive_strength")
    assert found is not None
    assert (found.name, [each.name for each in found.rivals]) == ("concrete 001", ["concrete 002"])
