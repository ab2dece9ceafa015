"""Bytes of a text file as checked UTF-8: encodings, byte-order marks, gzip, NUL bytes."""

import codecs
import gzip
import zlib
from collections.abc import Callable
from typing import BinaryIO

from dlcli.data.formats.encodings import likely_encoding
from dlcli.data.formats.unfolding import bomb, is_bomb
from dlcli.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HINT_OF_BOMB = "is this a table? unpack it and look: what is not compressed is read at any size"
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20


class Utf8Stream:
    """A readable stream that yields UTF-8 without a mark, or raises DataError with the line.

    It remembers its last bytes, so that a reader can tell how the file ended.
    """

    closed = False

    def __init__(
        self,
        raw: BinaryIO,
        *,
        name: str,
        encoding: str | None,
        gzipped: bool,
        on_bytes: Callable[[int], None] | None = None,
    ) -> None:
        self._name = name
        self._file = raw
        self._on_bytes = on_bytes if raw.seekable() else None
        self._told = 0
        self._raw = _unzipped(raw, name) if gzipped else raw
        self._zipped = gzipped
        self._unpacked = 0
        self._pending = b""
        self._tail = (b"", b"")
        self.holds_apostrophe = False
        """Whether one was among the bytes so far."""
        self._line = 1
        self._offset = 0
        first = self._read_raw(4)
        mark, marked = next((pair for pair in _MARKS if first.startswith(pair[0])), (b"", None))
        self._encoding = encoding or marked or "utf-8"
        self._passes = codecs.lookup(self._encoding).name == "utf-8"
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        if not self._passes and encoding is not None and self._decoder_skips_mark():
            mark = b""
        self._offset = len(mark)
        self._pending = self._checked(first[len(mark) :])

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes of UTF-8, none only at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK_BYTES), b""))
        if self._pending:
            piece, self._pending = self._pending[:size], self._pending[size:]
        else:
            piece = self._next(size)
        if piece:
            self._tail = (self._tail[1], piece)
        return piece

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end, without using them up."""
        while len(self._pending) < size:
            piece = self._next(_CHUNK_BYTES)
            if not piece:
                break
            self._pending += piece
        return self._pending[:size]

    def skip(self, size: int) -> None:
        """Use up `size` bytes that a `peek` has shown."""
        assert size <= len(self._pending)
        self._pending = self._pending[size:]

    def ends_with(self, text: str) -> bool:
        """Tell whether the bytes read last are `text`, as far back as they are remembered."""
        last, expected = b"".join(self._tail), text.encode()
        if len(expected) <= len(last):
            return last.endswith(expected)
        return expected.endswith(last)

    def _next(self, size: int) -> bytes:
        # A decoder may hold back every byte of a short read, which is not the end of the file.
        while chunk := self._read_raw(max(size, 16)):
            self._tell_bytes()
            if piece := self._checked(chunk):
                return piece
        return self._checked(b"", final=True)

    def _tell_bytes(self) -> None:
        if self._on_bytes is not None:
            position = self._file.tell()
            self._on_bytes(position - self._told)
            self._told = position

    def _read_raw(self, size: int) -> bytes:
        try:
            piece = self._raw.read(size)
            self._unpacked += len(piece)
            if self._zipped and is_bomb(self._unpacked, self._file.tell()):
                raise bomb(self._name, self._unpacked, self._file.tell(), hint=_HINT_OF_BOMB)
            return piece
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(
                f"{self._name}: the gzip data is damaged or cut off",
                hint="copy or download the file again",
            ) from error
        except OSError as error:
            raise DataError(f"{self._name}: cannot be read: {error.strerror or error}") from error

    def _checked(self, chunk: bytes, *, final: bool = False) -> bytes:
        held = self._decoder.getstate()[0]
        if self._passes and not held and chunk.isascii():
            piece = chunk
        else:
            try:
                text = self._decoder.decode(chunk, final)
            except UnicodeDecodeError as error:
                raise self._undecodable(error, held) from error
            piece = text.encode("utf-8", "surrogatepass")
        if b"\0" in piece:
            raise self._nul(piece)
        self.holds_apostrophe = self.holds_apostrophe or b"'" in piece
        self._line += piece.count(b"\n")
        self._offset += len(chunk)
        return piece

    def _undecodable(self, error: UnicodeDecodeError, held: bytes) -> DataError:
        data = error.object
        before = data[: error.start].decode(self._encoding, "replace")
        line = self._line + before.count("\n")
        byte = self._offset - len(held) + error.start + 1
        other = likely_encoding(data) if self._passes else "utf-8"
        return DataError(
            f"{self._name}, line {line}: byte {byte} (0x{data[error.start]:02x}) "
            f"is not {self._encoding} text",
            hint=f"if the file is in another encoding, set it, for instance `encoding: {other}`",
        )

    def _nul(self, piece: bytes) -> DataError:
        line = self._line + piece[: piece.index(b"\0")].count(b"\n")
        looks_wide = piece.count(b"\0") * 3 > len(piece)
        return DataError(
            f"{self._name}, line {line}: a NUL byte in what should be text",
            hint="set `encoding: utf-16-le` if the file is UTF-16 without a byte-order mark"
            if looks_wide
            else "this is not a text file, or it was damaged when it was written",
        )

    def _decoder_skips_mark(self) -> bool:
        # `utf-16` and `utf-8-sig` find the mark themselves; `utf-16-le` would keep it as text.
        return codecs.lookup(self._encoding).name in {"utf-16", "utf-32", "utf-8-sig"}


def _unzipped(raw: BinaryIO, name: str) -> BinaryIO:
    magic = raw.read(2)
    if magic != _GZIP_MAGIC:
        raise DataError(
            f"{name}: not a gzip file, though its name ends in .gz",
            hint="rename it to what it is, or compress it again",
        )
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]  # reads like any binary file
