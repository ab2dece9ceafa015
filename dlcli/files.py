"""Files on this machine: their sha256, and in one place what the system says when it refuses."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dlcli.errors import DlcliError, UsageError

_HASHED_BYTES = 1 << 22
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM}


def hash_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Return the sha256 of a file's bytes in hexadecimal; `on_bytes` is told of them as they come."""
    with path.open("rb") as file:
        if on_bytes is None:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while piece := file.read(_HASHED_BYTES):
            digest.update(piece)
            on_bytes(len(piece))
        return digest.hexdigest()


@contextmanager
def reading(path: Path | str, kind: type[DlcliError]) -> Iterator[None]:
    """Turn what the system raises while `path` is read into `kind`, with the reason and a hint."""
    try:
        yield
    except OSError as error:
        # A folder on the way may be what cannot be read.
        where = error.filename if isinstance(error.filename, str) else path
        raise refusal(error, where, "cannot be read", kind) from error


@contextmanager
def writing(path: Path | str, kind: type[DlcliError] = UsageError) -> Iterator[None]:
    """Turn what the system raises while `path` is written into `kind`, with the reason and a hint.

    A reader that has seen enough of standard output is no failure: BrokenPipeError passes.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise refusal(error, path, "cannot be written", kind) from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, whose file is called `path` once it is whole; else nothing is left.

    Errors of the body pass as they are.
    """
    # In the same folder, so that the last step is a rename within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with writing(path):
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_output(path: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Raise UsageError where writing `path` is bound to fail, or would replace what is there.

    `force` allows that, but never that a command writes over one of its own `inputs`.
    """
    with writing(path):
        if path.is_dir():
            raise UsageError(f"{path} is a folder", hint="name a file in it")
        if not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: there is no folder {path.parent}")
        if path.exists():
            if any(each.exists() and path.samefile(each) for each in inputs):
                raise UsageError(
                    f"{path} is what is read: it cannot be written at the same time",
                    hint="name another file",
                )
            if not force:
                raise UsageError(
                    f"{path} exists already",
                    hint="name another file, or write over it with --force",
                )
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def refusal(
    error: OSError, path: Path | str, what: str, kind: type[DlcliError] = UsageError
) -> DlcliError:
    """Build the error for what the system refuses to do with `path`."""
    # Keras and Arrow raise OSError with their own sentences and no number.
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = error.strerror or lines[0][:300]
    return kind(f"{path} {what}: {reason}", hint=_hint(error.errno, what))


def _hint(number: int | None, what: str) -> str | None:
    is_written = what == "cannot be written"
    if number in _FULL:
        return "free some space there, or choose another folder"
    if number in _FORBIDDEN:
        return {
            "cannot be read": "you may not read it: change its permissions, or copy it elsewhere",
            "cannot be written": "you may not write there: choose another folder, or change its "
            "permissions",
        }.get(what)
    if number == errno.EROFS:
        return "that disk is write-protected: choose another folder"
    if number == errno.ENOTDIR:
        return "a part of this path is a file where a folder is expected"
    if number == errno.ENOENT and is_written:
        return "make the folder first, or choose one that is there"
    if number == errno.EIO:
        return "the disk or the network behind it fails"
    return None
