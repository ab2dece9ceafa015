"""The values of a network: where they start, what they are, and putting them back."""

import random
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dlcli.training.kept_networks import variables_of


def start_afresh(seed: int, *, backend: str) -> None:
    """Forget the names and seeds of earlier trainings in this process, and seed everything."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    if backend == "tensorflow":
        import tensorflow  # noqa: PLC0415 - only where it is the backend

        tensorflow.config.experimental.enable_op_determinism()


def seed_weights(seed: int) -> None:
    """Seed what initial weights are drawn from, and keep what earlier trainings compiled.

    Keras draws the seeds of layers from Python's own numbers. What `start_afresh` does beside this
    clears TensorFlow's caches, and every kept loop would be optimized anew.
    """
    random.seed(seed)
    np.random.seed(seed)


def state_of(model: Any) -> list[NDArray[Any]]:
    """Return the weights, the states of random numbers, and the optimizer's state."""
    return [np.array(each.numpy()) for each in variables_of(model)]


def set_state(model: Any, values: list[NDArray[Any]]) -> None:
    """Put back what `state_of` returned."""
    for variable, value in zip(variables_of(model), values, strict=True):
        variable.assign(value)
