"""Windows over time-ordered rows: which rows each one holds, and which ones it predicts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.policies import Cells
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.time_steps import Stamps, Step, stamp_text
from dlcli.spec.windows import NAIVE, SEASONAL, WindowSpec

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """The windows of a run: the config's settings, and what the training part showed."""

    spec: WindowSpec
    time: ColumnSettings | None
    group: ColumnSettings | None
    lags: tuple[str, ...]
    """Targets whose own past is an input."""
    step: Step | None
    """How far apart the stamps of two rows are; None without a time column or a common distance."""

    @property
    def columns(self) -> tuple[ColumnSettings, ...]:
        """The columns that order the rows and tell series apart."""
        return tuple(each for each in (self.time, self.group) if each is not None)

    @property
    def names(self) -> dict[str, str]:
        """The columns by the key of `data.window` that names them."""
        keys = {"time": self.time, "group": self.group}
        return {key: settings.name for key, settings in keys.items() if settings is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "spec": asdict(self.spec),
            "time": None if self.time is None else self.time.to_json(),
            "group": None if self.group is None else self.group.to_json(),
            "lags": list(self.lags),
            "step": None if self.step is None else self.step.to_json(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        static = state["spec"]["static"]
        time, group, step = state["time"], state["group"], state["step"]
        return cls(
            spec=WindowSpec(
                **{**state["spec"], "static": static if isinstance(static, str) else tuple(static)}
            ),
            time=None if time is None else ColumnSettings.from_json(time),
            group=None if group is None else ColumnSettings.from_json(group),
            lags=tuple(state["lags"]),
            step=None if step is None else Step.from_json(step),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """Rows of a table laid series by series, each in time order; every array is [rows]."""

    plan: WindowPlan
    rows: Rows
    """Positions in the table."""
    stamps: Stamps | None
    codes: NDArray[np.int64]
    """Which series each row belongs to: places in `names`."""
    names: tuple[str, ...]
    """The group column's values; one empty name without such a column."""

    @cached_property
    def are_gaps(self) -> NDArray[np.bool_]:
        """Tell which rows follow the row before them of their series at another than the step."""
        found = np.zeros(len(self.rows), dtype=bool)
        if self.stamps is not None and self.plan.step is not None and len(self.rows) > 1:
            found[1:] = ~self.plan.step.are_next(self.stamps) & ~self.are_firsts[1:]
        return found

    @cached_property
    def are_firsts(self) -> NDArray[np.bool_]:
        """Tell which rows begin a series."""
        return np.concatenate([[True], np.diff(self.codes) != 0])[: len(self.codes)]

    @cached_property
    def runs(self) -> tuple[Rows, Rows]:
        """Beginnings and ends (not included) of the rows that windows may hold together."""
        begins = self.are_firsts
        if self.plan.spec.gaps != "ignore":
            begins = begins | self.are_gaps
        first = np.flatnonzero(begins)
        return first, np.append(first[1:], len(self.rows)).astype(np.int64)

    @property
    def longest_run(self) -> int:
        """The most rows in a row."""
        first, stop = self.runs
        return int((stop - first).max(initial=0))

    def longest_runs(self) -> dict[str, int]:
        """Return the most rows in a row of every series, by name."""
        first, stop = self.runs
        longest = np.zeros(len(self.names), np.int64)
        np.maximum.at(longest, self.codes[first], stop - first)
        return dict(zip(self.names, longest.tolist(), strict=True))

    def by_series(self) -> list[Stamps]:
        """Return the stamps of every series."""
        assert self.stamps is not None
        return np.split(self.stamps, np.flatnonzero(self.are_firsts)[1:])

    def stamp_texts(self, stamps: Stamps) -> list[str]:
        """Write stamps as the time column does."""
        time = self.plan.time
        assert time is not None
        return [
            stamp_text(stamp, is_date=time.type == "date", format=time.format)
            for stamp in stamps.tolist()
        ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of a series; places are positions in `series.rows`."""

    series: Series
    starts: Rows
    """The first row of every window [windows]."""
    stops: Rows
    """Where the run of every window ends, not included [windows]."""

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def spec(self) -> WindowSpec:
        return self.series.plan.spec

    @property
    def last(self) -> Rows:
        """The last row of every window [windows]."""
        return self.starts + self.spec.length - 1

    @property
    def held(self) -> Rows:
        """The rows in every window [windows, length]."""
        return self.starts[:, np.newaxis] + np.arange(self.spec.length)

    @property
    def predicted(self) -> Rows:
        """The rows that every window predicts [windows, horizon]; from `stops` on there are none."""
        return (self.last + self.spec.offset)[:, np.newaxis] + np.arange(self.spec.horizon)

    @property
    def rows(self) -> Rows:
        """The table's row that each window is named after: the first it predicts [windows]."""
        return self.series.rows[self.predicted[:, 0]]

    def take(self, chosen: slice | Rows | NDArray[np.bool_]) -> "Windows":
        """Return some of the windows."""
        return replace(self, starts=self.starts[chosen], stops=self.stops[chosen])

    def are_beyond(self) -> NDArray[np.bool_]:
        """Tell which predicted rows come after the last row of their run [windows, horizon]."""
        return np.asarray(self.predicted >= self.stops[:, np.newaxis])

    def stamps_beyond(self) -> Stamps | None:
        """Return the stamps of the predicted rows that come after the last one of their run.

        They are in the order of `are_beyond`; None where there is no step to go on with.
        """
        series, step = self.series, self.series.plan.step
        if series.stamps is None or step is None:
            return None
        beyond, ahead = self.are_beyond(), self.predicted
        stamps = [
            step.advance(series.stamps[stop - 1], row[late] - stop + 1)
            for row, late, stop in zip(ahead, beyond, self.stops, strict=True)
            if late.any()
        ]
        return np.concatenate([series.stamps[:0], *stamps])

    def naive(self, values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return what the simplest forecasts say, from a target's values along the series.

        `naive` repeats the last value that a window knows, `seasonal_naive` the one of the last
        season. Each is [windows, horizon].
        """
        if self.spec.rows_known < 1:
            return {}
        known = (self.last - (self.spec.offset == 0))[:, np.newaxis]
        ahead = self.predicted
        found = {NAIVE: np.repeat(values[known], self.spec.horizon, axis=1)}
        if self.spec.season is not None:
            seasons = -(-(ahead - known) // self.spec.season)
            found[SEASONAL] = values[ahead - seasons * self.spec.season]
        return found


def form_windows(series: Series, *, ahead: Literal["labelled", "any"] = "labelled") -> Windows:
    """Return every window that fits into a run of rows, in the order of the series.

    `labelled` windows predict rows of their run, and follow the stride; `any` also predict what
    comes after its last row.
    """
    spec = series.plan.spec
    needed = spec.rows_needed if ahead == "labelled" else spec.length
    stride = spec.stride if ahead == "labelled" else 1
    first, stop = series.runs
    starts = [np.arange(f, s - needed + 1, stride) for f, s in zip(first, stop, strict=True)]
    counts = [len(each) for each in starts]
    return Windows(
        series=series,
        starts=_joined(starts),
        stops=np.repeat(stop, counts).astype(np.int64),
    )


def predicted_rows(windows: Windows) -> dict[str, Any]:
    """Return columns that name every row that labelled windows predict: window by window.

    They are the table's row (from 1), the series, the stamp, and how many steps ahead it is.
    """
    series, plan = windows.series, windows.series.plan
    places = windows.predicted.ravel()
    columns: dict[str, Any] = {"row": series.rows[places] + 1}
    if plan.group is not None:
        columns[plan.group.name] = [series.names[code] for code in series.codes[places]]
    if plan.time is not None and series.stamps is not None:
        columns[plan.time.name] = series.stamp_texts(series.stamps[places])
    if windows.spec.horizon > 1:
        columns["step"] = np.tile(np.arange(1, windows.spec.horizon + 1), len(windows))
    return columns


def count_windows(runs: Sequence[int] | Rows, spec: WindowSpec) -> int:
    """Count the labelled windows at stride 1 in runs of so many rows."""
    return int(np.maximum(np.asarray(runs) - spec.rows_needed + 1, 0).sum())


def lay_out(plan: WindowPlan, cells: Cells, rows: Rows) -> Series:
    """Lay the rows out series by series in the order of their stamps; nothing is checked.

    Without a time column, rows keep the table's order.
    """
    rows = np.sort(rows)
    codes, names = _codes(cells, plan.group, rows)
    stamps = None if plan.time is None else cells.columns[plan.time.name].values[rows]
    keys = (codes,) if stamps is None else (stamps, codes)
    order = np.lexsort(keys)
    return Series(
        plan=plan,
        rows=rows[order],
        stamps=None if stamps is None else stamps[order],
        codes=codes[order],
        names=names,
    )


def _codes(
    cells: Cells, group: ColumnSettings | None, rows: Rows
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return which series each row belongs to, and the names of the series."""
    if group is None:
        return np.zeros(len(rows), np.int64), ("",)
    read = cells.columns[group.name]
    values, codes = np.unique(read.values[rows], return_inverse=True)
    if read.names:
        return codes.astype(np.int64), tuple(read.names[int(value)] for value in values)
    is_date = group.type == "date"
    names = tuple(stamp_text(value, is_date=is_date, format=group.format) for value in values)
    return codes.astype(np.int64), names


def _joined(arrays: list[Rows]) -> Rows:
    return np.concatenate([*arrays, np.zeros(0, np.int64)]).astype(np.int64)
