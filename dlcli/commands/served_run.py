"""A run as a server asks it: tables to predictions, or a past to what comes next."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.bundle.store import AnyScorer, Bundle, open_intervals, open_scorer
from dlcli.commands.forecast import forecast_blocks, open_forecast
from dlcli.commands.prediction_columns import lay_out_rows, prediction_columns
from dlcli.conformal import LEVELS, Intervals
from dlcli.data.preprocessing import Applied
from dlcli.data.table import Table
from dlcli.errors import DlcliError, RunError
from dlcli.report.record import load_record
from dlcli.report.verdict import judge
from dlcli.runs import RunFolder, load_json
from dlcli.serving.served import Reads

MOST_LEVELS = 32
"""Levels of intervals that are kept ready."""
USUAL_LEVEL = 0.9


@dataclass(frozen=True, kw_only=True)
class ServedRun:
    """An opened run, as `dlcli.serving` takes it."""

    bundle: Bundle
    scorer: AnyScorer
    reads: Reads
    about: dict[str, Any]
    columns: dict[str, dict[str, Any]]
    level: float | None
    intervals: Callable[[float], Intervals]

    @classmethod
    def open(cls, run: RunFolder, *, threads: int | None = None) -> Self:
        """Open a run; raises RunError for one that requests cannot hold the inputs of."""
        bundle = Bundle.load(run)
        intervals = lru_cache(MOST_LEVELS)(partial(open_intervals, run, bundle))
        return cls(
            bundle=bundle,
            scorer=open_scorer(run, threads=threads),
            reads=_what_it_reads(run, bundle),
            about=_about(run),
            columns=_column_profiles(run),
            level=_usual_level(intervals),
            intervals=intervals,
        )

    def predict(self, table: Table, level: float | None = None) -> pa.Table:
        """Return the columns of predictions, a row for each row; raises DlcliError."""
        preprocessing = self.bundle.preprocessing
        # What no policy covers is told with the row and column of the request.
        cells = preprocessing.read(table, with_targets=False)
        applied = preprocessing.encode(cells, cells.kept, with_targets=False)
        predictions = self.bundle.predict(applied, self.scorer)
        return pa.table(
            {
                name: lay_out_rows(values, applied.kept, table.num_rows)
                for name, values in prediction_columns(predictions, self._intervals(level))
            }
        )

    def predict_tensors(
        self, tensors: dict[str, NDArray[Any]], level: float | None = None
    ) -> Iterator[tuple[str, NDArray[Any] | pa.Array]]:
        """Yield the same columns for what preprocessing makes of rows."""
        rows = len(next(iter(tensors.values())))
        applied = Applied(
            inputs=tensors,
            targets={},
            scaled_targets={},
            sample_weight=None,
            kept=np.arange(rows),
            counts={},
        )
        predictions = self.bundle.predict(applied, self.scorer)
        return prediction_columns(predictions, self._intervals(level))

    def forecast(self, table: Table, *, latest: bool, level: float | None = None) -> pa.Table:
        """Return what follows every window of a past, or only the last of each series."""
        opened = open_forecast(self.bundle, table, latest=latest)
        blocks = forecast_blocks(opened, self.scorer, (), self._intervals(level))
        return pa.concat_tables(list(blocks))

    def _intervals(self, level: float | None) -> Intervals | None:
        return None if level is None else self.intervals(level)


def _what_it_reads(run: RunFolder, bundle: Bundle) -> Reads:
    preprocessing = bundle.preprocessing
    if not preprocessing.image_columns:
        return "rows" if preprocessing.window is None else "sequences"
    if preprocessing.window is not None:
        raise RunError(
            f"{run.path} reads sequences of images, which no request can hold",
            hint="predict from a file: dlcli predict RUN --data FILE",
        )
    return "images" if len(preprocessing.needed_columns) == 1 else "mixed"


def _usual_level(intervals: Callable[[float], Intervals]) -> float | None:
    """Return the level to show without being asked; a lower one where rows were few."""
    for level in sorted((each for each in LEVELS if each <= USUAL_LEVEL), reverse=True):
        with suppress(DlcliError):
            intervals(level)
            return level
    return None


def _about(run: RunFolder) -> dict[str, Any]:
    manifest = run.load_manifest()
    own = run.path.resolve()
    name = str(manifest["name"])
    label = f"{name}/{own.name}" if own.name.isdigit() else own.name
    about = {"run": label, "name": name, "created": manifest["created"], "dlcli": manifest["dlcli"]}
    # A run can be served without its figures.
    with suppress(DlcliError):
        about["score"] = [
            f"{verdict.target}: {verdict.sentence()}" for verdict in judge(load_record(run), None)
        ]
    return about


def _column_profiles(run: RunFolder) -> dict[str, dict[str, Any]]:
    """Return what the run keeps of its columns; a run may have nothing of it."""
    with suppress(RunError):
        columns = load_json(run.profile)["columns"]
        return {column["name"]: column for column in columns if isinstance(column, dict)}
    return {}
