"""One trial of a sweep after the other, in a process that loads Keras once."""

import json
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.commands.folding import FoldOptions, JudgedFold, Stopped, cross_validate
from dlcli.commands.reading import read_configured
from dlcli.commands.recording import write_history
from dlcli.commands.starting import start_of, with_exact_start
from dlcli.data.dataset import Dataset, ReadData, encode_parts
from dlcli.data.folds import FoldData, fold_datasets
from dlcli.data.large.deciding import decide
from dlcli.data.large.prepared import PreparedTable, SharedTable
from dlcli.data.large.preparing import prepare_table
from dlcli.data.network_inputs import check_network
from dlcli.engines import Line, Message, load_judge
from dlcli.errors import DlcliError, Interrupted, TrainingError
from dlcli.permission import allow_code
from dlcli.spec.engine import as_trained_here
from dlcli.spec.merging import merge_text
from dlcli.spec.places import Source
from dlcli.spec.points import with_point
from dlcli.spec.run import RunSpec, build_spec, resolve_objectives, targets_as_classes
from dlcli.spec.sweep import metric_of
from dlcli.spec.writing import to_canonical, to_yaml
from dlcli.training.job import JudgedNetwork, TrainingJob
from dlcli.training.kept_networks import KeptNetworks

WORK = "dlcli.commands.trials:TrialWork"
CONFIG = "config.yaml"
HISTORY = "history.csv"
STATE = "state.npz"
FOLDS = "folds"

MOST_TABLES = 3
"""Tables whose arrays a worker keeps for its next trials."""
TELLS_EVERY_SECONDS = 0.25


@dataclass(kw_only=True)
class TrialWork:
    """What a worker of a sweep does; `text` is the config of the sweep's folder, that of `file`."""

    text: str
    file: str
    threads: int | None = None
    memory_budget_bytes: int | None = None
    table_budget_bytes: int | None = None
    """Of what each worker may hold of the table."""
    rows: str | None = None
    """The folder where larger tables are prepared for all workers; None where none are."""
    allowed: bool = False
    debug: bool = False
    _networks: KeptNetworks = field(default_factory=KeptNetworks)
    _tables: OrderedDict[str, "_Table"] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        if self.allowed:
            allow_code(True)
        spec = build_spec(merge_text(self.text, file=Path(self.file)))
        assert spec.sweep is not None
        assert spec.origin is not None
        self._source: Source = spec.origin
        self._axes = spec.sweep.parsed_axes
        self._metric = metric_of(spec.sweep)

    def run(self, task: Message, line: Line) -> Message:
        """Train and judge a trial; return its figure and record, or why there is none."""
        if self.allowed:
            # Tasks may come in another thread than the one that made this.
            allow_code(True)
        began = time.monotonic()
        watcher = _TrialWatcher(line, self._metric, task.get("rungs") or ())
        folder = Path(task["folder"])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            home = Path(task.get("home", folder))
            found = self._run(task["point"], folder, home, watcher)
        except (Interrupted, Stopped):
            if not watcher.is_pruned:
                return {"state": "stopped"}
            found = {"state": "pruned", "figure": watcher.figure, "record": watcher.record()}
        except DlcliError as error:
            found = {"state": "failed", "record": {"error": error.to_json()}}
        if found["state"] != "stopped":
            _clean(folder)
            found["record"]["seconds"] = round(time.monotonic() - began, 4)
        return found

    def _run(
        self, point: dict[str, Any], folder: Path, home: Path, watcher: "_TrialWatcher"
    ) -> Message:
        """Do the trial in a folder, whose files are to stand in `home`."""
        built = build_spec(with_point(self._source, self._axes, point))
        spec = as_trained_here(with_exact_start(built))
        text = to_yaml(spec, folder=home)
        (folder / CONFIG).write_text(text, encoding="utf-8")
        table = self._table(spec)
        if spec.folds is not None:
            return self._run_folds(spec, table, folder, watcher)
        dataset = table.dataset()
        start = start_of(spec)
        job = TrainingJob(
            spec=spec,
            dataset=dataset,
            objectives=resolve_objectives(
                spec, {info.name: info.classes for info in dataset.preprocessing.targets}
            ),
            folder=folder,
            threads=self.threads,
            memory_budget_bytes=self.memory_budget_bytes,
            state=folder / STATE,
            resumes=True,
            init_model=None if start is None else start.model,
            debug=self.debug,
        )
        check_network(spec, dataset)
        part = "validation" if self._metric.startswith("val_") else "train"
        judged = load_judge("local")(job, watcher, parts=(part,), networks=self._networks)
        if watcher.is_pruned:
            return {"state": "pruned", "figure": watcher.figure, "record": watcher.record(judged)}
        if judged.interrupted:
            return {"state": "stopped"}
        write_history(folder / HISTORY, judged.history)
        prefix = "val_" if part == "validation" else ""
        metrics = {f"{prefix}{name}": value for name, value in _numbers(judged.evaluation[part])}
        return self._answer(metrics, watcher.record(judged))

    def _run_folds(
        self, spec: RunSpec, table: "_Table", folder: Path, watcher: "_TrialWatcher"
    ) -> Message:
        """Judge a trial by all folds; their mean so far decides whether it is pruned."""
        start = start_of(spec)
        options = FoldOptions(
            folder=folder,
            state=folder / FOLDS,
            threads=self.threads,
            memory_budget_bytes=self.memory_budget_bytes,
            init_model=None if start is None else start.model,
            debug=self.debug,
        )
        plain = self._metric.removeprefix("val_")
        judged: list[JudgedFold] = []
        networks = self._networks
        for each in cross_validate(spec, table.read, options, watcher, networks, table.folds(spec)):
            judged.append(each)
            watcher.on_fold(len(judged), float(np.mean([one.evaluation[plain] for one in judged])))
            if watcher.is_pruned:
                raise Stopped
        names = [name for name, _ in _numbers(judged[0].evaluation)]
        values = {name: [each.evaluation[name] for each in judged] for name in names}
        metrics = {f"val_{name}": float(np.mean(each)) for name, each in values.items()}
        record = {
            "num_parameters": judged[0].num_parameters,
            "reused": all(each.reused for each in judged),
            "deviation": float(np.std(values[plain], ddof=1)),
        }
        return self._answer(metrics, record)

    def _answer(self, metrics: dict[str, float], record: dict[str, Any]) -> Message:
        figure = metrics.get(self._metric)
        if figure is None or not np.isfinite(figure):
            error = TrainingError(
                f"the figure {self._metric!r} of the final network is "
                f"{'not there' if figure is None else figure}",
                hint=None if figure is not None else f"there are {', '.join(metrics)}",
            )
            return {"state": "failed", "record": {**record, "error": error.to_json()}}
        finite = {name: value for name, value in metrics.items() if np.isfinite(value)}
        return {"state": "complete", "figure": figure, "record": {**record, "metrics": finite}}

    def _table(self, spec: RunSpec) -> "_Table":
        """Return the table that a trial reads: the one of an earlier trial that reads the same."""
        classes = sorted(targets_as_classes(spec))
        data = to_canonical(spec, folder=Path())["data"]
        start = (
            None if spec.init_from is None else [spec.init_from.run, spec.init_from.preprocessing]
        )
        key = json.dumps([data, spec.seed, classes, start], default=repr, sort_keys=True)
        if key not in self._tables:
            while len(self._tables) >= MOST_TABLES:
                _, oldest = self._tables.popitem(last=False)
                oldest.release()
            self._tables[key] = self._open(spec)
        self._tables.move_to_end(key)
        return self._tables[key]

    def _open(self, spec: RunSpec) -> "_Table":
        if self.rows is not None:
            shared = open_shared(spec, Path(self.rows), budget_bytes=self.table_budget_bytes)
            if shared is not None:
                return _Table(shared=shared)
        return _Table(_read=read_configured(spec))


def open_shared(
    spec: RunSpec,
    home: Path,
    *,
    budget_bytes: int | None,
    on_stage: Callable[[str], None] = lambda text: None,
) -> SharedTable | None:
    """Prepare a table that takes more than the budget below `home`, or open what others prepared.

    Returns None where it is read into memory. Raises DlcliError.
    """
    large = decide(spec, budget_bytes=budget_bytes, on_stage=on_stage).large
    if large is None:
        return None
    described = to_canonical(spec, folder=Path())["data"]
    stamps = [[str(path), stamp] for path, stamp in large.stamps.items()]
    classes = sorted(targets_as_classes(spec))
    key = [described, spec.seed, spec.shuffle, classes, stamps, large.budget_bytes]

    def prepare(folder: Path) -> PreparedTable:
        return prepare_table(large, folder=folder, seed=spec.seed, on_stage=on_stage)

    return SharedTable(home, json.dumps(key, default=repr, sort_keys=True), prepare)


@dataclass(kw_only=True)
class _Table:
    """A table that was read, with its arrays once they are asked for, or one that is on disk."""

    shared: SharedTable | None = None
    _read: ReadData | None = None
    _dataset: Dataset | None = None
    _folded: dict[str, list[FoldData]] = field(default_factory=dict)

    @property
    def read(self) -> ReadData:
        assert self._read is not None, "a table with folds is read into memory"
        return self._read

    def dataset(self) -> Dataset:
        if self.shared is not None:
            return self.shared.dataset
        if self._dataset is None:
            self._dataset = encode_parts(self.read, self.read.split)
        return self._dataset

    def release(self) -> None:
        """Let the rows on disk go."""
        if self.shared is not None:
            self.shared.release()

    def folds(self, spec: RunSpec) -> Sequence[FoldData]:
        assert spec.folds is not None
        key = repr(spec.folds)
        if key not in self._folded:
            self._folded[key] = list(fold_datasets(self.read, spec.folds))
        return self._folded[key]


class _TrialWatcher:
    """Tells the driver how a trial does, and asks at each rung whether it goes on."""

    def __init__(self, line: Line, metric: str, rungs: Sequence[int]) -> None:
        self._line = line
        self._metric = metric
        self._rungs = set(rungs)
        self._told = 0.0
        self.is_pruned = False
        self.figure: float | None = None

    def on_stage(self, text: str) -> None:
        """Take note of what begins now."""

    def on_start(self, *, epochs: int) -> None:
        """Take note of the number of epochs."""

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        value = logs.get(self._metric)
        if value is not None and not self.is_pruned:
            self._note(epoch + 1, float(value))

    def on_fold(self, done: int, mean: float) -> None:
        """Take note of a fold."""
        self._note(done, mean)

    def should_stop(self) -> bool:
        return self.is_pruned or self._line.is_stopped()

    def record(self, judged: JudgedNetwork | None = None) -> dict[str, Any]:
        """Return what is recorded of a trial beside its figure."""
        if judged is None:
            return {}
        return {
            "epochs": len(judged.history),
            "num_parameters": judged.num_parameters,
            "reused": judged.reused,
            "went_on_after": judged.went_on_after,
        }

    def _note(self, step: int, value: float) -> None:
        self.figure = value
        if step in self._rungs:
            answer = self._line.ask({"step": step, "value": value})
            self.is_pruned = bool(answer.get("prune"))
        elif time.monotonic() - self._told > TELLS_EVERY_SECONDS:
            self._told = time.monotonic()
            self._line.tell({"step": step, "value": value if np.isfinite(value) else None})


def _numbers(figures: dict[str, Any]) -> list[tuple[str, float]]:
    """Return the figures that are single numbers."""
    return [
        (name, float(value))
        for name, value in figures.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]


def _clean(folder: Path) -> None:
    """Remove what only another process would need to go on."""
    (folder / STATE).unlink(missing_ok=True)
    shutil.rmtree(folder / FOLDS, ignore_errors=True)
