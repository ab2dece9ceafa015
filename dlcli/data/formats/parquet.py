"""Parquet files, whose own column types are kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dlcli.data.formats.header import column_names, given_names
from dlcli.data.readers import ReadOptions
from dlcli.data.table import Origin, Table
from dlcli.data.typed_columns import plain_column
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
        plain_column(column, name, file=path.name)
        for name, column in zip(names, arrow.columns, strict=True)
    ]
    origin = Origin(path=path, first_row=first_row, num_rows=arrow.num_rows)
    return Table.from_arrow(pa.Table.from_arrays(columns, names=names), origin)
