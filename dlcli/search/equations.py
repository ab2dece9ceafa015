"""Equations of predictions, such as `strength == 40`: local steps are brought back onto them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlcli.search.solver import Axes, Units

# Networks compute in float32: over a smaller step, rounding would be a good part of the slope.
_STEP = 1e-2
_ROUNDS = 5
_EXACT = 1e-7


@dataclass(frozen=True, kw_only=True, eq=False)
class Equations:
    """The scaled gaps between the two sides of equations, which are to become 0."""

    gaps: Callable[[Units], NDArray[np.float64]]
    """Gives [points, equations]."""
    axes: Axes

    def move_onto(self, base: Units, tries: Units) -> Units:
        """Move points near `base` [1, variables] until the equations hold, by Newton's method.

        The slopes are those at `base`. What would leave the unit cube stays on its face, and the
        other variables go the whole way.
        """
        slopes = self._slopes(base)
        for _ in range(_ROUNDS):
            gaps = self.gaps(tries)
            gaps = np.where(np.isfinite(gaps), gaps, 0.0)
            if np.abs(gaps).max(initial=0.0) < _EXACT:
                break
            full = _newton(slopes[None], gaps)
            leaves = ((tries <= 0.0) & (full > 0)) | ((tries >= 1.0) & (full < 0))
            free = np.where(leaves[:, None, :], 0.0, slopes[None])
            tries = np.clip(tries - _newton(free, gaps), 0.0, 1.0)
        return tries

    def _slopes(self, base: Units) -> NDArray[np.float64]:
        """Return how each gap answers to each continuous variable [equations, variables]."""
        continuous = np.flatnonzero(self.axes.levels == 0)
        below, above = (np.repeat(base, len(continuous), axis=0) for _ in range(2))
        places = np.arange(len(continuous))
        below[places, continuous] = np.maximum(base[0, continuous] - _STEP, 0.0)
        above[places, continuous] = np.minimum(base[0, continuous] + _STEP, 1.0)
        gaps = self.gaps(np.concatenate([below, above]))
        rises = gaps[len(continuous) :] - gaps[: len(continuous)]
        widths = above[places, continuous] - below[places, continuous]
        slopes = np.zeros((gaps.shape[1], len(self.axes.levels)))
        slopes[:, continuous] = (rises / widths[:, None]).T
        return np.where(np.isfinite(slopes), slopes, 0.0)


def _newton(slopes: NDArray[np.float64], gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shortest steps that undo the gaps [points, variables]."""
    steps: NDArray[np.float64] = (np.linalg.pinv(slopes) @ gaps[:, :, None])[:, :, 0]
    return steps
