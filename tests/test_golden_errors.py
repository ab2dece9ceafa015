"""Every mistake a user can make, with the exact words and the exit code it ends in.

`NAME.txt` holds a command and what comes of it; `NAME.yaml`, where there is one, is the config
that the command reads. `pytest --update-golden` rewrites what comes, never the command.
"""

import fcntl
import hashlib
import io
import json
import os
import shlex
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.resuming import asked_by
from dlcli.runs import RunFolder
from dlcli.spec.run import load_spec

GOLDEN = Path(__file__).parent / "golden" / "errors"
CASES = sorted(path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*.txt"))
MOST_LINES = 12
"""Per problem, hint included."""


def _truncate_manifest(run: Path) -> None:
    manifest = run / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:100])


def _age_manifest(run: Path) -> None:
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 99', 1))


def _age_preprocessing(run: Path) -> None:
    preprocessing = run / "preprocessing.json"
    text = preprocessing.read_text().replace('"format": 1', '"format": 99', 1)
    preprocessing.write_text(text)


def _change_preprocessing(run: Path) -> None:
    with (run / "preprocessing.json").open("a") as file:
        file.write("\n")


def _leave_partial(run: Path) -> None:
    shutil.rmtree(run)
    (run.parent / ".partial-abc").mkdir(parents=True)


def _aim_elsewhere(run: Path) -> None:
    """Make the run one of another target, files and hashes and all."""
    manifest = json.loads((run / "manifest.json").read_text())
    for name in ("metrics.json", "predictions.csv", "preprocessing.json"):
        path = run / name
        path.write_text(path.read_text().replace("compressive_strength", "slump"))
        manifest["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (run / "manifest.json").write_text(json.dumps(manifest))


def _lose_data(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["data"]
    (run / "manifest.json").write_text(json.dumps(manifest))


def _cut_in_half(name: str) -> Callable[[Path], object]:
    def cut(run: Path) -> None:
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: len(content) // 2])

    return cut


DAMAGES: dict[str, Callable[[Path], object]] = {
    "whole": lambda run: None,
    "truncated": _truncate_manifest,
    "newer": _age_manifest,
    "list": lambda run: (run / "manifest.json").write_text("[]"),
    "no-model": lambda run: (run / "model.onnx").unlink(),
    "no-keras": lambda run: (run / "model.keras").unlink(),
    "no-metrics": lambda run: (run / "metrics.json").unlink(),
    "cut-metrics": lambda run: (run / "metrics.json").write_text("{"),
    "no-preprocessing": lambda run: (run / "preprocessing.json").unlink(),
    "changed": _change_preprocessing,
    "cut-model": lambda run: (run / "model.onnx").write_bytes(b"no model"),
    "no-history": lambda run: (run / "history.csv").unlink(),
    "cut-history": _cut_in_half("history.csv"),
    "no-predictions": lambda run: (run / "predictions.csv").unlink(),
    "cut-predictions": _cut_in_half("predictions.csv"),
    "cut-profile": _cut_in_half("profile.json"),
    "no-data": _lose_data,
    "elsewhere": _aim_elsewhere,
    "bare": lambda run: (run / "manifest.json").unlink(),
    "unfinished": _leave_partial,
}
"""Run names with what happened to their only run."""


def _write_partial(folder: Path, name: str, *, state: bytes = b"", data: str | None = None) -> Path:
    """Leave what a killed training of `trainable.yaml --out runs/NAME` leaves."""
    partial = folder / "runs" / f".partial-{name}"
    (partial / "resume").mkdir(parents=True)
    asked = asked_by(load_spec(folder / "trainable.yaml"))
    record = {**asked, "format": 1, "out": name, "replaces": None, "started": "2026-01-01"}
    (partial / "resume" / "run.json").write_text(json.dumps(record))
    if state:
        (partial / "resume" / "state.npz").write_bytes(state)
    if data is not None:
        (partial / "resume" / "data.json").write_text(data)
    return partial


OTHER_DATA = '{"files": [{"name": "small.csv", "sha256": "0123456789abcdef"}], "split": {}}'


@pytest.fixture(scope="module")
def unfinished(folder: Path) -> Iterator[None]:
    """Trainings that were cut off, and one that another process is at work on."""
    _write_partial(folder, "halfway")
    _write_partial(folder, "other-data", data=OTHER_DATA)
    _write_partial(folder, "cut-state", state=b"PK no archive")
    lock = os.open(_write_partial(folder, "alive"), os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield
    os.close(lock)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with every golden config and table."""
    folder = tmp_path_factory.mktemp("golden")
    for path in GOLDEN.glob("*/*"):
        shutil.copy(path, folder / path.name)
    (folder / "tables").mkdir()
    _write_images(folder)
    return folder


def _write_images(folder: Path) -> None:
    """Write folders of images and files of arrays, whole and damaged ones."""
    for path in ("photos/cat/1", "photos/cat/2", "photos/dog/1", "photos/dog/2", "sizes/cat/1"):
        _write_png(folder / f"{path}.png", 8, 8)
    for path in ("flat/1", "hollow/cat/1", "mixed/cat/1", "mixed/stray"):
        _write_png(folder / f"{path}.png", 8, 8)
    _write_png(folder / "sizes/dog/1.png", 12, 10)
    (folder / "hollow/dog").mkdir()
    bad = folder / "bad"
    bad.mkdir()
    (bad / "empty.png").touch()
    (bad / "text.png").write_text("no image")
    picture = io.BytesIO()
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(picture, "JPEG")
    (bad / "cut.jpg").write_bytes(picture.getvalue()[:-200])
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13)
    ends = (
        struct.pack(">II", zlib.crc32(header), 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )
    (bad / "bomb.png").write_bytes(start + header + ends)
    images, labels = np.zeros((6, 4, 4), np.uint8), np.array(["a", "b"] * 3)
    np.savez(folder / "arrays.npz", image=images, label=labels)
    np.savez(folder / "lengths.npz", image=images, label=labels[:5])
    np.savez(folder / "objects.npz", image=images, label=np.array(labels, dtype=object))
    np.savez(folder / "nan.npz", image=np.full((6, 4, 4), np.nan), label=labels)
    (folder / "cut.npz").write_bytes((folder / "arrays.npz").read_bytes()[:100])


def _write_png(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((height, width), np.uint8)).save(path)


@pytest.fixture(scope="module")
def runs(folder: Path, trained_run: RunFolder, unfinished: None) -> Path:
    for name, damage in DAMAGES.items():
        run = folder / "runs" / name / "001"
        shutil.copytree(trained_run.path, run)
        damage(run)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_mistake_is_told_in_these_words(
    case: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder: Path = request.getfixturevalue("runs" if case.startswith("runs/") else "folder")
    monkeypatch.chdir(folder)
    expected = (GOLDEN / case).read_text(encoding="utf-8")
    command = expected.partition("\n")[0]
    found = f"{command}\n{outcome_of(command, folder)}"
    if request.config.getoption("--update-golden"):
        (GOLDEN / case).write_text(found, encoding="utf-8")
    else:
        assert found == expected


def outcome_of(command: str, folder: Path) -> str:
    """Run a command line in this process; return its stderr and exit code, free of this machine."""
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert program == "dlcli"
    outcome = CliRunner().invoke(app, arguments, prog_name="dlcli", catch_exceptions=False)
    assert outcome.stdout == "", "an error says nothing on stdout"
    assert "Traceback" not in outcome.stderr
    for problem in outcome.stderr.split("error: "):
        assert problem.count("\n") <= MOST_LINES
    told = outcome.stderr.replace(str(folder), "FOLDER")
    return f"{told}exit {outcome.exit_code}\n"


def test_there_are_at_least_80_mistakes_in_every_area() -> None:
    assert len(CASES) >= 80
    assert {case.partition("/")[0] for case in CASES} == {"configs", "data", "commands", "runs"}


def test_every_config_is_used_by_a_case() -> None:
    commands = "\n".join(
        (GOLDEN / case).read_text(encoding="utf-8").partition("\n")[0] for case in CASES
    )
    files = {path.name for path in GOLDEN.glob("*/*") if path.suffix == ".yaml"}
    assert {name for name in files if name not in commands} <= {"base.yaml", "loop_b.yaml"}
