"""Networks that stay in the process, compiled, for the next training of the same shape."""

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
    has_own_state = bool(spec.callbacks or spec.imports or spec.init_from)
    part = job.dataset.train
    size = sum(array.nbytes for array in (*part.inputs.values(), *part.scaled_targets.values()))
    return job.keeps and spec.backend == "tensorflow" and not has_own_state and size <= MOST_BYTES


def kept_model(job: TrainingJob, make: Callable[[TrainingJob], Any]) -> Any:
    """Return the compiled network of a job as `make` gives it, made once for each shape."""
    key = _key(job)
    kept = _NETWORKS.pop(key, None)
    if kept is None:
        model = make(job)
        model.optimizer.build(model.trainable_variables)
        initial = [np.array(keras.ops.convert_to_numpy(each)) for each in _variables(model)]
        kept = _Kept(model=model, initial=initial)
        KEPT_LOOPS[id(model)] = {}
        if len(_NETWORKS) >= MOST_NETWORKS:
            _, oldest = _NETWORKS.popitem(last=False)
            KEPT_LOOPS.pop(id(oldest.model), None)
    else:
        # Whatever draws random numbers has its own state among the variables. Setting the seeds would
        # clear TensorFlow's caches, and every kept loop would be optimized anew.
        for variable, value in zip(_variables(kept.model), kept.initial, strict=True):
            variable.assign(value)
    _NETWORKS[key] = kept
    return kept.model


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _key(job: TrainingJob) -> str:
    """Return what decides the network, its losses and its optimizer, as text."""
    spec = replace(job.spec, name="-", data=DataSpec(source="-", target="-"), epochs=1)
    # Schedules that count in epochs are made for a number of steps.
    steps = count_batches(job.dataset.train.num_rows, spec.batch_size)
    return repr((spec, steps, job.dataset.preprocessing.input_specs, job.objectives))
