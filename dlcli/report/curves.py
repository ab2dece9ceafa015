"""Curves of predictions against what was measured, as points that are ready to draw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEPS = 200
"""Stretches of the axis of a ROC or precision-recall curve."""
CALIBRATION_BINS = 10
MOST_POINTS = 2000
"""Points of a scatter chart; more are thinned."""
WORST_POINTS = 200
"""Of these, the ones with the largest errors, which are never thinned out."""
_Z = 1.959964
"""Of the normal distribution: 95 % lie within so many deviations of the mean."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """How often something happened that was given a probability, bin by bin [bins]."""

    predicted: Array
    """The mean probability given."""
    happened: Array
    """The share of rows where it happened."""
    low: Array
    high: Array
    """Wilson's interval of that share."""
    rows: NDArray[np.int64]


def roc_curve(positive: NDArray[np.bool_], scores: Array) -> tuple[Array, Array] | None:
    """Return false and true positive rates [STEPS + 1]; None where a class has no rows."""
    found = _ranked(positive, scores)
    if found is None:
        return None
    truths, falses = found
    grid = np.linspace(0.0, 1.0, STEPS + 1)
    true, false = truths / truths[-1], falses / falses[-1]
    # From the upper point at one false positive rate straight to the lower one at the next.
    before = np.minimum(np.searchsorted(false, grid + 1e-12, side="right") - 1, len(false) - 2)
    width = false[before + 1] - false[before]
    share = np.divide(grid - false[before], width, out=np.ones_like(grid), where=width > 0)
    return grid, true[before] + np.clip(share, 0.0, 1.0) * (true[before + 1] - true[before])


def precision_recall_curve(
    positive: NDArray[np.bool_], scores: Array
) -> tuple[Array, Array] | None:
    """Return recall and precision [STEPS + 1]; None where a class has no rows.

    The precision at a recall is the one at the highest threshold that reaches it.
    """
    found = _ranked(positive, scores)
    if found is None:
        return None
    truths, falses = found[0][1:], found[1][1:]
    recall, precision = truths / truths[-1], truths / (truths + falses)
    grid = np.linspace(0.0, 1.0, STEPS + 1)
    reached = np.searchsorted(recall, grid - 1e-12)
    return grid, precision[np.minimum(reached, len(precision) - 1)]


def calibrate(happened: NDArray[np.bool_], probabilities: Array) -> Calibration:
    """Compare probabilities with how often it happened, in bins of equal width; empty ones go."""
    bins = np.clip((probabilities * CALIBRATION_BINS).astype(np.int64), 0, CALIBRATION_BINS - 1)
    rows = np.bincount(bins, minlength=CALIBRATION_BINS)
    given = np.bincount(bins, weights=probabilities, minlength=CALIBRATION_BINS)
    times = np.bincount(bins, weights=happened, minlength=CALIBRATION_BINS)
    kept = rows > 0
    count, share = rows[kept].astype(np.float64), times[kept] / rows[kept]
    # E. B. Wilson, Journal of the American Statistical Association 22, 1927.
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    spread = np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    half = _Z / (1 + _Z**2 / count) * spread
    return Calibration(
        predicted=given[kept] / count,
        happened=share,
        low=np.clip(middle - half, 0.0, 1.0),
        high=np.clip(middle + half, 0.0, 1.0),
        rows=rows[kept],
    )


def histogram(values: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return the edges [bars + 1] and counts [bars] of a histogram, 0 at an edge."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([low - 0.5, low + 0.5]), np.array([len(values)])
    wanted = float(np.clip(2 * len(values) ** (1 / 3), 8, 40))
    width = _round_width((high - low) / wanted)
    edges = np.arange(np.floor(low / width), np.ceil(high / width) + 1) * width
    if edges[-1] <= high:
        edges = np.append(edges, edges[-1] + width)
    return edges, np.histogram(values, edges)[0]


def thin(losses: Array) -> NDArray[np.int64]:
    """Return the positions of at most MOST_POINTS rows: the worst ones, and an even choice."""
    if len(losses) <= MOST_POINTS:
        return np.arange(len(losses))
    order = np.argsort(-losses, kind="stable")
    rest = np.sort(order[WORST_POINTS:])
    even = np.linspace(0, len(rest) - 1, MOST_POINTS - WORST_POINTS).astype(np.int64)
    return np.sort(np.concatenate([order[:WORST_POINTS], rest[even]]))


def _ranked(positive: NDArray[np.bool_], scores: Array) -> tuple[Array, Array] | None:
    """Return the true and false positives at each falling threshold, from none on."""
    if positive.all() or not positive.any():
        return None
    _, places = np.unique(-scores, return_inverse=True)
    truths = np.cumsum(np.bincount(places, weights=positive))
    falses = np.cumsum(np.bincount(places, weights=~positive))
    return np.concatenate([[0.0], truths]), np.concatenate([[0.0], falses])


def _round_width(width: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= width * 0.999))
