"""Parquet files, whose own column types are kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dlcli.data.formats.header import column_names, given_names
from dlcli.data.formats.unfolding import bomb, is_bomb
from dlcli.data.readers import ReadOptions
from dlcli.data.table import Origin, Table
from dlcli.data.typed_columns import plain_column
from dlcli.errors import DataError

HAS_TYPES = True
_SMALL_FILE = 1 << 22
"""Up to this size texts are read with their dictionaries, so that a bomb is seen before it fills memory."""
_MOST_RATIO = 500
"""Columns that repeat their values take less here than compressed text does."""
_NUMBER_BYTES = 8
_DAMAGES = (
    *(pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowIndexError),
    *(OSError, UnicodeDecodeError),
)


def read(path: Path, options: ReadOptions) -> Table:
    """Read the whole file; its numbers become int64 or float64."""
    with _damages_told(path), _open(path) as file:
        return _build(_read(file, path, options.on_bytes), path, options, first_row=1)


def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]:
    """Read `rows` rows at a time."""
    with _damages_told(path), _open(path) as file:
        start = 0
        for batch in _batches(file, path, options, rows):
            yield _build(batch, path, options, first_row=start + 1)
            start += batch.num_rows
        if start == 0:
            yield _build(file.schema_arrow.empty_table(), path, options, first_row=1)


@contextmanager
def _damages_told(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGES as error:
        raise _damaged(path, error) from error


def _open(path: Path) -> Any:
    """Open a file that says of itself that it will not unpack to too much."""
    texts = _text_columns(pq.read_schema(path)) if path.stat().st_size <= _SMALL_FILE else []
    file = pq.ParquetFile(path, read_dictionary=texts)
    _check_unpacked(_declared_bytes(file.metadata), path)
    return file


def _batches(file: Any, path: Path, options: ReadOptions, rows: int) -> Iterator[pa.Table]:
    size = path.stat().st_size
    if size <= _SMALL_FILE:
        whole = _read(file, path, options.on_bytes)
        for start in range(0, whole.num_rows, rows):
            yield whole.slice(start, rows)
        return
    for batch in file.iter_batches(batch_size=rows):
        if options.on_bytes is not None:
            options.on_bytes(size * batch.num_rows // max(file.metadata.num_rows, 1))
        yield pa.Table.from_batches([batch])


def _read(file: Any, path: Path, on_bytes: Callable[[int], None] | None) -> pa.Table:
    """Read the whole file; texts that a small one repeats are counted before they are written out."""
    arrow = file.read() if on_bytes is None else _read_groups(file, path, on_bytes)
    for number, column in enumerate(arrow.columns):
        if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
            _check_unpacked(_written_out_bytes(column), path)
            field = arrow.schema.field(number).with_type(column.type.value_type)
            arrow = arrow.set_column(number, field, column.cast(field.type))
    return arrow


def _read_groups(file: Any, path: Path, on_bytes: Callable[[int], None]) -> pa.Table:
    """Read one row group after the other, and tell the bytes of the file that each stands for."""
    size, num_rows = path.stat().st_size, max(file.metadata.num_rows, 1)
    groups = []
    for number in range(file.num_row_groups):
        groups.append(file.read_row_group(number))
        on_bytes(size * groups[-1].num_rows // num_rows)
    return pa.concat_tables(groups) if groups else file.read()


def _text_columns(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if _is_text(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    is_long = types.is_large_string(kind) or types.is_large_binary(kind)
    return bool(is_long or types.is_string(kind) or types.is_binary(kind))


def _declared_bytes(metadata: Any) -> int:
    """Return what the columns of fixed width take, and the others as they stand in their pages."""
    # Not by the records of single columns: of a damaged file those end the process.
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    return sum(
        max(group.num_rows, 0) * _NUMBER_BYTES * metadata.num_columns
        + max(group.total_byte_size, 0)
        for group in groups
    )


def _written_out_bytes(column: pa.ChunkedArray) -> int:
    total = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
        total += pc.sum(lengths).as_py() or 0
    return total


def _check_unpacked(unpacked: int, path: Path) -> None:
    size = path.stat().st_size
    if is_bomb(unpacked, size, ratio=_MOST_RATIO):
        raise bomb(
            path, unpacked, size,
            hint="a table of one value? write a real one without compression and dictionaries",
        )  # fmt: skip


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path.name} cannot be read as Parquet: {str(error).rstrip('.')}",
        hint="it may be cut off, or another kind of file under a Parquet name",
    )


def _build(arrow: pa.Table, path: Path, options: ReadOptions, *, first_row: int) -> Table:
    names = list(arrow.column_names)
    if options.header is not None:
        names = given_names(options.header, num_cells=len(names), file=path.name, row=first_row)
    names = column_names(names, file=path.name)
    columns = [
        plain_column(column, name, file=path.name)
        for name, column in zip(names, arrow.columns, strict=True)
    ]
    origin = Origin(path=path, first_row=first_row, num_rows=arrow.num_rows)
    return Table.from_arrow(pa.Table.from_arrays(columns, names=names), origin)
