"""Several devices that share every batch of one network: on this machine, or in several processes."""

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from dlcli.errors import TrainingError, UsageError
from dlcli.spec.engine import local_settings
from dlcli.training.job import TrainingJob


def is_shared(job: TrainingJob) -> bool:
    """Tell whether a job asks for several devices."""
    return local_settings(job.spec.engine).devices != 1


@contextmanager
def shared_by_devices(job: TrainingJob) -> Iterator[None]:
    """While entered, let a network that is made be trained by the devices that its job asks for.

    On JAX they are those of all processes. Raises UsageError where there are fewer, and
    TrainingError where they cannot share a batch.
    """
    if not is_shared(job):
        yield
        return
    names = _chosen(job)
    _check_shares(job, len(names))
    if keras.backend.backend() == "jax":
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
        )
        try:
            yield
        finally:
            keras.distribution.set_distribution(None)
        return
    tensorflow: Any = importlib.import_module("tensorflow")
    with tensorflow.distribute.MirroredStrategy(names).scope():
        yield


def _chosen(job: TrainingJob) -> Sequence[str]:
    asked = local_settings(job.spec.engine).devices
    found = _found()
    if asked == "all":
        return found
    if asked > len(found):
        raise UsageError(
            f"{asked} devices are to share every batch, and {keras.backend.backend()} finds "
            f"{len(found)}: {', '.join(found)}",
            hint="--devices all takes what there is",
        )
    return found[:asked]


def _found() -> list[str]:
    """Return the names of the devices: the GPUs, where there are some."""
    if keras.backend.backend() == "jax":
        return list(keras.distribution.list_devices())
    tensorflow: Any = importlib.import_module("tensorflow")
    devices = tensorflow.config.list_logical_devices
    return [each.name for each in devices("GPU") or devices("CPU")]


def _check_shares(job: TrainingJob, count: int) -> None:
    if job.spec.batch_size % count:
        raise TrainingError(
            f"{count} devices cannot share batches of {job.spec.batch_size} rows evenly",
            hint=f"batch_size: {-(-job.spec.batch_size // count) * count}",
        )


def mesh_of_batches() -> Any:
    """Return the devices that share a batch on JAX, as its mesh; None where one does it all."""
    distribution = keras.distribution.distribution()
    return None if distribution is None else distribution.device_mesh.backend_mesh


def is_mirrored() -> bool:
    """Tell whether TensorFlow's MirroredStrategy is in force."""
    if keras.backend.backend() != "tensorflow":
        return False
    tensorflow: Any = importlib.import_module("tensorflow")
    return bool(tensorflow.distribute.has_strategy())


def agreed(*numbers: int) -> tuple[int, ...]:
    """Return the numbers of the first process, where several train one network together.

    What a process decides by its own clock or its own signals must be the same in all of them.
    """
    if keras.backend.backend() != "jax":
        return numbers
    if importlib.import_module("jax").process_count() == 1:
        return numbers
    tell: Any = importlib.import_module("jax.experimental.multihost_utils")
    return tuple(int(each) for each in tell.broadcast_one_to_all(np.array(numbers, np.int32)))
