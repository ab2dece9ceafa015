"""Predict: a run and a raw table to a table with predictions, block by block."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Self, cast

import pyarrow as pa

from dlcli.bundle.store import (
    AnyScorer,
    Bundle,
    check_has_members,
    open_intervals,
    open_scorer,
)
from dlcli.commands.forecast import Forecast, forecast_blocks, open_forecast, read_history
from dlcli.commands.prediction_columns import lay_out_rows, prediction_columns
from dlcli.conformal import Intervals
from dlcli.data.arrays import is_array_column
from dlcli.data.readers import STDIN, read_blocks, suffix_of
from dlcli.data.reading_progress import ReadingProgress
from dlcli.data.sources import resolve_source
from dlcli.data.table import Table
from dlcli.data.writers import check_writable, open_writer
from dlcli.errors import DataError, UsageError
from dlcli.runs import open_run
from dlcli.spec.problems import suggest

TEXT_SUFFIXES = {"", ".csv", ".csv.gz", ".tsv", ".tsv.gz"}
"""Outputs whose cells are text anyway; standard output is CSV."""

OnRows = Callable[[int, float | None], None]
"""Told the rows that are predicted, and the share of the file that is read, None where that is not known."""

BLOCK_ROWS = 65536
"""Rows read, predicted and written at a time: some tens of megabytes for a wide table."""

MOST_IMAGE_BYTES = 2**27
"""Pixels of a block as floats, where rows are images."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What was done: rows read, and rows that a `drop` policy left without a prediction."""

    rows: int
    without_prediction: int
    out: Path
    windows: int | None = None
    """Windows that were predicted, for a network that reads sequences."""
    short_series: tuple[str, ...] = ()
    """Series too short to be predicted."""


def predict(
    run: str,
    data: Path,
    out: Path,
    *,
    ids: tuple[str, ...] = (),
    force: bool = False,
    latest: bool = False,
    interval: float | None = None,
    spread: bool = False,
    threads: int | None = None,
    on_rows: OnRows = lambda rows, share: None,
) -> Predicted:
    """Predict the rows of `data` (`-`: CSV on stdin) into `out` (`-`: CSV on stdout).

    The output has the input's own columns, or those of `ids`, in the input's order. A file that
    is there is replaced only with `force`, and never the one that is read. A network that reads
    sequences gives a row for every step that a window predicts, series by series; with `latest`,
    those of the last window of each series. `interval` puts the ends beside each predicted number
    between which that share of what is measured later should lie; `spread` adds how far the
    members of an ensemble are apart.
    """
    file = _one_file(data)
    check_writable(out, force=force, inputs=[file])
    folder = open_run(run)
    bundle = Bundle.load(folder)
    intervals = None if interval is None else open_intervals(folder, bundle, interval)
    if spread:
        check_has_members(bundle, folder.path)
    scorer = open_scorer(folder, threads=threads)
    # A text file gets the input's cells as they were written, others their types.
    options = replace(bundle.preprocessing.read_options, as_written=suffix_of(out) in TEXT_SUFFIXES)
    if bundle.preprocessing.window is not None:
        table = read_history(file, options)
        _check_ids(ids, table)
        forecast = open_forecast(bundle, table, latest=latest)
        blocks_ahead = forecast_blocks(forecast, scorer, ids, intervals, spread=spread)
        return _write(out, forecast, blocks_ahead, on_rows)
    if latest:
        raise UsageError(
            "--latest is for networks that read sequences, and this one reads single rows",
            hint="leave it out",
        )
    progress = ReadingProgress([file])
    options = replace(options, on_bytes=progress.take)
    blocks = read_blocks(file, options, rows=_block_rows(bundle))
    rows = skipped = 0
    # Closed at once where a row is refused, and not when the error is forgotten.
    with closing(cast(Any, blocks)), _Output(out) as output:
        for block in blocks:
            predicted, kept = _predict_block(block, bundle, scorer, ids, intervals, spread=spread)
            output.write(predicted)
            rows += block.num_rows
            skipped += block.num_rows - kept
            on_rows(rows, progress.share)
    return Predicted(rows=rows, without_prediction=skipped, out=out)


def _write(
    out: Path,
    forecast: Forecast,
    blocks: Iterator[pa.Table],
    on_rows: OnRows,
) -> Predicted:
    rows = 0
    with _Output(out) as output:
        for block in blocks:
            output.write(block)
            rows += block.num_rows
            on_rows(rows, None)
    return Predicted(
        rows=rows,
        without_prediction=0,
        out=out,
        windows=len(forecast.windows),
        short_series=tuple(forecast.short),
    )


def _block_rows(bundle: Bundle) -> int:
    """Return the rows of a block: fewer where every row holds an image."""
    image_bytes = sum(4 * prod(column.shape) for column in bundle.preprocessing.image_columns)
    return max(1, min(BLOCK_ROWS, MOST_IMAGE_BYTES // max(1, image_bytes)))


def _one_file(data: Path) -> Path:
    files = [data] if data == STDIN else resolve_source(str(data), folder=Path())
    if len(files) > 1:
        raise UsageError(f"--data {data} names {len(files)} files; predict takes one at a time")
    return files[0]


class _Output:
    """Opens the writer with the columns of the first block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._context: AbstractContextManager[Any] = nullcontext()
        self._writer: Any = None
        self._schema: pa.Schema | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._context.__exit__(*cast(Any, raised))

    def write(self, arrow: pa.Table) -> None:
        if self._writer is None:
            self._context = open_writer(self._path, arrow.schema, escape_formulas=True)
            self._writer = self._context.__enter__()
            self._schema = arrow.schema
        self._writer.write(self._as_first_block(arrow))

    def _as_first_block(self, arrow: pa.Table) -> pa.Table:
        try:
            return arrow.cast(self._schema)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{self._path}: a column changes its type after the first {BLOCK_ROWS:,} rows: {error}",
                hint="write CSV, which keeps every cell as it stands in the input",
            ) from None


def _predict_block(
    block: Table,
    bundle: Bundle,
    scorer: AnyScorer,
    ids: tuple[str, ...],
    intervals: Intervals | None,
    *,
    spread: bool,
) -> tuple[pa.Table, int]:
    _check_ids(ids, block)
    applied = bundle.preprocessing.apply(block, with_targets=False)
    predictions = bundle.predict(applied, scorer)
    shown = [name for name in block.names if not is_array_column(block.arrow.column(name))]
    arrow = block.arrow.select(ids or shown)
    columns = dict(zip(arrow.column_names, arrow.columns, strict=True))
    for name, values in prediction_columns(predictions, intervals, spread=spread):
        if name in columns:
            raise UsageError(
                f"the table has a column {name!r} already, where the predictions would go",
                hint="rename it, or keep only some columns with --id",
            )
        columns[name] = lay_out_rows(values, applied.kept, block.num_rows)
    return pa.table(columns), len(applied.kept)


def _check_ids(ids: tuple[str, ...], block: Table) -> None:
    for name in ids:
        if name not in block.names:
            file = block.origins[0].path.name if block.origins else "the table"
            raise UsageError(
                f"--id {name}: {file} has no such column", hint=suggest(name, block.names)
            )
        if is_array_column(block.arrow.column(name)):
            raise UsageError(f"--id {name}: this column holds arrays, which no table can show")
