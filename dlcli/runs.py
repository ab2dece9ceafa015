"""Run folders: the only module that knows the names of the files in one."""

import contextlib
import difflib
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.errors import RunError

MANIFEST_FORMAT = 1
RUNS = Path("runs")
"""Where runs go, below the working directory."""

_NUMBER = re.compile(r"\d{3,}")
_PARTIAL = ".partial-"


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
            if not file.is_file():
                raise RunError(
                    f"{file} is missing", hint="copy the run folder whole, or train again"
                )
            if expected is not None and hash_bytes(file) != expected:
                raise RunError(
                    f"{file} is not the file that training wrote: its sha256 differs",
                    hint="it was changed or cut off; copy the run folder again, or train again",
                )


def open_run(text: str | Path) -> RunFolder:
    """Find a run by its folder, or the newest run of a name; raises RunError."""
    given = Path(text)
    for path in (given, RUNS / given):
        if (path / "manifest.json").is_file():
            return RunFolder(path)
        numbered = list_runs(path)
        if numbered:
            return numbered[-1]
    raise RunError(f"{text}: {_why_no_run(given)}", hint=_known_runs(given.name))


def list_runs(folder: Path) -> list[RunFolder]:
    """Return the numbered runs in a folder, oldest first."""
    if not folder.is_dir():
        return []
    numbered = [item for item in folder.iterdir() if _NUMBER.fullmatch(item.name)]
    whole = [item for item in numbered if (item / "manifest.json").is_file()]
    return [RunFolder(path) for path in sorted(whole, key=lambda path: int(path.name))]


@contextlib.contextmanager
def stage_run(name: str, out: Path | None = None) -> Iterator["StagedRun"]:
    """Give a folder to write a run into; it becomes a run only through `StagedRun.publish`.

    What is not published is removed. `out` names the folder instead of the next number.
    """
    parent = out.parent if out is not None else RUNS / name
    check_free(out)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=parent))
    except OSError as error:
        raise RunError(f"{parent}: cannot write a run here: {error.strerror}") from None
    folder.chmod(0o755)
    try:
        yield StagedRun(folder, out)
    except OSError as error:
        raise RunError(
            f"{parent}: the run cannot be written: {error.strerror}",
            hint="nothing half-written is left",
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_free(out: Path | None) -> None:
    """Raise RunError where a run would overwrite something."""
    if out is not None and out.exists():
        raise RunError(
            f"{out} exists already; runs are never overwritten", hint="choose another --out"
        )


@dataclass(frozen=True)
class StagedRun:
    """A run that is being written under a temporary name."""

    path: Path
    out: Path | None

    def publish(self, manifest: dict[str, Any]) -> RunFolder:
        """Write the manifest, with the sha256 of every file, and give the folder its final name."""
        run = RunFolder(self.path)
        files = {
            file.relative_to(self.path).as_posix(): hash_bytes(file)
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
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None
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
    path.write_text(text + "\n", encoding="utf-8")


def hash_bytes(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    names = sorted(item.name for item in folders if item.is_dir() and item.name != wanted)
    if not names:
        return "`dlcli train CONFIG` writes runs to runs/NAME/NUMBER"
    near = difflib.get_close_matches(wanted, names, 1, 0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"names in {RUNS}/: {', '.join(names[:10])}{more}"
