"""Global search in the unit cube: SciPy's differential evolution, then random local steps."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import UsageError

Units = NDArray[np.float64]
"""[points, variables], each between 0 and 1."""
Loss = Callable[[Units, float], NDArray[np.float64]]
"""Gives [points], when equations may miss by a tolerance."""
Mend = Callable[[Units, Units], Units]
"""Brings points near a base [1, variables] back onto equations."""

GENERATIONS = 300
FEWEST_CANDIDATES, MOST_CANDIDATES = 60, 600
CANDIDATES_PER_VARIABLE = 20
# How far equations may miss, as a share of how far their sides spread over the search space: much
# while the whole space is searched, since random points hardly ever meet one; little in the end.
COARSE, FINE = 2e-2, 1e-5

# Below this relative spread of the losses all candidates are in one place.
_TOLERANCE = 1e-7

_ROUNDS = 150
_TRIES = 64
_FIRST_RADIUS, _LAST_RADIUS = 0.1, 1e-7
_SHRINK = 0.7
_HAIR, _ROUNDING = 1e-5, 1e-7


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What the solver knows of the variables."""

    levels: NDArray[np.int64]
    """Number of values; 0 where a variable is continuous."""
    is_ordered: NDArray[np.bool_]
    """Whether neighbouring values are near each other."""

    @property
    def is_discrete(self) -> bool:
        """Tell whether no variable is continuous."""
        return bool((self.levels > 0).all())


def find_minimum(
    loss: Loss,
    axes: Axes,
    *,
    seed: int,
    start: Units,
    mend: Mend | None = None,
    generations: int = GENERATIONS,
    on_generation: Callable[[int], None] = lambda generation: None,
) -> Units:
    """Return the point of the smallest loss found [1, variables].

    `start` holds points worth beginning with; the best of them take part, and the result is
    never worse. The same seed gives the same result.
    """
    num_variables = len(axes.levels)
    if not num_variables:
        return np.zeros((1, 0))
    random = np.random.default_rng(seed)
    population = _population(loss, num_variables, start, random)
    evolution = load_scipy("scipy.optimize").differential_evolution(
        lambda columns: loss(np.ascontiguousarray(columns.T), COARSE),
        bounds=[(0.0, 1.0)] * num_variables,
        init=population,
        maxiter=generations,
        tol=_TOLERANCE,
        polish=False,
        vectorized=True,
        updating="deferred",
        rng=random,
        callback=_Counter(on_generation),
    )
    best = np.clip(evolution.x[None, :], 0.0, 1.0)
    return polish(loss, axes, best, random, mend=mend)


def polish(
    loss: Loss,
    axes: Axes,
    best: Units,
    random: np.random.Generator,
    *,
    mend: Mend | None = None,
) -> Units:
    """Take random steps around `best` [1, variables] that grow smaller; keep what is better.

    Whole numbers step to a neighbour, categories to any other, and continuous variables also try
    their bounds, which a step alone would miss by a hair.
    """
    if mend is not None:
        best = mend(best, best)
    value, radius = float(loss(best, FINE)[0]), _FIRST_RADIUS
    for _ in range(_ROUNDS):
        tries = _steps(best, axes, radius, random)
        if mend is not None:
            tries = mend(best, tries)
        losses = loss(tries, FINE)
        winner = int(np.argmin(losses))
        if losses[winner] < value:
            best, value = tries[winner : winner + 1], float(losses[winner])
            continue
        if radius < _LAST_RADIUS:
            break
        radius *= _SHRINK
    return _snapped(loss, axes, best, value)


def scatter(num_points: int, num_variables: int, random: np.random.Generator) -> Units:
    """Spread points evenly: a Latin hypercube, every variable cut into as many equal strata."""
    strata = random.permuted(np.tile(np.arange(num_points), (num_variables, 1)), axis=1).T
    units: Units = (strata + random.random((num_points, num_variables))) / max(num_points, 1)
    return units


def load_scipy(name: str) -> Any:
    """Import a module of SciPy, which is an optional extra; raises UsageError without it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UsageError(
            "optimize needs SciPy, which is not installed", hint="pip install 'dlcli[optimize]'"
        ) from None


def _population(loss: Loss, num_variables: int, start: Units, random: np.random.Generator) -> Units:
    size = CANDIDATES_PER_VARIABLE * num_variables
    size = min(max(size, FEWEST_CANDIDATES), MOST_CANDIDATES)
    population = scatter(size, num_variables, random)
    if len(start):
        # Half of the room is for known points; the other half keeps the search global.
        best = np.argsort(loss(start, COARSE), kind="stable")[: size // 2]
        population[: len(best)] = start[best]
    return population


def _steps(best: Units, axes: Axes, radius: float, random: np.random.Generator) -> Units:
    num_variables = len(axes.levels)
    tries = np.repeat(best, _TRIES, axis=0)
    moved = random.random(tries.shape) < 0.5
    moved[np.arange(_TRIES), random.integers(num_variables, size=_TRIES)] = True
    continuous = axes.levels == 0
    stepped = np.clip(tries + radius * random.standard_normal(tries.shape), 0.0, 1.0)
    tries = np.where(moved & continuous, stepped, tries)
    at_bound = moved & continuous & (random.random(tries.shape) < 0.05)
    tries = np.where(at_bound, np.round(tries), tries)
    for index in np.flatnonzero(~continuous):
        levels = int(axes.levels[index])
        places = np.clip(np.floor(tries[:, index] * levels), 0, levels - 1)
        near = np.clip(places + random.choice([-1, 1], _TRIES), 0, levels - 1)
        new = near if axes.is_ordered[index] else random.integers(levels, size=_TRIES)
        # Whole numbers stand still half of the time, so that the others are refined beside them.
        jumps = moved[:, index] & (random.random(_TRIES) < 0.5)
        tries[:, index] = (np.where(jumps, new, places) + 0.5) / levels
    return tries


def _snapped(loss: Loss, axes: Axes, best: Units, value: float) -> Units:
    """Put on a bound what lies a hair beside it, unless that is worse than float32 can tell."""
    is_near = (axes.levels == 0) & (np.abs(best - np.round(best)) < _HAIR)
    snapped = np.where(is_near, np.round(best), best)
    is_as_good = float(loss(snapped, FINE)[0]) <= value + _ROUNDING * max(1.0, abs(value))
    return snapped if is_as_good else best


class _Counter:
    """Counts generations for whoever shows them; SciPy looks at the name of the argument."""

    def __init__(self, on_generation: Callable[[int], None]) -> None:
        self._on_generation = on_generation
        self._count = 0

    def __call__(self, intermediate_result: Any) -> None:
        self._count += 1
        self._on_generation(self._count)
