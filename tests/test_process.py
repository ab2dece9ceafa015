"""The real entry point as a shell starts it: signals, streams, and what never reaches the terminal."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlcli.runs import RunFolder

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
CSV = REPOSITORY / "datasets" / "concrete.csv"
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


def _finished(arguments, cwd, prefix):
    finished = subprocess.run(
        [*prefix, sys.executable, "-m", "dlcli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stderr


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


def test_a_signal_while_the_run_is_written_leaves_no_half_of_it(tmp_path, concrete_config):
    command = ["train", str(concrete_config), "--set", "epochs=3000", "--set", "callbacks=[]"]
    process = _start([*command, "--out", "run"], tmp_path)
    for line in process.stderr:
        if line.startswith("saving"):
            break
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert process.returncode == 130, err
    assert not (tmp_path / "run").exists()
    process = _start([*command, "--out", "run", "--resume"], tmp_path)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert [item.name for item in tmp_path.iterdir()] == ["run"]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs util-linux")
def test_a_folder_that_may_not_be_written_is_told(tmp_path, concrete_config, trained_run):
    """As root without the right to pass over permissions, which any other user lacks."""
    powerless = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    prefix = powerless if os.getuid() == 0 else []
    shut = tmp_path / "shut"
    shut.mkdir()
    run = shutil.copytree(trained_run.path, shut / "runs" / "concrete" / "001")
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    for folder in (shut / "runs" / "concrete", shut / "runs", shut):
        folder.chmod(0o555)
    train = ["train", str(concrete_config)]
    told = [
        _finished([*train, "--set", "epochs=1"], shut, prefix),
        _finished(["predict", "concrete", "--data", str(CSV), "--out", "p.csv"], shut, prefix),
        _finished(["report", "concrete", "--out", "r.html"], shut, prefix),
    ]
    for folder in (shut, shut / "runs", shut / "runs" / "concrete"):
        folder.chmod(0o755)
    assert [code for code, _ in told] == [6, 2, 2]
    assert all("ermission denied" in err and "Traceback" not in err for _, err in told), told
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before
    assert sorted(item.name for item in shut.rglob("*") if run not in item.parents) == [
        *("001", "concrete", "runs")
    ]


def test_a_working_directory_that_is_gone_is_told(tmp_path, concrete_config):
    (tmp_path / "gone").mkdir()
    command = f"rmdir ../gone; exec {sys.executable} -m dlcli validate {concrete_config}"
    finished = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path / "gone",
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2
    assert "error: the working directory was removed or moved" in finished.stderr


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
    overrides = ["--set", "epochs=3500", "--set", "callbacks=[CSVLogger]"]
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
