"""Training in this process."""

import importlib

from dlcli.model.keras_import import load_keras
from dlcli.training.job import TrainingJob, TrainingOutcome, Watcher


def run(job: TrainingJob, watcher: Watcher) -> TrainingOutcome:
    """Import Keras for the job's backend, then fit."""
    watcher.on_stage(f"loading Keras on {job.spec.backend}")
    load_keras(job.spec.backend, threads=job.threads, debug=job.debug)
    outcome: TrainingOutcome = importlib.import_module("dlcli.training.fit").fit(job, watcher)
    return outcome
