"""Predictions as a server answers them: JSON records, or CSV with the request's own columns."""

import io
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.formats.delimited_output import Writer
from dlcli.data.table import Table
from dlcli.errors import UsageError

Records = list[dict[str, Any]]

_INFINITE = float("inf")


def records_of(columns: pa.Table) -> Records:
    """Return a record for each row; what is no number is None, as JSON has no other word for it."""
    return _records(columns.column_names, [_plain(column) for column in columns.columns])


def records_of_columns(columns: Iterable[tuple[str, NDArray[Any] | pa.Array]]) -> Records:
    """Return the records of predictions that are arrays still."""
    names, values = [], []
    for name, column in columns:
        names.append(name)
        values.append(
            _finite(column.tolist())
            if isinstance(column, np.ndarray)
            else _plain(pa.chunked_array([column]))
        )
    return _records(names, values)


def _records(names: list[str], columns: list[list[Any]]) -> Records:
    return [dict(zip(names, line, strict=True)) for line in zip(*columns, strict=True)]


def json_of(records: Records) -> bytes:
    """Return the body of an answer in JSON."""
    text = json.dumps({"predictions": records}, ensure_ascii=False, allow_nan=False)
    # A name may hold half a surrogate pair, which is no text.
    return text.encode("utf-8", "backslashreplace")


def csv_of(columns: pa.Table, *, suffix: str) -> bytes:
    """Return the body of an answer in CSV or TSV."""
    sink = io.BytesIO()
    writer = Writer(sink, columns.schema, suffix=suffix, escape_formulas=True)
    writer.write(columns)
    writer.close()
    return sink.getvalue()


def beside(table: Table, predicted: pa.Table) -> pa.Table:
    """Return the columns of a request with their predictions; raises UsageError for a clash."""
    columns = dict(zip(table.names, table.arrow.columns, strict=True))
    for name in predicted.column_names:
        if name in columns:
            raise UsageError(
                f"the table has a column {name!r} already, where the predictions would go",
                hint="rename it, or leave it out",
            )
        columns[name] = predicted.column(name)
    return pa.table(columns)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return _finite(values)
    if pa.types.is_temporal(column.type):
        return [None if value is None else str(value) for value in values]
    return values


def _finite(values: list[Any]) -> list[Any]:
    return [value if value is not None and abs(value) < _INFINITE else None for value in values]
