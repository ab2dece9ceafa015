"""JSON Lines: one object a line, whose keys are the columns."""

import io
import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from dlcli.data.cells import column_of, join_columns
from dlcli.data.formats.header import check_width, given_names
from dlcli.data.formats.stream import Utf8Stream
from dlcli.data.formats.unfolding import is_sparse
from dlcli.data.readers import ReadOptions
from dlcli.data.table import Origin, Table, repeated
from dlcli.errors import DataError

HAS_TYPES = False
_BLOCK_ROWS = 65536
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def read(path: Path, options: ReadOptions) -> Table:
    """Read the whole file; a key that a line lacks is a missing cell there."""
    blocks, size = [], _Size(path.name)
    for block in _blocks(path, options, rows=_BLOCK_ROWS):
        blocks.append(block)
        size.add(block)
    names = list(dict.fromkeys(name for block in blocks for name in block.names))
    if not names:
        raise DataError(f"{path.name} is empty: it has no objects")
    columns = [join_columns([_column_or_nulls(block, name) for block in blocks]) for name in names]
    return _table(pa.Table.from_arrays(columns, names=names), path, options, start=0)


def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]:
    """Read `rows` lines at a time; a key that first appears later is a column from there on."""
    names: dict[str, None] = {}
    start, size = 0, _Size(path.name)
    for block in _blocks(path, options, rows=rows):
        names.update(dict.fromkeys(block.names))
        size.add(block)
        columns = [_column_or_nulls(block, name) for name in names]
        arrow = pa.Table.from_arrays(columns, names=list(names))
        yield _table(arrow, path, options, start=start)
        start += block.num_rows
    if not names:
        raise DataError(f"{path.name} is empty: it has no objects")


def _blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator["_Block"]:
    with path.open("rb") as raw:
        gzipped = path.suffix.lower() == ".gz"
        stream = Utf8Stream(
            raw,
            name=path.name,
            encoding=options.encoding,
            gzipped=gzipped,
            on_bytes=options.on_bytes,
        )
        lines: Iterable[bytes] = io.BufferedReader(_Raw(stream), 1 << 20)
        objects = _objects(lines, path)
        while block := list(islice(objects, rows)):
            yield _Block(block, path.name)


def _objects(lines: Iterable[bytes], path: Path) -> Iterator[dict[str, object]]:
    blank_line = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            blank_line = blank_line or number
            continue
        if blank_line:
            raise DataError(
                f"{path.name}, line {blank_line}: an empty line between objects",
                hint="every line holds one JSON object",
            )
        yield _object(line, f"{path.name}, line {number}")


def _object(line: bytes, place: str) -> dict[str, object]:
    try:
        value = parse_json(line)
    except ValueError as error:
        raise DataError(
            f"{place}: not a JSON object: {error}", hint="every line holds one JSON object"
        ) from error
    return check_row(value, place, hint="every line holds one JSON object")


def parse_json(text: bytes) -> object:
    """Parse JSON as a table takes it: no key twice, no NaN, long digits kept as text.

    Raises ValueError with the reason.
    """
    try:
        value: object = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _HALF_CHARACTER.search(text):
        _check_characters(value)
    return value


def _check_characters(value: object) -> None:
    """Raise ValueError for text that no UTF-8 can hold; two halves in a row make a character."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise ValueError(f"{half} is half a character") from None


def check_row(value: object, place: str, *, hint: str) -> dict[str, object]:
    """Return a value that is a row of cells; raises DataError for anything else."""
    if not isinstance(value, dict):
        raise DataError(
            f"{place}: expected a JSON object, received {_kind(value)}",
            hint=f'{hint}, such as {{"age": 31}}',
        )
    for name, cell in value.items():
        if isinstance(cell, (dict, list)):
            raise DataError(
                f"{place}: column {name!r} holds {_kind(cell)}",
                hint="cells are numbers, text, true, false or null; flatten nested values",
            )
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError(f"the key {repeated(name for name, _ in pairs)!r} appears twice")
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON; a missing value is null")


def _integer(digits: str) -> int | str:
    # Beyond int64 the digits are kept as text.
    return digits if len(digits) > 19 else int(digits)


def _kind(value: object) -> str:
    kinds = {list: "a list", dict: "an object", str: "text", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")


class _Size:
    """How large a table the lines make; a key of one line alone is a column of gaps."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._names: set[str] = set()
        self._rows = self._filled = 0

    def add(self, block: "_Block") -> None:
        """Count a block; raises DataError where the table would be too wide, or made of gaps."""
        self._names.update(block.names)
        self._rows += block.num_rows
        self._filled += block.num_filled
        check_width(len(self._names), file=self._file)
        cells = self._rows * len(self._names)
        if is_sparse(cells, self._filled):
            raise DataError(
                f"{self._file}: {self._rows:,} lines with {len(self._names):,} different keys make "
                f"a table of {cells:,} cells, {self._filled:,} of them filled",
                hint="every line of a table has the same keys; are these keys data?",
            )


class _Block:
    """The objects of some lines, turned to columns."""

    def __init__(self, objects: list[dict[str, object]], file: str) -> None:
        self.num_rows = len(objects)
        self.num_filled = sum(map(len, objects))
        self.names = list(dict.fromkeys(name for item in objects for name in item))
        _Size(file).add(self)
        self.columns = {
            name: column_of([item.get(name) for item in objects]) for name in self.names
        }


def _column_or_nulls(block: _Block, name: str) -> pa.ChunkedArray:
    if name in block.columns:
        return block.columns[name]
    return pa.chunked_array([pa.nulls(block.num_rows, pa.string())])


def _table(arrow: pa.Table, path: Path, options: ReadOptions, *, start: int) -> Table:
    if options.header is not None:
        names = given_names(
            options.header, num_cells=arrow.num_columns, file=path.name, row=start + 1
        )
        arrow = arrow.rename_columns(names)
    origin = Origin(path=path, first_row=start + 1, num_rows=arrow.num_rows, unit="line")
    return Table.from_arrow(arrow, origin)


class _Raw(io.RawIOBase):
    """The checked stream as Python's buffered reader wants it."""

    def __init__(self, stream: Utf8Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
