"""Sweep: a config and its axes to trials, and the best of them to a run."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlcli import __version__
from dlcli.commands.folding import num_folds
from dlcli.commands.placing import AskedEngine, needs_of_spec, with_engine
from dlcli.commands.reading import read_configured
from dlcli.commands.resuming import asked_by
from dlcli.commands.starting import with_exact_start
from dlcli.commands.train import Display, TrainOptions, train_spec
from dlcli.commands.trials import WORK, open_shared
from dlcli.data.dataset import Dataset, encode_parts
from dlcli.data.folds import fold_datasets
from dlcli.data.large.deciding import decide
from dlcli.data.network_inputs import check_network
from dlcli.engines import Message, Pool, check_engine_is_there, load_pool, threads_of
from dlcli.engines.needs import Needs
from dlcli.errors import Interrupted, RunError, SpecError, TrainingError
from dlcli.files import writing, written_whole
from dlcli.memory import available_bytes
from dlcli.permission import check_allowed, is_allowed
from dlcli.report.blocks import Block, format_blocks
from dlcli.runs import RunFolder, write_json
from dlcli.spec.differences import find_differences
from dlcli.spec.engine import Engine, EngineSpec, engine_name, ray_settings
from dlcli.spec.network import metric_kinds
from dlcli.spec.places import format_problem
from dlcli.spec.points import Point, build_trial, planned_points
from dlcli.spec.run import (
    RunSpec,
    build_spec,
    load_spec,
    resolve_network,
    resolve_objectives,
)
from dlcli.spec.sweep import Direction, SweepSpec, direction_of, metric_of
from dlcli.spec.writing import to_yaml
from dlcli.staging import has_unfinished
from dlcli.sweeps.driver import Driver, SweepDisplay
from dlcli.sweeps.explained import explained_shares
from dlcli.sweeps.folder import SweepFolder, find_folder, held, new_folder
from dlcli.sweeps.page import SweepRecord, build_page
from dlcli.sweeps.study import Study, import_optuna, open_study, storage_errors
from dlcli.sweeps.text import best_block, count_line
from dlcli.sweeps.trial import FINISHED, Trial, best_trial

_BUDGET = ("trials", "timeout", "workers")
"""Keys of `sweep` that may change when a sweep is gone on with."""


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What the command line may ask for beside the config."""

    overrides: tuple[str, ...] = ()
    out: Path | None = None
    resume: bool = False
    workers: int | None = None
    storage: str | None = None
    threads: int | None = None
    memory_budget_bytes: int | None = None
    engine: AskedEngine = field(default_factory=AskedEngine)
    debug: bool = False


@dataclass(frozen=True, kw_only=True)
class SweptConfig:
    """What came of a sweep."""

    folder: SweepFolder
    record: SweepRecord
    planned: int
    best: RunFolder | None

    @property
    def is_whole(self) -> bool:
        """Tell whether every trial has come to an end."""
        done = [trial for trial in self.record.trials if trial.state in FINISHED]
        return len(done) >= self.planned

    def to_json(self) -> dict[str, Any]:
        """Return the sweep as JSON values: `trials` lists every trial once."""
        record = self.record
        best = best_trial(record.trials, record.direction)
        return {
            "name": record.name,
            "folder": str(self.folder.path),
            "metric": record.metric,
            "direction": record.direction,
            "axes": [axis.key for axis in record.axes],
            "planned": self.planned,
            "best": None
            if best is None
            else {
                "trial": best.number,
                "figure": best.figure,
                "values": best.values,
                "run": None if self.best is None else str(self.best.path),
            },
            "importance": dict(record.shares),
            "trials": [trial.to_json() for trial in record.trials],
        }

    def to_text(self) -> str:
        """Return what the command ends with: the best trials, and where everything is."""
        record = self.record
        blocks = [
            best_block(
                record.trials,
                record.axes,
                record.metric,
                larger=record.direction == "maximize",
                by_folds=record.by_folds,
            )
        ]
        facts = [("sweep", str(self.folder.path)), ("trials", count_line(record.trials))]
        if self.best is not None:
            facts.append(("best run", str(self.best.path)))
        facts.append(("report", str(self.folder.report)))
        width = max(len(name) for name, _ in facts)
        lines = [f"{name:<{width}}  {value}" for name, value in facts]
        shares = ", ".join(f"{key} {share:.0%}" for key, share in record.shares.items())
        if shares:
            lines.append(f"{'explains':<{width}}  {shares}")
        return format_blocks([Block(text="\n".join(lines)), *blocks, *_errors(record.trials)])


def _errors(trials: Sequence[Trial]) -> list[Block]:
    failed = [trial for trial in trials if trial.error is not None]
    lines = [
        f"trial {each.number} failed: {str(each.error['message']).splitlines()[0]}"
        for each in failed[:5]
        if each.error is not None
    ]
    if len(failed) > len(lines):
        lines.append(f"and {len(failed) - len(lines)} more")
    return [Block(text="\n".join(lines))] if lines else []


MakeTrials = Callable[[RunSpec, SweepSpec, str, Direction], SweepDisplay]
"""Makes what shows the trials of a sweep: of its metric and its direction."""


def sweep(
    config: Path,
    options: SweepOptions,
    make_trials: MakeTrials,
    make_display: Callable[[], Display],
) -> SweptConfig:
    """Try the points of a config's axes, and train the best one again as a run.

    Every trial's config, and the data, are checked before anything runs. Raises DlcliError;
    Interrupted where the user ends it, which loses nothing that `--resume` would not go on from.
    """
    spec = _load(config, options)
    swept = spec.sweep
    assert swept is not None
    import_optuna()
    check_allowed(spec.imports, spec.name)
    points = planned_points(swept, seed=spec.seed)
    _check_points(spec, swept, points)
    check_engine_is_there(spec.engine)
    table = _SweptTable(spec=spec, budget_bytes=_table_budget(swept, options))
    needs = table.check_in_memory(make_display())
    folder = _folder(spec, options)
    with held(folder), table.prepared(folder, options, make_display), storage_errors(swept.storage):
        with _discarded_unless_begun(folder, options):
            study = _open(spec, swept, folder, len(points))
            study.plan(points)
        display = make_trials(spec, swept, metric_of(swept), study.direction)
        _run(spec, swept, folder, study, len(points), needs, table, options, display)
        best = _refit(spec, swept, folder, study, options, make_display)
        return _finish(spec, swept, folder, study, len(points), best)


def _load(config: Path, options: SweepOptions) -> RunSpec:
    asked = {"workers": options.workers, "storage": options.storage}
    # Options of this command are keys of the config like any other.
    own = tuple(f"sweep.{key}={value}" for key, value in asked.items() if value is not None)
    loaded = with_engine(load_spec(config, (*options.overrides, *own)), options.engine)
    spec = with_exact_start(loaded)
    if spec.sweep is None:
        raise SpecError(
            f"{config} has no `sweep`",
            hint="say which keys take which values, e.g. sweep: {axes: {optimizer.Adam."
            "learning_rate: {log: [1e-4, 1e-2]}}, trials: 20}",
        )
    return spec


def _check_points(spec: RunSpec, swept: SweepSpec, points: Sequence[Point | None]) -> None:
    """Build the config of every trial; raises SpecError for the first that is none."""
    assert spec.origin is not None
    axes = swept.parsed_axes
    seen: set[str] = set()
    for point in points:
        key = json.dumps(point, default=repr)
        if point is not None and key not in seen:
            seen.add(key)
            built = build_trial(spec.origin, axes, point, build_spec)
            if built.backend != spec.backend:
                place = spec.origin.place(("sweep", "axes"))
                raise SpecError(format_problem("every trial takes the same backend", place))


def _table_budget(swept: SweepSpec, options: SweepOptions) -> int:
    """Return what each worker may hold of the table: its share of what is free, if nothing is said."""
    if options.memory_budget_bytes is not None:
        return options.memory_budget_bytes
    return available_bytes() // max(1, swept.workers)


@dataclass(kw_only=True)
class _SweptTable:
    """The table that all trials read, in memory or from disk."""

    spec: RunSpec
    budget_bytes: int
    is_large: bool = False

    def check_in_memory(self, display: Display) -> Needs:
        """Read the data and check the network and the folds against them; raises DlcliError.

        Larger data are left to `prepared`. Returns what workers on other machines must have.
        """
        spec = self.spec
        try:
            display.on_stage("reading the data")
            found = decide(spec, budget_bytes=self.budget_bytes, on_stage=display.on_stage)
            self.is_large = found.large is not None
            if self.is_large:
                return Needs()
            read = read_configured(spec, on_stage=display.on_stage)
            datasets = [encode_parts(read, read.split)]
            if spec.folds is not None:
                datasets += [each.dataset for each in fold_datasets(read, spec.folds)]
        finally:
            display.close()
        for dataset in datasets:
            _check_dataset(spec, dataset)
        return needs_of_spec(spec, [each.path for each in datasets[0].sources])

    @contextmanager
    def prepared(
        self, folder: SweepFolder, options: SweepOptions, make_display: Callable[[], Display]
    ) -> Iterator[None]:
        """Prepare and check large data for all workers; what is on disk goes when this is left."""
        if not self.is_large:
            yield
            return
        try:
            display = make_display()
            try:
                with _discarded_unless_begun(folder, options):
                    shared = open_shared(
                        self.spec,
                        folder.rows,
                        budget_bytes=self.budget_bytes,
                        on_stage=display.on_stage,
                    )
                    assert shared is not None
                    _check_dataset(self.spec, shared.dataset)
            finally:
                display.close()
            yield
            shared.release()
        finally:
            shutil.rmtree(folder.rows, ignore_errors=True)


@contextmanager
def _discarded_unless_begun(folder: SweepFolder, options: SweepOptions) -> Iterator[None]:
    """Remove the new folder of a sweep that ends before its first trial."""
    try:
        yield
    except BaseException:
        if not options.resume:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _check_dataset(spec: RunSpec, dataset: Dataset) -> None:
    resolve_objectives(spec, {info.name: info.classes for info in dataset.preprocessing.targets})
    check_network(spec, dataset)


def _folder(spec: RunSpec, options: SweepOptions) -> SweepFolder:
    """Make the folder, or find the one to go on with, which must be of this very sweep."""
    asked = asked_by(spec)
    if options.resume:
        folder = find_folder(spec.name, options.out)
        then, now = _compared(folder.load_asked()["config"]), _compared(asked["config"])
        differences = [each.key for each in find_differences(then, now)]
        if differences:
            raise RunError(
                f"{folder.path}: the config is not the one of this sweep: "
                f"{', '.join(differences[:5])}",
                hint="--resume takes the config and the --set of the first command; only "
                f"{', '.join(_BUDGET)} may change",
            )
    else:
        folder = new_folder(spec.name, options.out, asked)
    text = to_yaml(spec, folder=folder.path)
    with writing(folder.config, RunError), written_whole(folder.config) as path:
        path.write_text(text, encoding="utf-8")
    return folder


def _compared(config: dict[str, Any]) -> dict[str, Any]:
    swept = {key: value for key, value in config["sweep"].items() if key not in _BUDGET}
    data = {key: value for key, value in config["data"].items() if key != "source"}
    # Where trials run changes nothing that comes of them.
    others = {key: value for key, value in config.items() if key != "engine"}
    return {**others, "sweep": swept, "data": data}


def _open(spec: RunSpec, swept: SweepSpec, folder: SweepFolder, planned: int) -> Study:
    direction = swept.direction or direction_of(
        metric_of(swept), metric_kinds(spec, resolve_network(spec).heads)
    )
    assert direction is not None
    canonical = _compared(asked_by(spec)["config"])
    digest = hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()
    return open_study(
        swept.storage,
        folder.path,
        name=f"{spec.name}-{digest[:12]}",
        owner=str(folder.load_asked()["owner"]),
        planned=planned,
        axes=swept.parsed_axes,
        direction=direction,
        sampler=swept.sampler,
        seed=spec.seed,
        halving=swept.halving,
        most_resource=spec.epochs if spec.folds is None else num_folds(spec.folds),
        by_folds=spec.folds is not None,
    )


def _run(
    spec: RunSpec,
    swept: SweepSpec,
    folder: SweepFolder,
    study: Study,
    planned: int,
    needs: Needs,
    table: _SweptTable,
    options: SweepOptions,
    display: SweepDisplay,
) -> None:
    arguments = {
        "text": folder.config.read_text(encoding="utf-8"),
        "file": str(folder.config.absolute()),
        "threads": options.threads or threads_of(spec.engine, swept.workers),
        "memory_budget_bytes": options.memory_budget_bytes,
        "table_budget_bytes": table.budget_bytes,
        "rows": str(folder.rows.absolute()) if table.is_large else None,
        "allowed": bool(spec.imports) and is_allowed(),
        "debug": options.debug,
    }

    def start(handle: Callable[[int, Message], Message | None]) -> Pool:
        return load_pool(spec.engine)(
            WORK,
            arguments,
            num_workers=swept.workers,
            handle=handle,
            logs=folder.logs,
            engine=spec.engine,
            needs=needs,
        )

    driver = Driver(
        study=study,
        folder=folder.path.absolute(),
        planned=planned,
        timeout=swept.timeout,
        display=display,
    )
    try:
        driver.run(start)
    except KeyboardInterrupt:
        _finish(spec, swept, folder, study, planned, None)
        raise Interrupted(
            f"interrupted; {folder.path} keeps the trials that are done, and where the others were",
            hint="the same command with --resume goes on with it",
        ) from None


def _refit(
    spec: RunSpec,
    swept: SweepSpec,
    folder: SweepFolder,
    study: Study,
    options: SweepOptions,
    make_display: Callable[[], Display],
) -> RunFolder | None:
    """Train the best trial again as a run, with everything that a run has; None without one."""
    best = best_trial(study.trials(), study.direction)
    if best is None:
        return None
    if RunFolder(folder.best).manifest.is_file():
        return RunFolder(folder.best)
    assert spec.origin is not None
    built = build_trial(spec.origin, swept.parsed_axes, best.values, build_spec)
    # Its folds are judged already.
    refitted = replace(with_exact_start(built), folds=None, engine=_engine_of_best(spec, swept))
    goes_on = has_unfinished(spec.name, folder.best)
    train_options = TrainOptions(
        out=folder.best,
        threads=options.threads,
        memory_budget_bytes=options.memory_budget_bytes,
        resume=goes_on,
        debug=options.debug,
        overrides=tuple(f"{key}={json.dumps(value)}" for key, value in best.values.items()),
    )
    return train_spec(refitted, train_options, make_display()).run


def _engine_of_best(spec: RunSpec, swept: SweepSpec) -> Engine:
    """Return where the best trial is trained again: by one worker, as it was judged."""
    if engine_name(spec.engine) != "ray":
        return spec.engine
    workers = 1 if spec.ensemble is None else max(1, swept.workers)
    return EngineSpec(ray=replace(ray_settings(spec.engine), workers=workers))


def _finish(
    spec: RunSpec,
    swept: SweepSpec,
    folder: SweepFolder,
    study: Study,
    planned: int,
    best: RunFolder | None,
) -> SweptConfig:
    """Write the record and the page of the sweep."""
    trials = study.trials()
    made = SweptConfig(
        folder=folder,
        record=SweepRecord(
            name=spec.name,
            created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            version=__version__,
            axes=swept.parsed_axes,
            trials=trials,
            metric=metric_of(swept),
            direction=study.direction,
            shares=explained_shares(trials, swept.parsed_axes),
            best_run=None if best is None else str(best.path),
            by_folds=spec.folds is not None,
        ),
        planned=planned,
        best=best,
    )
    with writing(folder.path, RunError):
        write_json(folder.record, made.to_json())
        with written_whole(folder.report) as path:
            path.write_text(build_page(made.record), encoding="utf-8")
    if all(trial.state == "failed" for trial in trials) and trials:
        error = trials[0].error or {}
        raise TrainingError(
            f"every trial failed; the first one: {error.get('message')}",
            hint=error.get("hint") or f"{folder.record} tells all of them",
        )
    return made
