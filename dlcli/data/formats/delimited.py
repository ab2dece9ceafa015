"""CSV and its relatives, through Arrow's parser; errors are located by a second, slower look."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from dlcli.data.cells import missing_mask
from dlcli.data.formats.formulas import unescape, unescape_text
from dlcli.data.formats.header import column_names, given_names
from dlcli.data.formats.stream import Utf8Stream
from dlcli.data.readers import STDIN, ReadOptions
from dlcli.data.table import Origin, Table
from dlcli.errors import DataError

HAS_TYPES = False
SEPARATORS = (",", ";", "\t", "|")

_SAMPLE_BYTES = 1 << 16
_SAMPLE_RECORDS = 20
_HEADER_LIMIT_BYTES = 1 << 24
_BLOCK_BYTES = (1 << 20, 1 << 24, 1 << 28, (1 << 31) - 1)
"""Sizes to try in turn: a row must fit into a block."""
_STREAM_BLOCK_BYTES = 1 << 23
_MAX_LISTED = 5
_MOST_RAGGED = 100_000
"""Rows of a wrong length that are counted; looking at each one takes longer than reading them."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the first lines of a file say about the rest."""

    separator: str
    names: list[str]
    first_row: int
    num_skipped_bytes: int


def read(path: Path, options: ReadOptions) -> Table:
    """Read the whole file; every column is text, empty cells are null."""
    return _read(sys.stdin.buffer.read() if path == STDIN else path, path, options)


def read_bytes(content: bytes, path: Path, options: ReadOptions) -> Table:
    """Read bytes as the file `path` that they are called."""
    return _read(content, path, options)


def _read(source: Path | bytes, path: Path, options: ReadOptions) -> Table:
    for block_bytes in _BLOCK_BYTES:
        with _open(source, path, options) as stream:
            layout = read_layout(stream, options, path=path)
            if not stream.peek(1):
                return _empty(path, layout)
            try:
                arrow = pa.csv.read_csv(
                    pa.PythonFile(stream, mode="r"),
                    read_options=_read_options(layout, block_bytes, use_threads=True),
                    parse_options=_parse_options(layout),
                    convert_options=_convert_options(layout),
                )
            except pa.ArrowInvalid as error:
                if "straddling" in str(error) and block_bytes != _BLOCK_BYTES[-1]:
                    continue
                raise _explained(error, source, path, options) from error
            _check_closed(arrow, stream, path=path, row=layout.first_row + arrow.num_rows - 1)
        arrow = arrow.slice(0, arrow.num_rows - _count_empty_tail(arrow))
        return _table(_unescaped(arrow, stream), path, layout, start=0)
    raise AssertionError("the last block size raises")


def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]:
    """Read `rows` rows at a time, within bounded memory."""
    source = sys.stdin.buffer if path == STDIN else path
    with _open(source, path, options) as stream:
        layout = read_layout(stream, options, path=path)
        if not stream.peek(1):
            yield _empty(path, layout)
            return
        start = 0
        for arrow in _regroup(_parsed_blocks(stream, layout, path), layout, rows):
            yield _table(_unescaped(arrow, stream), path, layout, start=start)
            start += arrow.num_rows
        if start == 0:
            yield _empty(path, layout)


def read_layout(stream: Utf8Stream, options: ReadOptions, *, path: Path) -> Layout:
    """Find separator, names and first data row, and move `stream` to that row."""
    file = _name(path)
    size = _SAMPLE_BYTES
    while True:
        sample = stream.peek(size)
        is_whole = len(sample) < size
        text = sample.decode("utf-8", "ignore")
        if is_whole and not text.strip():
            raise DataError(f"{file} is empty: it has no header and no rows")
        parsed = {
            separator: _first_records(text, separator, is_whole=is_whole)
            for separator in _candidates(options, path)
        }
        if is_whole or size > _HEADER_LIMIT_BYTES or all(len(r) > 1 for r in parsed.values()):
            break
        size *= 8
    if not any(parsed.values()):
        raise DataError(
            f"{file}: the first row does not end within {size >> 20} MB",
            hint="a quote in it may not be closed, or this is not a text table",
        )
    separator = _choose_separator(parsed, options, file=file)
    first = parsed[separator][0]
    if options.header is not None and not _holds_names(first.cells, options):
        names = given_names(
            options.header, num_cells=len(first.cells), file=file, row=first.num_blank_lines + 1
        )
        return Layout(separator=separator, names=names, first_row=1, num_skipped_bytes=0)
    names = column_names([unescape_text(cell) for cell in first.cells], file=file)
    num_bytes = len(text[: first.end].encode())
    stream.skip(num_bytes)
    first_row = first.num_blank_lines + 2
    return Layout(
        separator=separator, names=names, first_row=first_row, num_skipped_bytes=num_bytes
    )


@dataclass(frozen=True, kw_only=True)
class _Record:
    cells: list[str]
    end: int
    """Characters up to and including the end of its line."""
    num_blank_lines: int
    """How many stand before it."""


def _first_records(text: str, separator: str, *, is_whole: bool) -> list[_Record]:
    records: list[_Record] = []
    end, num_blank = 0, 0

    def lines() -> Iterator[str]:
        nonlocal end
        for line in io.StringIO(text, newline=""):
            end += len(line)
            yield line

    try:
        for cells in csv.reader(lines(), delimiter=separator):
            if cells:
                records.append(_Record(cells=cells, end=end, num_blank_lines=num_blank))
            num_blank += not cells
            if len(records) > _SAMPLE_RECORDS:
                break
    except csv.Error:
        pass  # A cell longer than the module's limit; what came before it is enough.
    if not is_whole and end >= len(text):
        records = records[:-1]  # The sample's end cut it off.
    return records


def _candidates(options: ReadOptions, path: Path) -> tuple[str, ...]:
    if options.separator is not None:
        others = SEPARATORS if options.is_other_file else ()
        return tuple(dict.fromkeys((options.separator, *others)))
    if ".tsv" in path.suffixes[-2:]:
        return ("\t",)
    return SEPARATORS


def _holds_names(cells: Sequence[str], options: ReadOptions) -> bool:
    """Tell whether the first row of another file than `header` was said of is a header row."""
    known = set(options.header or ())
    return options.is_other_file and len(known.intersection(cells)) >= min(2, len(known))


def _choose_separator(parsed: dict[str, list[_Record]], options: ReadOptions, *, file: str) -> str:
    if len(parsed) == 1:
        return next(iter(parsed))
    widths = {mark: len(records[0].cells) for mark, records in parsed.items() if records}
    if options.separator is not None and (widths.get(options.separator, 0) > 1 or not widths):
        return options.separator
    if options.header is not None and len(options.header) in set(widths.values()) - {1}:
        widths = {mark: w for mark, w in widths.items() if w == len(options.header)}
    wide = {mark: width for mark, width in widths.items() if width > 1}
    agreeing = {
        mark: width
        for mark, width in wide.items()
        if all(len(record.cells) == width for record in parsed[mark])
    }
    mark = options.decimal
    if mark in wide and (mark not in agreeing or agreeing.keys() - {mark}):
        # It separates cells only where every number is quoted, so that nothing else fits.
        del wide[mark]
        agreeing.pop(mark, None)
    chosen = agreeing or wide
    best = [mark for mark, width in chosen.items() if width == max(chosen.values())]
    if len(best) > 1:
        listed = " or ".join(repr(mark) for mark in best)
        raise DataError(
            f"{file}: cannot tell whether {listed} separates its cells",
            hint='set `separator`, for instance `separator: ";"`',
        )
    return best[0] if best else next(iter(widths))


@contextmanager
def _open(
    source: Path | bytes | BinaryIO, path: Path, options: ReadOptions
) -> Iterator[Utf8Stream]:
    raw: BinaryIO
    if isinstance(source, Path):
        raw = source.open("rb")
    else:
        raw = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        gzipped = path.suffix.lower() == ".gz"
        yield Utf8Stream(
            raw,
            name=_name(path),
            encoding=options.encoding,
            gzipped=gzipped,
            on_bytes=options.on_bytes,
        )
    finally:
        if isinstance(source, Path):
            raw.close()


def _parsed_blocks(stream: Utf8Stream, layout: Layout, path: Path) -> Iterator[pa.Table]:
    ragged = _RaggedRows(layout, path)
    num_rows = 0
    last = None
    try:
        reader = pa.csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=_read_options(layout, _STREAM_BLOCK_BYTES, use_threads=False),
            parse_options=_parse_options(layout, handler=ragged),
            convert_options=_convert_options(layout),
        )
        for batch in reader:
            ragged.check()
            num_rows += batch.num_rows
            last = pa.Table.from_batches([batch])
            yield last
    except pa.ArrowInvalid as error:
        ragged.check()
        raise _unexplained(error, path) from error
    ragged.check()
    if last is not None:
        _check_closed(last, stream, path=path, row=layout.first_row + num_rows - 1)


def _regroup(blocks: Iterator[pa.Table], layout: Layout, rows: int) -> Iterator[pa.Table]:
    """Cut blocks into tables of `rows` rows, without empty rows at the very end."""
    held: list[pa.Table] = []
    num_held = num_empty = 0
    for block in blocks:
        tail = _count_empty_tail(block)
        if tail < block.num_rows:
            held += [_empty_rows(layout, num_empty)] if num_empty else []
            held.append(block.slice(0, block.num_rows - tail))
            num_held += num_empty + block.num_rows - tail
            num_empty = 0
        num_empty += tail
        if num_held >= rows:
            whole = pa.concat_tables(held)
            for start in range(0, num_held - num_held % rows, rows):
                yield whole.slice(start, rows)
            held = [whole.slice(num_held - num_held % rows)]
            num_held %= rows
    if num_held:
        yield pa.concat_tables(held)


def _read_options(layout: Layout, block_bytes: int, *, use_threads: bool) -> Any:
    return pa.csv.ReadOptions(
        column_names=layout.names, block_size=block_bytes, use_threads=use_threads
    )


def _parse_options(layout: Layout, *, handler: Any = None) -> Any:
    return pa.csv.ParseOptions(
        delimiter=layout.separator,
        newlines_in_values=True,
        # An empty line counts as a row, so that row numbers stay those of the file.
        ignore_empty_lines=False,
        invalid_row_handler=handler,
    )


def _convert_options(layout: Layout) -> Any:
    return pa.csv.ConvertOptions(
        column_types=dict.fromkeys(layout.names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        check_utf8=False,  # The stream has checked.
    )


class _RaggedRows:
    """Collects the rows with too few or too many cells, as Arrow's parser meets them."""

    def __init__(self, layout: Layout, path: Path) -> None:
        self._layout = layout
        self._file = _name(path)
        self._first: list[tuple[int, int, str]] = []
        self._count = 0

    def __call__(self, row: Any) -> str:
        self._count += 1
        if len(self._first) < _MAX_LISTED:
            number = row.number + self._layout.first_row - 1
            self._first.append((number, row.actual_columns, row.text))
        return "skip" if self._count <= _MOST_RAGGED else "error"

    def check(self) -> None:
        if not self._count:
            return
        expected = len(self._layout.names)
        number, received, text = self._first[0]
        if self._count == 1:
            message = f"{self._file}, row {number}: expected {expected} cells, received {received}"
        else:
            listed = ", ".join(f"row {n} has {cells}" for n, cells, _ in self._first)
            more = self._count - len(self._first)
            listed += f", and {more} more" if more else ""
            count = self._count if self._count <= _MOST_RAGGED else f"more than {_MOST_RAGGED:,}"
            message = f"{self._file}: {count} rows do not have {expected} cells: {listed}"
        hint = f"cells are separated by {self._layout.separator!r} (`separator`); "
        hint += "a cell that contains it needs double quotes"
        if "\n" in text or "\r" in text:
            hint = f"a double quote that opens in row {number} may not be closed"
        raise DataError(message, hint=hint)


def _explained(
    error: pa.ArrowInvalid, source: Path | bytes, path: Path, options: ReadOptions
) -> DataError:
    """Read again with one thread, which knows row numbers, to say which rows are wrong."""
    with _open(source, path, options) as stream:
        layout = read_layout(stream, options, path=path)
        try:
            for _ in _parsed_blocks(stream, layout, path):
                pass
        except DataError as located:
            return located
    return _unexplained(error, path)


def _unexplained(error: pa.ArrowInvalid, path: Path) -> DataError:
    if "straddling" in str(error):
        return DataError(
            f"{_name(path)}: a row is longer than {_STREAM_BLOCK_BYTES >> 20} MB",
            hint="a double quote may not be closed",
        )
    return DataError(f"{_name(path)}: cannot be read as CSV: {error}")


def _check_closed(arrow: pa.Table, stream: Utf8Stream, *, path: Path, row: int) -> None:
    """Raise when the file ends inside a quoted cell, which Arrow would accept in silence."""
    if arrow.num_rows == 0:
        return
    last = arrow.column(arrow.num_columns - 1)[-1].as_py() or ""
    written = last.replace('"', '""')
    # Behind an open quote stands the rest of the file; behind two of them, a cell of quotes.
    if stream.ends_with('"' + written) and not stream.ends_with('""' + written):
        raise DataError(
            f"{_name(path)}, row {row}: a double quote opens a cell and is never closed",
            hint="close it, or write a quote inside a quoted cell twice",
        )


def _count_empty_tail(arrow: pa.Table) -> int:
    """Count the rows at the end that hold nothing: empty lines, or separators alone."""
    tail = int(arrow.num_rows)
    for column in arrow.columns:
        if tail == 0 or column[-1].is_valid:
            return 0
        filled = np.flatnonzero(~missing_mask(column))
        tail = min(tail, int(arrow.num_rows) - 1 - int(filled[-1]) if len(filled) else tail)
    return tail


def _unescaped(arrow: pa.Table, stream: Utf8Stream) -> pa.Table:
    """Take off the apostrophes before formulas; most files have none anywhere."""
    if not stream.holds_apostrophe:
        return arrow
    columns = [unescape(column) for column in arrow.columns]
    return pa.Table.from_arrays(columns, names=arrow.column_names)


def _empty_rows(layout: Layout, num_rows: int) -> pa.Table:
    nothing = pa.nulls(num_rows, pa.string())
    return pa.Table.from_arrays([nothing] * len(layout.names), names=layout.names)


def _empty(path: Path, layout: Layout) -> Table:
    return _table(_empty_rows(layout, 0), path, layout, start=0)


def _table(arrow: pa.Table, path: Path, layout: Layout, *, start: int) -> Table:
    origin = Origin(
        path=Path(_name(path)) if path == STDIN else path,
        first_row=layout.first_row + start,
        num_rows=arrow.num_rows,
    )
    return Table.from_arrow(arrow, origin)


def _name(path: Path) -> str:
    return "standard input" if path == STDIN else path.name
