"""The folder of a sweep: its files, who works in it, and where the next one goes."""

import contextlib
import os
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.errors import RunError
from dlcli.files import refusal
from dlcli.runs import BEST, RUNS, load_json, write_json

if sys.platform != "win32":
    import fcntl

FORMAT = 1
NUMBERED = re.compile(r"sweep-(\d{3,})")


@dataclass(frozen=True)
class SweepFolder:
    """A folder with the trials of one sweep."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def record(self) -> Path:
        """The trials and what came of them, as the command prints them."""
        return self.path / "sweep.json"

    @property
    def identity(self) -> Path:
        """Who this folder is to others that share the storage, and what was asked for."""
        return self.path / "asked.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def best(self) -> Path:
        """The run of the best trial."""
        return self.path / BEST

    @property
    def rows(self) -> Path:
        """What is read from disk while trials run."""
        return self.path / "rows"

    @property
    def logs(self) -> Path:
        return self.path / "workers"

    def load_asked(self) -> dict[str, Any]:
        """Return what was asked for when the sweep began; raises RunError where this is none."""
        if not self.identity.is_file():
            raise RunError(f"{self.path}: not a folder of a sweep", hint="it has no asked.json")
        asked = load_json(self.identity)
        if asked.get("format") != FORMAT:
            raise RunError(
                f"{self.identity}: format {asked.get('format')!r}; this dlcli reads {FORMAT}",
                hint="go on with the dlcli that began the sweep",
            )
        return asked


def new_folder(name: str, out: Path | None, asked: dict[str, Any]) -> SweepFolder:
    """Make the folder of a sweep: `out`, or the next number; raises RunError."""
    if out is not None and out.exists():
        is_sweep = SweepFolder(out).identity.is_file()
        hint = "--resume goes on with it, or choose another --out" if is_sweep else None
        raise RunError(
            f"{out} exists already; sweeps are never overwritten",
            hint=hint or "choose another --out",
        )
    try:
        path = out if out is not None else _next_path(RUNS / name)
        path.mkdir(parents=True)
        folder = SweepFolder(path)
        write_json(folder.identity, {"format": FORMAT, "owner": uuid.uuid4().hex, **asked})
    except OSError as error:
        raise refusal(error, out or RUNS / name, "cannot be written", RunError) from error
    return folder


def find_folder(name: str, out: Path | None) -> SweepFolder:
    """Return the sweep to go on with: `out`, or the newest one of this name; raises RunError."""
    if out is not None:
        if not out.is_dir():
            raise RunError(
                f"{out}: nothing to resume: there is no such folder",
                hint="without --resume the sweep starts from its beginning",
            )
        return SweepFolder(out)
    numbers = _numbers(RUNS / name)
    if not numbers:
        raise RunError(
            f"{RUNS}/{name}: nothing to resume: no sweep of this name was begun here",
            hint="without --resume the sweep starts from its beginning",
        )
    return SweepFolder(RUNS / name / f"sweep-{max(numbers):03d}")


@contextlib.contextmanager
def held(folder: SweepFolder) -> Iterator[None]:
    """While entered, let no other driver work in the folder; raises RunError where one does."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder.path}: another process is at work on this sweep",
                hint="wait for it, or stop it first",
            ) from None
        yield
    finally:
        os.close(descriptor)


def _next_path(parent: Path) -> Path:
    return parent / f"sweep-{max(_numbers(parent), default=0) + 1:03d}"


def _numbers(parent: Path) -> list[int]:
    if not parent.is_dir():
        return []
    found = (NUMBERED.fullmatch(item.name) for item in parent.iterdir())
    return [int(match[1]) for match in found if match is not None]
