"""Parquet files, whose own column types are kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dlcli.data.formats.header import column_names, given_names
from dlcli.data.readers import ReadOptions
from dlcli.data.table import Origin, Table
from dlcli.errors import DataError

HAS_TYPES = True


def read(path: Path, options: ReadOptions) -> Table:
    """Read the whole file; its numbers become int64 or float64."""
    with _open(path) as file:
        try:
            arrow = file.read()
        except (pa.ArrowInvalid, OSError) as error:
            raise _damaged(path, error) from error
    return _build(arrow, path, options, first_row=1)


def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]:
    """Read `rows` rows at a time."""
    with _open(path) as file:
        start = 0
        try:
            for batch in file.iter_batches(batch_size=rows):
                yield _build(pa.Table.from_batches([batch]), path, options, first_row=start + 1)
                start += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise _damaged(path, error) from error
        if start == 0:
            yield _build(file.schema_arrow.empty_table(), path, options, first_row=1)


def _open(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _damaged(path, error) from error


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
        _plain(column, name, path) for name, column in zip(names, arrow.columns, strict=True)
    ]
    origin = Origin(path=path, first_row=first_row, num_rows=arrow.num_rows)
    return Table.from_arrow(pa.Table.from_arrays(columns, names=names), origin)


def _plain(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    """Convert to one of the few types that tables have."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    kind = column.type
    if pa.types.is_uint64(kind) and (pc.max(column).as_py() or 0) >= 2**63:
        return pc.cast(column, pa.string())
    target = _target(kind)
    if target is None:
        raise DataError(
            f"{path.name}: column {name!r} holds values of type {kind}",
            hint="columns hold numbers, text, booleans or dates; write it as several such columns",
        )
    try:
        column = pc.cast(column, target, safe=not pa.types.is_decimal(kind))
    except pa.ArrowInvalid as error:
        raise DataError(f"{path.name}: column {name!r}: {error}") from error
    if target == pa.string():
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    return column


def _target(kind: pa.DataType) -> pa.DataType | None:
    types = pa.types
    if types.is_integer(kind):
        return pa.int64()
    if types.is_floating(kind) or types.is_decimal(kind):
        return pa.float64()
    if types.is_boolean(kind):
        return pa.bool_()
    if types.is_date(kind):
        return pa.date32()
    if types.is_timestamp(kind):
        # Nanoseconds stay, since microseconds could lose digits.
        return kind if kind.unit == "ns" else pa.timestamp("us", kind.tz)
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    is_bytes = types.is_binary(kind) or types.is_large_binary(kind)
    if is_text or is_bytes or types.is_time(kind) or types.is_null(kind):
        return pa.string()
    return None
