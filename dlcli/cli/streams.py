"""Standard streams that are always there, show any character, and tell when output is lost."""

import codecs
import errno
import io
import os
import select
import sys
from typing import Any, TextIO

from dlcli.errors import UsageError
from dlcli.files import refusal

LOOKALIKES = {
    **dict(zip("▁▂▃▄▅▆▇█", ".:-=+*#@", strict=True)),
    **dict.fromkeys("─━╸╺\N{EN DASH}", "-"),
    "…": "...",
    "\N{MULTIPLICATION SIGN}": "x",
}
"""What stands for a character of ours on a stream whose encoding lacks it."""

_SURROGATES = range(0xDC80, 0xDD00)
"""Bytes of file names that are no text, as Python keeps them."""


def use_utf8_for_names() -> None:
    """Start again in UTF-8 mode where Python could not name every file that a config may name.

    In such a locale, `LC_ALL=C` for one, Python encodes file names in ASCII. The terminal keeps
    its own encoding.
    """
    is_utf8 = codecs.lookup(sys.getfilesystemencoding()).name == "utf-8"
    if is_utf8 or os.environ.get("PYTHONUTF8") == "1" or not sys.executable:
        return
    os.environ["PYTHONUTF8"] = "1"
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def prepare_streams() -> None:
    """Put streams in the place of Python's that bear a full disk, a closed pipe and any encoding."""
    _fill_closed()
    codecs.register_error("dlcli", _show_otherwise)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    sys.stdout = _text_stream(sys.stdout, _Results(1, "w", closefd=False))
    sys.stderr = _text_stream(sys.stderr, _Remarks(2, "w", closefd=False))


def shows_language(name: str) -> bool:
    """Tell whether standard output and standard error have the letters of a language."""
    letters = {"zh": "\u5217"}.get(name, "")
    for stream in (sys.stdout, sys.stderr):
        try:
            letters.encode(getattr(stream, "encoding", None) or "utf-8")
        except (UnicodeEncodeError, LookupError):
            return False
    return True


def _fill_closed() -> None:
    """Occupy closed descriptors, or the next file opened would be taken for a standard stream."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # Standard output is opened for reading: what is written there must fail, not vanish.
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)


def _text_stream(old: TextIO | None, raw: io.FileIO) -> TextIO:
    if old is not None:
        old.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if old is None else old.encoding,
        errors="dlcli",
        line_buffering=old is None or bool(getattr(old, "line_buffering", True)),
    )


class _Patient(io.FileIO):
    """A stream that waits where whoever shares it has made it refuse to."""

    def write(self, data: Any) -> int:
        written = super().write(data)
        if written is None:
            select.select([], [self.fileno()], [])
        return written or 0


class _Results(_Patient):
    """Standard output: the first write that fails is told, later ones go nowhere."""

    is_lost = False

    def write(self, data: Any) -> int:
        if self.is_lost:
            return len(data)
        try:
            return super().write(data)
        except BrokenPipeError:
            self.is_lost = True
            raise
        except OSError as error:
            self.is_lost = True
            if error.errno == errno.EBADF:
                raise UsageError(
                    "standard output is closed: the result is lost",
                    hint="redirect it: `> FILE`, or `> /dev/null` where it is not wanted",
                ) from None
            raise refusal(error, "standard output", "cannot be written") from None


class _Remarks(_Patient):
    """Standard error: once nobody can read it, work goes on without it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            # For what libraries write past Python, too.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            return len(data)


def _show_otherwise(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what stands for one character that a stream cannot show."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    after = error.start + 1
    if ord(character) in _SURROGATES:
        return bytes([ord(character) - 0xDC00]), after
    return LOOKALIKES.get(character) or character.encode("unicode_escape").decode("ascii"), after
