"""Compiled networks that later trainings of the same shape in this process take over.

A trial of a sweep trains on the arrays of the one before it, a fold on others of the same shape: small
ones take each other's place in what is compiled, large ones are compiled in.
"""

import json
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dlcli.data.dataset import Dataset
from dlcli.spec.components import ComponentSpec
from dlcli.spec.run import RunSpec
from dlcli.spec.writing import to_canonical
from dlcli.training.batches import count_batches
from dlcli.training.job import TrainingJob

MOST_NETWORKS = 16
"""Networks that are kept with their device's copy of the data; the oldest goes first."""
MOST_LOOPS = 4
"""Of one network: trainings of other lengths are compiled each for itself."""
MOST_EXCHANGED_BYTES = 16 * 2**20
"""Of a training part: what is compiled holds a copy, and compiling matters less for larger ones."""

_NO_SHAPE = (
    *("name", "seed", "data", "checks", "baselines", "threshold", "track", "sweep", "folds"),
    *("init_from", "epochs", "engine"),
)
"""Keys that change values, or what is done with them, and nothing that is compiled."""


@dataclass(frozen=True, kw_only=True)
class CompiledEpochs:
    """The compiled epochs of a network."""

    loop: Any
    reason: str | None
    """Why without XLA, where XLA was wanted."""


@dataclass(kw_only=True)
class Slot:
    """A place for the compiled epochs of one network."""

    exchanges_data: bool = False
    """Whether trainings bring arrays of their own; else all train on the very same ones."""
    _epochs: OrderedDict[Hashable, CompiledEpochs] = field(default_factory=OrderedDict)

    def find(self, key: Hashable) -> CompiledEpochs | None:
        """Return what was put under this key."""
        return self._epochs.get(key)

    def put(self, key: Hashable, epochs: CompiledEpochs) -> None:
        """Keep compiled epochs for the next training with this key."""
        self._epochs[key] = epochs
        while len(self._epochs) > MOST_LOOPS:
            self._epochs.popitem(last=False)


@dataclass(frozen=True, kw_only=True)
class TakenNetwork:
    """A network to train, compiled and with the values that it starts from."""

    model: Any
    slot: Slot | None = None
    is_new: bool = True


@dataclass(kw_only=True)
class _Kept:
    model: Any
    slot: Slot
    dataset: Dataset | None
    """Held where it is compiled in, so that no other one can have its place in memory."""


@dataclass
class KeptNetworks:
    """The networks that trainings of one shape share, from any seed."""

    _kept: OrderedDict[str, _Kept] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, job: TrainingJob, model: Any) -> TakenNetwork:
        """Return the network to train, with `model`'s values, and the place of its epochs.

        It is one that was compiled before, where there is one of the same shape for arrays like
        these, else `model` itself.
        """
        key = key_of(job)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            _copy_values(model, kept.model)
            kept.model.stop_training = False
            return TakenNetwork(model=kept.model, slot=kept.slot, is_new=False)
        exchanges = exchanges_data(job)
        slot = Slot(exchanges_data=exchanges)
        made = _Kept(model=model, slot=slot, dataset=None if exchanges else job.dataset)
        self._kept[key] = made
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_NETWORKS:
            self._kept.popitem(last=False)
        return TakenNetwork(model=made.model, slot=made.slot)


def key_of(job: TrainingJob) -> str:
    """Return what the compiled epochs depend on: the learning rate is a variable, if it is plain."""
    spec = job.spec
    shaped = to_canonical(_with_plain_rate(spec), folder=Path())
    kept = {name: value for name, value in shaped.items() if name not in _NO_SHAPE}
    objectives = [repr(each) for each in job.objectives]
    data = _shape_of_data(job) if exchanges_data(job) else id(job.dataset)
    described = {"config": kept, "objectives": objectives, "data": data}
    return json.dumps(described, default=repr, sort_keys=True)


def exchanges_data(job: TrainingJob) -> bool:
    """Tell whether the arrays of a job are small enough to be exchanged in what is compiled."""
    part = job.dataset.train
    size = sum(array.nbytes for array in (*part.inputs.values(), *part.scaled_targets.values()))
    return size <= MOST_EXCHANGED_BYTES


def _shape_of_data(job: TrainingJob) -> Any:
    """Return what a network takes from its data: its inputs, and how many steps an epoch has."""
    steps = count_batches(job.dataset.num_train_rows, job.spec.batch_size)
    return [steps, repr(job.dataset.preprocessing.input_specs)]


def _with_plain_rate(spec: RunSpec) -> RunSpec:
    optimizer = spec.optimizer
    rate = optimizer.arguments.get("learning_rate")
    if isinstance(rate, ComponentSpec) or not isinstance(rate, int | float | None):
        return spec
    arguments = {**optimizer.arguments, "learning_rate": 1.0}
    return replace(spec, optimizer=replace(optimizer, arguments=arguments))


def _copy_values(source: Any, target: Any) -> None:
    """Give a network that was trained the values of one that is new: weights, seeds, optimizer."""
    for model in (source, target):
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
    for given, variable in zip(variables_of(source), variables_of(target), strict=True):
        variable.assign(given.value)


def variables_of(model: Any) -> list[Any]:
    """Return everything that training changes: weights, states of random numbers, optimizer."""
    return [*model.variables, *model.optimizer.variables]
