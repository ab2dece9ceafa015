"""Columns and cells that are seldom what they seem: row numbers, stand-ins for missing, ..."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Nature = Literal["empty", "constant", "row number", "identifier", "text"]

MISSING_WORDS = frozenset(
    (
        *("?", "-", "--", ".", "..", "na", "n/a", "n / a", "n.a.", "#n/a", "nan", "null", "#null!"),
        *("unknown", "missing", "undefined", "not available", "not_available"),
    )
)
"""Texts, in lower case, that stand for a missing cell in any column."""
MISSING_IN_NUMBERS = MISSING_WORDS | {"none", "nil", "x", "no data", "#div/0!", "#value!", "inf"}
"""The same where the other cells are numbers or dates."""
STAND_INS = tuple(-(10.0**digits - 1) for digits in range(1, 6))
"""-9, -99, ..., -99999: numbers that stand for a missing cell when every other one is far above."""
MOST_STAND_IN_SHARE = 0.2
"""Where more cells hold -1 than this, it rather means something, as in 'never'."""
FEWEST_ROWS = 10
"""Fewer numbers in a row can be 1, 2, 3, ... by chance."""

_ID_NAME = re.compile(
    r"(^|[\W_])(id|ids|index|idx|rowid|row|nr|no|number|key|uuid)$", re.IGNORECASE
)
_CAMEL_ID = re.compile(r"[a-z](Id|ID|Nr|No)$")


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A cell that probably means missing, and how many rows hold it."""

    text: str
    count: int
    is_certain: bool = True
    """Whether hardly any table would mean it otherwise."""


def find_words(counts: Mapping[str, int], *, among_numbers: bool) -> tuple[Marker, ...]:
    """Return the texts that mean missing."""
    words = MISSING_IN_NUMBERS if among_numbers else MISSING_WORDS
    return tuple(
        Marker(text=text, count=count)
        for text, count in counts.items()
        if text.strip().casefold() in words
    )


def find_stand_ins(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[Marker, ...]:
    """Return the numbers that may mean missing; `values` are the distinct ones, sorted."""
    markers = [*_low_stand_in(values, counts), *_lone_zero(values, counts)]
    high = values[-1] if len(values) > 10 else 0.0
    if high in (9999.0, 99999.0, 999999.0) and values[-2] * 5 < high:
        markers.append(_marker(high, int(counts[-1]), is_certain=False))
    return tuple(markers)


def is_row_number(values: NDArray[np.float64]) -> bool:
    """Tell whether a column only counts its rows, from 0 or 1."""
    if len(values) < FEWEST_ROWS or values[0] not in (0.0, 1.0):
        return False
    return bool(np.array_equal(values, np.arange(len(values)) + values[0]))


def is_identifier(name: str, distinct: NDArray[np.float64], num_rows: int) -> bool:
    """Tell whether whole numbers that never repeat are names of rows rather than amounts."""
    if len(distinct) < num_rows or num_rows < FEWEST_ROWS or (distinct % 1).any():
        return False
    return distinct[-1] - distinct[0] == num_rows - 1 or has_id_name(name)


def has_id_name(name: str) -> bool:
    """Tell whether a column is called like an identifier."""
    return bool(_ID_NAME.search(name.strip()) or _CAMEL_ID.search(name.strip()))


def alike_spellings(texts: list[str]) -> list[str]:
    """Return the first group of texts that differ only in case or spaces, or none."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(" ".join(text.split()).casefold(), []).append(text)
    return next((group for group in groups.values() if len(group) > 1), [])


def _low_stand_in(values: NDArray[np.float64], counts: NDArray[np.int64]) -> list[Marker]:
    if len(values) <= 10:
        return []
    low, next_low = float(values[0]), float(values[1])
    share = int(counts[0]) / int(counts.sum())
    if low == -1 and next_low >= 0 and values[-1] >= 10:
        return [_marker(low, int(counts[0]), is_certain=share <= MOST_STAND_IN_SHARE)]
    if low in STAND_INS and next_low > low / 2:
        is_far = next_low >= 0 or low <= -99
        return [_marker(low, int(counts[0]), is_certain=is_far and share < 0.5)]
    return []


def _lone_zero(values: NDArray[np.float64], counts: NDArray[np.int64]) -> list[Marker]:
    """Return zeros that stand apart from all other numbers, as in a blood pressure of 0."""
    if len(values) <= 10 or values[0] != 0:
        return []
    share = int(counts[0]) / int(counts.sum())
    others, weights = values[1:], counts[1:]
    mean = np.average(others, weights=weights)
    deviation = np.sqrt(np.average((others - mean) ** 2, weights=weights))
    if share <= 0.1 and others[0] > deviation:
        return [_marker(0.0, int(counts[0]), is_certain=False)]
    return []


def _marker(value: Any, count: int, *, is_certain: bool) -> Marker:
    return Marker(text=f"{value:g}", count=count, is_certain=is_certain)
