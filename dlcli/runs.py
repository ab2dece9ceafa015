"""Run folders: the only module that knows the names of the files in one."""

import difflib
import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from dlcli.errors import RunError
from dlcli.files import hash_file, reading, refusal
from dlcli.record_shapes import MANIFEST, METRICS, check_record

MANIFEST_FORMAT = 1
RUNS = Path("runs")
"""Where runs go, below the working directory."""

BEST = "best"
"""The run of a sweep's best trial, in the sweep's folder."""
NUMBER = re.compile(r"\d{3,}")
PARTIAL = ".partial-"
"""How the name of a folder begins that is a run in the making."""
MOST_JSON_BYTES = 1 << 28
"""Far above the vocabulary of a large text column."""

PACKED = ".zip"
"""What a packed run's name ends in."""

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
    def calibration(self) -> Path:
        return self.path / "calibration.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def selection(self) -> Path:
        """The epochs of the training that chose how many a refit takes."""
        return self.path / "selection.csv"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.csv"

    @property
    def out_of_fold(self) -> Path:
        """What networks of other folds predicted, where there were folds."""
        return self.path / "out_of_fold.csv"

    @property
    def profile(self) -> Path:
        return self.path / "profile.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def resume(self) -> Path:
        """The folder in which an unfinished run keeps what it needs to go on."""
        return self.path / "resume"

    @property
    def own_files(self) -> tuple[Path, ...]:
        """What is written into a run when its training has ended."""
        networks = (self.model, self.onnx, self.preprocessing, self.calibration)
        figures = (self.metrics, self.history, self.predictions, self.profile, self.report)
        tables = (self.selection, self.out_of_fold)
        return (self.config, *networks, *figures, *tables, self.manifest)

    def load_manifest(self) -> dict[str, Any]:
        """Read the manifest; raises RunError where this is no run or one of a newer dlcli."""
        manifest = load_json(self.manifest)
        found = manifest.get("format")
        if not isinstance(found, int) or found > MANIFEST_FORMAT:
            raise RunError(
                f"{self.manifest}: format {found!r}; this dlcli reads up to {MANIFEST_FORMAT}",
                hint="update dlcli",
            )
        check_record(manifest, MANIFEST, self.manifest)
        return manifest

    def load_metrics(self) -> dict[str, Any]:
        """Read the figures; raises RunError where they are not as training writes them."""
        metrics = load_json(self.metrics)
        check_record(metrics, METRICS, self.metrics)
        return metrics

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


def open_run(text: str | Path, *, packed: bool = True) -> RunFolder:
    """Find a run by its folder, the newest run of a name, or a packed one; raises RunError.

    A packed run is a `.zip` of `dlcli pack`; it is unpacked to read, unless `packed` refuses it.
    """
    given = Path(text)
    with reading(given, RunError):
        for path in (given, RUNS / given):
            for folder in (path, path / BEST):
                if (folder / "manifest.json").is_file():
                    return RunFolder(folder)
            numbered = list_runs(path)
            if numbered:
                return numbered[-1]
        if is_packed(given):
            return _open_packed(given, allowed=packed)
        raise RunError(f"{text}: {_why_no_run(given)}", hint=_known_runs(given))


def is_packed(path: Path) -> bool:
    """Tell whether a file is called as packed runs are."""
    return path.suffix.lower() == PACKED and path.is_file()


def _open_packed(path: Path, *, allowed: bool) -> RunFolder:
    if not allowed:
        raise RunError(
            f"{path} is a packed run, which can be read and not changed",
            hint=f"dlcli unpack {path}",
        )
    # What opens packs knows how runs are written, which this module must not depend on.
    run: RunFolder = import_module("dlcli.packing").open_packed(path)
    return run


def list_runs(folder: Path) -> list[RunFolder]:
    """Return the numbered runs in a folder, oldest first."""
    with reading(folder, RunError):
        if not folder.is_dir():
            return []
        numbered = [item for item in folder.iterdir() if NUMBER.fullmatch(item.name)]
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


def copy_imports(files: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Copy the Python files of a config into a run; return their names there."""
    for file in files:
        shutil.copyfile(file, folder / Path(file).name)
    return tuple(Path(file).name for file in files)


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a run; raises RunError."""

    def record(pairs: list[tuple[str, Any]]) -> "_Record":
        made = _Record(pairs)
        made.path = path
        return made

    try:
        if path.stat().st_size > MOST_JSON_BYTES:
            raise RunError(f"{path}: {path.stat().st_size:,} bytes are no record of a run")
        values = json.loads(
            path.read_text(encoding="utf-8"),
            object_pairs_hook=record,
            parse_constant=_no_number,
        )
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


class _Record(dict[str, Any]):
    """An object of a run's JSON file; a key that it lacks is the file's fault, not ours."""

    path: Path

    def __missing__(self, key: str) -> Any:
        raise RunError(
            f"{self.path} lacks {key!r}", hint="training wrote another file; copy the run again"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON that a person can read; NaN is refused, since it is no JSON."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is no text is kept as JSON escapes of its bytes.
    write_atomically(path, (text + "\n").encode(errors="backslashreplace"))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is there whole or as it was before, whenever the machine stops."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _why_no_run(path: Path) -> str:
    folders = [folder for folder in (path, RUNS / path) if folder.exists()]
    if not folders:
        return "there is no such run"
    if folders[0].is_file():
        return "expected a run folder, got a file"
    if any(item.name.startswith(PARTIAL) for folder in folders for item in folder.iterdir()):
        return "no run in this folder is finished yet"
    return "not a run folder: it has no manifest.json"


def _known_runs(given: Path) -> str | None:
    wanted = given.name
    if given.is_file():
        return f"a packed run's name ends in {PACKED}"
    folders = RUNS.iterdir() if RUNS.is_dir() else ()
    names = sorted(item.name for item in folders if item.name != wanted and list_runs(item))
    if not names:
        return "`dlcli train CONFIG` writes runs to runs/NAME/NUMBER"
    near = difflib.get_close_matches(wanted, names, 1, 0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"names in {RUNS}/: {', '.join(names[:10])}{more}"
