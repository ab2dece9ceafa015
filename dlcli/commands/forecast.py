"""Forecast: a run that reads sequences, and a table of the past, to what comes next."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dlcli.bundle.store import AnyScorer, Bundle
from dlcli.commands.prediction_columns import as_arrow, prediction_columns
from dlcli.conformal import Intervals
from dlcli.data.columns.policies import Cells, CellsError
from dlcli.data.gathering import gather_inputs
from dlcli.data.preprocessing import Applied
from dlcli.data.readers import STDIN, ReadOptions, read_blocks, read_table
from dlcli.data.table import Table, concat_tables
from dlcli.data.window_checks import check_history, find_short
from dlcli.data.windows import Series, Windows, form_windows, lay_out
from dlcli.errors import DataError, UsageError

CHUNK_WINDOWS = 16384
"""Windows that are gathered and predicted at a time."""

WHOLE = 2**40
"""Rows of a block that no table exceeds."""

STEP = "step"
"""The column that says how many steps ahead a prediction is, where there are several."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What was read of a table, ready to be predicted window by window."""

    bundle: Bundle
    table: Table
    cells: Cells
    windows: Windows
    short: dict[str, int]
    """Series left out, with their rows in a row."""
    future: dict[tuple[int, float], int]
    """Rows of the table that stand after the known past, by series and stamp."""


def read_history(data: Path, options: ReadOptions) -> Table:
    """Read a table of the past, from standard input for `-`."""
    if data != STDIN:
        return read_table([data], options)
    # Blocks are typed by their own cells, and a series needs one type from end to end.
    return concat_tables(read_blocks(data, options, rows=WHOLE))


def open_forecast(bundle: Bundle, table: Table, *, latest: bool) -> Forecast:
    """Find the windows of `table`; raises DataError for rows that form none.

    `latest` keeps the last window of each series, which predicts what comes after the table.
    """
    try:
        return _open_forecast(bundle, table, latest=latest)
    except CellsError as error:
        hint = f"mend the file; or train again with a policy: {error.hint}"
        raise DataError(error.message, hint=hint) from None


def _open_forecast(bundle: Bundle, table: Table, *, latest: bool) -> Forecast:
    preprocessing = bundle.preprocessing
    plan = preprocessing.window
    assert plan is not None
    cells = preprocessing.read(table, with_targets=False)
    orders = [cells.columns[name].valid for name in plan.names.values()]
    placed = np.flatnonzero(np.logical_and.reduce([np.ones(table.num_rows, bool), *orders]))
    strict = [
        column.settings.name
        for column in preprocessing.input_columns
        if column.settings.name in plan.lags and column.settings.missing != "drop"
    ]
    every = lay_out(plan, cells, placed)
    check_history(every, cells.kept, cells, strict)
    series = preprocessing.lay_out(cells, cells.kept)
    short = find_short(series, needed=plan.spec.length)
    windows = form_windows(series, ahead="any")
    if latest:
        codes = series.codes[windows.starts]
        windows = windows.take(np.flatnonzero(np.append(codes[1:] != codes[:-1], True)))
    return Forecast(
        bundle=bundle,
        table=table,
        cells=cells,
        windows=windows,
        short=short,
        future=_future(every, series),
    )


def forecast_blocks(
    forecast: Forecast,
    scorer: AnyScorer,
    ids: tuple[str, ...],
    intervals: Intervals | None = None,
    *,
    spread: bool = False,
) -> Iterator[pa.Table]:
    """Yield the predictions of `CHUNK_WINDOWS` windows at a time, a row for each predicted step."""
    bundle, windows = forecast.bundle, forecast.windows
    tensors = bundle.preprocessing.encode_history(windows.series, forecast.cells)
    for start in range(0, max(len(windows), 1), CHUNK_WINDOWS):
        chunk = windows.take(slice(start, start + CHUNK_WINDOWS))
        applied = Applied(
            inputs=gather_inputs(tensors, chunk, bundle.preprocessing.static),
            targets={},
            scaled_targets={},
            sample_weight=None,
            kept=windows.series.rows[chunk.last],
            counts={},
        )
        predictions = bundle.predict(applied, scorer)
        columns = prediction_columns(predictions, intervals, spread=spread)
        yield _as_table(forecast, chunk, columns, ids)


def _as_table(
    forecast: Forecast,
    windows: Windows,
    predicted: Iterator[tuple[str, Any]],
    ids: tuple[str, ...],
) -> pa.Table:
    plan, horizon = windows.series.plan, windows.spec.horizon
    ordering = [name for name in plan.names.values() if name in forecast.table.names]
    names = list(dict.fromkeys([*ordering, *ids])) if ids else forecast.table.names
    rows = _table_rows(forecast, windows)
    places = pa.array(rows, mask=rows < 0)
    columns = {name: forecast.table.column(name).take(places) for name in names}
    if plan.group is not None:
        own = np.repeat(windows.series.rows[windows.last], horizon)
        columns[plan.group.name] = forecast.table.column(plan.group.name).take(pa.array(own))
    if plan.time is not None:
        columns[plan.time.name] = _times(windows, columns[plan.time.name], rows)
    added: dict[str, pa.Array] = {}
    if horizon > 1:
        added[STEP] = pa.array(np.tile(np.arange(1, horizon + 1), len(windows)))
    for name, values in predicted:
        added[name] = values if isinstance(values, pa.Array) else as_arrow(values.ravel())
    for name in added:
        if name in columns:
            raise UsageError(
                f"the table has a column {name!r} already, where the predictions would go",
                hint="rename it, or keep only some columns with --id",
            )
    return pa.table({**columns, **added})


def _table_rows(forecast: Forecast, windows: Windows) -> NDArray[np.int64]:
    """Return the table's row of every predicted step, -1 where there is none."""
    series, beyond = windows.series, windows.are_beyond().ravel()
    ahead = windows.predicted.ravel()
    rows = np.full(len(ahead), -1, np.int64)
    rows[~beyond] = series.rows[ahead[~beyond]]
    stamps = windows.stamps_beyond()
    if stamps is not None and forecast.future:
        codes = np.repeat(series.codes[windows.starts], windows.spec.horizon)[beyond]
        keys = zip(codes.tolist(), stamps.tolist(), strict=True)
        rows[beyond] = [forecast.future.get(key, -1) for key in keys]
    return rows


def _times(windows: Windows, column: pa.ChunkedArray, rows: NDArray[np.int64]) -> pa.Array:
    """Return the time column with the stamps that come after its last one."""
    beyond, stamps = windows.are_beyond().ravel(), windows.stamps_beyond()
    if stamps is None or not beyond.any():
        return column
    plan = windows.series.plan
    assert plan.time is not None
    kind = column.type
    if pa.types.is_string(kind):
        written = pa.array(windows.series.stamp_texts(stamps))
    elif plan.time.type == "date":
        written = pa.array(stamps, pa.timestamp("us", tz=getattr(kind, "tz", None))).cast(kind)
    else:
        written = pa.array(stamps).cast(kind, safe=False)
    places = np.full(len(beyond), -1, np.int64)
    places[beyond] = np.arange(int(beyond.sum()))
    spread = written.take(pa.array(places, mask=places < 0))
    return pc.if_else(pa.array(rows < 0), spread, column)


def _future(every: Series, known: Series) -> dict[tuple[int, float], int]:
    """Return the rows that no window holds, by the series of `known` and their stamps."""
    if every.stamps is None:
        return {}
    codes = {name: code for code, name in enumerate(known.names)}
    rest = np.flatnonzero(~np.isin(every.rows, known.rows))
    found = {}
    for place in rest.tolist():
        code = codes.get(every.names[every.codes[place]])
        if code is not None:
            found[code, every.stamps[place].item()] = int(every.rows[place])
    return found
