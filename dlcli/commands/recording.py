"""What a training leaves in its run folder, apart from the network and the manifest."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcli.bundle.store import Bundle
from dlcli.conformal import Calibration, calibrate, measure_coverage, spread_as_later
from dlcli.data.dataset import Dataset, Part, join_parts
from dlcli.data.formats.formulas import escape_text
from dlcli.data.windows import predicted_rows
from dlcli.predictions import TargetPrediction, read_outputs
from dlcli.report.run_profile import profile_run
from dlcli.report.tested import read_tested
from dlcli.runs import RunFolder, copy_imports, load_json, write_json
from dlcli.scores import (
    choose_temperature,
    choose_threshold,
    score_baselines,
    score_intervals,
    score_predictions,
)
from dlcli.spec.run import resolve_network, with_losses
from dlcli.spec.thresholds import thresholds_by_target
from dlcli.spec.writing import to_yaml
from dlcli.training.job import JudgedNetwork, TrainingJob, TrainingOutcome
from dlcli.training.readings import reading_of


@dataclass(frozen=True, kw_only=True)
class Folds:
    """What came of a cross-validation."""

    record: dict[str, Any]
    columns: dict[str, Any]
    """The held-out rows of all folds, for `out_of_fold.csv`."""


def write_outcome(
    run: RunFolder,
    job: TrainingJob,
    outcome: TrainingOutcome,
    *,
    final: Path,
    folds: Folds | None = None,
) -> dict[str, Any]:
    """Write all that the folder holds beside the network and the manifest; return the figures.

    `final` is the folder that the run will have when it is whole; `folds` is what came of a
    cross-validation.
    """
    bundle, chosen_by = fit_bundle(job, outcome)
    bundle.write(run)
    metrics = _metrics(job, outcome, bundle, chosen_by)
    calibration = _calibrate(job, outcome, bundle)
    if calibration is not None:
        write_json(run.calibration, calibration.to_json())
        metrics["coverage"] = _coverage(job.dataset, outcome, bundle, calibration)
    if folds is not None:
        metrics["folds"] = folds.record
        write_columns(run.out_of_fold, folds.columns)
    write_json(run.metrics, metrics)
    write_history(run.history, outcome.history)
    if job.selection is not None:
        write_history(run.selection, job.selection.history)
    _write_predictions(run.predictions, job.dataset, outcome, bundle)
    _write_profile(run, job.dataset)
    resolved = with_losses(job.spec, job.objectives)
    # The run has its own copy of the code, and its config names that one.
    copies = copy_imports(job.spec.imports, run.path)
    resolved = replace(resolved, imports=tuple(str(final.absolute() / name) for name in copies))
    run.config.write_text(to_yaml(resolved, folder=final), encoding="utf-8")
    return metrics


def plain_bundle(job: TrainingJob) -> Bundle | None:
    """Return what prediction needs before anything is predicted; None where that takes part in it.

    A threshold or a temperature may be chosen by the predictions of the validation part.
    """
    bundle = _start_bundle(job)
    classes = {info.name: info.classes for info in bundle.preprocessing.targets}
    asked = thresholds_by_target(job.spec.threshold, classes)
    thresholds = {name: value for name, value in asked.items() if not isinstance(value, str)}
    if len(thresholds) < len(asked) or job.spec.calibrate != "none":
        return None
    return _with_thresholds(bundle, thresholds)


def _start_bundle(job: TrainingJob) -> Bundle:
    heads = {head.output: head for head in resolve_network(job.spec).heads}
    return Bundle(
        preprocessing=job.dataset.preprocessing,
        readings=tuple(reading_of(each, heads[each.output].activation) for each in job.objectives),
    )


def _with_thresholds(bundle: Bundle, thresholds: dict[str, float]) -> Bundle:
    readings = tuple(
        replace(reading, thresholds={n: thresholds[n] for n in reading.targets if n in thresholds})
        for reading in bundle.readings
    )
    return replace(bundle, readings=readings)


def fit_bundle(
    job: TrainingJob, outcome: TrainingOutcome | JudgedNetwork
) -> tuple[Bundle, dict[str, str]]:
    """Return what prediction needs, and the figure for which each threshold was chosen, if any."""
    bundle = _start_bundle(job)
    if job.spec.calibrate == "temperature":
        bundle = _with_temperatures(job.dataset, outcome, bundle)
    classes = {info.name: info.classes for info in bundle.preprocessing.targets}
    asked = thresholds_by_target(job.spec.threshold, classes)
    chosen_by = {name: figure for name, figure in asked.items() if isinstance(figure, str)}
    thresholds = {name: value for name, value in asked.items() if not isinstance(value, str)}
    if chosen_by:
        part = job.dataset.validation
        assert part is not None
        read = read_part(outcome, bundle, "validation")
        thresholds |= {
            name: choose_threshold(figure, read[name], part) for name, figure in chosen_by.items()
        }
    return _with_thresholds(bundle, thresholds), chosen_by


def _with_temperatures(
    dataset: Dataset, outcome: TrainingOutcome | JudgedNetwork, bundle: Bundle
) -> Bundle:
    """Give every output of classes the temperature that suits the validation part."""
    part = dataset.validation
    assert part is not None
    read = read_part(outcome, bundle, "validation")
    readings = tuple(
        reading
        if reading.task == "regression"
        else replace(
            reading, temperature=choose_temperature([read[n] for n in reading.targets], part)
        )
        for reading in bundle.readings
    )
    return replace(bundle, readings=readings)


def _parts(dataset: Dataset) -> dict[str, Part]:
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {name: part for name, part in parts.items() if part is not None}


def _judged_part(dataset: Dataset) -> str:
    """Return the part whose predictions are kept: test, else validation, else train."""
    parts = _parts(dataset)
    return next((name for name in ("test", "validation") if name in parts), "train")


def read_part(
    outcome: TrainingOutcome | JudgedNetwork, bundle: Bundle, part: str
) -> dict[str, TargetPrediction]:
    """Return what a network predicts for a part."""
    return read_outputs(outcome.predictions[part], bundle.readings, bundle.preprocessing)


def _metrics(
    job: TrainingJob, outcome: TrainingOutcome, bundle: Bundle, chosen_by: dict[str, str]
) -> dict[str, Any]:
    parts, judging = _parts(job.dataset), _judged_part(job.dataset)
    read = {name: read_part(outcome, bundle, name) for name in parts}
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
        "temperatures": {
            name: reading.temperature
            for reading in bundle.readings
            for name in reading.targets
            if reading.temperature != 1
        },
        "thresholds": {
            name: {"value": value, "chosen_by": chosen_by.get(name)}
            for reading in bundle.readings
            for name, value in reading.thresholds.items()
        },
        **score_baselines(
            *_baseline_parts(job),
            read,
            bundle.preprocessing,
            names=job.spec.baselines,
            seed=job.spec.seed,
            chosen_by=chosen_by,
        ),
    }


def _calibrate(job: TrainingJob, outcome: TrainingOutcome, bundle: Bundle) -> Calibration | None:
    """Return the errors on the validation part, None without one or without targets of numbers."""
    part = job.dataset.validation
    if part is None:
        return None
    read = read_part(outcome, bundle, "validation")
    if job.selection is not None:
        chose = job.selection.predictions["train"]
        read = spread_as_later(
            read,
            before=read_outputs(chose, bundle.readings, bundle.preprocessing),
            later=read_part(outcome, bundle, "train"),
        )
    name = "test" if job.dataset.validation_is_test else "validation"
    return calibrate(name, read, part.targets)


def _coverage(
    dataset: Dataset, outcome: TrainingOutcome, bundle: Bundle, calibration: Calibration
) -> dict[str, Any]:
    """Return how much of the test part the intervals hold, or why that is not known."""
    test, reason = dataset.test, None
    if test is None:
        reason = "there is no test part"
    elif dataset.validation_is_test:
        reason = "they were made from the test part itself"
    is_measured = test is not None and reason is None
    targets = {}
    if is_measured:
        assert test is not None
        read = read_part(outcome, bundle, "test")
        targets = measure_coverage(calibration, read, test.targets, test.sample_weight)
    return {
        "part": "test" if is_measured else None,
        "reason": reason,
        "calibration": calibration.describe(),
        "targets": targets,
    }


def _baseline_parts(job: TrainingJob) -> tuple[Part, dict[str, Part]]:
    """Return the rows that baselines are fitted on, and the parts that judge them."""
    train, parts = job.dataset.train, _parts(job.dataset)
    judged = {name: part for name, part in parts.items() if name != "train"}
    if job.selection is None or "test" not in judged:
        return train, judged
    # As many rows as the network, which leaves none of the validation part to judge by.
    return join_parts(train, judged["validation"]), {"test": judged["test"]}


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write every epoch's figures as CSV."""
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
    columns = predicted_columns(part, read_part(outcome, bundle, name))
    write_columns(path, columns)


def predicted_columns(part: Part, read: dict[str, TargetPrediction]) -> dict[str, Any]:
    """Return a part's rows with what was measured and predicted there, by column."""
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
    return columns


def write_columns(path: Path, columns: dict[str, Any]) -> None:
    """Write columns of equal length as CSV, with no text that a spreadsheet would run."""
    cells = [[_safe(cell) for cell in column] for column in columns.values()]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(escape_text, columns))
        writer.writerows(zip(*cells, strict=True))


def _safe(cell: Any) -> Any:
    return escape_text(cell) if isinstance(cell, str) else cell


def _write_profile(run: RunFolder, dataset: Dataset) -> None:
    """Write what the report shows of the data, where the tables are small enough to be there."""
    if dataset.tables:
        tested = read_tested(run.predictions, load_json(run.preprocessing))
        write_json(run.profile, profile_run(dataset, tested, part=_judged_part(dataset)))
