"""What keeps rows from forming windows: order, repeated stamps, gaps, series that are too short."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.policies import (
    MISSING_CELLS,
    Cells,
    CellsError,
    cell_texts,
    cells_error,
)
from dlcli.data.columns.settings import column_hint
from dlcli.data.table import Table
from dlcli.data.time_steps import duration_text
from dlcli.data.windows import Rows, Series, WindowPlan
from dlcli.errors import DataError
from dlcli.spec.problems import join_names

MOST_SHOWN = 5


def check_cells(plan: WindowPlan, cells: Cells) -> None:
    """Raise DataError where a row lacks its time or its series."""
    for key, name in plan.names.items():
        column = cells.columns[name]
        lacking = np.zeros_like(column.missing)
        lacking[cells.kept] = ~column.valid[cells.kept]
        if lacking.any():
            raise cells_error(
                cells.table,
                name,
                lacking,
                what=MISSING_CELLS,
                hint=f"`window.{key}` needs every cell: write "
                f"`{column_hint(name, missing='drop')}` under `data` to drop these rows",
            )


def check_order(series: Series, table: Table) -> None:
    """Raise DataError for rows that are out of time order, or share a stamp of their series."""
    if series.stamps is None or series.plan.time is None:
        return
    same = np.zeros(len(series.rows), dtype=bool)
    same[1:] = (np.diff(series.stamps) == 0) & ~series.are_firsts[1:]
    if same.any():
        raise _repeated(series, table, np.flatnonzero(same))
    if series.plan.spec.sort:
        return
    late = np.zeros(len(series.rows), dtype=bool)
    late[1:] = (np.diff(series.rows) < 0) & ~series.are_firsts[1:]
    if late.any():
        place = int(np.flatnonzero(late)[0])
        after, before = int(series.rows[place - 1]), int(series.rows[place])
        name = series.plan.time.name
        cells = cell_texts(table, name, [before, after])
        raise CellsError(
            f"the rows are not in the order of {name!r}{_of(series, place)}: "
            f"{table.locate(before)} ({cells[0]}) stands before row {table.locate(after).row} "
            f"({cells[1]})",
            hint="sort the file, or write `sort: true` under `data.window`",
        )


def check_gaps(series: Series, table: Table) -> None:
    """Raise DataError where stamps are missing between rows and no policy says what that does."""
    if series.plan.spec.gaps != "error" or not series.are_gaps.any():
        return
    assert series.plan.time is not None
    name, places = series.plan.time.name, np.flatnonzero(series.are_gaps)
    places = places[np.argsort(series.rows[places])]
    count = f"{len(places)} place{'s' * (len(places) > 1)}"
    lines = [f"column {name!r} does not go on by {series.plan.step} at {count}:"]
    lines += [f"  {_describe_gap(series, table, int(place))}" for place in places[:MOST_SHOWN]]
    if len(places) > MOST_SHOWN:
        lines.append(f"  and {len(places) - MOST_SHOWN} more")
    raise CellsError(
        "\n".join(lines),
        hint="under `data.window`, write `gaps: break` so that no window reaches across, or "
        "`gaps: ignore` to count rows whatever lies between them; or fill the rows in",
    )


def find_short(series: Series, *, needed: int) -> dict[str, int]:
    """Return the series that are too short, with their most rows in a row.

    Raises DataError where there are any and `short` is not `drop`, and where no series is left.
    """
    runs = series.longest_runs()
    short = {name: rows for name, rows in runs.items() if rows < needed}
    group = series.plan.group
    if short and (group is None or len(short) == len(runs)):
        raise _all_short(series, needed=needed)
    if short and group is not None and series.plan.spec.short == "error":
        listed = [f"{name} ({rows})" for name, rows in short.items()]
        raise CellsError(
            f"{len(short)} of {len(runs)} series of {group.name!r} "
            f"{'has' if len(short) == 1 else 'have'} fewer than {needed} rows "
            f"in a row, which a window takes{_made_of(series)}: "
            f"{join_names(listed, most=MOST_SHOWN)}",
            hint="write `short: drop` under `data.window` to leave them out, or shorten "
            "`length` or `horizon`",
        )
    return short


def check_holds_window(series: Series, what: str, *, hint: str | None = None) -> None:
    """Raise DataError for rows, of a part or a file, that form no window."""
    needed = series.plan.spec.rows_needed
    if series.longest_run >= needed:
        return
    of = "" if series.plan.group is None else f" of a {series.plan.group.name!r}"
    raise DataError(
        f"{what} has at most {series.longest_run} rows{of} in a row, but a window takes {needed}"
        f"{_made_of(series)}",
        hint=hint,
    )


def check_part(series: Series, name: str) -> None:
    """Raise DataError for a part of the split that holds no window."""
    hint = "no window reaches into another part: "
    hint += "" if name == "train" else f"a larger `data.split.{name}`, or "
    hint += "shorten `data.window.length` or `horizon`"
    check_holds_window(series, f"the {'training' if name == 'train' else name} part", hint=hint)


def _all_short(series: Series, *, needed: int) -> DataError:
    group, longest = series.plan.group, series.longest_run
    of = "the series has" if group is None else f"no series of {group.name!r} has more than"
    gaps = series.plan.spec.gaps == "break" and bool(series.are_gaps.any())
    between = " between two gaps" if gaps else " in a row" if group is not None else ""
    return DataError(
        f"{of} {longest} row{'s' * (longest != 1)}{between}, but a window takes {needed}"
        f"{_made_of(series) if needed > series.plan.spec.length else ''}",
        hint=_short_hint(series, needed=needed),
    )


def _short_hint(series: Series, *, needed: int) -> str:
    if needed == series.plan.spec.length:
        return f"give more of the past: {needed} rows that follow each other, without a gap"
    if series.plan.spec.gaps == "break" and series.are_gaps.any():
        return "`gaps: ignore` under `data.window` counts rows across gaps; or shorten `length`"
    return "give more rows, or shorten `data.window.length` or `horizon`"


def _made_of(series: Series) -> str:
    """Say what a window and what it predicts add up to."""
    spec = series.plan.spec
    parts = [f"length {spec.length}"]
    if spec.offset > 1:
        parts.append(f"offset {spec.offset}")
    parts.append(f"horizon {spec.horizon}")
    return f" ({', '.join(parts)})"


def _repeated(series: Series, table: Table, places: NDArray[np.int64]) -> DataError:
    assert series.plan.time is not None
    name, group = series.plan.time.name, series.plan.group
    count = f"{len(places)} time stamp{'s' * (len(places) > 1)}"
    lines = [f"column {name!r} holds {count} twice{_within(series)}:"]
    for place in places[:MOST_SHOWN]:
        rows = sorted(series.rows[place - 1 : place + 1].tolist())
        (text,) = cell_texts(table, name, rows[:1])
        lines.append(f"  {table.locate(rows[0])} and {table.locate(rows[1]).row}: {text!r}")
    if len(places) > MOST_SHOWN:
        lines.append(f"  and {len(places) - MOST_SHOWN} more")
    hint = "keep one row of each"
    if group is None:
        hint = (
            "name the column that tells several series apart, e.g. `group: station` under "
            f"`data.window`; else {hint}"
        )
    return DataError("\n".join(lines), hint=hint)


def _within(series: Series) -> str:
    return "" if series.plan.group is None else f" in one {series.plan.group.name!r}"


def _describe_gap(series: Series, table: Table, place: int) -> str:
    assert series.plan.time is not None
    assert series.stamps is not None
    before, after = series.rows[place - 1 : place + 1].tolist()
    cells = cell_texts(table, series.plan.time.name, [before, after])
    distance = series.stamps[place] - series.stamps[place - 1]
    is_date = series.plan.time.type == "date"
    far = duration_text(float(distance)) if is_date else f"{distance:g}"
    return f"{table.locate(after)}{_of(series, place)}: {cells[0]} to {cells[1]}, {far} on"


def _of(series: Series, place: int) -> str:
    group = series.plan.group
    if group is None:
        return ""
    return f" ({group.name} {series.names[int(series.codes[place])]})"


def check_history(series: Series, known: Rows, cells: Cells, names: Sequence[str]) -> None:
    """Raise DataError where a target of `names` lacks a value before later ones of its series.

    `series` holds every row, `known` the positions in the table of those that windows may hold.
    """
    places = np.arange(len(series.rows))
    is_known = np.isin(series.rows, known)
    last = np.full(len(series.names), -1)
    np.maximum.at(last, series.codes[is_known], places[is_known])
    holes = series.rows[~is_known & (places < last[series.codes])]
    for name in names:
        mask = np.zeros(cells.table.num_rows, dtype=bool)
        mask[holes] = cells.columns[name].missing[holes]
        if mask.any():
            error = cells_error(cells.table, name, mask, what=MISSING_CELLS, hint="")
            raise DataError(
                error.message,
                hint="a forecast needs the target's past up to where it begins: fill these cells, "
                "or train again with a policy that drops such rows",
            )
