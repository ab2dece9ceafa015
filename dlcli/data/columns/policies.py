"""What happens to missing and unreadable cells before anything is fitted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Literal

import numpy as np

from dlcli.data.arrays import is_array_column
from dlcli.data.cells import to_text
from dlcli.data.columns.filling import STATISTICS, check_policy, fills
from dlcli.data.columns.reading import Mask, ReadColumn, read_column
from dlcli.data.columns.settings import ColumnSettings, column_hint, yaml_text
from dlcli.data.table import Table
from dlcli.errors import DataError

Role = Literal["input", "target", "weight", "split", "filter"]
"""`split`: only decides which part a row is in. `filter`: only its own policies act."""

MOST_CELLS_SHOWN = 5

MISSING_CELLS = ("missing cell", "missing cells")
UNREADABLE_CELLS = {
    "number": ("cell that is no number", "cells that are no numbers"),
    "date": ("cell that is no date", "cells that are no dates"),
    "boolean": ("cell that is neither true nor false", "cells that are neither true nor false"),
    "image": ("image that cannot be read", "images that cannot be read"),
}


@dataclass(frozen=True, kw_only=True)
class PlannedColumn:
    """A column that is read, and what for."""

    settings: ColumnSettings
    role: Role

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def on_missing(self) -> Literal["error", "drop", "fill", "nothing"]:
        """A fill policy fills inputs; a target is never filled, a weight only by its own policy."""
        if self.settings.missing == "drop":
            return "drop" if self._acts else "nothing"
        if self.settings.missing == "error" or self.role == "filter":
            return "error" if self._acts and self.settings.missing == "error" else "nothing"
        if self.role == "input" or (self.role == "weight" and self.settings.missing_is_own):
            return "fill"
        return "error"

    @property
    def on_unreadable(self) -> Literal["error", "drop", "missing", "nothing"]:
        if self.role == "filter" and not self.settings.unreadable_is_own:
            return "nothing"
        return self.settings.unreadable

    @property
    def _acts(self) -> bool:
        return self.role != "filter" or self.settings.missing_is_own


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The columns of a table as read, with every policy settled."""

    table: Table
    columns: dict[str, ReadColumn]
    """Cells that are both `missing` and `unreadable` are taken as missing by policy."""
    kept: np.ndarray
    """Positions of the rows that no policy dropped, int64."""
    dropped: dict[str, dict[str, int]]
    """Rows dropped for each column, by reason; a row bad in two columns counts in both."""

    @property
    def num_read(self) -> int:
        return self.table.num_rows

    @property
    def num_kept(self) -> int:
        return len(self.kept)


def read_cells(
    table: Table,
    planned: Sequence[PlannedColumn],
    on_stage: Callable[[str], None] = lambda text: None,
) -> Cells:
    """Read the planned columns and settle their bad cells; raises DataError for what is refused.

    `on_stage` is told which column is looked at, and how far the reading of images is.
    """
    columns = {}
    for number, plan in enumerate(planned, 1):
        on_stage(f"reading the data: column {number:,} of {len(planned):,}")
        columns[plan.name] = _read(table, plan.settings, on_stage)
    is_dropped = np.zeros(table.num_rows, dtype=bool)
    dropped: dict[str, dict[str, int]] = {}
    for plan in planned:
        reasons = _drop_masks(plan, columns[plan.name])
        for mask in reasons.values():
            is_dropped |= mask
        counts = {reason: int(mask.sum()) for reason, mask in reasons.items() if mask.any()}
        if counts:
            dropped[plan.name] = counts
    _refuse_unreadable(table, planned, columns, ~is_dropped)
    for plan in planned:
        column = columns[plan.name]
        if plan.on_unreadable == "missing" and column.unreadable.any():
            columns[plan.name] = replace(column, missing=column.missing | column.unreadable)
    _refuse_missing(table, planned, columns, ~is_dropped)
    kept = np.flatnonzero(~is_dropped)
    return Cells(table=table, columns=columns, kept=kept, dropped=dropped)


def _read(table: Table, settings: ColumnSettings, on_stage: Callable[[str], None]) -> ReadColumn:
    if settings.type != "image":
        return read_column(table.column(settings.name), settings)
    read: ReadColumn = import_module("dlcli.data.columns.pixels").read_images(
        table, settings, on_stage
    )
    return read


class CellsError(DataError):
    """Cells that no policy covers; the hint names the keys of a config that would."""

    column: str | None = None
    rows: tuple[int, ...] = ()
    """The first rows that hold one, as people count them in their file."""


def cells_error(
    table: Table,
    name: str,
    mask: Mask,
    *,
    what: tuple[str, str],
    hint: str,
    also: str = "",
    reasons: Mapping[int, str] | None = None,
) -> DataError:
    """Build the error for the cells of column `name` where `mask` [rows] is true.

    `what` names one such cell and several of them; `reasons` say by row what is wrong with each.
    """
    rows = np.flatnonzero(mask)
    lines = [f"column {name!r} has {len(rows)} {what[len(rows) > 1]}:"]
    for row in rows[:MOST_CELLS_SHOWN].tolist():
        reason = f" {reasons[row]}" if reasons and row in reasons else ""
        lines.append(f"  {_describe(table, name, row)}{reason}")
    if len(rows) > MOST_CELLS_SHOWN:
        lines.append(f"  and {len(rows) - MOST_CELLS_SHOWN} more")
    if also:
        lines.append(also)
    error = CellsError("\n".join(lines), hint=hint)
    error.column = name
    error.rows = tuple(table.locate(row).row for row in rows[:MOST_CELLS_SHOWN].tolist())
    return error


def cell_texts(table: Table, name: str, rows: Iterable[int]) -> list[str | None]:
    """Return the cells as text, None where they are empty."""
    column = to_text(table.column(name).take(list(rows)))
    texts: list[str | None] = column.to_pylist()
    return texts


def _describe(table: Table, name: str, row: int) -> str:
    if is_array_column(table.column(name)):
        return f"{table.locate(row)}:"
    text = cell_texts(table, name, [row])[0]
    if text is None:
        return str(table.locate(row))
    shown = text if len(text) <= 60 else text[:57] + "..."
    return f"{table.locate(row)}: {shown!r}"


def _drop_masks(plan: PlannedColumn, column: ReadColumn) -> dict[str, Mask]:
    masks: dict[str, Mask] = {}
    if plan.on_unreadable == "drop":
        masks["unreadable"] = column.unreadable
    if plan.on_missing == "drop":
        masks["missing"] = column.missing
        if plan.on_unreadable == "missing":
            masks["missing"] = column.missing | column.unreadable
    return masks


def _refuse_unreadable(
    table: Table, planned: Sequence[PlannedColumn], columns: dict[str, ReadColumn], kept: Mask
) -> None:
    bad = {
        plan: columns[plan.name].unreadable & kept
        for plan in planned
        if plan.on_unreadable == "error" and columns[plan.name].unreadable.any()
    }
    bad = {plan: mask for plan, mask in bad.items() if mask.any()}
    if not bad:
        return
    plan, mask = next(iter(bad.items()))
    raise cells_error(
        table,
        plan.name,
        mask,
        what=UNREADABLE_CELLS[plan.settings.type],
        hint=_unreadable_hint(table, plan.settings, mask),
        also=_others([(other.name, int(m.sum())) for other, m in list(bad.items())[1:]]),
        reasons=columns[plan.name].reasons,
    )


def _unreadable_hint(table: Table, settings: ColumnSettings, mask: Mask) -> str:
    if settings.type == "image":
        drop = column_hint(settings.name, unreadable="drop")
        return f"mend them, or write `{drop}` under `data` to drop their rows"
    ways = []
    texts = cell_texts(table, settings.name, np.flatnonzero(mask)[:1000].tolist())
    distinct = sorted({text for text in texts if text is not None})
    if len(distinct) <= 3 and settings.type != "date":
        markers = (*settings.missing_values, *distinct)
        ways.append(f"`{column_hint(settings.name, missing_values=markers)}` if they mean missing")
    ways.append(f"`{column_hint(settings.name, unreadable='missing')}`")
    ways.append(f"`{column_hint(settings.name, unreadable='drop')}` to drop their rows")
    if settings.type == "date":
        example = column_hint(settings.name, type="date", format="%d/%m/%Y")
        ways.append(f"`{example}` if dates are written that way")
    else:
        ways.append(f"`{column_hint(settings.name, type='category')}` if these are categories")
    return f"under `data`, write {', '.join(ways[:-1])} or {ways[-1]}"


def _refuse_missing(
    table: Table, planned: Sequence[PlannedColumn], columns: dict[str, ReadColumn], kept: Mask
) -> None:
    bad: list[tuple[PlannedColumn, Mask]] = []
    for plan in planned:
        mask = columns[plan.name].missing & kept
        if not mask.any():
            continue
        if plan.on_missing == "fill":
            check_policy(plan.settings)
        elif plan.on_missing == "error":
            bad.append((plan, mask))
    if not bad:
        return
    # A target's hint is the narrower one: no policy of the whole table but `drop` reaches it.
    bad.sort(key=lambda pair: pair[0].role == "input")
    plan, mask = bad[0]
    raise cells_error(
        table,
        plan.name,
        mask,
        what=MISSING_CELLS,
        hint=_missing_hint(plan),
        also=_others([(other.name, int(m.sum())) for other, m in bad[1:]]),
    )


def _missing_hint(plan: PlannedColumn) -> str:
    drop = column_hint(plan.name, missing="drop")
    if plan.role != "input":
        reason = " (a fill policy never fills it)" if fills(plan.settings) else ""
        what = {"target": "target", "weight": "row weight"}.get(plan.role, "column of the split")
        return f"a {what} must be there{reason}: write `{drop}` under `data` to drop these rows"
    if plan.settings.type == "image":
        return f"write `{drop}` under `data` to drop these rows"
    statistics = [*STATISTICS[plan.settings.type], yaml_text({"constant": _example(plan)})]
    choices = f"`missing: drop` to drop the rows, or {', '.join(statistics)} to fill the cells"
    return f"under `data`, write {choices}; for this column alone `{drop}`"


def _example(plan: PlannedColumn) -> object:
    return {"number": 0, "boolean": False, "date": "2000-01-01"}.get(plan.settings.type, "unknown")


def _others(counts: Sequence[tuple[str, int]]) -> str:
    if not counts:
        return ""
    shown = ", ".join(f"{name!r} ({count})" for name, count in counts[:MOST_CELLS_SHOWN])
    more = len(counts) - MOST_CELLS_SHOWN
    return f"and so have the columns {shown}{f' and {more} more' if more > 0 else ''}"
