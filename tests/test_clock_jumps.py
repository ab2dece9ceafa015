"""A wall clock that jumps by twenty years from one reading to the next changes nothing."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dlcli.runs import RunFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or shutil.which("cc") is None,
        reason="the clock is replaced by a library for Linux, which a C compiler makes",
    ),
]

REPOSITORY = Path(__file__).parents[1]
SHIM = REPOSITORY / "tests" / "native" / "jumping_clock.c"
LOOK = "import time; a, b = time.time(), time.time(); print(abs(b - a) > 3e8, time.monotonic() > 0)"
EPOCHS = 1000
MOST_SECONDS = 600.0


@pytest.fixture(scope="module")
def jumping(tmp_path_factory):
    """Return the environment of a process whose clock jumps."""
    library = tmp_path_factory.mktemp("clock") / "jumping_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", str(SHIM), "-o", str(library)], check=True)
    environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": str(REPOSITORY)}
    look = subprocess.run(
        [sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, check=True
    )
    assert look.stdout.split() == ["True", "True"]
    return environment


def _command(concrete_config, *arguments):
    callbacks = "callbacks=[ReduceLROnPlateau: {monitor: val_loss, patience: 5}]"
    options = ["--set", callbacks, "--set", f"epochs={EPOCHS}", *arguments]
    return [sys.executable, "-m", "dlcli", "train", str(concrete_config), *options]


def test_a_training_is_cut_off_and_goes_on_as_ever(tmp_path, concrete_config, jumping):
    out = tmp_path / "cut"
    command = _command(concrete_config, "--out", str(out))
    process = subprocess.Popen(command, env=jumping, stderr=subprocess.PIPE, text=True)
    next(line for line in process.stderr if line.startswith("epoch"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    command = [*command, "--resume"]
    finished = subprocess.run(command, env=jumping, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    run = RunFolder(out)
    manifest = run.load_manifest()
    run.check_files(*(run.path / name for name in manifest["files"]))
    assert (manifest["status"], manifest["epochs"]["done"]) == ("complete", EPOCHS)
    assert all(0 <= seconds < MOST_SECONDS for seconds in manifest["seconds"].values())
    epochs = [line.partition(",")[0] for line in run.history.read_text().splitlines()[1:]]
    assert epochs == [str(number) for number in range(1, EPOCHS + 1)]
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []
