"""Networks that stay in the process, compiled, for the next training of the same shape."""

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dlcli.spec.data import DataSpec
from dlcli.training.batches import count_batches
from dlcli.training.epochs import KEPT_LOOPS
from dlcli.training.job import TrainingJob

MOST_NETWORKS = 32
MOST_BYTES = 16 * 2**20
"""Of a training part: each kept loop holds a copy, and compiling matters less for larger ones."""


@dataclass(frozen=True, kw_only=True)
class _Kept:
    model: Any
    initial: list[NDArray[Any]]
    """Weights, states of random numbers, and the optimizer's state before the first training."""


_NETWORKS: OrderedDict[str, _Kept] = OrderedDict()


def may_keep(job: TrainingJob) -> bool:
    """Tell whether the network of a job can be trained again as if it were new."""
    spec = job.spec
    has_own_state = bool(spec.callbacks or spec.imports or spec.init_from or spec.ensemble)
    part = job.dataset.train
    size = sum(array.nbytes for array in (*part.inputs.values(), *part.scaled_targets.values()))
    return job.keeps and spec.backend == "tensorflow" and not has_own_state and size <= MOST_BYTES


def kept_model(job: TrainingJob, build: Callable[[TrainingJob], Any]) -> tuple[Any, bool]:
    """Return the compiled network of a job as if it were new, and whether it is.

    It is built once for each shape; what it holds is what it held before its first training.
    """
    key = _key(job)
    kept = _NETWORKS.pop(key, None)
    is_new = kept is None
    if kept is None:
        _start(job.spec.seed)
        model = build(job)
        model.optimizer.build(model.trainable_variables)
        kept = _Kept(model=model, initial=state_of(model))
        KEPT_LOOPS[id(model)] = {}
        if len(_NETWORKS) >= MOST_NETWORKS:
            _, oldest = _NETWORKS.popitem(last=False)
            KEPT_LOOPS.pop(id(oldest.model), None)
    else:
        set_state(kept.model, kept.initial)
    _NETWORKS[key] = kept
    return kept.model, is_new


def state_of(model: Any) -> list[NDArray[Any]]:
    """Return the weights, the states of random numbers, and the optimizer's state."""
    return [np.array(keras.ops.convert_to_numpy(each)) for each in _variables(model)]


def set_state(model: Any, values: list[NDArray[Any]]) -> None:
    """Put back what `state_of` returned."""
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)


def start_afresh(seed: int, *, backend: str) -> None:
    """Forget the names and seeds of earlier trainings in this process, and seed everything."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    if backend == "tensorflow":
        import tensorflow  # noqa: PLC0415 - only where it is the backend

        tensorflow.config.experimental.enable_op_determinism()


def _start(seed: int) -> None:
    """Seed what initial weights are drawn from, without a loss for the networks that are kept."""
    if not _NETWORKS:
        start_afresh(seed, backend="tensorflow")
        return
    # Keras draws the seeds of layers from Python's own numbers. What `start_afresh` does beside this
    # clears TensorFlow's caches, and every kept loop would be optimized anew.
    random.seed(seed)
    np.random.seed(seed)


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _key(job: TrainingJob) -> str:
    """Return what decides the network, its losses and its optimizer, as text."""
    spec = replace(job.spec, name="-", data=DataSpec(source="-", target="-"), epochs=1)
    # Schedules that count in epochs are made for a number of steps.
    steps = count_batches(job.dataset.train.num_rows, spec.batch_size)
    return repr((spec, steps, job.dataset.preprocessing.input_specs, job.objectives))
