"""Refitting: the number of epochs is chosen on the validation part or given, then all rows train."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.data.dataset import join_parts
from dlcli.spec.components import shortened
from dlcli.spec.refit import RefitSpec, shortens, takes_all_epochs, tolerance_of
from dlcli.spec.refitting import VALIDATION_LOSS, callbacks_of_refit
from dlcli.staging import StagedRun
from dlcli.training.job import Selection, TrainingJob, TrainingOutcome, Watcher

RECORD, ARRAYS = "selection.json", "selection.npz"
PARTS = ("train", "validation")

Engine = Callable[[TrainingJob, Watcher], TrainingOutcome]


def fit_and_refit(
    job: TrainingJob, staged: StagedRun, engine: Engine, watcher: Watcher
) -> tuple[TrainingJob, TrainingOutcome]:
    """Train, and where the config says so anew on training and validation rows together.

    Returns the job with what was chosen, and the outcome of the last training, whose validation
    part is that of the training that chose: it did not see these rows. A training that was cut off
    goes on with whichever of the two it was at.
    """
    if not job.spec.refit:
        return job, engine(job, watcher)
    selection = _read(staged.resume)
    if selection is None:
        takes_all = takes_all_epochs(job.spec.refit)
        watcher.on_stage(
            "training without the validation rows" if takes_all else "choosing the number of epochs"
        )
        outcome = engine(job, watcher)
        if outcome.interrupted:
            return job, outcome
        selection = _select(outcome, job.spec.refit)
        _write(staged.resume, selection)
        # What follows has a state and files of its own.
        staged.state.unlink(missing_ok=True)
        staged.begin_again()
        job = replace(job, resumes=False)
    watcher.on_stage(f"training anew on all rows for {selection.epochs} epochs")
    outcome = engine(_refit_job(job, selection), watcher)
    return replace(job, selection=selection), _with_validation(outcome, selection, job)


def _select(outcome: TrainingOutcome, refit: bool | RefitSpec) -> Selection:
    assert outcome.best_epoch is not None, "the config's rules see to a validation part"
    epochs = outcome.best_epoch
    if takes_all_epochs(refit):
        epochs = len(outcome.history)
    elif tolerance_of(refit):
        epochs = _last_within(tolerance_of(refit), outcome.history)
    return Selection(
        epochs=epochs,
        history=outcome.history,
        predictions={part: outcome.predictions[part] for part in PARTS},
        evaluation=outcome.evaluation["validation"],
        seconds=float(outcome.seconds["loop"] or 0.0),
    )


def _last_within(tolerance: float, history: list[dict[str, float]]) -> int:
    """Return the last epoch, counted from 1, whose validation loss is near enough to the best one.

    A loss below 0 has no share of itself that it may be worse by; then it is the best epoch.
    """
    losses = np.array([logs[VALIDATION_LOSS] for logs in history])
    bound = max(losses.min() * (1 + tolerance), losses.min())
    return int(np.flatnonzero(losses <= bound)[-1]) + 1


def _refit_job(job: TrainingJob, selection: Selection) -> TrainingJob:
    dataset, spec = job.dataset, job.spec
    assert dataset.validation is not None
    train = join_parts(dataset.train, dataset.validation)
    optimizer = spec.optimizer
    if shortens(spec.refit):
        optimizer = shortened(optimizer, selection.epochs / spec.epochs)
    return replace(
        job,
        dataset=replace(dataset, train=train, validation=None),
        spec=replace(
            spec,
            epochs=selection.epochs,
            optimizer=optimizer,
            callbacks=callbacks_of_refit(spec.callbacks),
        ),
    )


def _with_validation(
    outcome: TrainingOutcome, selection: Selection, job: TrainingJob
) -> TrainingOutcome:
    """Return the outcome for the parts of the job: training rows first, validation as it was."""
    num_rows = job.dataset.train.num_rows
    train = {name: rows[:num_rows] for name, rows in outcome.predictions["train"].items()}
    return replace(
        outcome,
        predictions={
            **outcome.predictions,
            "train": train,
            "validation": selection.predictions["validation"],
        },
        evaluation={**outcome.evaluation, "validation": selection.evaluation},
        seconds={**outcome.seconds, "selection": selection.seconds},
    )


def _write(folder: Path, selection: Selection) -> None:
    """Keep a selection until the run is whole."""
    state = asdict(replace(selection, predictions={}))
    arrays = {
        f"{part}/{name}": rows
        for part, outputs in selection.predictions.items()
        for name, rows in outputs.items()
    }
    np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]
    (folder / RECORD).write_text(json.dumps(state), encoding="utf-8")


def _read(folder: Path) -> Selection | None:
    """Return the selection of a training that was cut off after it."""
    if not (folder / RECORD).is_file():
        return None
    state: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    predictions: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        for key, rows in arrays.items():
            part, _, name = key.partition("/")
            predictions[part][name] = rows
    return Selection(**{**state, "predictions": predictions})
