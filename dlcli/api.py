"""Training and using runs from Python: what `import dlcli` offers."""

import csv
import html
import importlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.store import (
    AnyScorer,
    Bundle,
    check_has_members,
    open_intervals,
    open_scorer,
)
from dlcli.commands.evaluate import Evaluation, stored_evaluation
from dlcli.data.frames import CALLED, table_of
from dlcli.data.readers import type_frame
from dlcli.data.table import Table
from dlcli.errors import UsageError
from dlcli.predictions import TargetPrediction
from dlcli.runs import RunFolder, open_run
from dlcli.spec.data import MEMORY
from dlcli.spec.merging import load_merged, merge_values
from dlcli.spec.places import Source
from dlcli.spec.run import RunSpec, build_spec, load_spec


class Run:
    """A run folder and what it predicts."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Versions, seed, timings, hashes and counts, as `manifest.json` holds them."""
        return self._folder.load_manifest()

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Figures of every part and of the baselines, as `metrics.json` holds them."""
        self._folder.check_files(self._folder.metrics)
        return self._folder.load_metrics()

    @cached_property
    def spec(self) -> RunSpec:
        """The config as it was resolved."""
        self._folder.check_files(self._folder.config)
        return load_spec(self._folder.config)

    @property
    def history(self) -> Any:
        """The figures of every epoch, a pandas DataFrame indexed by epoch."""
        self._folder.check_files(self._folder.history)
        with self._folder.history.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        columns = {name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else ())}
        return _pandas("run.history").DataFrame(columns).astype({"epoch": int}).set_index("epoch")

    @cached_property
    def model(self) -> Any:
        """The Keras model, loaded with Keras; it takes and gives the network's own numbers."""
        self._folder.check_files(self._folder.model)
        keras: Any = importlib.import_module("dlcli.model.keras_import")
        keras.load_keras(self.manifest["backend"])
        scorer: Any = importlib.import_module("dlcli.bundle.keras_score").KerasScorer
        return scorer.open(self._folder.model, own_classes=bool(self.manifest.get("imports"))).model

    def predict(self, data: Any, *, interval: float | None = None) -> NDArray[Any]:
        """Return a prediction for every row of a table: [rows], of several targets [rows, targets].

        Numbers are in the target's unit, classes are their names. A row that a `drop` policy leaves
        out has NaN, or None among names. With an `interval` such as 0.9, each number stands with
        the ends between which that share of what is measured later should lie: [rows, 3] or
        [rows, targets, 3]. Raises DataError; for an interval that cannot be had, UsageError and
        RunError.
        """
        if interval is not None:
            return self._predict_intervals(data, interval)
        columns = []
        predictions, kept, rows = self._predict(data)
        for prediction in predictions.values():
            if prediction.values is not None:
                columns.append(_spread(prediction.values, kept, rows, gap=np.nan))
            else:
                names = np.array(prediction.classes, dtype=object)
                columns.append(_spread(names[prediction.codes], kept, rows, gap=None))
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    def _predict_intervals(self, data: Any, level: float) -> NDArray[np.float64]:
        intervals = open_intervals(self._folder, self._bundle, level)
        classes = [info.name for info in self._bundle.preprocessing.targets if info.classes]
        if classes:
            raise UsageError(
                f"{self.path} predicts the classes of {classes[0]!r} too, which have no intervals",
                hint="`dlcli predict --interval` writes those of the numbers",
            )
        predictions, kept, rows = self._predict(data)
        columns = []
        for prediction in predictions.values():
            ends = intervals.ends(prediction)
            assert ends is not None
            assert prediction.values is not None
            stacked = np.stack([prediction.values, *ends], axis=-1)
            columns.append(_spread(stacked, kept, rows, gap=np.nan))
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    def predict_proba(self, data: Any) -> NDArray[np.float64]:
        """Return the probability of every class of every row, [rows, classes], as in `classes`."""
        assert self.classes
        predictions, kept, rows = self._predict(data)
        (prediction,) = predictions.values()
        assert prediction.probabilities is not None
        return _spread(prediction.probabilities, kept, rows, gap=np.nan)

    def predict_spread(self, data: Any) -> NDArray[np.float64]:
        """Return how far apart the members of an ensemble are in every row, shaped like `predict`.

        The standard deviation of their predictions in the target's unit, of classes that of the
        predicted class's probability.
        """
        check_has_members(self._bundle, self.path)
        predictions, kept, rows = self._predict(data)
        spreads = [prediction.member_spread for prediction in predictions.values()]
        columns = [_spread(each, kept, rows, gap=np.nan) for each in spreads if each is not None]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of `predict_proba`."""
        named = [info.classes for info in self._bundle.preprocessing.targets]
        if len(named) != 1 or named[0] is None:
            raise UsageError(
                f"{self.path} does not predict the classes of one target", hint="use run.predict"
            )
        return named[0]

    def forecast(self, data: Any, *, latest: bool = False, interval: float | None = None) -> Any:
        """Return what follows every window of a table, a pandas DataFrame, for a run with windows.

        `latest` keeps the last window of each series; `interval` adds the ends of intervals.
        """
        if self._bundle.preprocessing.window is None:
            raise UsageError(
                f"{self.path} reads single rows and forecasts nothing", hint="use run.predict"
            )
        forecasting: Any = importlib.import_module("dlcli.commands.forecast")
        intervals = None
        if interval is not None:
            intervals = open_intervals(self._folder, self._bundle, interval)
        opened = forecasting.open_forecast(self._bundle, self._table(data), latest=latest)
        blocks = list(forecasting.forecast_blocks(opened, self._scorer, (), intervals))
        pandas = _pandas("run.forecast")
        return pandas.concat([block.to_pandas() for block in blocks], ignore_index=True)

    def evaluate(self, data: Any = None) -> dict[str, Any]:
        """Return the figures on a labelled table, or those of the run's test part without one."""
        if data is None:
            return stored_evaluation(self._folder).to_json()
        scoring: Any = importlib.import_module("dlcli.commands.evaluate_files")
        evaluation: Evaluation = scoring.evaluate_table(
            self._folder, self._bundle, self._scorer, self._table(data), what=str(CALLED)
        )
        return evaluation.to_json()

    def _repr_html_(self) -> str:
        """Return what notebooks show: the run's summary."""
        summaries: Any = importlib.import_module("dlcli.commands.summarize")
        return f"<pre>{html.escape(summaries.run_text(self._folder))}</pre>"

    @cached_property
    def _bundle(self) -> Bundle:
        return Bundle.load(self._folder)

    @cached_property
    def _scorer(self) -> AnyScorer:
        return open_scorer(self._folder)

    def _table(self, data: Any) -> Table:
        return type_frame(table_of(data), self._bundle.preprocessing.read_options)

    def _predict(self, data: Any) -> tuple[dict[str, TargetPrediction], NDArray[np.int64], int]:
        """Return the predictions of the kept rows, their positions, and the rows of the table."""
        if self._bundle.preprocessing.window is not None:
            raise UsageError(
                f"{self.path} reads sequences, and predicts no single rows", hint="use run.forecast"
            )
        table = self._table(data)
        applied = self._bundle.preprocessing.apply(table, with_targets=False)
        return self._bundle.predict(applied, self._scorer), applied.kept, table.num_rows


def load(path: str | Path) -> Run:
    """Open a run folder, or the newest run of a name; raises RunError."""
    return Run(open_run(path))


def train(
    config: str | Path | Mapping[str, Any],
    data: Any = None,
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    out: str | Path | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> Run:
    """Train a config, a file or a mapping of the same keys, and return its run.

    `data` is a table in place of the files of `data.source`: a pandas or Polars frame, an Arrow
    table, or a mapping of columns. `overrides` are keys with dots and their values, as `--set`
    takes them. Raises the DlcliError of the first stage that fails; what was stopped by the user
    raises KeyboardInterrupt after its run is written.
    """
    training: Any = importlib.import_module("dlcli.commands.train")
    console: Any = importlib.import_module("dlcli.console")
    source = _source(config, _written(overrides))
    table = None if data is None else table_of(data)
    if table is not None and isinstance(source.values.get("data"), dict):
        source.values["data"]["source"] = MEMORY
    spec = build_spec(source)
    options = training.TrainOptions(
        overrides=_written(overrides), out=None if out is None else Path(out), threads=threads
    )
    training.check_free(options.out)
    display = console.training_display(quiet=not progress)
    trained = training.train_spec(spec, options, display, table=table)
    if trained.interrupted:
        raise KeyboardInterrupt(f"training was stopped; {trained.run.path} keeps what it reached")
    return Run(trained.run)


def _source(config: str | Path | Mapping[str, Any], overrides: tuple[str, ...]) -> Source:
    if isinstance(config, Mapping):
        return merge_values(config, overrides)
    return load_merged(Path(config), overrides)


def _written(overrides: Mapping[str, Any] | Sequence[str]) -> tuple[str, ...]:
    if isinstance(overrides, Mapping):
        writing: Any = importlib.import_module("json")
        return tuple(f"{key}={writing.dumps(value)}" for key, value in overrides.items())
    return tuple(overrides)


def _spread(values: NDArray[Any], kept: NDArray[np.int64], rows: int, *, gap: Any) -> NDArray[Any]:
    """Lay the values of the kept rows out over all rows."""
    if len(kept) == rows:
        return values
    spread = np.full((rows, *values.shape[1:]), gap, dtype=values.dtype)
    spread[kept] = values
    return spread


def _number(text: str) -> float | str | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text  # a metric with several values


def _pandas(what: str) -> Any:
    try:
        return importlib.import_module("pandas")
    except ModuleNotFoundError:
        raise UsageError(f"{what} is a pandas DataFrame", hint="pip install pandas") from None
