"""Runs in the making: folders that become runs when whole, are locked while in work, and found again after a crash."""

import contextlib
import errno
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlcli.errors import Interrupted, RunError, TrainingError
from dlcli.files import hash_file, refusal
from dlcli.runs import (
    MANIFEST_FORMAT,
    NUMBER,
    PARTIAL,
    RUNS,
    RunFolder,
    list_runs,
    load_json,
    write_json,
)

if sys.platform != "win32":
    import fcntl

RECORD_FORMAT = 1
RECORD = "run.json"
STATE = "state.npz"
DATA = "data.json"
FOLDS = "folds"
MEMBERS = "members"

_NEW = ".new-"
_REPLACED = ".replaced-"
_STALE_SECONDS = 60.0
"""A folder older than this has been locked by whoever writes into it, if anyone does."""


@dataclass(kw_only=True)
class StagedRun:
    """A run that is being written under a temporary name, locked by this process."""

    path: Path
    out: Path | None
    """The folder it is to become; None for the next number."""
    is_resumed: bool = False
    replaces: Path | None = None
    """The interrupted run whose place it takes."""
    _locks: list[int] = field(default_factory=list)

    @property
    def resume(self) -> Path:
        """The folder with what another process needs to go on."""
        return RunFolder(self.path).resume

    @property
    def state(self) -> Path:
        """The file that training keeps its state in."""
        return self.resume / STATE

    @property
    def folds(self) -> Path:
        """The folder that keeps what is done of a cross-validation."""
        return self.resume / FOLDS

    @property
    def record(self) -> dict[str, Any]:
        """What was asked for when the training began."""
        return load_json(self.resume / RECORD)

    def write_record(self, values: dict[str, Any]) -> None:
        """Record what is asked for now."""
        write_json(self.resume / RECORD, values)

    @property
    def data_record(self) -> dict[str, Any] | None:
        """The fingerprints of the data, None where they were not read yet."""
        path = self.resume / DATA
        return load_json(path) if path.is_file() else None

    def write_data_record(self, values: dict[str, Any]) -> None:
        """Record the fingerprints of the data that the training reads."""
        write_json(self.resume / DATA, values)

    @property
    def has_state(self) -> bool:
        """Tell whether training has saved where it stands."""
        return _has_state(self.resume)

    @property
    def has_progress(self) -> bool:
        """Tell whether a state is here that would be lost with this folder."""
        if not self.has_state or self.replaces is None:
            return self.has_state
        if not self.state.is_file():
            return True
        copied = RunFolder(self.replaces).resume / STATE
        same = copied.is_file() and copied.stat().st_mtime_ns == self.state.stat().st_mtime_ns
        return not same

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing but its name is missing to a run that was to be complete."""
        manifest = RunFolder(self.path).manifest
        return manifest.is_file() and load_json(manifest).get("status") != "interrupted"

    def publish(self, manifest: dict[str, Any]) -> RunFolder:
        """Write the manifest, with the sha256 of every file, and give the folder its final name."""
        run = RunFolder(self.path)
        is_interrupted = manifest.get("status") == "interrupted"
        files = {
            file.relative_to(self.path).as_posix(): hash_file(file)
            for file in sorted(self.path.rglob("*"))
            if file.is_file() and (is_interrupted or run.resume not in file.parents)
        }
        write_json(run.manifest, {"format": MANIFEST_FORMAT, **manifest, "files": files})
        return self.finish()

    def finish(self) -> RunFolder:
        """Give a folder with its manifest its final name."""
        is_complete = self.is_whole
        if is_complete:
            self.state.unlink(missing_ok=True)
        run = RunFolder(self._replace() if self.replaces is not None else self._rename())
        if is_complete:
            # Until here it said under which name a folder left by a dead process belongs.
            shutil.rmtree(run.resume, ignore_errors=True)
        return run

    def begin_again(self) -> None:
        """Remove what an earlier process wrote beside its state, or all of it where it has none."""
        run = RunFolder(self.path)
        kept = {run.resume.name}
        if self.has_state:
            own = {file.name for file in run.own_files}
            kept |= {item.name for item in self.path.iterdir()} - own
        for item in self.path.iterdir():
            if item.name not in kept:
                _remove(item)

    def _replace(self) -> Path:
        place = self.replaces
        assert place is not None
        aside = Path(tempfile.mkdtemp(prefix=_REPLACED, dir=place.parent)) / place.name
        if place.exists():
            place.rename(aside)
        self.path.rename(place)
        shutil.rmtree(aside.parent, ignore_errors=True)
        return place

    def _rename(self) -> Path:
        if self.out is not None:
            if self.out.exists():
                raise RunError(f"{self.out} was made by someone else meanwhile")
            return self.path.rename(self.out)
        while True:
            path = self._next_number()
            try:
                return self.path.rename(path)
            except OSError:
                # Another process took this number first; a folder that is not empty is never replaced.
                if not path.exists():
                    raise

    def _next_number(self) -> Path:
        parent = self.path.parent
        taken = [int(item.name) for item in parent.iterdir() if NUMBER.fullmatch(item.name)]
        return parent / f"{max(taken, default=0) + 1:03d}"


@contextlib.contextmanager
def stage_run(
    name: str, out: Path | None = None, *, asked: dict[str, Any] | None = None
) -> Iterator[StagedRun]:
    """Give a folder to write a run into; it becomes a run only through `StagedRun.publish`.

    `out` names the folder instead of the next number; `asked` is what `resume_run` shows again.
    What is not published is removed, unless training has saved a state in it to go on from and was
    stopped from outside.
    """
    parent = _parent(name, out)
    check_free(out)
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        staged = _make(parent, out, asked or {})
    except OSError as error:
        raise refusal(error, f"{parent}: a run", "cannot be written", RunError) from error
    with _held(staged, made):
        yield staged


@contextlib.contextmanager
def resume_run(name: str, out: Path | None = None) -> Iterator[StagedRun]:
    """Give the unfinished run of this name, or the one that was to become `out`, to go on with.

    Raises RunError where there is none, or where a living process is at work on it.
    """
    try:
        staged = _take(name, out)
    except OSError as error:
        raise refusal(
            error, f"{_parent(name, out)}: a run", "cannot be written", RunError
        ) from error
    with _held(staged, []):
        yield staged


def has_unfinished(name: str, out: Path | None = None) -> bool:
    """Tell whether a dead process has left a run of this name whose state can be gone on from."""
    found = [run for run in _unfinished(name, out) if _has_state(RunFolder(run.path).resume)]
    for run in found:
        lock = _lock(run.path)
        if lock is not None:
            os.close(lock)
            return True
    return False


def check_free(out: Path | None) -> None:
    """Raise RunError where a run would overwrite something."""
    if out is not None and out.exists():
        hint = "choose another --out"
        if _is_interrupted(RunFolder(out)):
            hint = "it was interrupted: --resume goes on with it, or choose another --out"
        raise RunError(f"{out} exists already; runs are never overwritten", hint=hint)


@contextlib.contextmanager
def _held(staged: StagedRun, made: list[Path]) -> Iterator[None]:
    is_kept = False
    try:
        yield
    except OSError as error:
        is_kept = staged.has_progress
        told = refusal(error, f"{staged.path.parent}: a run", "cannot be written", RunError)
        if is_kept:
            told.hint = f"{told.hint or 'mend that'}; the same command with --resume then goes on"
        raise told from error
    except TrainingError:
        raise  # it would fail in the same way again
    except (Interrupted, KeyboardInterrupt):
        is_kept = staged.has_progress
        raise
    except BaseException:
        is_kept = staged.has_progress or (staged.is_resumed and staged.replaces is None)
        raise
    finally:
        if not is_kept:
            shutil.rmtree(staged.path, ignore_errors=True)
            for folder in made:
                with contextlib.suppress(OSError):
                    folder.rmdir()
        for lock in staged._locks:
            os.close(lock)


def _make(
    parent: Path, out: Path | None, asked: dict[str, Any], *, replaces: Path | None = None
) -> StagedRun:
    """Make a folder that is locked before anyone can find it, with its record in it."""
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=parent))
    lock = _lock(new)
    new.chmod(0o755)
    if replaces is not None:
        _copy(replaces, new)
    RunFolder(new).resume.mkdir(exist_ok=True)
    record = {
        **asked,
        "format": RECORD_FORMAT,
        "out": None if out is None else out.name,
        "replaces": None if replaces is None else replaces.name,
        "started": datetime.now(UTC).isoformat(),
    }
    write_json(RunFolder(new).resume / RECORD, record)
    path = new.rename(parent / (_partial_prefix() + new.name.removeprefix(_NEW)))
    locks = [] if lock is None else [lock]
    return StagedRun(path=path, out=out, replaces=replaces, _locks=locks)


def _copy(interrupted: Path, new: Path) -> None:
    """Copy what an interrupted run needs to go on: its state, and what its callbacks wrote."""
    own = {file.name for file in RunFolder(interrupted).own_files}
    for item in interrupted.iterdir():
        if item.name in own:
            continue
        if item.is_dir():
            shutil.copytree(item, new / item.name)
        else:
            shutil.copy2(item, new / item.name)


@dataclass(frozen=True, kw_only=True)
class _Unfinished:
    path: Path
    record: dict[str, Any]
    is_partial: bool

    @property
    def started(self) -> str:
        return str(self.record.get("started", ""))


def _unfinished(name: str, out: Path | None) -> list[_Unfinished]:
    """Return the runs that can be gone on with, oldest first."""
    parent = _parent(name, out)
    if not parent.is_dir():
        return []
    found = []
    for item in sorted(parent.glob(f"{PARTIAL}*")):
        record = _read_record(item)
        if record is not None and record.get("out") == (None if out is None else out.name):
            found.append(_Unfinished(path=item, record=record, is_partial=True))
    replaced = {each.record.get("replaces") for each in found}
    published = [RunFolder(out)] if out is not None else list_runs(parent)
    for run in published:
        record = _read_record(run.path)
        if record is not None and run.path.name not in replaced and _is_interrupted(run):
            found.append(_Unfinished(path=run.path, record=record, is_partial=False))
    return sorted(found, key=lambda each: each.started)


def _take(name: str, out: Path | None) -> StagedRun:
    found = _unfinished(name, out)
    for each in reversed(found):
        lock = _lock(each.path)
        if lock is None:
            continue
        if each.is_partial:
            replaced = each.record.get("replaces")
            replaces = None if replaced is None else each.path.parent / replaced
            return StagedRun(
                path=each.path, out=out, replaces=replaces, is_resumed=True, _locks=[lock]
            )
        staged = _make(each.path.parent, out, each.record, replaces=each.path)
        staged.is_resumed = True
        staged._locks.append(lock)
        return staged
    where = str(out) if out is not None else f"{RUNS}/{name}"
    if found:
        raise RunError(
            f"{where}: another process is training this run",
            hint="wait for it, or stop it first",
        )
    raise RunError(f"{where}: nothing to resume: {_why_nothing(name, out)}", hint=_begin(out))


def _why_nothing(name: str, out: Path | None) -> str:
    if out is not None and out.exists():
        manifest = RunFolder(out).manifest
        return "this run is complete" if manifest.is_file() else "it is no run folder"
    if out is None and list_runs(_parent(name, out)):
        return "every run of this name is complete"
    return "no training was cut off here"


def _begin(out: Path | None) -> str:
    if out is not None and out.exists():
        return f"a new run can start from its weights: --set init_from={out} and another --out"
    return "without --resume the training starts from its beginning"


def _parent(name: str, out: Path | None) -> Path:
    return out.parent if out is not None else RUNS / name


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((RunFolder(folder).resume / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("format") == RECORD_FORMAT else None


def _is_interrupted(run: RunFolder) -> bool:
    try:
        return load_json(run.manifest).get("status") == "interrupted"
    except RunError:
        return False


def _lock(folder: Path) -> int | None:
    """Lock a folder for this process, whose end unlocks it; None where another one holds it."""
    if sys.platform == "win32":
        return os.open(os.devnull, os.O_RDONLY)  # folders cannot be locked there
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            os.close(descriptor)
            return None
        # A file system that cannot lock folders: whoever resumes there looks out for himself.
    with contextlib.suppress(OSError):
        if folder.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    os.close(descriptor)  # renamed or removed since it was found
    return None


def _partial_prefix() -> str:
    # A lock says little about processes of another machine that shares the disk.
    return f"{PARTIAL}{re.sub(r'[^A-Za-z0-9]', '_', platform.node())}-"


def _sweep(parent: Path) -> None:
    """Remove what dead processes of this machine left that nobody can go on from."""
    if sys.platform == "win32":
        return
    prefixes = (_partial_prefix(), _NEW, _REPLACED)
    for item in parent.glob(".*"):
        if not item.name.startswith(prefixes) or not item.is_dir():
            continue
        with contextlib.suppress(OSError):
            if time.time() - item.stat().st_mtime < _STALE_SECONDS:
                continue
            lock = _lock(item)
            if lock is None:
                continue
            run = RunFolder(item)
            if not _has_state(run.resume) and not run.manifest.is_file():
                shutil.rmtree(item, ignore_errors=True)
            os.close(lock)


def _has_state(resume: Path) -> bool:
    parts = (resume / FOLDS, resume / MEMBERS)
    return (resume / STATE).is_file() or any(any(part.glob("*.npz")) for part in parts)


def _remove(item: Path) -> None:
    if item.is_dir() and not item.is_symlink():
        shutil.rmtree(item)
    else:
        item.unlink()
