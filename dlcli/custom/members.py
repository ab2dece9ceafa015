"""The member axis of packed ensembles, second of [rows, members, ...]: its size and its weights."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops


def count_members(layer: Any, members: int | None, shape: Sequence[int | None]) -> int | None:
    """Return how many members a layer has that takes `shape`; None where there is no member axis.

    `members` is what the layer was given. Raises ValueError where its input has another number.
    """
    held = shape[1] if len(shape) == 3 else None
    if members is not None and held not in (None, members):
        raise ValueError(
            f"{type(layer).__name__} has {members} members, and its input has {held}. "
            f"Received: shape={tuple(shape)}"
        )
    return held if members is None else members


def check_count(members: int | None) -> None:
    """Raise ValueError for less than one member."""
    if members is not None and members < 1:
        raise ValueError(f"members must be 1 or more. Received: members={members}")


def for_each_member(initializer: Any) -> Callable[..., Any]:
    """Return an initializer of [members, ...] that draws each member's weights by themselves.

    The first member gets what a layer without members would.
    """

    def draw(shape: Sequence[int], dtype: Any = None) -> Any:
        drawn = [each(shape[1:], dtype=dtype) for each in _copies(initializer, shape[0])]
        return ops.stack(drawn)

    return draw


def penalty_of_a_member(regularizer: Any, members: int) -> Any:
    """Return a regularizer of [members, ...] that is the mean of the members' penalties.

    Their losses are averaged too, so that a penalty counts as in a network of its own.
    """
    return None if regularizer is None else lambda weights: regularizer(weights) / members


def _copies(initializer: Any, count: int) -> list[Any]:
    """Return an initializer for each member: with one seed all would draw the same."""
    seed = getattr(initializer, "seed", None)
    if not isinstance(seed, int):
        return [initializer] * count
    others = np.random.default_rng(seed).integers(2**31, size=count - 1).tolist()
    config = initializer.get_config()
    return [type(initializer).from_config({**config, "seed": each}) for each in (seed, *others)]
