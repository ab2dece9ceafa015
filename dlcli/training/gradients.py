"""The gradients that tracing registers by name, which TensorFlow would keep until the process ends."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def forget_gradients() -> Iterator[None]:
    """Take out on the way what was registered meanwhile for functions with gradients of their own.

    A trace has found them by the time it ends. Each holds its whole graph: a process that trains again
    and again would grow by every one.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    from tensorflow.python.framework import ops  # noqa: PLC0415 - only where it is the backend

    registered = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            del registered[name]
