"""A packed run opens as it was packed, or not at all."""

import hashlib
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dlcli
from dlcli.cli import app
from dlcli.commands.served_run import ServedRun
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import RunError
from dlcli.packing import CONTENTS, pack_run, unpack_run
from dlcli.runs import RunFolder, open_run

DATASETS = Path(__file__).parents[1] / "datasets"


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "report.html"
    }


@pytest.fixture
def packed(trained_run: RunFolder, tmp_path: Path) -> Path:
    return pack_run(trained_run, tmp_path / "a.zip").path


def test_a_run_is_the_same_after_its_way(trained_run, packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = unpack_run(packed)
    assert run.path == Path("runs/concrete/001")
    assert unpack_run(packed).path == Path("runs/concrete/002")
    assert _files(run.path) == _files(trained_run.path)
    assert unpack_run(packed, tmp_path / "mine").path == tmp_path / "mine"


def test_the_bytes_depend_on_the_run_alone(trained_run, packed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained_run.path, copy)
    for path in copy.iterdir():
        path.chmod(0o600)
        os.utime(path, (1, 1))
    again = pack_run(RunFolder(copy), tmp_path / "b.zip")
    assert packed.read_bytes() == again.path.read_bytes()
    assert again.num_bytes == packed.stat().st_size


def test_what_the_run_does_not_list_is_not_packed(trained_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained_run.path, copy)
    (copy / "my notes.txt").write_text("secret")
    pack_run(RunFolder(copy), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert "my notes.txt" not in archive.namelist()
        assert archive.namelist()[0] == CONTENTS


def test_a_damaged_run_is_not_packed(trained_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained_run.path, copy)
    (copy / "model.onnx").write_bytes(b"other")
    with pytest.raises(RunError, match=r"model\.onnx is not the file that training wrote"):
        pack_run(RunFolder(copy), tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_pack_is_never_overwritten(trained_run, packed):
    with pytest.raises(RunError, match="exists already"):
        pack_run(trained_run, packed)


Entries = dict[str, bytes]


def _rewrite(path: Path, change: Callable[[Entries], object]) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def _contents(change: Callable[[dict], object]) -> Callable[[Entries], object]:
    def rewrite(entries: Entries) -> None:
        contents = json.loads(entries[CONTENTS])
        change(contents)
        entries[CONTENTS] = json.dumps(contents).encode()

    return rewrite


def _swap(entries: Entries) -> None:
    entries["history.csv"] = bytes(reversed(entries["history.csv"]))


def _newer_run(entries: Entries) -> None:

    manifest = entries["manifest.json"].replace(b'"format": 1', b'"format": 9', 1)
    entries["manifest.json"] = manifest
    contents = json.loads(entries[CONTENTS])
    contents["files"]["manifest.json"]["sha256"] = hashlib.sha256(manifest).hexdigest()
    entries[CONTENTS] = json.dumps(contents).encode()


CHANGES = {
    "changed": (_swap, "'history.csv' is not the file that was packed"),
    "size": (lambda e: e.update({"history.csv": b""}), "has not the size that it was packed with"),
    "unknown": (lambda e: e.update(extra=b"x"), "holds 'extra', which its pack.json does not list"),
    "missing": (lambda e: e.pop("history.csv"), "lacks 'history.csv'"),
    "bare": (lambda e: e.pop(CONTENTS), "holds no pack.json: it is no packed run"),
    "broken": (lambda e: e.update({CONTENTS: b"{"}), "its pack.json cannot be read"),
    "newer": (_contents(lambda c: c.update(format=2)), "packed in format 2; this dlcli reads up"),
    "nameless": (_contents(lambda c: c.update(name="../x")), "does not describe a run"),
    "newer run": (_newer_run, "format 9; this dlcli reads up to 1"),
    "slip": (lambda e: e.update({"../evil": b"x"}), "'../evil' leads out of the run's folder"),
    "absolute": (lambda e: e.update({"/etc/evil": b"x"}), "'/etc/evil' is an absolute path"),
    "drive": (lambda e: e.update({"C:evil": b"x"}), "'C:evil' is an absolute path"),
    "odd": (lambda e: e.update({"a//b": b"x"}), "'a//b' is no plain name of a file"),
    "folder": (lambda e: e.update({"a/": b""}), "'a/' is no plain name of a file"),
    "bomb": (lambda e: e.update(bomb=bytes(10**8)), "more than 100 times its own size"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_what_is_not_as_it_was_packed_is_refused_and_nothing_is_left(case, packed, tmp_path):
    change, message = CHANGES[case]
    _rewrite(packed, change)
    before = set(tmp_path.parent.rglob("*"))
    with pytest.raises(RunError) as caught:
        unpack_run(packed, tmp_path / "out" / "run")
    assert message in caught.value.message
    assert caught.value.exit_code == 6
    assert set(tmp_path.parent.rglob("*")) == before


def test_a_link_is_refused(packed, tmp_path):
    with zipfile.ZipFile(packed, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(RunError, match="'link' is a link"):
        unpack_run(packed, tmp_path / "run")


def test_the_same_name_twice_is_refused(packed, tmp_path):
    with (
        zipfile.ZipFile(packed, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("history.csv", "x")
    with pytest.raises(RunError, match=r"holds 'history\.csv' twice"):
        unpack_run(packed, tmp_path / "run")


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_a_pack_that_was_cut_off_says_so(packed, tmp_path, kept):
    packed.write_bytes(packed.read_bytes()[:kept])
    with pytest.raises(RunError, match="is no whole zip file"):
        unpack_run(packed, tmp_path / "run")


def test_single_changed_bytes_are_found(packed, tmp_path):
    whole = packed.read_bytes()
    for place in range(200, len(whole), max(1, len(whole) // 40)):
        changed = bytearray(whole)
        changed[place] ^= 1
        packed.write_bytes(changed)
        try:
            run = unpack_run(packed, tmp_path / f"run{place}")
        except RunError:
            continue
        # What is left are bytes of the directory that say nothing about the files, e.g. times.
        with zipfile.ZipFile(packed) as archive:
            assert archive.read("manifest.json") == run.manifest.read_bytes()


def test_what_is_there_is_not_overwritten(packed, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="exists already"):
        unpack_run(packed, tmp_path / "run")


@pytest.fixture
def workdir(packed, tmp_path, monkeypatch):
    """Stand beside `a.zip`, the packed run, with no other run in sight."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


DATA = str(DATASETS / "concrete.csv")
READS = {
    "summarize": ["summarize", "a.zip"],
    "evaluate": ["evaluate", "a.zip", "--data", DATA],
    "evaluate its own": ["evaluate", "a.zip"],
    "predict": ["predict", "a.zip", "--data", DATA, "--out", "p.csv"],
    "report in words": ["report", "a.zip", "--format", "md"],
    "compare": ["compare", "a.zip", "b.zip"],
    "show": ["runs", "show", "a.zip"],
    "export": ["export", "a.zip", "--data", DATA, "--out", "m.onnx"],
    "importance": ["importance", "a.zip", "--data", DATA, "--repeats", "1", "--curves", "0"],
    "card": ["card", "a.zip", "--out", "CARD.md"],
}


@pytest.mark.parametrize("case", READS)
def test_a_packed_run_is_read_like_a_folder(case, workdir):
    shutil.copyfile("a.zip", "b.zip")
    found = CliRunner().invoke(app, READS[case])
    assert found.exit_code == 0, found.output
    assert not (workdir / "runs").exists()


def test_a_packed_run_predicts_as_the_run_does(trained_run, workdir):
    packed, own = dlcli.load("a.zip"), dlcli.load(trained_run.path)
    assert packed.metrics == own.metrics
    served = ServedRun.open(open_run("a.zip"))
    assert served.reads == ServedRun.open(trained_run).reads


def test_the_page_of_a_packed_run_stands_beside_it(workdir):
    found = CliRunner().invoke(app, ["report", "a.zip"])
    assert found.exit_code == 0, found.output
    assert "<html" in (workdir / "a.html").read_text(encoding="utf-8")
    again = CliRunner().invoke(app, ["report", "a.zip"])
    assert (again.exit_code, "a.html" in again.output) == (2, True)


def test_a_packed_run_is_opened_once(workdir):
    assert open_run("a.zip").path is open_run("a.zip").path


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "rm", "a.zip", "--yes"],
        ["pack", "a.zip", "--out", "b.zip"],
        ["runs", "list", "a.zip"],
    ],
)
def test_what_changes_runs_wants_a_folder(command, workdir):
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 6, found.output
    assert "dlcli unpack a.zip" in found.output
    assert (workdir / "a.zip").is_file()


def test_a_changed_pack_is_not_read(workdir):
    content = bytearray((workdir / "a.zip").read_bytes())
    content[content.index(b"loss,") + 1] ^= 1
    (workdir / "a.zip").write_bytes(content)
    found = CliRunner().invoke(app, ["evaluate", "a.zip"])
    assert found.exit_code == 6
    assert "is not the file that was packed" in found.output or "whole zip" in found.output


def test_data_that_do_not_travel_are_asked_for(tmp_path, monkeypatch, concrete_config):
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(DATA, "mine.csv")
    overrides = ("epochs=1", f"data.source={tmp_path / 'mine.csv'}")
    trained = train(concrete_config, TrainOptions(overrides=overrides), QuietDisplay())
    pack_run(trained.run, Path("a.zip"))
    Path("mine.csv").unlink()
    found = CliRunner().invoke(app, ["reproduce", "a.zip", "--quiet"])
    assert found.exit_code == 4, found.output
    assert "mine.csv is gone" in found.output
    assert "--data" in found.output


def test_another_zip_is_no_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    found = CliRunner().invoke(app, ["predict", "a.zip", "--data", DATA])
    assert found.exit_code == 6
    assert "no packed run" in found.output
    Path("a.bin").write_bytes(b"a")
    assert "ends in .zip" in CliRunner().invoke(app, ["evaluate", "a.bin"]).output
