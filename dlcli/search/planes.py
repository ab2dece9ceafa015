"""Linear conditions of the inputs, such as shares that sum to 1: points are moved onto them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlcli.search.space import Space
from dlcli.spec.arithmetic import Comparison, linear_form

_MOST_ROUNDS = 60
_FORGET = 12
_EXACT = 1e-14


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """slopes . point + constant must not be positive, or must be 0."""

    comparison: Comparison
    slopes: NDArray[np.float64]
    """[variables], in the file's units."""
    constant: float
    """What the fixed inputs and plain numbers add."""


def find_planes(comparisons: Sequence[Comparison], space: Space) -> tuple[Plane, ...]:
    """Return the comparisons that are linear in the inputs and can be met by moving numbers."""
    names = [variable.name for variable in space.variables]
    fixed = {name: float(v) for name, v in space.fixed.items() if not isinstance(v, str)}
    planes = []
    for comparison in comparisons:
        form = linear_form(comparison.excess)
        if form is None or not set(form) <= {"", *names, *fixed}:
            continue
        slopes = np.array([form.get(name, 0.0) for name in names])
        held = sum(slope * fixed[name] for name, slope in form.items() if name in fixed)
        if np.isfinite(slopes).all() and (slopes[_movable(space)] != 0).any():
            constant = form.get("", 0.0) + held
            planes.append(Plane(comparison=comparison, slopes=slopes, constant=constant))
    return tuple(planes)


def move_onto(
    planes: Sequence[Plane], units: NDArray[np.float64], space: Space
) -> NDArray[np.float64]:
    """Move points of the unit cube [points, variables] until every plane holds, where one can.

    Each round takes the shortest way onto all planes that are broken, along those that were
    broken before. What would leave the cube stays on its face. Whole numbers and categories stay
    as they are.
    """
    if not planes:
        return units
    movable = _movable(space)
    lows = np.array([v.low for v in space.variables])
    widths = np.array([v.high - v.low for v in space.variables])
    still = space.decode(units)
    raw = np.stack([plane.slopes for plane in planes])
    constants = np.array([plane.constant for plane in planes])
    is_equality = np.array([plane.comparison.is_equality for plane in planes])
    slopes = np.where(movable, raw * widths, 0.0)
    # In parts of the cube, so that planes of any unit count alike.
    sizes = np.abs(slopes).sum(axis=1)
    slopes = slopes / sizes[:, None]
    active = np.tile(is_equality, (len(units), 1))
    for number in range(_MOST_ROUNDS):
        points = np.where(movable, lows + units * widths, still)
        gaps = (points @ raw.T + constants) / sizes
        gaps = np.where(is_equality, gaps, np.maximum(gaps, 0.0))
        if np.abs(gaps).max(initial=0.0) < _EXACT:
            break
        if number % _FORGET == 0:
            # A plane that was once broken may stand in the way of the others for good.
            active = np.tile(is_equality, (len(units), 1))
        active = active | (gaps > 0)
        used = np.where(active[:, :, None], slopes, 0.0)
        full = _shortest(used, gaps)
        leaves = ((units <= 0.0) & (full > 0)) | ((units >= 1.0) & (full < 0))
        free = np.where(leaves[:, None, :], 0.0, used)
        units = np.clip(units - _shortest(free, gaps), 0.0, 1.0)
    return units


def _shortest(slopes: NDArray[np.float64], gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shortest steps that close the gaps [points, variables]."""
    steps: NDArray[np.float64] = (np.linalg.pinv(slopes) @ gaps[:, :, None])[:, :, 0]
    return steps


def _movable(space: Space) -> NDArray[np.bool_]:
    return np.array([v.kind == "number" and v.high > v.low for v in space.variables], dtype=bool)
