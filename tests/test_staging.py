"""Runs in the making: what becomes of them when something fails, and who may go on with them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dlcli.errors import Interrupted, RunError, TrainingError
from dlcli.runs import list_runs
from dlcli.staging import has_unfinished, resume_run, stage_run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def leave_unfinished(name: str = "plants", *, out: Path | None = None) -> None:
    with pytest.raises(Interrupted), stage_run(name, out, asked={"config": {}}) as staged:
        staged.state.write_bytes(b"state")
        (staged.path / "epochs.csv").write_text("epoch\n0\n")
        (staged.path / "model.keras").write_text("half")
        raise Interrupted("stopped")


@pytest.mark.parametrize("out", [None, Path("mine")])
def test_a_state_is_found_again_and_becomes_the_run(folder: Path, out: Path | None) -> None:
    leave_unfinished(out=out)
    assert has_unfinished("plants", out)
    with resume_run("plants", out) as staged:
        assert not has_unfinished("plants", out), "it is locked"
        staged.begin_again()
        assert staged.state.read_bytes() == b"state"
        assert {item.name for item in staged.path.iterdir()} == {"epochs.csv", "resume"}
        run = staged.publish({"status": "complete"})
    assert run.path == (out or Path("runs/plants/001"))
    assert {item.name for item in run.path.iterdir()} == {"epochs.csv", "manifest.json"}
    assert not has_unfinished("plants", out)


def test_an_interrupted_run_is_replaced_when_it_is_done(folder: Path) -> None:
    with stage_run("plants", Path("mine"), asked={"config": {}}) as staged:
        staged.state.write_bytes(b"state")
        staged.publish({"status": "interrupted"})
    with (
        pytest.raises(RunError, match="exists already") as caught,
        stage_run("plants", Path("mine")),
    ):
        pass
    assert "--resume" in str(caught.value.hint)
    with resume_run("plants", Path("mine")) as staged:
        assert staged.state.read_bytes() == b"state"
        with pytest.raises(RunError, match="another process"), resume_run("plants", Path("mine")):
            pass
        staged.publish({"status": "complete"})
    assert [item.name for item in folder.iterdir()] == ["mine"]
    assert [item.name for item in Path("mine").iterdir()] == ["manifest.json"]


def test_a_resumed_copy_without_progress_leaves_the_interrupted_run_as_it_was(folder: Path) -> None:
    with stage_run("plants", Path("mine"), asked={"config": {}}) as staged:
        staged.state.write_bytes(b"state")
        staged.publish({"status": "interrupted"})
    with pytest.raises(RunError, match="refused"), resume_run("plants", Path("mine")):
        raise RunError("refused")
    assert [item.name for item in folder.iterdir()] == ["mine"]
    assert (Path("mine") / "resume" / "state.npz").read_bytes() == b"state"


def test_a_refused_resume_keeps_the_state() -> None:
    leave_unfinished()
    with pytest.raises(RunError, match="refused"), resume_run("plants"):
        raise RunError("refused")
    assert has_unfinished("plants")


def test_a_training_that_diverged_leaves_nothing(folder: Path) -> None:
    with pytest.raises(TrainingError), stage_run("plants") as staged:
        staged.state.write_bytes(b"state")
        raise TrainingError("diverged")
    assert list(folder.iterdir()) == []


def test_a_folder_cut_off_just_before_its_name_is_whole(folder: Path) -> None:
    leave_unfinished(out=Path("mine"))
    (partial,) = folder.glob(".partial-*")
    (partial / "manifest.json").write_text('{"format": 1, "status": "complete"}')
    with resume_run("plants", Path("mine")) as staged:
        assert staged.is_whole
        staged.finish()
    assert (folder / "mine" / "manifest.json").is_file()
    assert not (folder / "mine" / "resume").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_full_disk_keeps_the_state_and_earlier_runs(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine mounts nothing")
    try:
        with stage_run("plants", disk / "earlier") as staged:
            (staged.path / "metrics.json").write_text("{}")
            staged.publish({"status": "complete"})
        with pytest.raises(RunError) as caught, stage_run("plants", disk / "mine") as staged:
            staged.state.write_bytes(b"state")
            (staged.path / "model.keras").write_bytes(b"x" * 2**20)
        assert "No space left" in caught.value.message
        assert "--resume" in str(caught.value.hint)
        assert [run.name for run in disk.iterdir() if not run.name.startswith(".")] == ["earlier"]
        with resume_run("plants", disk / "mine") as staged:
            staged.begin_again()
            staged.publish({"status": "complete"})
        assert (disk / "mine" / "manifest.json").is_file()
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_a_lost_folder_is_told(folder: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"), stage_run("plants") as staged:
        shutil.rmtree(folder / "runs")
        staged.publish({"status": "complete"})
    assert list_runs(folder / "runs" / "plants") == []
