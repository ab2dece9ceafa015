"""The JSON files of a run with wrong values in them: an error of the run, never a bug."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.runs import RunFolder

WRONG: dict[str, Any] = {
    "no key": None,
    "null": None,
    "text": "x",
    "list": [[{}]],
    "object": {},
    "huge": 10**30,
    "infinite": float("inf"),
}
PLACES = {
    "manifest.json": ["epochs", "onnx", "files", "data.split.sizes", "status", "seconds", "layers"],
    "metrics.json": ["parts", "baselines", "parts.test.targets", "parts.test.rows", "coverage"],
    "calibration.json": ["targets", "part", "format", "targets.compressive_strength"],
    "preprocessing.json": ["table", "outputs", "table.columns", "table.targets", "table.read"],
}
CASES = [(file, place) for file, places in PLACES.items() for place in places]


@pytest.mark.parametrize(("file", "place"), CASES)
def test_wrong_records_are_the_runs_fault(
    file: str, place: str, trained_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained_run.path, "run")
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    values = json.loads(Path("run", file).read_text(encoding="utf-8"))
    *parents, key = place.split(".")
    holder = values
    for name in parents:
        holder = holder[name]
    for what, wrong in WRONG.items():
        holder[key] = wrong
        if what == "no key":
            del holder[key]
        _write(Path("run"), file, json.dumps(values))
        for command in (
            ["predict", "run", "--data", "t.csv", "--interval", "0.5"],
            ["evaluate", "run"],
            ["summarize", "run"],
        ):
            outcome = CliRunner().invoke(app, command, prog_name="dlcli")
            assert outcome.exit_code != 1, (what, command, outcome.stderr)
            assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"format": 1e999}', '{"format": NaN}', "\0", "{}"]
)
@pytest.mark.parametrize("file", PLACES)
def test_what_is_no_record_is_told(
    file: str, text: str, trained_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained_run.path, "run")
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    _write(Path("run"), file, text)
    command = (
        ["evaluate", "run"]
        if file == "metrics.json"
        else ["predict", "run", "--data", "t.csv", "--interval", "0.5"]
    )
    outcome = CliRunner().invoke(app, command, prog_name="dlcli")
    assert outcome.exit_code == 6, outcome.stderr


def _write(run: Path, file: str, text: str) -> None:
    (run / file).write_text(text, encoding="utf-8")
    if file != "manifest.json":
        manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        manifest["files"][file] = hashlib.sha256(text.encode()).hexdigest()
        (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
