"""Callbacks that watch one logged value, followed inside the compiled loop.

A watcher answers one question there: does this epoch need the callback itself? Until it does,
epochs run on without returning to Python. The callback's own code then acts on that epoch, so
stopping, lowering the learning rate and saving stay Keras's; `skip` brings its counters forward
over the epochs that needed nothing.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

BEST, HAS_BEST, WAIT, COOLDOWN = range(4)  # the numbers that a watcher carries through the loop


class Watcher:
    """One callback followed in the loop."""

    captures = False
    """Whether the weights of the best epoch must be kept."""

    def __init__(self, callback: Any, column: int) -> None:
        if callback.monitor_op is None:
            # Keras does this at the end of the first epoch; it also gives min_delta its sign.
            callback._set_monitor_op()
        self.callback = callback
        self.column = column
        self.wants_less = bool(callback.monitor_op(0.0, 1.0))
        self._float = np.dtype(keras.config.floatx()).type

    def state(self) -> list[float]:
        """Return what the callback knows now, as the numbers that the loop carries."""
        best = self.callback.best
        return [
            0.0 if best is None else float(best),
            float(best is not None),
            float(getattr(self.callback, "wait", 0)),
            float(getattr(self.callback, "cooldown_counter", 0)),
        ]

    def step(self, state: Any, value: Any, *, rate: Any, epoch: Any) -> tuple[Any, Any, Any]:
        """Return the next state, whether the callback must run, whether this epoch is the best."""
        raise NotImplementedError

    def skip(self, epoch: int, logs: dict[str, Any], *, rate: float) -> bool:
        """Bring the callback past an epoch that needed nothing of it; return if it was the best."""
        raise NotImplementedError

    def _is_better(self, value: Any, reference: Any) -> Any:
        # Keras subtracts in Python's precision and compares in that of its tensors.
        floatx = keras.config.floatx()
        value = ops.cast(value - self.callback.min_delta, floatx)
        reference = ops.cast(reference, floatx)
        return value < reference if self.wants_less else value > reference

    def _was_better(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        shifted, other = self._float(value - self.callback.min_delta), self._float(reference)
        return bool(shifted < other if self.wants_less else shifted > other)


class EarlyStoppingWatcher(Watcher):
    """Needs its callback when patience runs out."""

    def __init__(self, callback: Any, column: int) -> None:
        super().__init__(callback, column)
        self.captures = bool(callback.restore_best_weights)

    def step(self, state: Any, value: Any, *, rate: Any, epoch: Any) -> tuple[Any, Any, Any]:
        callback = self.callback
        active = epoch >= callback.start_from_epoch
        first = state[HAS_BEST] < 0.5
        better = active & (first | self._is_better(value, state[BEST]))
        restarts = better
        if callback.baseline is not None:
            restarts = better & self._is_better(
                value, ops.convert_to_tensor(callback.baseline, value.dtype)
            )
        wait = ops.where(active, state[WAIT] + 1, state[WAIT])
        acts = active & ~better & (wait >= callback.patience) & (epoch > 0)
        following = ops.stack(
            [
                ops.where(better, value, state[BEST]),
                ops.where(better, ops.ones_like(value), state[HAS_BEST]),
                ops.where(restarts, ops.zeros_like(wait), wait),
                state[COOLDOWN],
            ]
        )
        return following, acts, better

    def skip(self, epoch: int, logs: dict[str, Any], *, rate: float) -> bool:
        callback = self.callback
        if epoch < callback.start_from_epoch:
            return False
        value = logs[callback.monitor]
        callback.wait += 1
        if not self._was_better(value, callback.best):
            return False
        callback.best = value
        callback.best_epoch = epoch
        if callback.baseline is None or self._was_better(value, callback.baseline):
            callback.wait = 0
        return True


class ReduceLROnPlateauWatcher(Watcher):
    """Needs its callback when the learning rate is due to fall."""

    def step(self, state: Any, value: Any, *, rate: Any, epoch: Any) -> tuple[Any, Any, Any]:
        callback = self.callback
        zero = ops.zeros_like(value)
        cooling = state[COOLDOWN] > 0
        cooldown = ops.where(cooling, state[COOLDOWN] - 1, state[COOLDOWN])
        wait = ops.where(cooling, zero, state[WAIT])
        better = (state[HAS_BEST] < 0.5) | self._is_better(value, state[BEST])
        counts = ~better & (cooldown <= 0)
        wait = ops.where(better, zero, ops.where(counts, wait + 1, wait))
        # As the whole numbers that their bits are, positive numbers compare alike; XLA would take
        # a rate below 1e-38 for zero, where Keras still lowers it.
        lowest = int(np.float32(callback.min_lr).view(np.int32))
        falls = ops.view(ops.cast(rate, "float32"), "int32") > lowest
        acts = counts & (wait >= callback.patience) & falls
        following = ops.stack(
            [
                ops.where(better, value, state[BEST]),
                ops.where(better, ops.ones_like(value), state[HAS_BEST]),
                wait,
                cooldown,
            ]
        )
        return following, acts, better

    def skip(self, epoch: int, logs: dict[str, Any], *, rate: float) -> bool:
        callback = self.callback
        logs["learning_rate"] = rate
        value = logs[callback.monitor]
        if callback.cooldown_counter > 0:
            callback.cooldown_counter -= 1
            callback.wait = 0
        if self._was_better(value, callback.best):
            callback.best = value
            callback.wait = 0
            return True
        if callback.cooldown_counter <= 0:
            callback.wait += 1
        return False


class ModelCheckpointWatcher(Watcher):
    """Needs its callback, which keeps the best model only, when there is a better one."""

    def step(self, state: Any, value: Any, *, rate: Any, epoch: Any) -> tuple[Any, Any, Any]:
        better = (state[HAS_BEST] < 0.5) | self._is_better(value, state[BEST])
        return state, better, better

    def skip(self, epoch: int, logs: dict[str, Any], *, rate: float) -> bool:
        return False


WATCHERS: dict[type, type[Watcher]] = {
    keras.callbacks.EarlyStopping: EarlyStoppingWatcher,
    keras.callbacks.ReduceLROnPlateau: ReduceLROnPlateauWatcher,
    keras.callbacks.ModelCheckpoint: ModelCheckpointWatcher,
}


def is_watchable(callback: Any) -> bool:
    """Say whether this very callback, as it is set, can be followed in the loop."""
    if type(callback) not in WATCHERS:
        return False
    if type(callback) is keras.callbacks.EarlyStopping:
        return True
    if callback.verbose > 0:  # it may speak at every epoch
        return False
    if type(callback) is keras.callbacks.ModelCheckpoint:
        return bool(callback.save_best_only) and callback.save_freq == "epoch"
    return True


def watch(callbacks: Sequence[Any], names: Sequence[str]) -> list[Watcher]:
    """Return a watcher for each callback, which must be watchable and watch a name in the logs."""
    return [
        WATCHERS[type(callback)](callback, names.index(callback.monitor)) for callback in callbacks
    ]
