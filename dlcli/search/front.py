"""Several goals at once: the points where no goal can be improved without another giving way."""

from collections.abc import Callable, Iterator
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from dlcli.search.problem import NOT_MET, Problem
from dlcli.search.solver import Loss, Units, find_minimum

GENERATIONS = 120
"""Generations for each point; all but the first begin with the points found before."""

# Breaks ties between points that are equal in the worst goal (R. E. Steuer and E.-U. Choo,
# Mathematical Programming 26, 1983).
_AUGMENTATION = 1e-3


def find_front(
    problem: Problem,
    *,
    num_points: int,
    start: Units,
    on_point: Callable[[int], None] = lambda point: None,
) -> Units:
    """Return points of the front [points, variables], sorted by the first goal.

    A sweep of weighted Chebyshev distances from the best value of each goal, which also reaches
    where the front is not convex; what another point beats in every goal is left out.
    """
    num_goals = len(problem.goals)
    found: list[Units] = []
    for index in range(num_goals):
        found.append(_solve(problem, _ends(problem, index), start, found))
        on_point(len(found))
    best, widths = _ideal(problem, found)
    for shares in _shares(num_goals, num_points):
        if (shares == 1.0).any():
            continue
        loss = _chebyshev(problem, shares / shares.max(), best, widths)
        found.append(_solve(problem, loss, start, found))
        on_point(len(found))
    units = np.concatenate(found)
    costs, broken = problem.judge(units)
    units, costs = units[broken <= 0], costs[broken <= 0]
    kept = is_undominated(costs)
    units, costs = units[kept], costs[kept]
    return units[np.lexsort(costs.T[::-1])]


def is_undominated(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows of [points, goals] no other row beats; of equal rows the first counts."""
    kept = np.ones(len(costs), dtype=bool)
    for index, cost in enumerate(costs):
        no_worse = (costs <= cost).all(axis=1)
        better = no_worse & (costs < cost).any(axis=1)
        equal = (costs == cost).all(axis=1)
        kept[index] = not better.any() and not equal[:index].any()
    return kept


def _solve(problem: Problem, loss: Loss, start: Units, found: list[Units]) -> Units:
    seed = problem.seed + len(found)
    begin = np.concatenate([start, *found]) if found else start
    return find_minimum(
        loss,
        problem.axes,
        seed=seed,
        start=begin,
        mend=problem.mend,
        generations=GENERATIONS,
    )


def _ends(problem: Problem, index: int) -> Loss:
    """Return the loss of one goal, the others counting just enough to break ties."""

    def loss(units: Units, tolerance: float) -> NDArray[np.float64]:
        costs, broken = problem.judge(units, tolerance=tolerance)
        total = costs[:, index] + _AUGMENTATION * costs.sum(axis=1)
        return np.where(broken > 0, NOT_MET * broken, total)

    return loss


def _chebyshev(
    problem: Problem,
    weights: NDArray[np.float64],
    best: NDArray[np.float64],
    widths: NDArray[np.float64],
) -> Loss:
    def loss(units: Units, tolerance: float) -> NDArray[np.float64]:
        costs, broken = problem.judge(units, tolerance=tolerance)
        distances = (costs - best) / widths * weights
        total = distances.max(axis=1) + _AUGMENTATION * distances.sum(axis=1)
        return np.where(broken > 0, NOT_MET * broken, total)

    return loss


def _ideal(problem: Problem, found: list[Units]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best value of each goal and how far it gives way at the others' best."""
    costs, _ = problem.judge(np.concatenate(found))
    widths = np.ptp(costs, axis=0)
    return costs.min(axis=0), np.where(widths > 0, widths, 1.0)


def _shares(num_goals: int, num_points: int) -> Iterator[NDArray[np.float64]]:
    """Yield weights that sum to 1, spread evenly: at least `num_points` of them."""
    steps = 1
    while comb(steps + num_goals - 1, num_goals - 1) < num_points:
        steps += 1
    for bars in combinations(range(steps + num_goals - 1), num_goals - 1):
        edges = np.array([-1, *bars, steps + num_goals - 1])
        yield (np.diff(edges) - 1) / steps
