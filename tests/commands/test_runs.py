"""Runs are listed, ranked and removed from their small files alone."""

import json
import shutil
import time

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.runs import find_best, list_all
from dlcli.errors import RunError, UsageError


def _run(*arguments):
    return CliRunner().invoke(app, ["runs", *arguments], prog_name="dlcli")


def test_runs_stand_in_a_table_with_their_figures(runs_folder):
    for arguments in ((), ("list",), ("list", "concrete")):
        lines = _run(*arguments).stdout.splitlines()
        assert lines[0].startswith("concrete, test part (best RMSE of the validation part: ")
        assert lines[1].split() == ["run", "created", "epochs", "seconds", "checks", "RMSE", "R2"]
        assert [line.split()[0] for line in lines[3:]] == ["concrete/001", "concrete/002"]
        assert "1/2 met" in lines[4]
    assert len(_run("list", "--last", "1").stdout.splitlines()) == 4
    assert _run("list", "--format", "md").stdout.startswith("### concrete, test part")


def test_json_holds_every_figure(runs_folder):
    listed = json.loads(_run("--json").stdout)
    assert [item["run"] for item in listed] == ["runs/concrete/001", "runs/concrete/002"]
    metrics = json.loads((runs_folder / "runs/concrete/001/metrics.json").read_text())
    expected = metrics["parts"]["test"]["targets"]["compressive_strength"]
    assert listed[0]["parts"]["test"]["targets"]["compressive_strength"] == expected
    assert [check["is_met"] for check in listed[1]["checks"]] == [True, False]


def test_a_broken_run_does_not_hide_the_others(runs_folder):
    manifest = runs_folder / "runs/concrete/001/manifest.json"
    manifest.write_text(manifest.read_text()[:50])
    outcome = _run()
    assert outcome.exit_code == 0
    assert "concrete/002" in outcome.stdout
    assert "concrete/001: runs/concrete/001/manifest.json is not whole" in outcome.stdout
    (problem,) = [each for each in json.loads(_run("--json").stdout) if "problem" in each]
    assert problem["run"] == "runs/concrete/001"


def test_no_runs_at_all_is_no_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = _run()
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert "there are no runs in runs/ yet" in outcome.stderr
    assert json.loads(_run("--json").stdout) == []


def test_the_best_run_is_the_one_with_the_smallest_error(runs_folder):
    errors = {
        item["run"]: item["parts"]["validation"]["targets"]["compressive_strength"]
        for item in json.loads(_run("--json").stdout)
    }
    best = min(errors, key=lambda run: errors[run]["RootMeanSquaredError"])
    outcome = _run("best", "concrete")
    assert outcome.stdout == f"{best}\n"
    assert "RootMeanSquaredError of compressive_strength on the validation part" in outcome.stderr
    by_fit = max(errors, key=lambda run: errors[run]["R2Score"])
    found = json.loads(_run("best", "concrete", "--by", "validation.R2Score", "--json").stdout)
    assert (found["run"], found["of_runs"]) == (by_fit, 2)
    assert found["value"] == pytest.approx(errors[by_fit]["R2Score"])


def test_a_figure_that_no_run_has_is_an_error(runs_folder):
    with pytest.raises(UsageError, match="there is no part 'tst'"):
        find_best("concrete", "tst.R2Score")
    with pytest.raises(RunError, match="there is no such run"):
        find_best("concert")


def test_runs_are_removed_one_by_one_and_not_unasked(runs_folder):
    first = runs_folder / "runs/concrete/001"
    asked = _run("rm", "concrete/001")
    assert (asked.exit_code, first.is_dir()) == (2, True)
    assert "add --yes" in asked.stderr
    by_name = _run("rm", "concrete", "--yes")
    assert (by_name.exit_code, first.is_dir()) == (2, True)
    assert "names all runs of concrete" in by_name.stderr
    assert _run("rm", "concrete/001", "--yes").exit_code == 0
    assert [item.name for item in (runs_folder / "runs/concrete").iterdir()] == ["002"]
    assert _run("rm", "concrete/001", "--yes").exit_code == 6


def test_show_tells_where_a_run_came_from(runs_folder):
    shown = _run("show", "concrete/002").stdout
    for text in ("epochs=4 layers.0.Dense.units=16", "concrete.csv", "model.onnx", "not met"):
        assert text in shown
    assert json.loads(_run("show", "concrete/002", "--json").stdout)["manifest"]["seed"] == 7


@pytest.mark.slow
def test_a_thousand_runs_are_listed_at_once(runs_folder):
    original = runs_folder / "runs/concrete/001"
    small = ("manifest.json", "metrics.json")
    for number in range(3, 1001):
        folder = original.with_name(f"{number:03d}")
        folder.mkdir()
        for name in small:
            shutil.copy(original / name, folder / name)
    before = time.process_time()
    listing = list_all(())
    seconds = time.process_time() - before
    assert len(listing.values) == 1000
    # Half a second by itself; a process that holds as much as this one collects garbage for longer.
    assert seconds < 3


def test_old_runs_go_and_the_best_and_newest_stay(runs_folder):
    folder = runs_folder / "runs" / "concrete"
    for number in range(3, 7):
        shutil.copytree(folder / "002", folder / f"{number:03d}")
    best = _run("best", "concrete").stdout.strip()
    assert best in ("runs/concrete/001", "runs/concrete/002")
    listed = _run("gc", "--keep", "2")
    assert "nothing was removed" in listed.stderr
    assert len(list(folder.iterdir())) == 6
    removed = _run("gc", "concrete", "--keep", "2", "--yes").stdout.split()
    assert best not in removed
    assert listed.stdout.split() == removed
    left = {f"runs/concrete/{item.name}" for item in folder.iterdir()}
    assert left == {best, "runs/concrete/005", "runs/concrete/006"}
