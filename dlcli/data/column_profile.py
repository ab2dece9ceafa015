"""One column in figures: its range, its most frequent values, and what in it is odd."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dlcli.data.cells import infer_column, parse_dates, parse_numbers, to_text
from dlcli.data.columns.reading import empty_missing
from dlcli.data.suspects import (
    Marker,
    Nature,
    alike_spellings,
    find_stand_ins,
    find_words,
    has_id_name,
    is_identifier,
    is_row_number,
)
from dlcli.data.table import Table
from dlcli.data.time_steps import find_step
from dlcli.data.types import InferredType, infer_type
from dlcli.spec.data import ColumnType

NUM_BINS = 12
"""Bars of a histogram."""
MOST_TOP = 8
"""Most frequent values that a profile keeps."""
_MOST_COUNTED = 20_000
"""Texts that are looked at one by one."""
_FEWEST_DATES = 3
"""Fewer dates have no step to speak of."""
_MOST_INFERRED = 40_000
"""Cells of a text column that its type is inferred from."""


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """One column; figures are those of the cells that its type can read."""

    name: str
    type: ColumnType
    missing: int
    """Empty cells; the ones in `markers` are not among them."""
    distinct: int
    """Different values that are not missing."""
    minimum: float | str | None = None
    """A number, or a date as text; None for other types."""
    median: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    deviation: float | None = None
    histogram: tuple[int, ...] = ()
    """Cells in equal stretches from minimum to maximum, or of each of a few whole numbers."""
    top: tuple[tuple[str, int], ...] = ()
    """The most frequent values of categories, booleans and whole numbers of few kinds."""
    rarest: int | None = None
    """Rows of the value that is rarest, where all values were counted."""
    nature: Nature | None = None
    """What the column is instead of something to learn from."""
    is_whole: bool = False
    """Whether every number is a whole one."""
    markers: tuple[Marker, ...] = ()
    """Cells that probably mean missing."""
    unreadable: int = 0
    """Cells that the type cannot read, `markers` left out."""
    first_unreadable: str = ""
    """Where the first of them stands, and what it holds."""
    step: str | None = None
    """How far apart most dates that follow each other are, e.g. `1 month`."""
    gaps: int = 0
    """Places where dates are missing between two."""
    first_gap: str = ""
    """The dates around the first of them."""
    date_format: str | None = None
    """How dates are written, in strptime codes; None is ISO 8601."""
    words: int | None = None
    """Words that 95 % of the cells of a text column do not exceed."""
    note: str = ""
    """What a user should know, in words."""


def profile_column(
    table: Table, name: str, *, decimal: str = ".", thousands: str | None = None
) -> ColumnProfile:
    """Profile the column `name`, typed as training would type it."""
    column = empty_missing(table.column(name), ())
    inferred = infer_type(_thinned(column), decimal=decimal, thousands=thousands)
    missing = int(column.null_count)
    if missing == len(column):
        values: dict[str, Any] = {"type": inferred.type, "distinct": 0, "nature": "empty"}
    elif inferred.type == "number":
        numbers, bad = parse_numbers(column, decimal=decimal, thousands=thousands)
        values = _profile_numbers(table, name, column, numbers, bad)
    elif inferred.type == "date" or inferred.date_format is not None:
        dates, bad = parse_dates(column, inferred.date_format)
        values = _profile_dates(dates, inferred.date_format)
        values.update(_unreadable(table, name, column, bad))
    else:
        values = _profile_texts(column, inferred)
        note = _how_numbers_are_written(column, decimal=decimal, thousands=thousands)
        values |= {"note": note} if note else {}
    profile = ColumnProfile(name=name, missing=missing, **values)
    return _with_note(profile, num_rows=len(column))


def _how_numbers_are_written(
    column: pa.ChunkedArray, *, decimal: str, thousands: str | None
) -> str:
    """Tell of texts that other marks than `decimal` and `thousands` would make numbers."""
    if not pa.types.is_string(column.type):
        return ""
    sample = _thinned(column)
    given = {"decimal": decimal, "thousands": thousands}
    for marks in ({"decimal": ","}, {"thousands": ","}, {"decimal": ",", "thousands": "."}):
        typed = infer_column(sample, **{"decimal": ".", **marks})
        if pa.types.is_integer(typed.type) or pa.types.is_floating(typed.type):
            other = [f"--{key} {mark}" for key, mark in marks.items() if given[key] != mark]
            return f"numbers when read with {' '.join(other)}"
    return ""


def _thinned(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a long text column with fewer rows, of which the same type is inferred.

    What decides is the share of cells that are numbers or dates, and the number of distinct texts.
    """
    if not pa.types.is_string(column.type) or len(column) <= _MOST_INFERRED:
        return column
    counted = pc.value_counts(column.drop_null().combine_chunks())
    texts, counts = counted.field("values"), np.asarray(counted.field("counts"))
    if len(texts) * 4 <= _MOST_INFERRED:
        shares = np.ceil(counts / counts.sum() * _MOST_INFERRED).astype(np.int64)
        return pa.chunked_array([texts.take(pa.array(np.repeat(np.arange(len(texts)), shares)))])
    rows = np.linspace(0, len(column) - 1, _MOST_INFERRED).astype(np.int64)
    sample = column.take(pa.array(rows))
    return pa.chunked_array([*sample.chunks, texts.slice(0, _MOST_INFERRED // 4)])


def _profile_numbers(
    table: Table,
    name: str,
    column: pa.ChunkedArray,
    numbers: NDArray[np.float64],
    bad: NDArray[np.int64],
) -> dict[str, Any]:
    infinite = np.flatnonzero(np.isinf(numbers))
    unreadable = _unreadable(table, name, column, np.union1d(bad, infinite))
    valid = numbers[np.isfinite(numbers)]
    if not len(valid):
        return {"type": "number", "distinct": 0, **unreadable}
    distinct, counts = _count_numbers(valid)
    is_complete = len(valid) == len(numbers)
    stand_ins = find_stand_ins(distinct, counts) if len(distinct) > 1 else ()
    is_whole = not (distinct % 1).any()
    is_few = len(distinct) <= MOST_TOP and is_whole
    order = np.argsort(-counts, kind="stable")[:MOST_TOP]
    with np.errstate(over="ignore", invalid="ignore"):
        moments = {
            "median": _finite(np.median(valid)),
            "mean": _finite(valid.mean()),
            "deviation": _finite(valid.std()),
        }
    return {
        "type": "number",
        "distinct": len(distinct),
        "minimum": float(distinct[0]),
        "maximum": float(distinct[-1]),
        **moments,
        "histogram": _histogram(valid, is_whole=is_whole),
        "top": tuple((f"{distinct[i]:g}", int(counts[i])) for i in order) if is_few else (),
        "rarest": int(counts.min()),
        "nature": _nature_of_numbers(name, valid, distinct, is_complete=is_complete),
        "is_whole": is_whole,
        **unreadable,
        "markers": (*unreadable["markers"], *stand_ins),
    }


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _count_numbers(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distinct numbers, sorted, and how often each occurs."""
    ordered = np.sort(values)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[starts], np.diff(starts, append=len(ordered))


def _nature_of_numbers(
    name: str, values: NDArray[np.float64], distinct: NDArray[np.float64], *, is_complete: bool
) -> Nature | None:
    if len(distinct) == 1:
        return "constant"
    if is_complete and is_row_number(values):
        return "row number"
    return "identifier" if is_identifier(name, distinct, len(values)) else None


def _profile_dates(dates: NDArray[np.datetime64], format: str | None) -> dict[str, Any]:
    moments = np.sort(dates[~np.isnat(dates)].astype("datetime64[us]").astype(np.int64))
    values: dict[str, Any] = {"type": "date", "distinct": 0, "date_format": format}
    if not len(moments):
        return values
    distinct = 1 + int((np.diff(moments) > 0).sum())
    return values | {
        "distinct": distinct,
        "minimum": _date_text(moments[0]),
        "median": _date_text(moments[len(moments) // 2]),
        "maximum": _date_text(moments[-1]),
        "histogram": _histogram(moments.astype(np.float64)),
        "nature": "constant" if distinct == 1 else None,
        **_profile_step(np.unique(moments)),
    }


def _profile_step(moments: NDArray[np.int64]) -> dict[str, Any]:
    """Describe how distinct dates, in order, follow each other."""
    step = find_step([moments], is_date=True) if len(moments) >= _FEWEST_DATES else None
    if step is None:
        return {}
    gaps = np.flatnonzero(~step.are_next(moments))
    around = [_date_text(moment) for moment in moments[gaps[0] : gaps[0] + 2]] if len(gaps) else []
    return {"step": str(step), "gaps": len(gaps), "first_gap": " to ".join(around)}


def _profile_texts(column: pa.ChunkedArray, inferred: InferredType) -> dict[str, Any]:
    counted = pc.value_counts(to_text(column).drop_null().combine_chunks())
    counts = np.asarray(counted.field("counts"))
    order = np.argsort(-counts, kind="stable")
    texts = counted.field("values").take(pa.array(order[:_MOST_COUNTED])).to_pylist()
    by_text = dict(zip(texts, counts[order].tolist(), strict=False))
    values: dict[str, Any] = {
        "type": inferred.type,
        "distinct": len(counts),
        "rarest": int(counts.min()),
        "markers": find_words(by_text, among_numbers=False),
    }
    if inferred.type == "image":
        return values | {"markers": ()}
    if inferred.type == "text":
        return values | {"nature": "text", "words": _count_words(column)}
    values["top"] = tuple(list(by_text.items())[:MOST_TOP])
    if len(counts) == 1:
        return values | {"nature": "constant"}
    if inferred.doubt is not None:
        return values | {"nature": "identifier"}
    alike = alike_spellings(texts) if inferred.type == "category" else []
    spelled = " and ".join(map(repr, alike[:3]))
    return values | {"note": f"{spelled} differ only in case or spaces"} if alike else values


def _count_words(column: pa.ChunkedArray) -> int:
    sample = column.drop_null().slice(0, _MOST_COUNTED)
    words = pc.count_substring_regex(sample, r"\w+").to_numpy()
    return int(np.ceil(np.percentile(words, 95)))


def _unreadable(
    table: Table, name: str, column: pa.ChunkedArray, bad: NDArray[np.int64]
) -> dict[str, Any]:
    """Describe the cells at the rows `bad`: which mean missing, and where the first other is."""
    if not len(bad):
        return {"markers": (), "unreadable": 0}
    cells = to_text(column).take(pa.array(bad))
    counted = pc.value_counts(cells.combine_chunks())
    counts = dict(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    )
    markers = find_words(counts, among_numbers=True)
    meant = [marker.text for marker in markers]
    others = np.flatnonzero(~pc.is_in(cells, value_set=pa.array(meant, pa.string())).to_numpy())
    if not len(others):
        return {"markers": markers, "unreadable": 0}
    row = int(bad[others[0]])
    text = _cut(cells[int(others[0])].as_py(), 30)
    first = f"{text!r} in {table.locate(row)}"
    return {"markers": markers, "unreadable": len(others), "first_unreadable": first}


def _histogram(values: NDArray[np.float64], *, is_whole: bool = False) -> tuple[int, ...]:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return (len(values),)
    if is_whole and high - low < NUM_BINS:
        return tuple(np.bincount((values - low).astype(np.int64)).tolist())
    # Halves keep the distance of the largest floats from overflowing.
    shares = (values / 2 - low / 2) / (high / 2 - low / 2)
    bins = np.minimum((shares * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    return tuple(np.bincount(bins, minlength=NUM_BINS).tolist())


def _date_text(microseconds: int) -> str:
    moment = str(np.datetime64(int(microseconds), "us"))
    day, _, clock = moment.partition("T")
    return day if clock == "00:00:00.000000" else f"{day} {clock[:5]}"


def _with_note(profile: ColumnProfile, *, num_rows: int) -> ColumnProfile:
    notes = [profile.note] if profile.note else []
    notes += [_NATURES[profile.nature]] if profile.nature else []
    if profile.nature == "identifier" and profile.type == "category":
        notes = [f"looks like an identifier: {profile.distinct:,} different texts"]
    elif profile.nature == "text":
        notes = [f"free text, mostly up to {profile.words} words"]
    elif profile.nature is None and profile.distinct > MOST_TOP and _is_named_code(profile):
        notes.append("is named like an identifier")
    if profile.step is not None:
        gaps = f"{profile.gaps:,} gap{'s' * (profile.gaps > 1)}" if profile.gaps else "no gap"
        first = f", the first {profile.first_gap}" if profile.gaps else ""
        notes.append(f"dates go on by {profile.step}, with {gaps}{first}")
    if profile.date_format is not None:
        notes.append(f"dates written as {profile.date_format}")
    if profile.unreadable:
        cells = "cell is" if profile.unreadable == 1 else "cells are"
        first = profile.first_unreadable
        notes.append(f"{profile.unreadable:,} {cells} no {profile.type}, the first {first}")
    notes += [_describe_marker(marker, profile, num_rows) for marker in profile.markers]
    return replace(profile, note="; ".join(notes))


def _is_named_code(profile: ColumnProfile) -> bool:
    return profile.type == "number" and profile.is_whole and has_id_name(profile.name)


_NATURES: Mapping[Nature, str] = {
    "empty": "has no value at all",
    "constant": "is the same in every row",
    "row number": "only numbers the rows",
    "identifier": "looks like an identifier: whole numbers that never repeat",
    "text": "free text",
}


def _describe_marker(marker: Marker, profile: ColumnProfile, num_rows: int) -> str:
    share = f"{marker.count:,} cells hold" if marker.count > 1 else "one cell holds"
    share += f" {marker.text!r}" if profile.type != "number" else f" {marker.text}"
    return f"{share}: {'probably' if marker.is_certain else 'perhaps'} missing"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
