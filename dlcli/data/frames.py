"""Tables that are in memory already: pandas and Polars frames, Arrow tables, columns by name."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlcli.data.sources import SourceFile
from dlcli.data.table import Origin, Table, repeated
from dlcli.data.typed_columns import plain_column
from dlcli.errors import DataError
from dlcli.spec.data import MEMORY

CALLED = Path("data")
"""What messages call a table without a file."""


def table_of(frame: Any) -> Table:
    """Return a frame as a Table; the rows count from 1. Raises DataError.

    Takes what gives an Arrow stream (pandas from 2.2 on, Polars, PyArrow), or a mapping of columns.
    """
    arrow = _arrow_of(frame)
    twice = repeated(arrow.column_names)
    if twice is not None:
        raise DataError(f"the table has two columns {twice!r}", hint="rename one of them")
    columns = [
        _with_gaps(plain_column(column, name, file=str(CALLED)))
        for name, column in zip(arrow.column_names, arrow.columns, strict=True)
    ]
    plain = pa.Table.from_arrays(columns, names=arrow.column_names)
    return Table.from_arrow(plain, Origin(path=CALLED, first_row=1, num_rows=plain.num_rows))


def fingerprint_table(table: Table) -> SourceFile:
    """Return the name under which a run records a table, with the sha256 of its Arrow stream."""
    sink = _Digest()
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), table.arrow.schema) as writer:
        writer.write_table(table.arrow.combine_chunks())
    return SourceFile(path=Path(MEMORY), sha256=sink.digest.hexdigest(), num_bytes=sink.num_bytes)


class _Digest:
    """A file that keeps nothing of what is written but its hash and size."""

    closed = False

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.num_bytes = 0

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.num_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def close(self) -> None:
        self.closed = True


def _arrow_of(frame: Any) -> pa.Table:
    try:
        if isinstance(frame, Mapping):
            return pa.table({str(name): pa.array(column) for name, column in frame.items()})
        if hasattr(frame, "reset_index"):
            # The index of a pandas frame is no column, though its Arrow stream makes it one.
            frame = frame.reset_index(drop=True)
        if hasattr(frame, "__arrow_c_stream__"):
            return pa.RecordBatchReader.from_stream(frame).read_all()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"the table cannot be taken: {error}") from error
    raise DataError(
        f"expected a table, got {type(frame).__name__}",
        hint="a pandas or Polars frame, an Arrow table, or a mapping of column names to values",
    )


def _with_gaps(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return NaN, which frames write for a gap, as missing."""
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
