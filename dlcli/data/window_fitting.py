"""The windows of a run, fitted: the step of its time column, and what its split leaves of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.policies import Cells, PlannedColumn
from dlcli.data.columns.settings import column_hint
from dlcli.data.split import Rows, RowSplit, split_rows
from dlcli.data.time_steps import find_step
from dlcli.data.types import infer_type
from dlcli.data.window_checks import (
    check_cells,
    check_gaps,
    check_order,
    check_part,
    find_short,
)
from dlcli.data.windows import Series, WindowPlan, Windows, count_windows, lay_out
from dlcli.errors import DataError
from dlcli.spec.data import DataSpec, SplitSpec
from dlcli.spec.problems import join_names


def plan_windows(
    spec: DataSpec, planned: Sequence[PlannedColumn], cells: Cells
) -> WindowPlan | None:
    """Return the windows that the config asks for, their step still open; raises DataError."""
    if spec.window is None:
        return None
    settings = {plan.name: plan.settings for plan in planned}
    time, group = spec.window.time, spec.window.group
    plan = WindowPlan(
        spec=spec.window,
        time=None if time is None else settings[time],
        group=None if group is None else settings[group],
        lags=spec.lag_names,
        step=None,
    )
    _check_time(plan, cells)
    check_cells(plan, cells)
    check_order(lay_out(plan, cells, cells.kept), cells.table)
    return plan


def split_in_time(plan: WindowPlan, split: SplitSpec, cells: Cells, *, seed: int) -> RowSplit:
    """Split the kept rows at two points in time; positions are into `cells.kept`.

    Rows of one stamp stay together. Without a time column, every series is cut at the same number
    of rows.
    """
    order = _times(plan, cells)
    by_time = replace(split, time="rows", group=None, stratify=False)
    cut = split_rows(len(cells.kept), by_time, seed, order=order)
    latest = np.inf
    part_of = np.zeros(len(order), np.int8)
    for number, part in ((2, cut.test), (1, cut.validation)):
        if len(part):
            first = order[part].min()
            part_of[(order >= first) & (order < latest)] = number
            latest = first
    places = np.argsort(order, kind="stable").astype(np.int64)
    train, validation, test = (places[part_of[places] == number] for number in range(3))
    return RowSplit(kind="time", train=train, validation=validation, test=test)


def fit_step(plan: WindowPlan, cells: Cells, train_rows: Rows) -> WindowPlan:
    """Find the step of the time column among the training rows; raises DataError for gaps."""
    series = lay_out(plan, cells, train_rows)
    if plan.time is not None:
        step = find_step(series.by_series(), is_date=plan.time.type == "date")
        plan = replace(plan, step=step)
    check_gaps(lay_out(plan, cells, cells.kept), cells.table)
    return plan


def check_windows(
    plan: WindowPlan, parts: Mapping[str, tuple[Cells, Rows]], main: Cells
) -> dict[str, int]:
    """Raise DataError where a series or a part is too short; return the series left out."""
    short = find_short(lay_out(plan, main, main.kept), needed=plan.spec.rows_needed)
    for name, (cells, rows) in parts.items():
        check_part(lay_out(plan, cells, rows), name)
    return short


def window_record(
    plan: WindowPlan,
    cells: Cells,
    parts: Mapping[str, Windows],
    short: Mapping[str, int],
    *,
    own_files: Collection[str],
) -> dict[str, Any]:
    """Return what a run's record says of its windows, JSON-ready.

    `across_parts` and `across_gaps` count windows, at stride 1, that there are none of for the
    split and for missing stamps, in the table of `cells`; parts with `own_files` are none of it.
    """
    series = lay_out(plan, cells, cells.kept)
    whole = _count(series)
    inside = sum(_count(part.series) for name, part in parts.items() if name not in own_files)
    closed = _count(replace(series, plan=replace(plan, spec=replace(plan.spec, gaps="ignore"))))
    return {
        "length": plan.spec.length,
        "horizon": plan.spec.horizon,
        "offset": plan.spec.offset,
        "stride": plan.spec.stride,
        "step": None if plan.step is None else str(plan.step),
        "series": len(series.names),
        "windows": {name: len(windows) for name, windows in parts.items()},
        "across_parts": whole - inside,
        "across_gaps": closed - whole,
        "short_series": dict(short),
    }


def window_warnings(
    plan: WindowPlan, parts: Mapping[str, Windows], short: Mapping[str, int]
) -> tuple[str, ...]:
    """Return one sentence per thing about the windows that is worth a second look."""
    found = []
    if plan.time is not None and plan.step is None and plan.spec.gaps != "ignore":
        found.append(
            f"the stamps of {plan.time.name!r} follow no regular step: windows count rows, "
            "whatever time lies between them"
        )
    group = plan.group
    if short and group is not None:
        found.append(
            f"{len(short)} series of {group.name!r} give no window, too short: "
            f"{join_names(map(str, short), most=5)}"
        )
    for name, windows in parts.items():
        series = windows.series
        own = {series.names[code] for code in np.unique(series.codes)} - set(short)
        lost = len(own - {series.names[code] for code in np.unique(series.codes[windows.starts])})
        if lost and group is not None:
            found.append(
                f"{lost} series of {group.name!r} have no window in the {name} part: their rows "
                "there are too few"
            )
    return tuple(found)


def _count(series: Series) -> int:
    first, stop = series.runs
    return count_windows(stop - first, series.plan.spec)


def _times(plan: WindowPlan, cells: Cells) -> NDArray[Any]:
    """Return what orders the kept rows in time: their stamps, else their place in their series."""
    if plan.time is not None:
        return np.asarray(cells.columns[plan.time.name].values[cells.kept])
    series = lay_out(plan, cells, cells.kept)
    places = np.arange(len(series.rows)) - np.flatnonzero(series.are_firsts)[series.codes]
    order = np.empty(len(places), np.int64)
    order[np.searchsorted(cells.kept, series.rows)] = places
    return order


def _check_time(plan: WindowPlan, cells: Cells) -> None:
    if plan.time is None or plan.time.type in ("number", "date"):
        return
    name = plan.time.name
    written = infer_type(cells.table.column(name)).date_format
    setting = column_hint(name, type="date", format=written or "%d/%m/%Y")
    raise DataError(
        f"`data.window.time`: column {name!r} holds neither dates nor numbers"
        if written is None
        else f"`data.window.time`: the dates of column {name!r} are not written as ISO 8601",
        hint=f"say how its dates are written: `{setting}` under `data`"
        if written is not None
        else f"say how its dates are written, e.g. `{setting}`",
    )
