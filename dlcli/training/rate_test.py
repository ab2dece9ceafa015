"""A learning-rate range test: training steps whose rate rises from one to the next.

L. Smith, Cyclical learning rates for training neural networks, 2017. Nothing is written.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dlcli.errors import Interrupted, TrainingError
from dlcli.spec.components import ComponentSpec
from dlcli.training.batches import Arrays, arrange, row_order
from dlcli.training.epochs import LOOPS, wins_by_xla
from dlcli.training.fit import compile_model, part_arrays
from dlcli.training.job import TrainingJob, Watcher
from dlcli.training.loop import Loop, LoopPlan
from dlcli.training.rate_curve import RateCurve, read_curve
from dlcli.training.stopping import StopRequest
from dlcli.training.values import start_afresh
from dlcli.training.warm_start import start_from

STEPS_PER_CALL = 50
"""Steps of one compiled call; between calls it ends where training has diverged."""


@dataclass(frozen=True, kw_only=True)
class RateTest:
    """The curve, and whether compiled steps drew it."""

    curve: RateCurve
    path: str
    """`compiled` or `keras`."""
    batch_size: int


def try_rates(
    job: TrainingJob, watcher: Watcher, *, lowest: float, highest: float, steps: int
) -> RateTest:
    """Train one batch at each rate from `lowest` to `highest`, evenly in their logarithm.

    The batches are those of training, epoch after epoch; a short last one of an epoch is left
    out. Raises TrainingError where not even the first steps have a finite loss.
    """
    spec = job.spec
    watcher.on_stage("building the network")
    start_afresh(spec.seed, backend=spec.backend)
    rising = _rising(spec.optimizer, lowest, highest, steps)
    model = compile_model(replace(job, spec=replace(spec, optimizer=rising)))
    start_from(model, job)
    arrays = part_arrays(job, job.dataset.train, model)
    size = min(spec.batch_size, arrays.num_rows)
    orders = _orders(arrays.num_rows, size, steps, seed=spec.seed, shuffle=spec.shuffle)
    arrays, orders = _only_used(arrays, orders)
    watcher.on_stage(f"training {steps} steps")
    with StopRequest() as stop:
        compiled = _CompiledSteps.make(model, arrays, size, steps)
        drawn = _PlainSteps(model, arrays) if compiled is None else compiled
        losses: list[float] = []
        for found in drawn.run(orders):
            losses += found
            if stop.is_requested() or watcher.should_stop():
                raise Interrupted("the learning-rate test was stopped")
            if not np.isfinite(losses[-1]) or _has_diverged(losses):
                break
    kept = np.array(losses)
    kept = kept[: int(np.argmin(np.isfinite(kept))) if not np.isfinite(kept).all() else None]
    if len(kept) < 2:
        raise TrainingError(
            f"the loss is not finite at a learning rate of {lowest:g}",
            hint="data.scale: standard, or a lower --from",
        )
    rates = lowest * (highest / lowest) ** (np.arange(len(kept)) / (steps - 1))
    return RateTest(
        curve=read_curve(rates, kept),
        path="keras" if compiled is None else "compiled",
        batch_size=size,
    )


def _rising(optimizer: ComponentSpec, lowest: float, highest: float, steps: int) -> ComponentSpec:
    """Return the optimizer with a rate that rises from step to step."""
    inner = optimizer.arguments.get("inner_optimizer")
    if isinstance(inner, ComponentSpec):
        wrapped = _rising(inner, lowest, highest, steps)
        return replace(optimizer, arguments={**optimizer.arguments, "inner_optimizer": wrapped})
    schedule = ComponentSpec(
        kind="schedule",
        name="ExponentialDecay",
        arguments={
            "initial_learning_rate": lowest,
            "decay_steps": float(steps - 1),
            "decay_rate": highest / lowest,
        },
    )
    return replace(optimizer, arguments={**optimizer.arguments, "learning_rate": schedule})


def _orders(rows: int, size: int, steps: int, *, seed: int, shuffle: bool) -> NDArray[np.int32]:
    """Return the row numbers of every step's batch, [steps, size]."""
    per_epoch = rows // size
    epochs = [
        row_order(seed=seed, epoch=epoch, rows=rows, shuffle=shuffle)[: per_epoch * size]
        for epoch in range(-(-steps // per_epoch))
    ]
    return np.concatenate(epochs).reshape(-1, size)[:steps]


def _only_used(arrays: Arrays, orders: NDArray[np.int32]) -> tuple[Arrays, NDArray[np.int32]]:
    """Leave the rows out that no step takes, so that large data need no memory on the device."""
    used, places = np.unique(orders, return_inverse=True)
    if len(used) == arrays.num_rows:
        return arrays, orders
    weight = arrays.sample_weight
    kept = Arrays(
        inputs={name: array[used] for name, array in arrays.inputs.items()},
        targets={name: array[used] for name, array in arrays.targets.items()},
        sample_weight=None if weight is None else weight[used],
    )
    return kept, places.reshape(orders.shape).astype(np.int32)


def _has_diverged(losses: list[float]) -> bool:
    """Tell whether the last steps lie far above the best ones."""
    window = max(5, len(losses) // 20)
    means = np.convolve(losses, np.ones(window) / window, mode="valid")
    return bool(len(means) > 1 and means[-1] > 10 * np.abs(means).min())


class _CompiledSteps:
    """Steps as the compiled loop's epochs, of one batch each."""

    def __init__(self, loop: Loop, plan: LoopPlan) -> None:
        self._loop = loop
        self._plan = plan
        self._column = loop.names.index("loss")

    @classmethod
    def make(cls, model: Any, arrays: Arrays, size: int, steps: int) -> "_CompiledSteps | None":
        """Compile the steps; None where Keras's own training step must do."""
        plan = LoopPlan(
            batch_size=size,
            rows=size,
            shuffle=True,
            capacity=min(steps, STEPS_PER_CALL),
            uses_xla=wins_by_xla(steps, model.count_params()),
            ends_on_nan=True,
        )
        module, _, name = LOOPS[keras.backend.backend()].partition(":")
        backend: Any = importlib.import_module(module)
        try:
            loop: Loop = getattr(backend, name)(model, arrange(model, arrays), None, plan)
            loop.compile([])
        except backend.COMPILE_ERRORS:
            return None
        return cls(loop, plan)

    def run(self, orders: NDArray[np.int32]) -> Iterator[list[float]]:
        for start in range(0, len(orders), self._plan.capacity):
            given = orders[start : start + self._plan.capacity]
            block = np.zeros((self._plan.capacity, orders.shape[1]), np.int32)
            block[: len(given)] = given
            answer = self._loop.run(block, num_epochs=len(given), first_epoch=start)
            yield answer.scalars[:, self._column].tolist()


class _PlainSteps:
    """Steps by Keras's own `train_on_batch`."""

    def __init__(self, model: Any, arrays: Arrays) -> None:
        self._model = model
        self._source = arrange(model, arrays)

    def run(self, orders: NDArray[np.int32]) -> Iterator[list[float]]:
        for rows in orders:
            batch = [_rows_of(part, rows) for part in self._source]
            self._model.reset_metrics()
            logs = self._model.train_on_batch(*batch, return_dict=True)
            yield [float(logs["loss"])]


def _rows_of(part: Any, rows: NDArray[np.int32]) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], part)
