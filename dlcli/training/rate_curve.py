"""What a learning-rate range test says: its losses smoothed, and the rates it suggests."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIVERGED = 4.0
"""A smoothed loss this many times the lowest one before it has diverged."""

SPREAD_DECADES = 0.15
"""Deviation of the Gaussian that smooths the losses, in powers of ten of the rate."""

FALLS_BY = 0.02
"""A loss that does not fall by this share of its first value has not fallen."""

MARGIN = 10.0
"""How far below the rate of the lowest loss a rate is safe: the rule of a tenth."""

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class RateCurve:
    """The losses of the steps until training diverged, and what they suggest."""

    rates: Array
    losses: Array
    smoothed: Array
    steepest: float | None
    """The rate at which the loss falls fastest; None where it does not fall."""
    tenth: float | None
    """A tenth of the rate with the lowest loss."""

    @property
    def suggestion(self) -> float | None:
        """The smaller of the two, with two digits."""
        found = [rate for rate in (self.steepest, self.tenth) if rate is not None]
        return float(f"{min(found):.1e}") if found else None

    @property
    def is_at_edge(self) -> bool:
        """Whether the loss is lowest at the last rate, so that higher ones should be tried."""
        return int(np.argmin(self.smoothed)) == len(self.smoothed) - 1


def read_curve(rates: Array, losses: Array) -> RateCurve:
    """Smooth the losses [steps] over the logarithm of the rates [steps] and read them."""
    places = np.log10(rates)
    smoothed = _smooth(places, losses)
    lowest = np.minimum.accumulate(smoothed)
    gone = np.flatnonzero(smoothed > DIVERGED * lowest)
    end = int(gone[0]) if len(gone) else len(smoothed)
    places, losses, smoothed = places[:end], losses[:end], smoothed[:end]
    bottom = int(np.argmin(smoothed))
    steepest = tenth = None
    if bottom > 0 and smoothed[0] - smoothed[bottom] > FALLS_BY * abs(smoothed[0]):
        slope = np.gradient(smoothed, places)[: bottom + 1]
        steepest = float(10 ** places[int(np.argmin(slope))])
        tenth = float(10 ** places[bottom]) / MARGIN
    return RateCurve(
        rates=rates[:end], losses=losses, smoothed=smoothed, steepest=steepest, tenth=tenth
    )


def _smooth(places: Array, losses: Array) -> Array:
    """Return weighted means of the neighbours of every step, which leave dips where they are."""
    # What the last steps before an overflow reach must not weigh on those before them.
    bounded = np.minimum(losses, 10 * DIVERGED * np.abs(losses[: max(1, len(losses) // 10)]).max())
    distances = (places[:, np.newaxis] - places) / SPREAD_DECADES
    weights = np.exp(-0.5 * np.square(distances))
    smoothed: Array = (weights @ bounded) / weights.sum(axis=1)
    return smoothed
