"""How many rows of a column lie elsewhere than before, from what two profiles keep of it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.report.figures import format_value

_CHANCE = 1.36
"""Of the Kolmogorov-Smirnov statistic at 5 %, times the root of 1/n + 1/m (Smirnov, 1948)."""

_MOST_STRETCH = 3.0
"""Of one range over the other; beyond it the bars of one hide where its values lie."""

Column = Mapping[str, Any]


def moved_share(old: Column, new: Column) -> float | None:
    """Return the share of rows that would have to move for both columns to be the same, 0 to 1.

    Of numbers the Kolmogorov-Smirnov distance that histograms and medians tell. Where one cell far
    out stretches the bars of one of them, the least distance that both allow. Of categories half the sum of differences of shares, rare ones
    taken together. None where the profiles hold neither.
    """
    if old.get("histogram") and new.get("histogram"):
        curves = [_curve(column) for column in (old, new)]
        if None in curves:
            return None
        (x, p), (y, q) = (curve for curve in curves if curve is not None)
        # Between two steps both curves are straight, so that the largest distance is at one.
        at = np.union1d(x, y)
        if _is_alike(x, y):
            return float(np.abs(_at(at, x, p) - _at(at, y, q)).max())
        gaps = [_low(at, x, p) - _high(at, y, q), _low(at, y, q) - _high(at, x, p)]
        return max(0.0, float(np.max(gaps)))
    if old.get("top") and new.get("top"):
        shares = [_shares(column) for column in (old, new)]
        names = shares[0].keys() & shares[1].keys()
        return 1.0 - sum(min(each[name] for each in shares) for name in names)
    return None


def chance_share(rows: int, other: int) -> float:
    """Return the share that columns of the same kind differ by in one draw of twenty at most."""
    return _CHANCE * math.sqrt(1 / max(rows, 1) + 1 / max(other, 1))


def median_move(old: Column, new: Column) -> str | None:
    """Tell from where to where the middle of numbers or dates moved, where it did."""
    ends = [column.get("median") for column in (old, new)]
    if None in ends or ends[0] == ends[1]:
        return None
    return "median " + " -> ".join(map(_shown, ends))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else format_value(value)


def _at(at: NDArray[np.float64], x: NDArray[np.float64], p: NDArray[np.float64]) -> Any:
    return np.interp(at, x, p, left=0.0, right=1.0)


def _is_alike(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Tell whether two histograms look at their columns about equally closely."""
    spans = sorted((float(x[-1] - x[0]), float(y[-1] - y[0])))
    return spans[1] <= _MOST_STRETCH * spans[0]


def _low(at: NDArray[np.float64], x: NDArray[np.float64], p: NDArray[np.float64]) -> Any:
    """Return the least share that can lie up to each value: all within a bar may lie at its end."""
    return np.concatenate([[0.0], p])[np.searchsorted(x, at, side="right")]


def _high(at: NDArray[np.float64], x: NDArray[np.float64], p: NDArray[np.float64]) -> Any:
    """Return the largest share that can lie up to each value."""
    share = np.concatenate([p, [1.0]])[np.searchsorted(x, at, side="left")]
    return np.where(at < x[0], 0.0, share)


def _curve(column: Column) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return points of the distribution function: values, and the shares of cells up to them."""
    ends = [_moment(column.get(end)) for end in ("minimum", "maximum")]
    if None in ends:
        return None
    low, high = (float(end) for end in ends if end is not None)
    counts = np.asarray(column["histogram"], float)
    if high <= low:
        return np.asarray([low, low]), np.asarray([0.0, 1.0])
    edges = np.linspace(low, high, len(counts) + 1)
    shares = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    middle = _moment(column.get("median"))
    if middle is None or not low < middle < high:
        return edges, shares
    # One cell far out puts all others into one bar; the median still lies where they are.
    place = int(np.searchsorted(edges, middle))
    lower, upper = shares[place - 1], shares[min(place, len(shares) - 1)]
    within = min(max(0.5, lower), upper)
    return np.insert(edges, place, middle), np.insert(shares, place, within)


def _moment(value: Any) -> float | None:
    """Return a number, or a date as days; None for anything else."""
    if isinstance(value, str):
        try:
            return float(np.datetime64(value.replace(" ", "T"), "m").astype(np.int64)) / 1440
        except ValueError:
            return None
    return None if value is None else float(value)


def _shares(column: Column) -> dict[str, float]:
    """Return the shares of the values that a profile lists; None stands for all others."""
    listed = {str(name): int(count) for name, count in column["top"]}
    total = max(int(column["rows"]) - int(column["missing"]), sum(listed.values()), 1)
    shares = {name: count / total for name, count in listed.items()}
    return {**shares, "": 1.0 - sum(shares.values())}
