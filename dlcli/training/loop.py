"""What a compiled loop over epochs is asked to do and what it answers, on either backend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from dlcli.training.streaming import StoredLeaves
from dlcli.training.watchers import Watcher


@dataclass(frozen=True, kw_only=True)
class LoopPlan:
    """What is fixed when the loop is compiled."""

    batch_size: int
    rows: int
    shuffle: bool
    capacity: int
    """The most epochs that one call can run; how many it does run is an argument."""
    stops_on_nan: bool = False
    """Whether an epoch ends at the first batch whose loss is not finite."""
    uses_xla: bool = True
    """Whether XLA compiles the loop, which takes seconds; JAX always does."""
    ends_on_nan: bool = False
    """Whether a call ends after an epoch whose loss is not finite."""
    streams_within_bytes: int | None = None
    """Memory for the blocks in which data come to the device; None where the device holds them."""
    stored: StoredLeaves | None = field(default=None, compare=False)
    """The training part, where it is on disk; those who read it know its order."""

    @property
    def full_batches(self) -> int:
        return self.rows // self.batch_size

    @property
    def rest(self) -> int:
        return self.rows % self.batch_size


@dataclass(frozen=True, kw_only=True)
class LoopAnswer:
    """What one call did; an epoch that needs a callback is the last one of its call."""

    epochs: int
    scalars: NDArray[Any]
    """[epochs, names]: the logs, in the order of the loop's `names`."""
    arrays: dict[str, NDArray[Any]]
    """[epochs, ...] for each metric that is not a single number."""
    rates: NDArray[Any]
    """[epochs]: the learning rate of the last weight update of each."""
    batches: int
    """Training batches that the last epoch ran, or the part of it that this call did."""
    block: int = 0
    """Blocks that are done of an epoch which a pause broke off; there is no other epoch then."""
    calls: int = 1
    """Compiled calls that this took."""


def never() -> bool:
    """Ask for no pause."""
    return False


class Loop(Protocol):
    """Compiled epochs; the model's variables hold the state between calls."""

    names: tuple[str, ...]
    """Names of the scalar logs, sorted."""
    blocks: int | None
    """Blocks of an epoch where the training part is streamed, None where the device holds it."""

    def compile(self, watchers: Sequence[Watcher]) -> None:
        """Trace and compile without training."""

    def run(
        self,
        orders: NDArray[np.int32],
        *,
        num_epochs: int,
        first_epoch: int,
        first_block: int = 0,
        pauses: Callable[[], bool] = never,
    ) -> LoopAnswer:
        """Train for up to this many epochs; orders is [capacity, rows], or empty unshuffled.

        Where data are streamed, `pauses` is asked between blocks whether to break off here, and
        `first_block` says which block to go on with.
        """

    def best_weights(self, watcher: int) -> list[NDArray[Any]]:
        """Return the weights kept for this watcher, as `model.get_weights()` orders them."""


def last_rate(optimizer: Any) -> Any:
    """Return the learning rate of an optimizer's last weight update, as a tensor."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return schedule(optimizer.iterations - 1)
    return keras.ops.convert_to_tensor(optimizer.learning_rate)


def plain_rate(rate: Any) -> float:
    """Return a rate as the shortest number that means it: 0.001, not 0.0010000000474974513."""
    return float(str(np.float32(keras.ops.convert_to_numpy(rate))))
