"""Training in this process."""

import importlib
from collections.abc import Sequence
from typing import Any

from dlcli.model.keras_import import load_keras, sensible_threads
from dlcli.training.job import JudgedNetwork, TrainingJob, TrainingOutcome, Watcher
from dlcli.training.kept_networks import KeptNetworks
from dlcli.training.threads import largest_product


def run(job: TrainingJob, watcher: Watcher) -> TrainingOutcome:
    """Import Keras for the job's backend, then fit."""
    outcome: TrainingOutcome = _load_fit(job, watcher).fit(job, watcher)
    return outcome


def judge(
    job: TrainingJob, watcher: Watcher, *, parts: Sequence[str], networks: KeptNetworks
) -> JudgedNetwork:
    """Import Keras for the job's backend, then train and judge without keeping the network."""
    judged: JudgedNetwork = _load_fit(job, watcher).judge(
        job, watcher, parts=parts, networks=networks
    )
    return judged


def _load_fit(job: TrainingJob, watcher: Watcher) -> Any:
    watcher.on_stage(f"loading Keras on {job.spec.backend}")
    load_keras(job.spec.backend, threads=_threads(job), debug=job.debug)
    return importlib.import_module("dlcli.training.fit")


def train_and_hold(job: TrainingJob, watcher: Watcher) -> Any:
    """Import Keras, then fit a job that keeps its network; return the HeldNetwork.

    None stands for a job whose network cannot be kept.
    """
    load_keras(job.spec.backend, threads=_threads(job), debug=job.debug)
    if not importlib.import_module("dlcli.training.restarting").may_restart(job):
        return None
    return importlib.import_module("dlcli.training.fit").fit_and_hold(job, watcher)


def _threads(job: TrainingJob) -> int | None:
    product = largest_product(job.spec, job.dataset)
    if job.threads is not None or product is None:
        return job.threads
    return sensible_threads(product)
