"""The driver and its workers: real processes that are killed, work that needs no network."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from dlcli.engines import load_pool
from dlcli.errors import RunError
from dlcli.spec.sweep import Axis
from dlcli.sweeps.display import SilentTrials, TrialLines
from dlcli.sweeps.driver import Driver
from dlcli.sweeps.study import open_study

REPOSITORY = Path(__file__).parents[2]
NAPS = '''
import os, time
from pathlib import Path


class Naps:
    """Counts to ten in a file, and goes on there where it was killed."""

    def __init__(self, folder, seconds):
        self.folder, self.seconds = Path(folder), seconds

    def run(self, task, line):
        mode = task["point"]["mode"]
        folder = Path(task["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pid").write_text(str(os.getpid()))
        if mode == "dies":
            os.kill(os.getpid(), 9)
        if mode == "breaks":
            raise ValueError("broken on purpose")
        counted = folder / "count"
        start = int(counted.read_text()) if counted.is_file() else 0
        for count in range(start, 10):
            if line.is_stopped():
                return {"state": "stopped"}
            time.sleep(self.seconds)
            counted.write_text(str(count + 1))
            if line.ask({"step": count + 1, "value": float(count)}).get("prune"):
                return {"state": "pruned", "figure": float(count), "record": {"epochs": count}}
        return {"state": "complete", "figure": 1.0 + start, "record": {"went_on_after": start}}
'''


@pytest.fixture
def naps(tmp_path, monkeypatch) -> Path:
    (tmp_path / "naps.py").write_text(NAPS, encoding="utf-8")
    paths = [str(tmp_path), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    return tmp_path


def run(folder: Path, modes: list[str], *, workers: int = 1, seconds: float = 0.0, **settings):
    axes = (Axis(key="mode", choices=("good", "fine", "well", "dies", "breaks")),)
    study = open_study(
        settings.get("storage", "journal"),
        folder,
        name="s",
        owner=settings.get("owner", "aa" * 16),
        planned=len(modes),
        axes=axes,
        direction="minimize",
        sampler="grid",
        seed=0,
        halving=None,
        most_resource=10,
    )
    study.plan([{"mode": mode} for mode in modes])
    driver = Driver(
        study=study,
        folder=folder,
        planned=len(modes),
        timeout=settings.get("timeout"),
        display=settings.get("display") or SilentTrials(),
    )
    work = settings.get("work", "naps:Naps")
    arguments = {"folder": str(folder), "seconds": seconds}
    start = partial(
        load_pool("local"), work, arguments, num_workers=workers, logs=folder / "workers"
    )
    driver.run(lambda handle: start(handle=handle))
    return study.trials()


def test_two_workers_do_every_trial_once(naps):
    told: list[str] = []
    lines = TrialLines(say=told.append, metric="val_loss", planned=3)
    trials = run(naps, ["good", "fine", "well"], workers=2, display=lines)
    assert [trial.state for trial in trials] == ["complete"] * 3
    assert len(told) == 3
    assert told[0].startswith("trial ") and "complete  val_loss 1  mode = " in told[0]


def test_a_trial_that_kills_its_worker_fails_and_the_others_are_done(naps):
    dead, good = run(naps, ["dies", "good"])
    assert (dead.state, dead.attempts) == ("failed", 3)
    assert dead.error["message"] == "the worker ended with signal 9, 3 times"
    assert good.state == "complete"


def test_a_worker_that_breaks_leaves_its_last_words(naps):
    broken, good = run(naps, ["breaks", "good"])
    assert (broken.state, broken.attempts) == ("failed", 1)
    assert "exit code 1: ValueError: broken on purpose" in broken.error["message"]
    assert good.state == "complete"


def test_a_killed_worker_is_replaced_and_the_trial_goes_on_where_it_was(naps):
    killer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLER), str(naps / "trials" / "0000")]
    )
    (trial,) = run(naps, ["good"], seconds=0.05)
    assert killer.wait() == 0
    assert (trial.state, trial.attempts) == ("complete", 2)
    assert trial.went_on_after >= 3


KILLER = """
import os, signal, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
for _ in range(1000):
    try:
        if int((folder / "count").read_text()) >= 3:
            os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
            sys.exit(0)
    except (OSError, ValueError):
        pass
    time.sleep(0.01)
sys.exit(1)
"""

DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_driver import run
run(Path(sys.argv[1]), ["good", "fine"], seconds=0.1)
"""


@pytest.fixture
def interruptible():
    """SIGINT as Python has it, whatever a test of the command line has left."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_killed_driver_takes_its_workers_along_and_another_one_finishes(naps):
    here = str(Path(__file__).parent)
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(naps), here])
    counted = naps / "trials" / "0000" / "count"
    until = time.monotonic() + 60
    while not (counted.is_file() and counted.read_text() >= "3") and time.monotonic() < until:
        time.sleep(0.01)
    worker = int((naps / "trials" / "0000" / "pid").read_text())
    driver.kill()
    driver.wait()
    while _is_alive(worker) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _is_alive(worker)
    first, second = run(naps, ["good", "fine"])
    assert (first.state, first.attempts) == ("complete", 2)
    assert first.went_on_after >= 3
    assert (second.state, second.attempts) == ("complete", 1)


def test_a_stop_lets_the_running_trial_wait_again(naps, interruptible):
    class Impatient(SilentTrials):
        def show(self, trials, progress):
            counted = naps / "trials" / "0000" / "count"
            if counted.is_file() and trials[0].state == "running":
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(naps, ["good"], seconds=0.2, display=Impatient())
    (trial,) = run(naps, ["good"])
    assert (trial.state, trial.attempts) == ("complete", 2)


def test_workers_that_do_not_start_are_given_up(naps):
    with pytest.raises(RunError) as caught:
        run(naps, ["good"], work="naps:NoSuchClass")
    assert "has no attribute 'NoSuchClass'" in caught.value.message
    assert "--workers 0" in caught.value.hint


def test_two_hundred_lines_tell_of_any_number_of_trials():
    from dlcli.sweeps.trial import Trial

    told: list[str] = []
    lines = TrialLines(say=told.append, metric="val_loss", planned=1000)
    done: list[Trial] = []
    lines.show(done, {})
    for number in range(1000):
        done.append(Trial(number=number, state="complete", values={"a": 1}, figure=1.0))
        lines.show(done, {})
    assert 100 < len(told) <= 200
    assert told[-1].startswith("trial 999 ")


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
