"""Child processes, one at a time: their output, wall time and peak memory."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
BYTES_PER_MAXRSS = 1 if sys.platform == "darwin" else 1024
ERROR_CHARACTERS = 2000


class ProcessError(Exception):
    """A child ended with an exit code that was not expected."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A child that has ended."""

    stdout: str
    wall_seconds: float
    """From before the start of the interpreter to its end."""
    peak_bytes: int
    """The largest resident memory."""
    cpu_seconds: float
    """Of all its threads, which other work on the machine does not lengthen much."""

    def values(self) -> Any:
        """Return its standard output as JSON values."""
        return json.loads(self.stdout)


def run_python(arguments: Sequence[str], *, folder: Path, exit_code: int = 0) -> Finished:
    """Run this interpreter with `arguments` in `folder`; raises ProcessError."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        child = Popen(
            [sys.executable, *arguments],
            cwd=folder,
            stdout=out,
            stderr=errors,
            env=child_environment(),
        )
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            raise
        wall_seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if child.returncode != exit_code:
            raise ProcessError(
                f"`python {' '.join(arguments)}` ended with {child.returncode}:\n"
                + errors.read()[-ERROR_CHARACTERS:]
            )
        return Finished(
            stdout=out.read(),
            wall_seconds=wall_seconds,
            peak_bytes=usage.ru_maxrss * BYTES_PER_MAXRSS,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
        )


def run_dlcli(arguments: Sequence[str], *, folder: Path, exit_code: int = 0) -> Finished:
    """Run a command of dlcli in `folder`; raises ProcessError."""
    return run_python(["-m", "dlcli", *arguments], folder=folder, exit_code=exit_code)


def run_peer(name: str, arguments: Sequence[str], *, folder: Path) -> Finished:
    """Run one of the scripts in `benchmarks.peers` in `folder`; raises ProcessError."""
    return run_python(["-m", f"benchmarks.peers.{name}", *arguments], folder=folder)


def say(text: str) -> None:
    """Show progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def child_environment() -> dict[str, str]:
    """Return the environment that every child has."""
    # The same for every child: threads are what each tool takes by itself, or what the caller's
    # environment says to all of them. A relative folder of data sets means one from here: children
    # run elsewhere.
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    datasets = os.environ.get("DLCLI_DATASETS")
    return {
        **os.environ,
        **({"DLCLI_DATASETS": str(Path(datasets).resolve())} if datasets else {}),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
