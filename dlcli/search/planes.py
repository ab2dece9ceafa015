"""Linear conditions of the inputs, such as shares that sum to 1: points are moved onto them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlcli.search.arithmetic import Comparison, linear_form
from dlcli.search.space import Space

_MOST_ROUNDS = 200
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

    Alternating projections: each goes the shortest way that the bounds leave open. Whole numbers
    and categories stay as they are.
    """
    if not planes:
        return units
    movable = _movable(space)
    lows = np.array([v.low for v in space.variables])
    widths = np.array([v.high - v.low for v in space.variables])
    still = space.decode(units)
    for _ in range(_MOST_ROUNDS):
        worst = 0.0
        for plane in planes:
            points = np.where(movable, lows + units * widths, still)
            gap = points @ plane.slopes + plane.constant
            if not plane.comparison.is_equality:
                gap = np.maximum(gap, 0.0)
            slopes = np.where(movable, plane.slopes * widths, 0.0)
            falls, rises = gap[:, None] * slopes > 0, gap[:, None] * slopes < 0
            free = np.where((falls & (units > 0)) | (rises & (units < 1)), slopes, 0.0)
            length = np.square(free).sum(axis=1)
            move = np.divide(gap, length, out=np.zeros_like(gap), where=length > 0)
            units = np.clip(units - move[:, None] * free, 0.0, 1.0)
            # Where nothing can move any more, the plane is out of reach: the loss will tell.
            missed = np.where(length > 0, np.abs(gap), 0.0)
            worst = max(worst, float(missed.max(initial=0.0) / np.abs(slopes).sum()))
        if worst < _EXACT:
            break
    return units


def _movable(space: Space) -> NDArray[np.bool_]:
    return np.array([v.kind == "number" and v.high > v.low for v in space.variables], dtype=bool)
