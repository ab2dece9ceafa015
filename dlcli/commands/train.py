"""Train: a config to a run folder."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from dlcli.baselines.learners import check_installed
from dlcli.checks.judging import Figures, Verdict, figures_of, judge_checks, newest_complete
from dlcli.commands.folding import (
    FoldOptions,
    Stopped,
    cross_validate,
    folds_record,
    out_of_fold_columns,
)
from dlcli.commands.manifest import build_manifest
from dlcli.commands.placing import AskedEngine, with_engine
from dlcli.commands.reading import read_configured
from dlcli.commands.recording import Folds, write_outcome
from dlcli.commands.refitting import fit_and_refit
from dlcli.commands.resuming import asked_by, check_same_config, check_same_data
from dlcli.commands.starting import start_of, with_exact_start
from dlcli.data.dataset import Dataset, ReadData, encode_parts
from dlcli.data.large.deciding import Decision, decide
from dlcli.data.large.preparing import prepare_large
from dlcli.data.network_inputs import check_network
from dlcli.data.table import Table
from dlcli.engines import check_engine_is_there, load_engine
from dlcli.errors import Interrupted, UsageError
from dlcli.permission import check_allowed
from dlcli.report.html.page import write_report
from dlcli.runs import (
    RUNS,
    RunFolder,
    list_runs,
    load_json,
    open_run,
)
from dlcli.spec.checks import names_of_classes, parse_check
from dlcli.spec.places import Place
from dlcli.spec.run import (
    RunSpec,
    load_spec,
    resolve_objectives,
)
from dlcli.staging import StagedRun, check_free, has_unfinished, resume_run, stage_run
from dlcli.trackers import check_trackers, track_run
from dlcli.training.advice import training_warnings
from dlcli.training.job import TrainingJob, TrainingOutcome, Watcher, with_members
from dlcli.training.kept_networks import KeptNetworks

BYTES_OF = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip


ROWS = "rows"
"""The folder in a run in the making that holds what is read from disk while it trains."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """Where rows go that do not fit into memory, and how much of it there is."""

    budget_bytes: int | None
    """None is what is free."""
    folder: Path


class Display(Watcher, Protocol):
    """A watcher that is closed when training ends."""

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What the command line may ask for beside the config."""

    overrides: tuple[str, ...] = ()
    out: Path | None = None
    backend: str | None = None
    threads: int | None = None
    memory_budget_bytes: int | None = None
    resume: bool = False
    engine: AskedEngine = field(default_factory=AskedEngine)
    debug: bool = False
    checks: tuple[str, ...] = ()
    """Checks beside the config's own."""
    previous: str | None = None
    """The run that checks call `previous`; the newest finished one of the same name without it."""


def parse_bytes(text: str) -> int:
    """Return the bytes that `512MB`, `2GiB` or a plain number name; raises UsageError."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *([A-Za-z]*)", text.strip())
    unit = found[2].upper() if found is not None else ""
    if found is None or unit not in BYTES_OF:
        raise UsageError(
            f"{text!r} is no amount of memory", hint="write bytes, or a unit as in 512MB or 2GB"
        )
    return int(float(found[1]) * BYTES_OF[unit])


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """A written run with what the summary needs."""

    run: RunFolder
    metrics: dict[str, Any]
    manifest: dict[str, Any]
    verdicts: tuple[Verdict, ...] = ()
    check_places: tuple[Place, ...] = ()
    """Where each check of `verdicts` is written."""

    @property
    def interrupted(self) -> bool:
        return bool(self.manifest["status"] == "interrupted")


def train_all(
    configs: Sequence[Path], options: TrainOptions, make_display: Callable[[], Display]
) -> Iterator[TrainedRun]:
    """Train configs one after the other in this process; all are checked before the first trains.

    Raises DlcliError at the first stage that fails. What is stopped by the user ends the row.
    """
    if options.resume and len(configs) > 1:
        raise UsageError("--resume goes on with one training, but there are several configs")
    if not options.resume:
        check_free(options.out)
    if options.previous is not None:
        open_run(options.previous)
    specs = [_load(config, options) for config in configs]
    for spec in specs:
        check_allowed(spec.imports, spec.name)
    for spec in specs:
        check_installed(spec.baselines)
    _check_one_backend(specs)
    for spec in specs:
        check_trackers(spec)
    for spec in specs:
        check_engine_is_there(spec.engine)
    for spec in specs:
        trained = train_spec(spec, options, make_display())
        yield trained
        if trained.interrupted:
            return


def train(config: Path, options: TrainOptions, display: Display) -> TrainedRun:
    """Check, fit, evaluate, and write the run; raises DlcliError at the first stage that fails."""
    return train_spec(_load(config, options), options, display)


def _load(config: Path, options: TrainOptions) -> RunSpec:
    # --backend is a key of the config like any other, and recorded like one.
    backend = () if options.backend is None else (f"backend={options.backend}",)
    spec = load_spec(config, (*options.overrides, *backend), options.checks)
    return with_exact_start(with_engine(spec, options.engine))


def _check_one_backend(specs: Sequence[RunSpec]) -> None:
    backends = sorted({spec.backend for spec in specs})
    if len(backends) > 1:
        raise UsageError(
            f"these configs name {' and '.join(backends)}, but Keras takes one backend a process",
            hint=f"train them in two commands, or add --backend {backends[0]}",
        )


def train_spec(
    spec: RunSpec, options: TrainOptions, display: Display, *, table: Table | None = None
) -> TrainedRun:
    """Train a checked config, on `table` instead of the files of its source, or go on with it."""
    check_allowed(spec.imports, spec.name)
    check_installed(spec.baselines)
    try:
        trained = _train_in_folder(spec, options, display, table)
        write_report(trained.run)
        if spec.track is not None:
            display.on_stage("logging the run")
            track_run(spec, trained.run)
        return trained
    finally:
        display.close()


def _train_in_folder(
    spec: RunSpec, options: TrainOptions, display: Display, table: Table | None
) -> TrainedRun:
    if options.resume:
        folder = resume_run(spec.name, options.out)
    else:
        if has_unfinished(spec.name, options.out):
            display.on_stage("an earlier training was cut off and left alone; --resume goes on")
        folder = stage_run(spec.name, options.out, asked=asked_by(spec))
    with folder as staged:
        try:
            if staged.is_resumed:
                check_same_config(staged, spec)
                if staged.is_whole:
                    return _finish(staged)
                staged.begin_again()
            try:
                return _train_staged(spec, staged, options, display, table)
            finally:
                shutil.rmtree(staged.path / ROWS, ignore_errors=True)
        except KeyboardInterrupt:
            if staged.has_state:
                raise Interrupted(
                    "interrupted; the training that was done is kept",
                    hint="the same command with --resume goes on with it",
                ) from None
            raise Interrupted("interrupted; nothing is left of this run") from None


def _finish(staged: StagedRun) -> TrainedRun:
    """Give a run its name that was cut off when nothing else was missing."""
    run = staged.finish()
    return TrainedRun(run=run, metrics=load_json(run.metrics), manifest=run.load_manifest())


def _train_staged(
    spec: RunSpec,
    staged: StagedRun,
    options: TrainOptions,
    display: Display,
    table: Table | None,
) -> TrainedRun:
    start = start_of(spec)
    reads: list[ReadData] = []
    job = prepare_job(
        spec,
        staged.path,
        table=table,
        on_stage=display.on_stage,
        on_read=reads.append,
        on_dataset=lambda dataset: check_same_data(staged, dataset),
        room=Room(budget_bytes=options.memory_budget_bytes, folder=staged.path / ROWS),
    )
    job = replace(
        job,
        threads=options.threads,
        memory_budget_bytes=options.memory_budget_bytes,
        state=staged.state,
        resumes=staged.is_resumed,
        init_model=None if start is None else start.model,
        debug=options.debug,
    )
    folds = None if spec.folds is None else _fold(job, reads[0], staged, display)
    job, outcome = fit_and_refit(job, staged, load_engine(spec.engine), display)
    return _write(with_members(job), outcome, staged, options, folds)


def _fold(job: TrainingJob, read: ReadData, staged: StagedRun, display: Display) -> Folds:
    """Judge a network for each fold, before the run's own is trained."""
    options = FoldOptions(
        folder=staged.resume,
        state=staged.folds,
        threads=job.threads,
        memory_budget_bytes=job.memory_budget_bytes,
        init_model=job.init_model,
        debug=job.debug,
        engine=job.spec.engine,
    )
    try:
        judged = list(cross_validate(job.spec, read, options, display, KeptNetworks()))
    except Stopped:
        raise KeyboardInterrupt from None
    kind = job.dataset.split_record["kind"]
    return Folds(
        record=folds_record(job.spec, judged, kind=kind), columns=out_of_fold_columns(judged)
    )


def prepare_job(
    spec: RunSpec,
    folder: Path,
    *,
    table: Table | None,
    on_stage: Callable[[str], None] = lambda text: None,
    on_read: Callable[[ReadData], None] = lambda read: None,
    on_dataset: Callable[[Dataset], None] = lambda dataset: None,
    room: Room | None = None,
) -> TrainingJob:
    """Read and check the data of a config, or `table` in their place, for a training in `folder`.

    `on_read` is shown the table before it is encoded, and `on_dataset` the data before anything is
    checked against them. With `room`, files that are too large are read from disk, block by block.
    """
    on_stage("reading the data")
    decision = Decision()
    if room is not None and table is None:
        decision = decide(spec, budget_bytes=room.budget_bytes, on_stage=on_stage)
    if decision.large is not None:
        assert room is not None
        dataset = prepare_large(
            decision.large, folder=room.folder, seed=spec.seed, on_stage=on_stage
        )
    else:
        dataset = _read_whole(spec, table, on_stage, on_read)
    on_dataset(dataset)
    targets = {info.name: info.classes for info in dataset.preprocessing.targets}
    objectives = resolve_objectives(spec, targets)
    check_network(spec, dataset)
    warned = () if decision.warning is None else (decision.warning,)
    warnings = (*warned, *dataset.warnings, *training_warnings(spec, dataset))
    dataset = replace(dataset, warnings=warnings)
    return TrainingJob(spec=spec, dataset=dataset, objectives=objectives, folder=folder)


def _read_whole(
    spec: RunSpec,
    table: Table | None,
    on_stage: Callable[[str], None],
    on_read: Callable[[ReadData], None],
) -> Dataset:
    """Read the data of a config, or `table` in their place, into memory."""
    read = read_configured(spec, given=table, on_stage=on_stage)
    on_read(read)
    return encode_parts(read, read.split)


def _write(
    job: TrainingJob,
    outcome: TrainingOutcome,
    staged: StagedRun,
    options: TrainOptions,
    folds: Folds | None,
) -> TrainedRun:
    run = RunFolder(staged.path)
    final = staged.out or staged.path.parent / "number"
    metrics = write_outcome(run, job, outcome, final=final, folds=folds)
    manifest = build_manifest(job, outcome, overrides=options.overrides)
    verdicts = _judge(job, Figures(metrics=metrics, manifest=manifest), options)
    manifest["checks"] = [verdict.to_json() for verdict in verdicts]
    shutil.rmtree(staged.path / ROWS, ignore_errors=True)
    return TrainedRun(
        run=staged.publish(manifest),
        metrics=metrics,
        manifest=manifest,
        verdicts=verdicts,
        check_places=_check_places(job.spec),
    )


def _judge(job: TrainingJob, figures: Figures, options: TrainOptions) -> tuple[Verdict, ...]:
    classes = {info.name: info.classes for info in job.dataset.preprocessing.targets}
    names = names_of_classes(job.spec, classes)
    checks = [parse_check(text, names) for text in job.spec.checks]
    previous = _previous(job.spec, options) if checks else None
    return judge_checks(checks, figures, None if previous is None else figures_of(previous))


def _previous(spec: RunSpec, options: TrainOptions) -> RunFolder | None:
    if options.previous is not None:
        return open_run(options.previous)
    folder = RUNS / spec.name if options.out is None else options.out.parent
    return newest_complete(list_runs(folder))


def _check_places(spec: RunSpec) -> tuple[Place, ...]:
    assert spec.origin is not None
    return tuple(spec.origin.place(("checks", index)) for index in range(len(spec.checks)))
