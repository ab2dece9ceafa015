"""Run folders: the only module that knows the names of the files in one."""

import contextlib
import difflib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.errors import RunError
from dlcli.files import hash_file, reading, refusal, writing

if sys.platform != "win32":
    import fcntl

MANIFEST_FORMAT = 1
RUNS = Path("runs")
"""Where runs go, below the working directory."""

_NUMBER = re.compile(r"\d{3,}")
_PARTIAL = ".partial-"
_STALE_SECONDS = 60.0
"""A folder older than this has been locked by whoever writes into it, if anyone does."""
_REMOVED = ".removed-"


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one finished or interrupted training."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def model(self) -> Path:
        return self.path / "model.keras"

    @property
    def onnx(self) -> Path:
        return self.path / "model.onnx"

    @property
    def preprocessing(self) -> Path:
        return self.path / "preprocessing.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.csv"

    @property
    def profile(self) -> Path:
        return self.path / "profile.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    def load_manifest(self) -> dict[str, Any]:
        """Read the manifest; raises RunError where this is no run or one of a newer dlcli."""
        manifest = load_json(self.manifest)
        found = manifest.get("format")
        if not isinstance(found, int) or found > MANIFEST_FORMAT:
            raise RunError(
                f"{self.manifest}: format {found!r}; this dlcli reads up to {MANIFEST_FORMAT}",
                hint="update dlcli",
            )
        return manifest

    def check_files(self, *files: Path) -> None:
        """Raise RunError for a file that is missing or not the one that was written."""
        recorded = self.load_manifest().get("files", {})
        for file in files:
            expected = recorded.get(file.name)
            with reading(file, RunError):
                if not file.is_file():
                    raise RunError(
                        f"{file} is missing", hint="copy the run folder whole, or train again"
                    )
                is_same = expected is None or hash_file(file) == expected
            if not is_same:
                raise RunError(
                    f"{file} is not the file that training wrote: its sha256 differs",
                    hint="it was changed or cut off; copy the run folder again, or train again",
                )


def open_run(text: str | Path) -> RunFolder:
    """Find a run by its folder, or the newest run of a name; raises RunError."""
    given = Path(text)
    with reading(given, RunError):
        for path in (given, RUNS / given):
            if (path / "manifest.json").is_file():
                return RunFolder(path)
            numbered = list_runs(path)
            if numbered:
                return numbered[-1]
        raise RunError(f"{text}: {_why_no_run(given)}", hint=_known_runs(given.name))


def list_runs(folder: Path) -> list[RunFolder]:
    """Return the numbered runs in a folder, oldest first."""
    with reading(folder, RunError):
        if not folder.is_dir():
            return []
        numbered = [item for item in folder.iterdir() if _NUMBER.fullmatch(item.name)]
        whole = [item for item in numbered if (item / "manifest.json").is_file()]
    return [RunFolder(path) for path in sorted(whole, key=lambda path: int(path.name))]


def remove_run(run: RunFolder) -> None:
    """Remove a run with all that is in it; raises RunError where this is not allowed."""
    # Under another name first, so that nobody opens half a run meanwhile.
    doomed = run.path.with_name(f"{_REMOVED}{run.path.name}-{os.getpid()}")
    try:
        run.path.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise RunError(f"{run.path}: cannot be removed: {error.strerror}") from None


@contextlib.contextmanager
def stage_run(name: str, out: Path | None = None) -> Iterator["StagedRun"]:
    """Give a folder to write a run into; it becomes a run only through `StagedRun.publish`.

    What is not published is removed, with the folders that were made for it, and so is what
    killed processes have left beside it. `out` names the folder instead of the next number.
    """
    parent = out.parent if out is not None else RUNS / name
    check_free(out)
    with (
        writing(f"{parent}: a run", RunError),
        _folder_made(parent),
        _partial_folder(parent) as folder,
    ):
        yield StagedRun(folder, out)


@contextlib.contextmanager
def _folder_made(parent: Path) -> Iterator[None]:
    """Make a folder; what was made and is still empty is removed again."""
    made = [each for each in (parent, *parent.parents) if not each.exists()]
    parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            for each in made:
                each.rmdir()


@contextlib.contextmanager
def _partial_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for a run that is being written; nothing is left of it unless it is renamed."""
    _remove_stale(parent)
    folder = Path(tempfile.mkdtemp(prefix=_partial_prefix(), dir=parent))
    lock = _lock(folder)
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _remove_stale(parent: Path) -> None:
    """Remove what processes of this machine left here that were killed while they wrote a run."""
    for folder in parent.glob(f"{_partial_prefix()}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < _STALE_SECONDS:
                continue
            lock = _lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _partial_prefix() -> str:
    # A lock says little about processes of another machine that shares the disk.
    return f"{_PARTIAL}{re.sub(r'[^A-Za-z0-9]', '_', platform.node())}-"


def _lock(folder: Path) -> int | None:
    """Return a descriptor that holds `folder` until it is closed or its process ends, else None."""
    if sys.platform == "win32":
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def check_free(out: Path | None) -> None:
    """Raise RunError where a run would overwrite something."""
    if out is not None and out.exists():
        raise RunError(
            f"{out} exists already; runs are never overwritten", hint="choose another --out"
        )


def copy_imports(files: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Copy the Python files of a config into a run; return their names there."""
    for file in files:
        shutil.copyfile(file, folder / Path(file).name)
    return tuple(Path(file).name for file in files)


@dataclass(frozen=True)
class StagedRun:
    """A run that is being written under a temporary name."""

    path: Path
    out: Path | None

    def publish(self, manifest: dict[str, Any]) -> RunFolder:
        """Write the manifest, with the sha256 of every file, and give the folder its final name."""
        run = RunFolder(self.path)
        files = {
            file.relative_to(self.path).as_posix(): hash_file(file)
            for file in sorted(self.path.rglob("*"))
            if file.is_file()
        }
        write_json(run.manifest, {"format": MANIFEST_FORMAT, **manifest, "files": files})
        return RunFolder(self._rename())

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
        taken = [int(item.name) for item in parent.iterdir() if _NUMBER.fullmatch(item.name)]
        return parent / f"{max(taken, default=0) + 1:03d}"


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a run; raises RunError."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} is missing", hint="is this a run folder, copied whole?") from None
    except OSError as error:
        raise refusal(error, path, "cannot be read", RunError) from None
    except (ValueError, RecursionError):
        raise RunError(
            f"{path} is not whole: its JSON cannot be read", hint="copy it again"
        ) from None
    if not isinstance(values, dict):
        raise RunError(f"{path}: expected a JSON object")
    return values


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON that a person can read; NaN is refused, since it is no JSON."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is no text is kept as JSON escapes of its bytes.
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _why_no_run(path: Path) -> str:
    folders = [folder for folder in (path, RUNS / path) if folder.exists()]
    if not folders:
        return "there is no such run"
    if folders[0].is_file():
        return "expected a run folder, got a file"
    if any(item.name.startswith(_PARTIAL) for folder in folders for item in folder.iterdir()):
        return "no run in this folder is finished yet"
    return "not a run folder: it has no manifest.json"


def _known_runs(wanted: str) -> str | None:
    folders = RUNS.iterdir() if RUNS.is_dir() else ()
    names = sorted(item.name for item in folders if item.name != wanted and list_runs(item))
    if not names:
        return "`dlcli train CONFIG` writes runs to runs/NAME/NUMBER"
    near = difflib.get_close_matches(wanted, names, 1, 0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"names in {RUNS}/: {', '.join(names[:10])}{more}"
