"""What cells mean: text to numbers, dates and booleans, strictly; and typed columns to text."""

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dlcli.data.lean_arrow import skip_pandas
from dlcli.errors import DataError

skip_pandas()

TRUE_WORDS = ("true", "True", "TRUE")
FALSE_WORDS = ("false", "False", "FALSE")

_NUMBER = r"^[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*$"
_IS_NUMBER = re.compile(_NUMBER, re.ASCII)
# "007" and "0x1F": a number would lose what is written.
_CODE = r"^[ \t]*[+-]?0[0-9xX][0-9a-fA-F]*[ \t]*$"
_LONG_INTEGER = r"^[ \t]*[+-]?[0-9]{16,}[ \t]*$"
_EXACT_FLOAT_LIMIT = 2.0**53
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_SAMPLE_CELLS = 32


def infer_column(
    column: pa.ChunkedArray, *, decimal: str = ".", thousands: str | None = None
) -> pa.ChunkedArray:
    """Type a text column by all its cells: numbers, true/false, ISO dates, else text as it is.

    Whole numbers written with leading zeros ("00123") and those too long for an exact number
    keep the column text: they are codes, and a number would lose digits.
    """
    sample = column.slice(0, _SAMPLE_CELLS * 8).drop_null().slice(0, _SAMPLE_CELLS).to_pylist()
    sample = sample or column.drop_null().slice(0, _SAMPLE_CELLS).to_pylist()
    if not sample:
        return column
    # The sample only decides which kind is worth trying; every cell decides whether it holds.
    if all(_number_text(cell, decimal, thousands) is not None for cell in sample):
        plain = all(re.fullmatch(r"[+-]?[0-9]+", cell) for cell in sample)
        return _infer_numbers(column, decimal=decimal, thousands=thousands, plain=plain) or column
    if all(cell in TRUE_WORDS or cell in FALSE_WORDS for cell in sample):
        return _infer_booleans(column) or column
    if all(_ISO.fullmatch(cell) for cell in sample):
        return _infer_dates(column) or column
    return column


def parse_numbers(
    column: pa.ChunkedArray, *, decimal: str = ".", thousands: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the column as numbers and the indices of the rows that hold something else.

    Missing and unreadable cells are NaN. "nan" and "inf" as text are unreadable; leading zeros
    are read, since a number is asked for. Infinities of typed columns are passed on.
    """
    if not pa.types.is_string(column.type):
        return _typed_numbers(column)
    values = _cast_numbers(column, decimal=decimal, thousands=thousands)
    if values is None:
        normal = _normalise(column, decimal=decimal, thousands=thousands)
        readable = pc.match_substring_regex(normal, _NUMBER)
        normal = pc.if_else(readable, pc.utf8_trim_whitespace(normal), pa.scalar(None, pa.string()))
        values = pc.cast(normal, pa.float64())
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
    numbers = _to_floats(values)
    bad = np.flatnonzero(np.isnan(numbers) & ~missing_mask(column))
    return numbers, bad


def parse_dates(
    column: pa.ChunkedArray, format: str | None = None
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Return the column as UTC datetime64[us] and the indices of the rows that are no date.

    `format` is a strptime pattern; None reads ISO 8601. Missing and unreadable cells are NaT.
    """
    if pa.types.is_temporal(column.type) and not pa.types.is_time(column.type):
        dates = column.to_numpy(zero_copy_only=False).astype("datetime64[us]")
        return dates, np.zeros(0, np.int64)
    texts = to_text(column).combine_chunks().dictionary_encode()
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    distinct = [_read_date(text, format) for text in texts.dictionary.to_pylist()]
    known = np.array([*distinct, np.datetime64("NaT")], dtype="datetime64[us]")
    codes = pc.fill_null(texts.indices, len(distinct)).to_numpy(zero_copy_only=False)
    dates = known[codes]
    return dates, np.flatnonzero(np.isnat(dates) & ~missing_mask(column))


def parse_booleans(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return true/false cells as 1 and 0, and the indices of the rows that hold neither."""
    if pa.types.is_boolean(column.type):
        return _typed_numbers(column)
    text = to_text(column)
    is_true = pc.is_in(text, value_set=pa.array(TRUE_WORDS))
    is_false = pc.is_in(text, value_set=pa.array(FALSE_WORDS))
    is_true, is_false = is_true.to_numpy(), is_false.to_numpy()
    values = np.where(is_true, 1.0, np.where(is_false, 0.0, np.nan))
    return values, np.flatnonzero(np.isnan(values) & ~missing_mask(column))


def missing_mask(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Tell for each row whether its cell is missing [rows]."""
    if column.null_count == 0:
        return np.zeros(len(column), dtype=bool)
    mask: NDArray[np.bool_] = column.is_null().to_numpy()
    return mask


def mark_missing(column: pa.ChunkedArray, markers: Sequence[str]) -> pa.ChunkedArray:
    """Empty the cells that say "missing": whose text is a marker or whose number equals it."""
    if not markers:
        return column
    if pa.types.is_string(column.type):
        marked = pc.is_in(column, value_set=pa.array(list(markers), pa.string()))
    elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        numbers = [float(marker) for marker in markers if _IS_NUMBER.match(marker)]
        if pa.types.is_integer(column.type):
            numbers = [number for number in numbers if number.is_integer()]
        if not numbers:
            return column
        value_set = pa.array(numbers, pa.float64())
        marked = pc.is_in(pc.cast(column, pa.float64(), safe=False), value_set=value_set)
    else:
        marked = pc.is_in(to_text(column), value_set=pa.array(list(markers), pa.string()))
    if not pc.any(marked).as_py():
        return column
    return pc.if_else(marked, pa.scalar(None, column.type), column)


def to_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write each cell as text: whole numbers without a decimal point, dates in ISO 8601."""
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_floating(kind):
        return pa.chunked_array([_float_text(chunk) for chunk in column.chunks], pa.string())
    text = pc.cast(column, pa.string())
    if pa.types.is_timestamp(kind):
        text = pc.replace_substring_regex(text, r"\.0+(Z?)$", r"\1")
    return text


def join_columns(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Lay columns end to end in the narrowest type that holds them all, at worst text."""
    known = [column for column in columns if column.null_count < len(column)] or list(columns)
    kinds = {column.type for column in known}
    if len(kinds) == 1:
        kind = kinds.pop()
    elif kinds == {pa.int64(), pa.float64()} and all(map(_fits_float, known)):
        kind = pa.float64()
    else:
        kind = pa.string()
    joined = []
    for column in columns:
        if column.type != kind and column.null_count == len(column):
            column = pa.chunked_array([pa.nulls(len(column), kind)])
        elif column.type != kind:
            column = to_text(column) if kind == pa.string() else pc.cast(column, kind)
        joined.extend(column.chunks)
    return pa.chunked_array(joined, kind)


def column_of(cells: Sequence[object]) -> pa.ChunkedArray:
    """Build a column from Python values: one type if all cells agree, else their texts."""
    kinds = {type(cell) for cell in cells if cell is not None and cell != ""}
    values = [None if cell == "" else cell for cell in cells]
    if kinds <= {int, float} and kinds and _ints_fit(values, has_floats=float in kinds):
        kind = pa.float64() if float in kinds else pa.int64()
        return pa.chunked_array([pa.array(values, kind)])
    if kinds == {bool}:
        return pa.chunked_array([pa.array(values, pa.bool_())])
    texts = [None if cell is None else cell_text(cell) for cell in values]
    return pa.chunked_array([pa.array(texts, pa.string())])


def cell_text(cell: object) -> str:
    """Write one Python value as the text its cell would hold in a CSV file."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return (
            str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT_FLOAT_LIMIT else repr(cell)
        )
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return str(cell)


def _number_text(cell: str, decimal: str, thousands: str | None) -> str | None:
    if thousands is not None:
        cell = re.sub(_grouped_pattern(thousands), lambda m: m[0].replace(thousands, ""), cell)
    if decimal != ".":
        cell = cell.replace(".", "?").replace(decimal, ".")
    return cell if _IS_NUMBER.match(cell) else None


def _grouped_pattern(thousands: str) -> str:
    return rf"^[ \t]*[+-]?[0-9]{{1,3}}({re.escape(thousands)}[0-9]{{3}})+"


def _normalise(column: pa.ChunkedArray, *, decimal: str, thousands: str | None) -> pa.ChunkedArray:
    """Write numbers the plain way; a misplaced separator leaves its cell unreadable."""
    if thousands is not None:
        follow = rf"({re.escape(decimal)}[0-9]*)?([eE][+-]?[0-9]+)?[ \t]*$"
        grouped = pc.match_substring_regex(column, _grouped_pattern(thousands) + follow)
        bare = pc.replace_substring(column, thousands, "")
        column = pc.if_else(pc.fill_null(grouped, False), bare, column)
    if decimal != ".":
        column = pc.replace_substring(pc.replace_substring(column, ".", "?"), decimal, ".")
    return column


def _cast_numbers(
    column: pa.ChunkedArray, *, decimal: str, thousands: str | None
) -> pa.ChunkedArray | None:
    """Return the text column as float64, or None when any cell is not a finite number."""
    if decimal != "." or thousands is not None:
        column = _normalise(column, decimal=decimal, thousands=thousands)
    try:
        values = pc.cast(column, pa.float64())
    except pa.ArrowInvalid:
        try:
            values = pc.cast(pc.ascii_trim(column, " \t"), pa.float64())
        except pa.ArrowInvalid:
            return None
    return values if pc.all(pc.is_finite(values)).as_py() is not False else None


def _infer_numbers(
    column: pa.ChunkedArray, *, decimal: str, thousands: str | None, plain: bool
) -> pa.ChunkedArray | None:
    if plain:
        try:
            integers = pc.cast(column, pa.int64())
        except pa.ArrowInvalid:
            pass
        else:
            return None if _has_codes(column) else integers
    values = _cast_numbers(column, decimal=decimal, thousands=thousands)
    if values is None:
        return None
    whole = pc.equal(values, pc.trunc(values))
    if pc.any(whole).as_py() and _has_codes(column.filter(whole)):
        return None
    if not _fits_float(values):
        texts = _normalise(column, decimal=decimal, thousands=thousands)
        long = texts.filter(pc.match_substring_regex(texts, _LONG_INTEGER)).unique().to_pylist()
        if any(int(text) != float(text) for text in long):
            return None
    return values


def _has_codes(column: pa.ChunkedArray) -> bool:
    # Most cells begin with 1 to 9, which a comparison tells much faster than the pattern.
    suspects = column.filter(pc.less(column, "1"))
    return pc.any(pc.match_substring_regex(suspects, _CODE)).as_py() is True


def _infer_booleans(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    values, bad = parse_booleans(column)
    if len(bad):
        return None
    missing = missing_mask(column)
    return pa.chunked_array([pa.array(values == 1.0, pa.bool_(), mask=missing)])


def _infer_dates(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    for kind in (pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return pc.cast(column, kind)
        except pa.ArrowInvalid:
            continue
    return None


def _read_date(text: str, format: str | None) -> np.datetime64:
    try:
        if format is not None:
            moment = datetime.strptime(text, format)
        elif _ISO.fullmatch(text):
            moment = datetime.fromisoformat(text)
        else:
            return np.datetime64("NaT")
    except ValueError:
        return np.datetime64("NaT")
    offset = moment.utcoffset()
    if offset is not None:
        moment = moment.replace(tzinfo=None) - offset
    return np.datetime64(moment, "us")


def _typed_numbers(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan), np.zeros(0, np.int64)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        values = pc.cast(column, pa.float64(), safe=False)
        return _to_floats(values), np.zeros(0, np.int64)
    return np.full(len(column), np.nan), np.flatnonzero(~missing_mask(column))


def _to_floats(values: pa.ChunkedArray) -> NDArray[np.float64]:
    floats = values.to_numpy(zero_copy_only=False)
    return np.asarray(floats, dtype=np.float64)


def _fits_float(values: pa.ChunkedArray) -> bool:
    low_high = pc.min_max(values).as_py()
    bounds = [abs(bound) for bound in low_high.values() if bound is not None]
    return all(bound < _EXACT_FLOAT_LIMIT for bound in bounds)


def _ints_fit(values: Sequence[object], *, has_floats: bool) -> bool:
    limit = 2**53 if has_floats else 2**63
    return all(-limit <= value < limit for value in values if isinstance(value, int))


def _float_text(chunk: pa.Array) -> pa.Array:
    # Arrow writes 12345678901.0 as 1.2345678901e+10, which is no longer the identifier it was.
    floats = chunk.to_numpy(zero_copy_only=False)
    whole = np.isfinite(floats) & (floats == np.trunc(floats)) & (abs(floats) < _EXACT_FLOAT_LIMIT)
    integers = pa.array(np.where(whole, floats, 0.0).astype(np.int64))
    texts = pc.if_else(pa.array(whole), pc.cast(integers, pa.string()), pc.cast(chunk, pa.string()))
    return pc.if_else(chunk.is_valid(), texts, pa.scalar(None, pa.string()))


def check_decimal(decimal: str, thousands: str | None) -> None:
    """Refuse number separators that cannot be told apart."""
    if decimal not in {".", ","} or thousands == decimal or len(thousands or ",") != 1:
        raise DataError(
            f"decimal {decimal!r} and thousands {thousands!r} cannot be told apart",
            hint="decimal is '.' or ','; thousands is one other character",
        )
