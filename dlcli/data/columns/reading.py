"""Arrow columns to NumPy values by column type, with what is missing and what cannot be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dlcli.data.cells import mark_missing, missing_mask, parse_dates, parse_numbers, to_text
from dlcli.data.columns.settings import ColumnSettings

TRUE_WORDS = frozenset({"true", "t", "yes", "y", "on", "1"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "off", "0"})

NAN_TEXT = r"(?i)^\s*nan\s*$"

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ReadColumn:
    """The cells of one column as its type reads them; every array is [rows, ...]."""

    values: NDArray[Any]
    """float64 numbers; float64 0/1; int64 microseconds since 1970; int32 codes into `names`;
    pixels [rows, height, width, channels]. Means nothing where a cell is missing or unreadable."""
    missing: Mask
    unreadable: Mask
    """Disjoint from `missing`."""
    names: tuple[str, ...] = ()
    """Distinct texts of a category or text column; how a boolean column writes (false, true)."""
    reasons: dict[int, str] = field(default_factory=dict)
    """Why images are unreadable, by row, in words that follow the cell."""

    def take(self, rows: NDArray[np.int64]) -> "ReadColumn":
        return ReadColumn(
            values=self.values[rows],
            missing=self.missing[rows],
            unreadable=self.unreadable[rows],
            names=self.names,
        )

    @property
    def valid(self) -> Mask:
        return ~(self.missing | self.unreadable)


def read_column(column: pa.ChunkedArray, settings: ColumnSettings) -> ReadColumn:
    """Read the cells as `settings.type` says, after its `missing_values` are taken out."""
    column = empty_missing(column, settings.missing_values)
    if settings.type == "number":
        return _read_numbers(column, settings)
    if settings.type == "boolean":
        return _read_booleans(column)
    if settings.type == "date":
        return _read_dates(column, settings)
    codes, names = distinct_texts(column)
    missing = missing_mask(column)
    return ReadColumn(values=codes, missing=missing, unreadable=np.zeros_like(missing), names=names)


def empty_missing(column: pa.ChunkedArray, markers: tuple[str, ...]) -> pa.ChunkedArray:
    """Return the column without the cells that are blank or say that they are missing."""
    if pa.types.is_string(column.type):
        blank = pc.match_substring_regex(column, r"^\s*$")
        if pc.any(blank).as_py():
            column = pc.if_else(blank, pa.scalar(None, pa.string()), column)
    elif pa.types.is_floating(column.type):
        nan = pc.is_nan(column)
        if pc.any(nan).as_py():
            column = pc.if_else(nan, pa.scalar(None, column.type), column)
    return mark_missing(column, markers)


def _read_numbers(column: pa.ChunkedArray, settings: ColumnSettings) -> ReadColumn:
    values, bad = parse_numbers(column, decimal=settings.decimal, thousands=settings.thousands)
    missing = missing_mask(column)
    unreadable = np.isinf(values)
    unreadable[bad] = True
    if len(bad) and pa.types.is_string(column.type):
        # As text, "NaN" is what a missing number is in a typed column.
        is_nan = pc.match_substring_regex(column.take(bad), NAN_TEXT).to_numpy()
        missing[bad[is_nan]] = True
    markers = [number for number in map(_as_float, settings.missing_values) if number is not None]
    if markers and pa.types.is_string(column.type):
        # "-1.0" in a column that holds text too: only its number says that it is the marker -1.
        missing |= np.isin(values, markers)
    return ReadColumn(values=values, missing=missing, unreadable=unreadable & ~missing)


def _read_booleans(column: pa.ChunkedArray) -> ReadColumn:
    codes, names = distinct_texts(column)
    values = np.append(_meanings(names), np.nan)[codes]
    missing = missing_mask(column)
    counts = np.bincount(codes[~missing], minlength=len(names))
    return ReadColumn(
        values=values,
        missing=missing,
        unreadable=np.isnan(values) & ~missing,
        names=boolean_names(dict(zip(names, counts.tolist(), strict=True))),
    )


def boolean_names(counts: Mapping[str, int]) -> tuple[str, str]:
    """Return how a column mostly writes false and true, from how often it has which text."""
    names = tuple(counts)
    meanings, numbers = _meanings(names), np.array(list(counts.values()))
    return (
        _commonest(names, numbers, meanings == 0.0, "false"),
        _commonest(names, numbers, meanings == 1.0, "true"),
    )


def _meanings(names: Sequence[str]) -> NDArray[np.float64]:
    """Return 1 for each text that means true, 0 for one that means false, NaN for others."""
    folded = [name.strip().casefold() for name in names]
    found = [1.0 if f in TRUE_WORDS else 0.0 if f in FALSE_WORDS else np.nan for f in folded]
    return np.array(found, dtype=np.float64)


def _commonest(names: tuple[str, ...], counts: NDArray[Any], chosen: Mask, default: str) -> str:
    candidates = [(-int(counts[code]), names[code]) for code in np.flatnonzero(chosen)]
    return min(candidates)[1] if candidates else default


def _read_dates(column: pa.ChunkedArray, settings: ColumnSettings) -> ReadColumn:
    dates, bad = parse_dates(column, settings.format)
    missing = missing_mask(column)
    unreadable = np.zeros_like(missing)
    unreadable[bad] = True
    values = dates.astype("datetime64[us]").astype(np.int64)
    return ReadColumn(values=values, missing=missing, unreadable=unreadable & ~missing)


def distinct_texts(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return each cell as a code into the distinct texts, -1 where it is missing; and the texts."""
    encoded = to_text(column).dictionary_encode().unify_dictionaries().combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int32), tuple(encoded.dictionary.to_pylist())


def _as_float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
