"""Columns that come with a type of their own, as the few types that tables have."""

import pyarrow as pa
import pyarrow.compute as pc

from dlcli.errors import DataError


def plain_column(column: pa.ChunkedArray, name: str, *, file: str) -> pa.ChunkedArray:
    """Convert to one of the few types that tables have; raises DataError, naming the `file`."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    kind = column.type
    if pa.types.is_uint64(kind) and (pc.max(column).as_py() or 0) >= 2**63:
        return pc.cast(column, pa.string())
    target = _target(kind)
    if target is None:
        raise DataError(
            f"{file}: column {name!r} holds values of type {kind}",
            hint="columns hold numbers, text, booleans or dates; write it as several such columns",
        )
    try:
        column = pc.cast(column, target, safe=not pa.types.is_decimal(kind))
    except pa.ArrowInvalid as error:
        raise DataError(f"{file}: column {name!r}: {error}") from error
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
