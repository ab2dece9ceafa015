"""Learning-rate schedules for a training of known length."""

import math
from typing import Any

import keras
from keras import ops

from dlcli.custom.layers import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class FlatCosineDecay(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Rises linearly for the warm-up, stays flat, and falls along a cosine to its end.

    `warmup` and `flat` are shares of `decay_steps`; the fall takes what they leave, and ends at
    `alpha` times the rate.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        warmup: float = 0.0,
        flat: float = 0.5,
        alpha: float = 0.0,
        name: str = "FlatCosineDecay",
    ) -> None:
        super().__init__()
        if warmup < 0 or flat < 0 or warmup + flat > 1:
            raise ValueError(
                "warmup and flat are shares that sum to 1 at most. "
                f"Received: warmup={warmup}, flat={flat}"
            )
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.warmup = warmup
        self.flat = flat
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        done = ops.minimum(ops.cast(step, "float32") / self.decay_steps, 1.0)
        start = self.warmup + self.flat
        fallen = ops.clip((done - start) / max(1.0 - start, 1e-9), 0.0, 1.0)
        cosine = 0.5 * (1.0 + ops.cos(math.pi * fallen))
        factor = self.alpha + (1.0 - self.alpha) * cosine
        if self.warmup:
            factor = factor * ops.minimum(done / self.warmup, 1.0)
        return self.initial_learning_rate * factor

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "warmup": self.warmup,
            "flat": self.flat,
            "alpha": self.alpha,
            "name": self.name,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class LogCosineDecay(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Goes from 0 up to the rate and back several times, each time twice as long as the last.

    The factor at share t of `decay_steps` is (1 - cos(2*pi*log2(1 + (2**cycles - 1) * t))) / 2, with
    four cycles the coslog4 of RealMLP (Holzmüller, Grinsztajn, Steinwart 2024, arXiv:2407.04491).
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        cycles: int = 4,
        name: str = "LogCosineDecay",
    ) -> None:
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.cycles = cycles
        self.name = name

    def __call__(self, step: Any) -> Any:
        done = ops.minimum(ops.cast(step, "float32") / self.decay_steps, 1.0)
        turns = ops.log(1.0 + (2.0**self.cycles - 1.0) * done) / math.log(2.0)
        return self.initial_learning_rate * 0.5 * (1.0 - ops.cos(2.0 * math.pi * turns))

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "cycles": self.cycles,
            "name": self.name,
        }
