"""From what a config calls its source to files on this machine, and their fingerprints."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from dlcli.data.image_folder import image_files
from dlcli.errors import DataError
from dlcli.files import hash_file, reading
from dlcli.spec.addresses import without_password
from dlcli.spec.data import MEMORY

DATASET_PREFIX = "dataset:"
_GLOB_CHARACTERS = frozenset("*?[")


OnStage = Callable[[str], None]
"""Told what happens now, where that may take a while."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A data file as a run's record names it."""

    path: Path
    sha256: str
    num_bytes: int


def resolve_source(
    source: str | Sequence[str], *, folder: Path, on_stage: OnStage = lambda text: None
) -> list[Path]:
    """Return the files that `source` names, relative paths being relative to `folder`.

    A glob gives its matches in sorted order and must have one. `dataset:NAME` may download, and
    `on_stage` is told how far that is. Whether a plain path exists is left to the reader.
    """
    sources = [source] if isinstance(source, str) else list(source)
    if not sources:
        raise DataError("the source lists no files")
    files = []
    for item in sources:
        with reading(item, DataError):
            files += list(_resolve(item, folder, on_stage))
    counts = Counter(files)
    repeated = next((path for path in files if counts[path] > 1), None)
    if repeated is not None:
        raise DataError(
            f"the source names {repeated} twice", hint="every row would count twice; name it once"
        )
    return files


def fingerprint(path: Path, on_bytes: Callable[[int], None] | None = None) -> SourceFile:
    """Return the file, or the folder with all its images, with its sha256 and size.

    `on_bytes` is told of the bytes of a file as they are taken.
    """
    with reading(path, DataError):
        if path.is_dir():
            sha256, num_bytes = hash_files(image_files(path), within=path)
        else:
            sha256, num_bytes = hash_file(path, on_bytes), path.stat().st_size
        return SourceFile(path=path, sha256=sha256, num_bytes=num_bytes)


def hash_files(files: Sequence[Path], *, within: Path) -> tuple[str, int]:
    """Return one sha256 of the names and contents of files, and their bytes in all."""
    digest, num_bytes = hashlib.sha256(), 0
    for file in files:
        name = os.path.relpath(file, within)
        digest.update(f"{name}\0{hash_file(file)}\n".encode())
        num_bytes += file.stat().st_size
    return digest.hexdigest(), num_bytes


Stamps = dict[Path, tuple[int, int, int] | None]
"""What tells whether a file was written to; None for one that is not there."""


def stamp_files(paths: Sequence[Path]) -> Stamps:
    """Take note of files before they are read."""
    return {path: _stamp(path) for path in paths}


def check_unchanged(stamps: Stamps) -> None:
    """Raise DataError where a file was written to since it was stamped."""
    for path, before in stamps.items():
        now = _stamp(path)
        if now != before:
            what = "was removed" if now is None else "changed"
            raise DataError(
                f"{path} {what} while it was read: what was read of it may be no table that ever was",
                hint="run again when whatever writes the file is done",
            )


def fingerprints(
    paths: Sequence[Path], stamps: Stamps, on_bytes: Callable[[int], None] | None = None
) -> tuple[SourceFile, ...]:
    """Return the files that were read, which are still those that they were before."""
    check_unchanged(stamps)
    found = tuple(fingerprint(path, on_bytes) for path in paths)
    check_unchanged(stamps)
    return found


@contextmanager
def named_by(key: str) -> Iterator[None]:
    """Add to the error for a file that is not there which key of the config names it."""
    try:
        yield
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            error.message = f"{error.message} (`{key}`)"
        raise


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def download_stage(name: str, done: int, total: int | None, *, seconds: float) -> str:
    """Say how far a download is after so many seconds, and how long it will take, in bytes given."""
    if not total:
        return f"downloading {name}: {done / 1e6:.1f} MB"
    left = seconds * (total - done) / max(done, 1)
    far = f"downloading {name}: {done / total:.0%} of {total / 1e6:.1f} MB"
    # A first second tells little about the others.
    return far if seconds < 1 or done >= total else f"{far}, {left:.0f} s left"


def _resolve(item: str, folder: Path, on_stage: OnStage) -> Iterator[Path]:
    if not item:
        raise DataError("the source is an empty text", hint="name a file, a glob or dataset:NAME")
    if item == MEMORY:
        raise DataError(
            "the table was given in Python, and no file holds it",
            hint="name a file that does: `data.source: FILE`",
        )
    if item.startswith(DATASET_PREFIX):
        # The download module brings in HTTP and TLS, which other sources do not need.
        name = item.removeprefix(DATASET_PREFIX)
        fetch = import_module("dlcli.data.download").fetch
        began = time.monotonic()
        yield fetch(
            name,
            on_progress=lambda done, total: on_stage(
                download_stage(name, done, total, seconds=time.monotonic() - began)
            ),
        )
        return
    if "://" in item:
        raise DataError(
            f"the source {without_password(item)} is an address, not a file",
            hint="download it first, or use dataset:NAME for a set that dlcli knows",
        )
    path = folder / Path(item).expanduser()
    if path.exists() or not _GLOB_CHARACTERS & set(item):
        yield path
        return
    pattern = path.relative_to(path.anchor)
    matches = sorted(match for match in Path(path.anchor).glob(str(pattern)) if match.is_file())
    if not matches:
        raise DataError(f"no file matches {item}", hint=f"the pattern is looked up in {folder}")
    yield from matches
