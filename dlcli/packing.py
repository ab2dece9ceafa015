"""Runs as one file to send: the same bytes for the same run, checked byte for byte when opened."""

import atexit
import hashlib
import json
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from dlcli import __version__
from dlcli.errors import RunError
from dlcli.files import hash_file, reading, written_whole
from dlcli.runs import RunFolder
from dlcli.spec.run import is_run_name
from dlcli.staging import stage_run

FORMAT = 1
CONTENTS = "pack.json"
"""The first entry of a pack: what is in it, with the sha256 of every file."""

MOST_FILES = 10_000
MOST_CONTENTS_BYTES = 10_000_000
MOST_RATIO = 100
"""Unpacked bytes for each byte of the pack; a packed run is stored as it is, with a ratio of 1."""

_UNPACKED: dict[tuple[Path, int, int], RunFolder] = {}
"""What this process has unpacked to read, by the file's path, size and time."""

_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644
_CHUNK = 1 << 20
_HINT = "ask the sender to pack the run again"


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A written pack."""

    path: Path
    num_files: int
    num_bytes: int
    sha256: str


def pack_run(run: RunFolder, out: Path) -> Pack:
    """Write a run to a file; raises RunError where a file of the run is missing or changed.

    Only what the run's manifest lists is packed. Times, order and rights are fixed, and nothing is
    compressed, since compressors differ: the bytes depend on the run and on dlcli's version alone.
    """
    if out.exists():
        raise RunError(f"{out} exists already", hint="choose another --out")
    manifest = run.load_manifest()
    names = sorted(manifest["files"])
    run.check_files(*(run.path / name for name in names))
    files = [*names, run.manifest.name]
    contents = {
        "format": FORMAT,
        "dlcli": __version__,
        "name": manifest["name"],
        "files": {
            name: {
                "sha256": hash_file(run.path / name),
                "bytes": (run.path / name).stat().st_size,
            }
            for name in files
        },
    }
    with written_whole(out) as path, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        text = json.dumps(contents, indent=2, sort_keys=True) + "\n"
        archive.writestr(_entry(CONTENTS), text)
        for name in files:
            with (
                (run.path / name).open("rb") as source,
                archive.open(_entry(name), "w", force_zip64=False) as target,
            ):
                while chunk := source.read(_CHUNK):
                    target.write(chunk)
    return Pack(path=out, num_files=len(files), num_bytes=out.stat().st_size, sha256=hash_file(out))


def unpack_run(path: Path, out: Path | None = None) -> RunFolder:
    """Open a pack into `out`, or into the next number below runs/NAME; raises RunError.

    Nothing of it stays where anything is not as the pack's own list says.
    """
    with _opened(path) as opened, stage_run(opened.name, out) as staged:
        manifest = opened.extract(staged.path)
        own = {key: manifest[key] for key in manifest if key not in ("format", "files")}
        RunFolder(staged.path).manifest.unlink()
        return staged.publish(own)


def open_packed(path: Path) -> RunFolder:
    """Return a packed run, unpacked to a folder that goes when this process ends.

    It is checked like `unpack_run` does; raises RunError. A file opened before is not opened twice.
    """
    with reading(path, RunError):
        status = path.stat()
        key = (path.resolve(), status.st_size, status.st_mtime_ns)
    if key not in _UNPACKED:
        with reading(path, RunError):
            kept = Path(tempfile.mkdtemp(prefix="dlcli-packed-"))
        atexit.register(_remove, kept, os.getpid())
        # Called like the file, which messages then name.
        folder = kept / path.name
        with _opened(path) as opened:
            folder.mkdir()
            opened.extract(folder)
        _UNPACKED[key] = RunFolder(folder)
    return _UNPACKED[key]


def _remove(folder: Path, process: int) -> None:
    # A copy of the process that unpacked it may end sooner.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A pack whose list is known to be harmless."""

    path: Path
    archive: zipfile.ZipFile
    entries: Mapping[str, zipfile.ZipInfo]
    listed: Mapping[str, Mapping[str, Any]]
    name: str

    def extract(self, folder: Path) -> dict[str, Any]:
        """Write the files into `folder`, each as it was packed; return the run's manifest."""
        for name, expected in self.listed.items():
            _extract(self.archive, self.entries[name], folder / name, expected, self.path)
        run = RunFolder(folder)
        manifest = run.load_manifest()
        run.check_files(*(folder / name for name in manifest["files"]))
        return manifest


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    with reading(path, RunError):
        if path.is_dir():
            raise RunError(f"{path} is a folder; expected a packed run, as `dlcli pack` writes it")
        size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked_entries(archive, path, size)
            contents = _read_contents(archive, entries, path)
            listed = _checked_list(contents, entries, path)
            yield _Opened(
                path=path, archive=archive, entries=entries, listed=listed, name=contents["name"]
            )
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise RunError(
            f"{path} is no whole zip file: {str(error)[:80]}",
            hint="it was cut off or changed on its way; have it sent again",
        ) from None
    except OSError as error:
        raise RunError(f"{path}: cannot be unpacked: {error.strerror}") from None


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = 3
    entry.external_attr = _MODE << 16
    return entry


def _checked_entries(
    archive: zipfile.ZipFile, path: Path, size: int
) -> Mapping[str, zipfile.ZipInfo]:
    """Return the entries by name once their names, kinds and sizes are known to be harmless."""
    entries: dict[str, zipfile.ZipInfo] = {}
    if len(archive.infolist()) > MOST_FILES:
        count = len(archive.infolist())
        raise RunError(f"{path} holds {count:,} files; a run has at most {MOST_FILES:,}")
    for entry in archive.infolist():
        why = _why_refused(entry)
        if why is not None:
            raise RunError(f"{path}: {entry.filename[:100]!r} {why}", hint=_HINT)
        if entry.filename in entries:
            raise RunError(f"{path} holds {entry.filename[:100]!r} twice", hint=_HINT)
        entries[entry.filename] = entry
    unpacked = sum(entry.file_size for entry in entries.values())
    if unpacked > MOST_RATIO * size:
        raise RunError(
            f"{path} would unpack to {unpacked:,} bytes, more than {MOST_RATIO} times its own size",
            hint="`dlcli pack` compresses nothing; this file was made by something else",
        )
    return entries


def _why_refused(entry: zipfile.ZipInfo) -> str | None:
    name = entry.filename
    parts = PurePosixPath(name).parts
    if not name or name.startswith(("/", "\\")) or name[1:2] == ":":
        return "is an absolute path"
    if ".." in parts:
        return "leads out of the run's folder"
    if "\\" in name or "\0" in name or ":" in name or name != str(PurePosixPath(name)):
        return "is no plain name of a file"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that runs are not"
    return None


def _read_contents(
    archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], path: Path
) -> dict[str, Any]:
    if CONTENTS not in entries:
        raise RunError(
            f"{path} holds no {CONTENTS}: it is no packed run", hint="dlcli pack RUN makes one"
        )
    if entries[CONTENTS].file_size > MOST_CONTENTS_BYTES:
        raise RunError(f"{path}: its {CONTENTS} is too large to be a list of files")
    try:
        contents = json.loads(archive.read(CONTENTS))
    except (ValueError, RecursionError):
        raise RunError(f"{path}: its {CONTENTS} cannot be read", hint=_HINT) from None
    found = contents.get("format") if isinstance(contents, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise RunError(
            f"{path}: packed in format {found}; this dlcli reads up to {FORMAT}",
            hint="update dlcli",
        )
    is_known = found == FORMAT and isinstance(contents.get("files"), dict)
    if not is_known or not is_run_name(str(contents.get("name"))):
        raise RunError(f"{path}: its {CONTENTS} does not describe a run", hint=_HINT)
    return dict(contents)


def _checked_list(
    contents: Mapping[str, Any], entries: Mapping[str, zipfile.ZipInfo], path: Path
) -> dict[str, Mapping[str, Any]]:
    """Return the listed files; the list and the entries must name the same ones."""
    listed: dict[str, Mapping[str, Any]] = contents["files"]
    for name in entries:
        if name != CONTENTS and name not in listed:
            raise RunError(f"{path} holds {name!r}, which its {CONTENTS} does not list", hint=_HINT)
    for name, expected in listed.items():
        if name not in entries:
            raise RunError(f"{path} lacks {name!r}, which its {CONTENTS} lists", hint=_HINT)
        is_whole = isinstance(expected, dict) and {"sha256", "bytes"} <= expected.keys()
        if not is_whole or expected["bytes"] != entries[name].file_size:
            raise RunError(f"{path}: {name!r} has not the size that it was packed with", hint=_HINT)
    if "manifest.json" not in listed:
        raise RunError(f"{path} lacks 'manifest.json': it is no packed run", hint=_HINT)
    return listed


def _extract(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    target: Path,
    expected: Mapping[str, Any],
    path: Path,
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(entry) as source, target.open("xb") as file:
        for chunk in _chunks(source):
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != expected["sha256"]:
        raise RunError(
            f"{path}: {entry.filename!r} is not the file that was packed: its sha256 differs",
            hint="it was changed on its way; have it sent again",
        )


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk
