"""The real entry point as a shell starts it: signals, streams, and what never reaches the terminal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlcli.runs import RunFolder

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
STAGES = {
    "reading the data",
    "loading Keras on tensorflow",
    "building the network",
    "saving and scoring",
}


def _start(arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [sys.executable, "-m", "dlcli", *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _endless(concrete_config):
    overrides = ["--set", "epochs=1000000", "--set", "callbacks=[]"]
    return ["train", str(concrete_config), *overrides]


def _until_epochs_pass(process):
    seen = []
    for line in process.stderr:
        seen.append(line.rstrip())
        if line.startswith("epoch"):
            return seen
    raise AssertionError("training never began: " + "\n".join(seen))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_training_and_keeps_the_weights(tmp_path, concrete_config, number):
    process = _start(_endless(concrete_config), tmp_path)
    _until_epochs_pass(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "runs/concrete/001  (interrupted)" in out
    assert "runs/concrete/001 keeps the weights it had reached" in err
    run = RunFolder(tmp_path / "runs" / "concrete" / "001")
    run.check_files(run.model, run.onnx, run.preprocessing, run.metrics)
    assert run.load_manifest()["status"] == "interrupted"


def test_a_second_signal_leaves_at_once_and_leaves_nothing(tmp_path, concrete_config):
    process = _start(["train", str(concrete_config)], tmp_path)
    for line in process.stderr:
        if line.startswith("loading Keras"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert [item.name for item in (tmp_path / "runs").rglob("*")] in ([], ["concrete"])


def test_only_our_own_lines_reach_the_terminal(tmp_path, concrete_config):
    process = _start(["train", str(concrete_config), "--set", "epochs=2"], tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    epochs = [line for line in err.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 2
    assert set(err.splitlines()) - set(epochs) == STAGES
    assert out.startswith("run         runs/concrete/001\n")


def test_debug_shows_the_backends_own_lines(tmp_path, concrete_config):
    process = _start(["train", str(concrete_config), "--set", "epochs=1", "--debug"], tmp_path)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "oneDNN" in err


def test_a_killed_training_goes_on_to_the_same_end(tmp_path, concrete_config):
    overrides = ["--set", "epochs=3000", "--set", "callbacks=[CSVLogger]"]
    command = ["train", str(concrete_config), *overrides]
    cut = [*command, "--out", "cut"]
    process = _start(cut, tmp_path)
    _until_epochs_pass(process)
    for _ in range(600):
        if list(tmp_path.glob(".partial-*/resume/state.npz")):
            break
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=60)
    assert [item.name for item in tmp_path.iterdir() if not item.name.startswith(".")] == []
    process = _start([*cut, "--resume"], tmp_path)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "going on after epoch" in err
    _, err = _start([*command, "--out", "whole"], tmp_path).communicate(timeout=240)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["cut", "whole"], err
    for name in ("history.csv", "metrics.json", "predictions.csv", "epochs.csv", "model.onnx"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
