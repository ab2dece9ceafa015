"""Compiled networks that later trainings of the same shape in this process take over."""

import json
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dlcli.data.dataset import Dataset
from dlcli.spec.components import ComponentSpec
from dlcli.spec.run import RunSpec
from dlcli.spec.writing import to_canonical
from dlcli.training.job import TrainingJob

MOST_KEPT = 16
"""Networks that are kept with their device's copy of the data; the oldest goes first."""

_NO_SHAPE = (
    *("name", "seed", "data", "checks", "baselines", "threshold", "track", "sweep", "folds"),
    *("init_from", "epochs"),
)
"""Keys that change values, or what is done with them, and nothing that is compiled."""


@dataclass(kw_only=True)
class Slot:
    """A place for the compiled epochs of one network."""

    loop: Any = None
    plan: Any = None
    uses: int = 0
    """Trainings that took the loop as it was compiled before."""


@dataclass(kw_only=True)
class _Kept:
    model: Any
    slot: Slot
    dataset: Dataset


@dataclass
class KeptNetworks:
    """The compiled networks of this process, by what shapes them."""

    _kept: OrderedDict[str, _Kept] = field(default_factory=OrderedDict)

    def take(self, job: TrainingJob, model: Any) -> tuple[Any, Slot]:
        """Return the network to train, with `model`'s values, and the place of its epochs.

        It is one that was compiled before, where there is one of the same shape for the same
        arrays, else `model` itself.
        """
        key = key_of(job)
        kept = self._kept.get(key)
        if kept is not None and kept.dataset is job.dataset:
            self._kept.move_to_end(key)
            _copy_values(model, kept.model)
            return kept.model, kept.slot
        made = _Kept(model=model, slot=Slot(), dataset=job.dataset)
        self._kept[key] = made
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return made.model, made.slot


def key_of(job: TrainingJob) -> str:
    """Return what the compiled epochs depend on: the learning rate is a variable, if it is plain."""
    spec = job.spec
    shaped = to_canonical(_with_plain_rate(spec), folder=Path())
    kept = {name: value for name, value in shaped.items() if name not in _NO_SHAPE}
    objectives = [repr(each) for each in job.objectives]
    described = {"config": kept, "objectives": objectives, "data": id(job.dataset)}
    return json.dumps(described, default=repr, sort_keys=True)


def _with_plain_rate(spec: RunSpec) -> RunSpec:
    optimizer = spec.optimizer
    rate = optimizer.arguments.get("learning_rate")
    if isinstance(rate, ComponentSpec) or not isinstance(rate, int | float | None):
        return spec
    arguments = {**optimizer.arguments, "learning_rate": 1.0}
    return replace(spec, optimizer=replace(optimizer, arguments=arguments))


def _copy_values(fresh: Any, kept: Any) -> None:
    """Give a network that was trained the values of one that is new: weights, seeds, optimizer."""
    for model in (fresh, kept):
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
    pairs = (
        (fresh.variables, kept.variables),
        (fresh.optimizer.variables, kept.optimizer.variables),
    )
    for sources, targets in pairs:
        for source, target in zip(sources, targets, strict=True):
            target.assign(source.value)
    kept.stop_training = False
