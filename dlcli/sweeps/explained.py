"""How much each axis of a sweep matters: the share of the figure's variance that it explains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.spec.sweep import Axis
from dlcli.sweeps.trial import Trial

FEWEST_TRIALS = 4
MOST_BINS = 4
"""Parts into which a range is cut, with as many trials in each."""


def explained_shares(trials: Sequence[Trial], axes: Sequence[Axis]) -> dict[str, float]:
    """Return for every axis the share of the figure's variance between its values, largest first.

    Trials are grouped by value, of a range by quarter. The share is omega squared, which does not
    grow with the number of groups as such; below 0 counts as 0. A few figures that are far off
    count as much as one at Tukey's fences, 1.5 interquartile ranges off. Empty for few trials.
    """
    done = [trial for trial in trials if trial.state == "complete" and trial.figure is not None]
    if len(done) < FEWEST_TRIALS:
        return {}
    figures = _tamed(np.array([trial.figure for trial in done], np.float64))
    found = {
        axis.key: _omega_squared(figures, _groups(axis, [each.values[axis.key] for each in done]))
        for axis in axes
    }
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _tamed(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.quantile(figures, [0.25, 0.75])
    reach = 1.5 * (high - low)
    return np.clip(figures, low - reach, high + reach) if reach > 0 else figures


def _groups(axis: Axis, labels: Sequence[Any]) -> NDArray[np.int64]:
    if not axis.range:
        places = [axis.labels.index(label) for label in labels]
        return np.array(places, np.int64)
    values = np.array(labels, np.float64)
    bins = min(MOST_BINS, max(2, len(values) // 4))
    edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _omega_squared(figures: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    names = np.unique(groups)
    count, num_groups = len(figures), len(names)
    total = float(((figures - figures.mean()) ** 2).sum())
    if num_groups < 2 or num_groups >= count or total == 0:
        return 0.0
    within = sum(
        float(((figures[groups == name] - figures[groups == name].mean()) ** 2).sum())
        for name in names
    )
    noise = within / (count - num_groups)
    share = (total - within - (num_groups - 1) * noise) / (total + noise)
    return max(0.0, share)
