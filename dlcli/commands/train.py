"""Train: a config to a run folder."""

import csv
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from dlcli import __version__
from dlcli.baselines.learners import check_installed
from dlcli.bundle.store import Bundle
from dlcli.checks.judging import Figures, Verdict, figures_of, judge_checks, newest_complete
from dlcli.commands.resuming import asked_by, check_same_config, check_same_data
from dlcli.commands.starting import kept_preprocessing, start_of, with_exact_start
from dlcli.data.dataset import Dataset, Part, prepare_dataset
from dlcli.data.network_inputs import check_network
from dlcli.data.table import Table
from dlcli.data.windows import predicted_rows
from dlcli.engines import load_engine
from dlcli.errors import Interrupted, UsageError
from dlcli.files import hash_file
from dlcli.permission import check_allowed
from dlcli.predictions import TargetPrediction, read_outputs
from dlcli.report.html.page import write_report
from dlcli.report.run_profile import profile_run
from dlcli.report.tested import read_tested
from dlcli.runs import (
    RUNS,
    RunFolder,
    copy_imports,
    list_runs,
    load_json,
    open_run,
    write_json,
)
from dlcli.scores import (
    choose_threshold,
    score_baselines,
    score_intervals,
    score_predictions,
)
from dlcli.spec.checks import names_of_classes, parse_check
from dlcli.spec.places import Place
from dlcli.spec.run import (
    RunSpec,
    load_spec,
    resolve_network,
    resolve_objectives,
    targets_as_classes,
    with_losses,
)
from dlcli.spec.thresholds import thresholds_by_target
from dlcli.spec.writing import to_yaml
from dlcli.staging import StagedRun, check_free, has_unfinished, resume_run, stage_run
from dlcli.trackers import check_trackers, track_run
from dlcli.training.advice import training_warnings
from dlcli.training.job import TrainingJob, TrainingOutcome, Watcher
from dlcli.training.readings import reading_of

BYTES_OF = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip


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
    return with_exact_start(load_spec(config, (*options.overrides, *backend), options.checks))


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
            return _train_staged(spec, staged, options, display, table)
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
    display.on_stage("reading the data")
    dataset = prepare_dataset(
        spec.data,
        folder=Path(),
        seed=spec.seed,
        class_targets=targets_as_classes(spec),
        given=table,
        keep=kept_preprocessing(spec),
        on_stage=display.on_stage,
    )
    check_same_data(staged, dataset)
    targets = {info.name: info.classes for info in dataset.preprocessing.targets}
    objectives = resolve_objectives(spec, targets)
    check_network(spec, dataset)
    warnings = (*dataset.warnings, *training_warnings(spec, dataset))
    dataset = replace(dataset, warnings=warnings)
    job = TrainingJob(
        spec=spec,
        dataset=dataset,
        objectives=objectives,
        folder=staged.path,
        threads=options.threads,
        memory_budget_bytes=options.memory_budget_bytes,
        state=staged.state,
        resumes=staged.is_resumed,
        init_model=None if start is None else start.model,
        debug=options.debug,
    )
    outcome = load_engine("local")(job, display)
    return _write(job, outcome, staged, options)


def _write(
    job: TrainingJob, outcome: TrainingOutcome, staged: StagedRun, options: TrainOptions
) -> TrainedRun:
    run = RunFolder(staged.path)
    bundle, chosen_by = _bundle(job, outcome)
    bundle.write(run)
    metrics = _metrics(job, outcome, bundle, chosen_by)
    write_json(run.metrics, metrics)
    _write_history(run.history, outcome.history)
    _write_predictions(run.predictions, job.dataset, outcome, bundle)
    _write_profile(run, job.dataset)
    final = staged.out or staged.path.parent / "number"
    resolved = with_losses(job.spec, job.objectives)
    # The run has its own copy of the code, and its config names that one.
    copies = copy_imports(job.spec.imports, run.path)
    resolved = replace(resolved, imports=tuple(str(final.absolute() / name) for name in copies))
    run.config.write_text(to_yaml(resolved, folder=final), encoding="utf-8")
    manifest = _manifest(job, outcome, options)
    verdicts = _judge(job, Figures(metrics=metrics, manifest=manifest), options)
    manifest["checks"] = [verdict.to_json() for verdict in verdicts]
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


def _bundle(job: TrainingJob, outcome: TrainingOutcome) -> tuple[Bundle, dict[str, str]]:
    """Return what prediction needs, and the figure for which each threshold was chosen, if any."""
    heads = {head.output: head for head in resolve_network(job.spec).heads}
    bundle = Bundle(
        preprocessing=job.dataset.preprocessing,
        readings=tuple(reading_of(each, heads[each.output].activation) for each in job.objectives),
    )
    classes = {info.name: info.classes for info in bundle.preprocessing.targets}
    asked = thresholds_by_target(job.spec.threshold, classes)
    chosen_by = {name: figure for name, figure in asked.items() if isinstance(figure, str)}
    thresholds = {name: value for name, value in asked.items() if not isinstance(value, str)}
    if chosen_by:
        part = job.dataset.validation
        assert part is not None
        read = _read(outcome, bundle, "validation")
        thresholds |= {
            name: choose_threshold(figure, read[name], part) for name, figure in chosen_by.items()
        }
    readings = tuple(
        replace(reading, thresholds={n: thresholds[n] for n in reading.targets if n in thresholds})
        for reading in bundle.readings
    )
    return replace(bundle, readings=readings), chosen_by


def _parts(dataset: Dataset) -> dict[str, Part]:
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {name: part for name, part in parts.items() if part is not None}


def _judged_part(dataset: Dataset) -> str:
    """Return the part whose predictions are kept: test, else validation, else train."""
    parts = _parts(dataset)
    return next((name for name in ("test", "validation") if name in parts), "train")


def _read(outcome: TrainingOutcome, bundle: Bundle, part: str) -> dict[str, TargetPrediction]:
    return read_outputs(outcome.predictions[part], bundle.readings, bundle.preprocessing)


def _metrics(
    job: TrainingJob, outcome: TrainingOutcome, bundle: Bundle, chosen_by: dict[str, str]
) -> dict[str, Any]:
    parts, judging = _parts(job.dataset), _judged_part(job.dataset)
    read = {name: _read(outcome, bundle, name) for name in parts}
    scored: dict[str, Any] = {
        name: {
            "rows": part.num_rows,
            "keras": outcome.evaluation[name],
            "targets": score_predictions(read[name], part.targets, part.sample_weight),
        }
        for name, part in parts.items()
    }
    part = parts[judging]
    scored[judging]["intervals"] = score_intervals(
        read[judging], part.targets, part.sample_weight, seed=job.spec.seed
    )
    return {
        "parts": scored,
        "thresholds": {
            name: {"value": value, "chosen_by": chosen_by.get(name)}
            for reading in bundle.readings
            for name, value in reading.thresholds.items()
        },
        **score_baselines(
            job.dataset.train,
            {name: part for name, part in parts.items() if name != "train"},
            read,
            bundle.preprocessing,
            names=job.spec.baselines,
            seed=job.spec.seed,
            chosen_by=chosen_by,
        ),
    }


def _write_history(path: Path, history: list[dict[str, float]]) -> None:
    names = list(dict.fromkeys(name for logs in history for name in logs))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *names])
        writer.writerows(
            [epoch, *(logs.get(name, "") for name in names)]
            for epoch, logs in enumerate(history, 1)
        )


def _write_predictions(
    path: Path, dataset: Dataset, outcome: TrainingOutcome, bundle: Bundle
) -> None:
    """Write actual and predicted values of the test part, else of the validation part."""
    name = _judged_part(dataset)
    part = _parts(dataset)[name]
    read = _read(outcome, bundle, name)
    columns: dict[str, Any] = {"row": part.rows + 1}
    if part.windows is not None:
        columns = predicted_rows(part.windows)
    for target, prediction in read.items():
        actual = part.targets[target]
        if prediction.values is not None:
            # Several steps of a window are rows of their own.
            columns[target] = actual.ravel()
            columns[f"predicted_{target}"] = prediction.values.ravel()
            continue
        classes = prediction.classes or ()
        columns[target] = [classes[code] if code >= 0 else "" for code in actual]
        columns[f"predicted_{target}"] = [classes[code] for code in prediction.codes]
        assert prediction.probabilities is not None
        # Two targets may have classes of the same names.
        prefix = f"{target}_" if len(read) > 1 else ""
        for index, label in enumerate(classes):
            columns[f"probability_{prefix}{label}"] = prediction.probabilities[:, index]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_profile(run: RunFolder, dataset: Dataset) -> None:
    """Write what the report shows of the data, where the tables are small enough to be there."""
    if dataset.tables:
        tested = read_tested(run.predictions, load_json(run.preprocessing))
        write_json(run.profile, profile_run(dataset, tested, part=_judged_part(dataset)))


def _manifest(job: TrainingJob, outcome: TrainingOutcome, options: TrainOptions) -> dict[str, Any]:
    dataset, spec = job.dataset, job.spec
    return {
        "name": spec.name,
        "status": "interrupted" if outcome.interrupted else "complete",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "dlcli": __version__,
        "seed": spec.seed,
        "backend": spec.backend,
        "epochs": {"asked": spec.epochs, "done": len(outcome.history)},
        "training": {
            "path": outcome.path,
            "uses_xla": outcome.uses_xla,
            "reason": outcome.reason,
            "compiled_calls": outcome.compiled_calls,
            "blocks": outcome.blocks,
            "threads": options.threads,
            "saves": outcome.saves,
            "went_on_after": outcome.went_on_after,
        },
        "seconds": {
            name: None if value is None else round(value, 4)
            for name, value in outcome.seconds.items()
        },
        "overrides": list(options.overrides),
        "config": _config_record(spec),
        "imports": [Path(file).name for file in job.spec.imports],
        "data": {
            "sources": [
                {"path": str(item.path), "sha256": item.sha256, "bytes": item.num_bytes}
                for item in dataset.sources
            ],
            "split": dataset.split_record,
            "validation_is_test": dataset.validation_is_test,
            "counts": dataset.counts,
            "image_files": dataset.image_files,
            "warnings": list(dataset.warnings),
            **({} if dataset.window_record is None else {"windows": dataset.window_record}),
        },
        "init_from": _start_record(spec, outcome),
        "frozen": list(outcome.frozen),
        "onnx": asdict(outcome.onnx),
        "num_parameters": outcome.num_parameters,
        "layers": [asdict(layer) for layer in outcome.layers],
        "versions": {"python": platform.python_version(), **outcome.versions},
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "byteorder": sys.byteorder,
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
    }


def _config_record(spec: RunSpec) -> dict[str, Any]:
    """Return where the config came from; of environment variables the names alone."""
    assert spec.origin is not None
    return {
        "file": str(spec.origin.file),
        "extends": [str(base) for base in spec.origin.bases],
        "variables": list(spec.origin.variables),
    }


def _processor() -> str:
    """Return what the processor calls itself; its arithmetic units decide the last digits."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _start_record(spec: RunSpec, outcome: TrainingOutcome) -> dict[str, Any] | None:
    """Return which run the weights and the preprocessing came from, and which layers took them."""
    if spec.init_from is None or outcome.started_from is None:
        return None
    model = RunFolder(Path(spec.init_from.run)).model
    record = asdict(outcome.started_from)
    return {
        **record,
        "taken": list(record["taken"]),
        "sha256": hash_file(model),
        "preprocessing": spec.init_from.preprocessing,
    }
