"""Epochs over data that come in blocks, on either backend: what does not depend on which."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dlcli.training.loop import LoopAnswer, LoopPlan, never
from dlcli.training.streaming import Block, Feed, ToDevice, feed_parts
from dlcli.training.watchers import Watcher


class StreamedLoop(ABC):
    """One epoch a call; inside it a call per block of rows, which runs the batches of the block.

    A backend's class brings Keras's steps as well, with `names` and `_wide`, what they log.
    """

    names: tuple[str, ...]
    _wide: dict[str, Any]

    def __init__(
        self,
        model: Any,
        train: tuple[Any, ...],
        validation: tuple[Any, ...] | None,
        plan: LoopPlan,
        *,
        to_device: ToDevice,
    ) -> None:
        assert plan.streams_within_bytes is not None
        self._plan = plan
        self._structures = {"train": train, "validation": validation}
        self._train, self._validation = feed_parts(
            keras.tree.flatten(train),
            None if validation is None else keras.tree.flatten(validation),
            batch_size=plan.batch_size,
            budget_bytes=plan.streams_within_bytes,
            to_device=to_device,
            stored=plan.stored,
        )
        self.blocks: int | None = self._train.num_blocks
        self._trainers: dict[int, Any] = {}
        self._testers: dict[int, Any] = {}

    def compile(self, watchers: Sequence[Watcher]) -> None:
        """Trace and compile without training; callbacks see every epoch and need no watchers."""
        assert not watchers
        self._trainers = self._calls(self._train, train=True)
        if self._validation is not None:
            self._testers = self._calls(self._validation, train=False)

    def run(
        self,
        orders: NDArray[np.int32],
        *,
        num_epochs: int,
        first_epoch: int,
        first_block: int = 0,
        pauses: Callable[[], bool] = never,
    ) -> LoopAnswer:
        """Train for one epoch, or until a pause is asked for between two of its blocks."""
        assert num_epochs == 1
        state = self._start(goes_on=first_block > 0)
        batches, calls = 0, 0
        order = orders[0] if self._plan.shuffle else None
        done = first_block
        for block in self._train.read(order, first=first_block, epoch=first_epoch):
            if calls and pauses():
                self._leave(state)
                return self._broken_off(block=done, batches=batches, calls=calls)
            state, stop, fine = self._run(self._trainers, state, block)
            batches += stop - block.first
            calls += 1
            done += 1
            del block  # its memory is the next one's
            if not fine:
                break
        logs = self._logs(state)
        if self._validation is not None:
            state = self._with_fresh_metrics(state)
            for block in self._validation.read():
                state, _, _ = self._run(self._testers, state, block)
                calls += 1
                del block
            logs |= {f"val_{name}": value for name, value in self._logs(state).items()}
        rate = self._rate_of(state)
        self._leave(state)
        return LoopAnswer(
            epochs=1,
            scalars=np.array([[logs[name] for name in self.names]], dtype=np.float64),
            arrays={name: logs[name][None] for name in self._wide},
            rates=np.array([rate], dtype=np.float32),
            batches=batches,
            calls=calls,
        )

    def best_weights(self, watcher: int) -> list[NDArray[Any]]:
        """Never asked for: callbacks of streamed epochs keep the weights themselves."""
        raise AssertionError("callbacks of streamed epochs keep the weights themselves")

    def _broken_off(self, *, block: int, batches: int, calls: int) -> LoopAnswer:
        return LoopAnswer(
            epochs=0,
            scalars=np.zeros((0, len(self.names))),
            arrays={},
            rates=np.zeros(0, dtype=np.float32),
            batches=batches,
            block=block,
            calls=calls,
        )

    @abstractmethod
    def _calls(self, feed: Feed, *, train: bool) -> dict[int, Any]:
        """Return what runs the batches of a block, by batch size, compiled but not run."""

    @abstractmethod
    def _start(self, *, goes_on: bool) -> Any:
        """Return the state at the start of an epoch, or within it with the metrics so far."""

    @abstractmethod
    def _with_fresh_metrics(self, state: Any) -> Any:
        """Return the state with its metrics reset."""

    @abstractmethod
    def _run(self, calls: dict[int, Any], state: Any, block: Block) -> tuple[Any, int, bool]:
        """Return the state after a block, the batch it stopped at, and if the loss was finite."""

    @abstractmethod
    def _logs(self, state: Any) -> dict[str, NDArray[Any]]:
        """Return what the metrics say."""

    @abstractmethod
    def _rate_of(self, state: Any) -> float:
        """Return the learning rate."""

    @abstractmethod
    def _leave(self, state: Any) -> None:
        """Write the state into the model's variables."""
