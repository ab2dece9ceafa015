"""Training in this process."""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcli.engines import JobTask
from dlcli.model.keras_import import load_keras, sensible_threads
from dlcli.spec.engine import Engine
from dlcli.training.job import JudgedNetwork, TrainingJob, TrainingOutcome, Watcher
from dlcli.training.kept_networks import KeptNetworks
from dlcli.training.threads import largest_product

SPREAD = None
"""One training after the other: each computes with all of the machine."""


def check_is_there(engine: Engine) -> None:
    """Find this machine, which is always there."""


def threads_of(engine: Engine, workers: int) -> int | None:
    """Return the threads of each worker; where there is one, it takes what its network asks for."""
    return max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None


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


def member_tasks(job: TrainingJob, watcher: Watcher) -> list[JobTask]:
    """Import Keras, and return the trainings of an ensemble's members that are not done yet."""
    missing: list[tuple[int, TrainingJob]] = _load_fit(job, watcher).missing_members(job)
    return [
        JobTask(
            name=f"member {number}",
            job=own,
            work="dlcli.engines.local:train_member",
            home=job.folder,
            own=(_within(own.state, job.folder), _within(own.folder, job.folder)),
        )
        for number, own in missing
    ]


def train_member(job: TrainingJob, watcher: Watcher) -> None:
    """Train one member of an ensemble, and keep it beside its state for whoever joins them."""
    _load_fit(job, watcher).train_member(job, watcher)


def _within(path: Path | None, folder: Path) -> str:
    assert path is not None
    return path.relative_to(folder).as_posix()


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
