"""One network trained by several processes together, each with its shard of the rows."""

import importlib
import socket
import time
from dataclasses import replace
from typing import Any

from dlcli.engines import Line
from dlcli.errors import Interrupted, TrainingError
from dlcli.model.keras_import import load_keras
from dlcli.spec.engine import EngineSpec, LocalSpec
from dlcli.training.job import TrainingJob, TrainingOutcome, Watcher

_ASKS_EVERY_SECONDS = 0.1


def run(
    job: TrainingJob, watcher: Watcher, *, rank: int, count: int, line: Line
) -> TrainingOutcome | None:
    """Train as one of `count` processes; the first one returns the outcome, the others None.

    Every process saves what it trained; raises TrainingError where they do not find each other.
    """
    watcher.on_stage(f"loading Keras on {job.spec.backend} in {count} processes")
    keras: Any = load_keras(job.spec.backend, threads=job.threads, debug=job.debug)
    # Without a seed, joining the others would draw one, and let all of them agree on it.
    keras.utils.set_random_seed(job.spec.seed)
    keras.distribution.initialize(_meet(rank, line), count, rank)
    found = importlib.import_module("jax").process_count()
    if found != count:
        raise TrainingError(f"{count} processes were to train together, and {found} found together")
    fit: Any = importlib.import_module("dlcli.training.fit")
    everywhere = EngineSpec(local=LocalSpec(devices="all"))
    job = replace(job, spec=replace(job.spec, engine=everywhere))
    outcome: TrainingOutcome | None = fit.fit_together(job, watcher, is_first=rank == 0)
    return outcome


def _meet(rank: int, line: Line) -> str:
    """Return the address at which the first process waits for the others."""
    if rank == 0:
        address = f"{_own_address()}:{_free_port()}"
        line.tell({"address": address})
        return address
    while not line.is_stopped():
        found = line.ask({}).get("address")
        if found is not None:
            return str(found)
        time.sleep(_ASKS_EVERY_SECONDS)
    raise Interrupted("stopped before the processes met")


def _own_address() -> str:
    ray: Any = importlib.import_module("ray")
    return str(ray.util.get_node_ip_address())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])
