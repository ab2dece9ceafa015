"""Kill trainings at random moments, resume them, and compare what comes out with an untouched one.

`python scripts/kill_trainings.py --kills 100` prints a record of every kill and exits with 1 where
a resumed run differs in one bit, or a folder reads as a complete run that is none. With `--forked`
the trainings on TensorFlow are copies of a process that has imported it, so that most of their time
is training and writing, and the kills fall there.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py

from dlcli.cli import run
from dlcli.errors import DlcliError
from dlcli.model.keras_import import load_keras
from dlcli.runs import RunFolder

ROWS = 400
REPOSITORY = Path(__file__).resolve().parents[1]

CONFIG = """
name: killed
seed: 3
data:
  source: table.csv
  target: [y, z]
  split: {{test: 0.2, validation: 0.2}}
  scale: standard
layers:
  - Dense: {{units: 16, activation: relu}}
  - Dropout: 0.2
  - BatchNormalization: {{name: trunk}}
  - Dense: {{units: 1, name: y}}
  - Dense: {{units: 1, name: z, inputs: trunk}}
loss: {{y: mse, z: mae}}
optimizer: {{Adam: 3e-3}}
batch_size: 16
epochs: {epochs}
callbacks: {callbacks}
"""
WATCHING = """
  - ReduceLROnPlateau: {monitor: val_loss, factor: 0.7, patience: 25, min_lr: 1.0e-5}
  - ModelCheckpoint: {save_best_only: true}
  - CSVLogger
  - EarlyStopping: {monitor: val_loss, patience: 100000, restore_best_weights: true}
"""
AT_BATCHES = """
  - ModelCheckpoint: {filepath: "checkpoints/last.keras", save_freq: 777}
  - EarlyStopping: {monitor: val_loss, patience: 100000, restore_best_weights: true}
"""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One way to train, which takes about ten seconds beside the start."""

    name: str
    epochs: int
    callbacks: str = WATCHING
    options: tuple[str, ...] = ()


LANES = (
    Lane(name="compiled", epochs=14000),
    Lane(name="keras", epochs=150, callbacks=AT_BATCHES),
    Lane(name="streamed", epochs=500, options=("--memory-budget", "1KB")),
    Lane(name="jax", epochs=20000, options=("--backend", "jax")),
)


class Forked:
    """A command line in a copy of this process, with what `Popen` offers of it."""

    def __init__(self, arguments: list[str], *, folder: Path) -> None:
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(arguments, folder)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises TimeoutExpired."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self.pid, 0 if until is None else os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("dlcli", timeout or 0)
            time.sleep(0.002)

    @staticmethod
    def _run(arguments: list[str], folder: Path) -> None:
        code = 1
        try:
            os.setsid()
            os.chdir(folder)
            for number, name in ((1, os.devnull), (2, "stderr.txt")):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.argv = ["dlcli", *arguments]
            run()
            code = 0
        except SystemExit as end_of_command:
            code = int(end_of_command.code or 0)
        finally:
            os._exit(code)


@dataclass
class Training:
    """One command line, run until it ends or is killed."""

    folder: Path
    lane: Lane
    out: Path
    forked: bool = False

    def start(self, *, resume: bool) -> "subprocess.Popen[str] | Forked":
        """Start the command in a process group of its own."""
        arguments = ["train", f"{self.lane.name}.yaml", "--out", str(self.out)]
        arguments += [*self.lane.options, *(["--resume"] if resume else [])]
        if self.forked and self.lane.name != "jax":
            return Forked(arguments, folder=self.folder)
        return subprocess.Popen(
            [sys.executable, "-m", "dlcli", *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "stderr.txt").open("w"),
            text=True,
            start_new_session=True,
        )

    @property
    def words(self) -> list[str]:
        """The lines on stderr without their figures."""
        lines = (self.folder / "stderr.txt").read_text().splitlines()
        told = [
            "an epoch" if line.startswith("epoch") else line.partition(":")[0] for line in lines
        ]
        return ["starting", *told]


def write_table(folder: Path) -> None:
    """Write a table with two targets that noise makes hard to learn by heart."""
    numbers = random.Random(1)
    lines = ["a,b,c,y,z"]
    for _ in range(ROWS):
        a, b, c = (numbers.uniform(-1, 1) for _ in range(3))
        y, z = a * b + numbers.gauss(0, 0.1), c - a + numbers.gauss(0, 0.1)
        lines.append(",".join(f"{value:.6f}" for value in (a, b, c, y, z)))
    (folder / "table.csv").write_text("\n".join(lines) + "\n")


def contents(run: Path) -> dict[str, Any]:
    """Return what must be equal of a run: the bytes of its files, and every array of its weights."""
    names = ("history.csv", "metrics.json", "predictions.csv", "epochs.csv")
    found: dict[str, Any] = {
        name: (run / name).read_bytes() for name in names if (run / name).is_file()
    }
    for path in sorted(run.rglob("*.keras")):
        found[path.relative_to(run).as_posix()] = weights_of(path)
    return found


def weights_of(path: Path) -> dict[str, bytes]:
    """Return the bytes of every array in a `.keras` file: weights, seeds and the optimizer's."""
    arrays: dict[str, bytes] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()].tobytes()

    with tempfile.TemporaryDirectory() as folder:
        shutil.unpack_archive(path, folder, "zip")
        with h5py.File(Path(folder) / "model.weights.h5") as file:
            file.visititems(keep)
    return arrays


def standing(out: Path) -> str:
    """Say what a dead process has left, and check that it is what it reads as."""
    if (out / "manifest.json").is_file():
        manifest = json.loads((out / "manifest.json").read_text())
        RunFolder(out).check_files(*(out / name for name in manifest["files"]))
        return str(manifest["status"])
    partial = list(out.parent.glob(".partial-*"))
    if not partial:
        return "nothing"
    has_state = any((folder / "resume" / "state.npz").is_file() for folder in partial)
    return "a state" if has_state else "no state yet"


def end(process: subprocess.Popen[str] | Forked) -> None:
    """Kill a process and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait(process: subprocess.Popen[str] | Forked, seconds: float | None) -> int | None:
    """Return the exit code, or None where the process still runs after as many seconds."""
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


class Campaign:
    """Kills until there were enough, over and over the lanes."""

    def __init__(
        self, folder: Path, *, kills: int, seed: int, lanes: tuple[Lane, ...], forked: bool
    ) -> None:
        self.folder = folder
        self.forked = forked
        self.kills = kills
        self.random = random.Random(seed)
        self.lanes = lanes
        self.done: collections.Counter[str] = collections.Counter()
        self.left: collections.Counter[str] = collections.Counter()
        self.finished: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []

    def run(self) -> bool:
        """Return whether everything came out as it must."""
        write_table(self.folder)
        expected: dict[str, tuple[float, dict[str, Any]]] = {}
        for lane in self.lanes:
            text = CONFIG.format(epochs=lane.epochs, callbacks=lane.callbacks)
            (self.folder / f"{lane.name}.yaml").write_text(text)
            training = Training(self.folder, lane, self.folder / "whole" / lane.name, self.forked)
            began = time.monotonic()
            code = training.start(resume=False).wait()
            seconds = time.monotonic() - began
            assert code == 0, (self.folder / "stderr.txt").read_text()
            expected[lane.name] = (seconds, contents(training.out))
            print(f"{lane.name}: untouched in {seconds:.1f} s", flush=True)
        number = 0
        while self.done.total() < self.kills:
            lane = self.lanes[number % len(self.lanes)]
            number += 1
            out = self.folder / f"cut-{number}" / "run"
            self.one_run(Training(self.folder, lane, out, self.forked), *expected[lane.name])
        return not self.wrong

    def one_run(self, training: Training, seconds: float, expected: dict[str, Any]) -> None:
        """Kill and resume one training until it ends."""
        resume, kills = False, 0
        while True:
            wants = self.done.total() < self.kills
            process = training.start(resume=resume)
            code = self.live_until(process, training, seconds) if wants else process.wait()
            if code is None:
                stage = training.words[-1]
                end(process)
                kills += 1
                self.done[f"{training.lane.name}: {stage}"] += 1
                left = standing(training.out)
                self.left[left] += 1
                resume = left not in ("nothing", "complete")
                print(f"{training.lane.name}: killed at {stage!r}, left: {left}", flush=True)
                if left != "complete":
                    continue
            elif code != 0:
                words = (training.folder / "stderr.txt").read_text()
                self.wrong.append(f"{training.lane.name}: exit {code}: {words[-600:]}")
                return
            self.check(training, expected, kills)
            return

    def live_until(
        self, process: "subprocess.Popen[str] | Forked", training: Training, seconds: float
    ) -> int | None:
        """Return None at a random moment of a stage, or the exit code where it ended before.

        Most of a training is spent before its first epoch, and hardly any of it while files are
        written: as many kills as that would be worth little.
        """
        stages = {"starting": 0.8, "an epoch": 0.5, "saving and scoring": 0.15}
        stage = self.random.choices(list(stages), (0.2, 0.5, 0.3))[0]
        while stage != "starting" and stage not in training.words:
            code = wait(process, 0.02)
            if code is not None:
                return code
        return wait(process, self.random.uniform(0, stages[stage] * seconds))

    def check(self, training: Training, expected: dict[str, Any], kills: int) -> None:
        """Compare a finished run with the untouched one."""
        found = contents(training.out)
        differing = [name for name in expected if found.get(name) != expected[name]]
        left = [item.name for item in training.out.parent.iterdir() if item != training.out]
        verdict = "equal" if not differing and not left else f"differs: {differing} left: {left}"
        print(f"{training.lane.name}: finished after {kills} kills: {verdict}", flush=True)
        self.finished[training.lane.name] += 1
        if differing or left:
            self.wrong.append(f"{training.lane.name}: {verdict}")

    def record(self) -> str:
        """Return what happened, counted."""
        lines = [f"{self.done.total()} kills, {self.finished.total()} runs to the end"]
        lines += [f"  killed in {what}: {count}" for what, count in sorted(self.done.items())]
        lines += [f"  left behind {what}: {count}" for what, count in sorted(self.left.items())]
        lines += [f"  finished {what}: {count}" for what, count in sorted(self.finished.items())]
        return "\n".join([*lines, f"{len(self.wrong)} wrong", *self.wrong])


def main() -> int:
    """Run the campaign and print its record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    names = [lane.name for lane in LANES]
    parser.add_argument("--lanes", nargs="+", choices=names, default=names)
    parser.add_argument("--share", type=float, default=1.0, help="of the epochs, for slow machines")
    parser.add_argument("--forked", action="store_true", help="import TensorFlow once for all")
    asked = parser.parse_args()
    if asked.forked:
        load_keras("tensorflow")
    lanes = tuple(
        replace(lane, epochs=max(5, round(asked.share * lane.epochs)))
        for lane in LANES
        if lane.name in asked.lanes
    )
    with tempfile.TemporaryDirectory(prefix="dlcli-kills-") as folder:
        campaign = Campaign(
            Path(folder), kills=asked.kills, seed=asked.seed, lanes=lanes, forked=asked.forked
        )
        try:
            is_right = campaign.run()
        except DlcliError as error:
            campaign.wrong.append(str(error))
            is_right = False
        except KeyboardInterrupt:
            is_right = not campaign.wrong
        print(campaign.record())
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
