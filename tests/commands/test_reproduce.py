"""A run that is trained again is held against itself, epoch by epoch."""

import json

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.comparison.reproduction import judge_reproduction
from dlcli.runs import RunFolder

CONFIG = """\
data: {source: ../a.csv, target: y, split: {test: 0.25}, scale: standard}
layers: [Dense: {units: 4, activation: relu}, Dense: 1]
epochs: 4
checks: [test.R2Score > 0.9999]
"""


def _run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="dlcli")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduce")
    (folder / "configs").mkdir()
    rows = "\n".join(f"{i},{i % 7},{i % 5 + 0.1 * i}" for i in range(80))
    (folder / "a.csv").write_text(f"x,z,y\n{rows}\n")
    (folder / "configs" / "net.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert _run("train", "configs/net.yaml", "--quiet").exit_code == 7
    return folder


@pytest.fixture(autouse=True)
def _there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_the_same_machine_gives_the_same_run():
    outcome = _run("reproduce", "net", "--quiet", "--json")
    found = json.loads(outcome.stdout)
    assert (outcome.exit_code, found["verdict"], found["epochs"]) == (0, "identical", 4)
    assert {"history.csv", "predictions.csv", "model.onnx"} <= set(found["same_files"])
    assert (found["first_deviation"], found["causes"], found["again"]) == (None, [], None)


def test_data_that_are_gone_or_changed_are_told(folder):
    data = folder / "a.csv"
    whole = data.read_text()
    data.rename(folder / "moved.csv")
    gone = _run("reproduce", "net", "--quiet")
    assert gone.exit_code == 4
    assert "--data FILE names them where they are now" in gone.stderr
    moved = _run("reproduce", "net", "--quiet", "--data", "moved.csv")
    assert (moved.exit_code, moved.stdout.splitlines()[0]) == (
        0, "runs/net/001: identical; 4 epochs",
    )  # fmt: skip
    (folder / "moved.csv").rename(data)
    data.write_text(whole.replace(",0,", ",6,"))
    try:
        changed = _run("reproduce", "net", "--quiet", "--out", "again")
    finally:
        data.write_text(whole)
    assert changed.exit_code == 7
    assert "is not the file that trained this run" in changed.stderr
    assert "likely cause: the data files are not the same bytes" in changed.stdout
    assert "epoch 1" in changed.stdout
    assert (folder / "again" / "manifest.json").is_file()


def test_the_first_epoch_that_differs_is_named(folder):
    run = RunFolder(folder / "runs/net/001")
    again = folder / "other"
    again.mkdir(exist_ok=True)
    for file in run.path.iterdir():
        (again / file.name).write_bytes(file.read_bytes())
    lines = (again / "history.csv").read_text().splitlines()
    cells = lines[3].split(",")
    cells[1] = repr(float(cells[1]) * (1 + 1e-6))
    lines[3] = ",".join(cells)
    (again / "history.csv").write_text("\n".join(lines) + "\n")
    manifest = json.loads((again / "manifest.json").read_text())
    del manifest["files"]["history.csv"]
    manifest["platform"]["processor"] = "another"
    (again / "manifest.json").write_text(json.dumps(manifest))
    found = judge_reproduction(run, RunFolder(again))
    assert found.verdict == "equal within tolerance"
    assert found.first is not None
    assert found.first.where == "epoch 3"
    assert found.causes == ("another processor rounds in its own way",)
    assert judge_reproduction(run, RunFolder(again), tolerance=1e-8).verdict == "differs"
