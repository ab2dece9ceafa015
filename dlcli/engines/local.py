"""Training in this process."""

import importlib

from dlcli.model.keras_import import load_keras, sensible_threads
from dlcli.training.job import TrainingJob, TrainingOutcome, Watcher
from dlcli.training.threads import largest_product


def run(job: TrainingJob, watcher: Watcher) -> TrainingOutcome:
    """Import Keras for the job's backend, then fit."""
    watcher.on_stage(f"loading Keras on {job.spec.backend}")
    load_keras(job.spec.backend, threads=_threads(job), debug=job.debug)
    outcome: TrainingOutcome = importlib.import_module("dlcli.training.fit").fit(job, watcher)
    return outcome


def _threads(job: TrainingJob) -> int | None:
    product = largest_product(job.spec, job.dataset)
    if job.threads is not None or product is None:
        return job.threads
    return sensible_threads(product)
