"""One search: its space, goals and conditions, and the loss of a point."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.store import AnyScorer, Bundle
from dlcli.predictions import TargetPrediction
from dlcli.search.cloud import Cloud
from dlcli.search.equations import Equations
from dlcli.search.goals import Condition, Goal, goal_scale, spread, target_ranges
from dlcli.search.planes import Plane, find_planes, move_onto
from dlcli.search.solver import Axes, Mend, scatter
from dlcli.search.space import Points, Space
from dlcli.search.values import compute
from dlcli.spec.arithmetic import Comparison

NOT_MET = 1e30
"""A point that breaks a condition is worse than any that breaks none (K. Deb, Computer Methods in
Applied Mechanics and Engineering 186, 2000); among such points the one that breaks it less wins."""

# A solution may miss an equation by this share of how far its sides spread over the search space;
# linear equations of inputs are met by construction.
EQUATION_TOLERANCE = 1e-3
_EXACT_TOLERANCE = 1e-9

_SAMPLE = 512


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What points come to; every array is [points]."""

    columns: dict[str, NDArray[np.float64]]
    """Number inputs, predicted targets, and the probability of `TARGET=CLASS`."""
    predictions: dict[str, TargetPrediction]


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Everything that decides which point is best."""

    bundle: Bundle
    scorer: AnyScorer
    space: Space
    goals: tuple[Goal, ...]
    conditions: tuple[Condition, ...]
    seed: int
    inside: Cloud | None = None
    """Where given, solutions lie no farther from a training row than those do from each other."""

    def outcome(self, points: Points) -> Outcome:
        """Predict points; what a policy of the run leaves out is not a number."""
        applied = self.bundle.preprocessing.apply(self.space.table(points), with_targets=False)
        predictions = self.bundle.predict(applied, self.scorer)
        predictions = {
            name: _spread_out(each, applied.kept, len(points)) for name, each in predictions.items()
        }
        columns = {**self.space.values(points), **prediction_columns(predictions)}
        return Outcome(columns=columns, predictions=predictions)

    def points(self, units: NDArray[np.float64]) -> Points:
        """Return points of the unit cube in the file's units, moved onto linear conditions."""
        return self.space.decode(move_onto(self._planes, units, self.space))

    def loss(self, units: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
        """Return what is to be small: the weighted goals, or how far conditions are broken."""
        costs, broken = self.judge(units, tolerance=tolerance)
        return np.where(broken > 0, NOT_MET * broken, costs @ self.weights)

    @cached_property
    def mend(self) -> Mend | None:
        """Bring local steps back onto the equations that are not met by construction."""
        equations = [
            (comparison, scale)
            for comparison, scale in zip(self.comparisons, self.condition_scales, strict=True)
            if comparison.is_equality
        ]
        by_construction = [plane.comparison for plane in self._planes]
        if all(each in by_construction for each, _ in equations) or self.axes.is_discrete:
            return None

        # Linear equations take part, or meeting the others would lead away from them.
        def gaps(units: NDArray[np.float64]) -> NDArray[np.float64]:
            columns = self.outcome(self.space.decode(units)).columns
            sides = [compute(each.excess, columns) / scale for each, scale in equations]
            return np.stack([side + np.zeros(len(units)) for side in sides], axis=1)

        met = Equations(gaps=gaps, axes=self.axes)

        def mend(base: NDArray[np.float64], tries: NDArray[np.float64]) -> NDArray[np.float64]:
            base, tries = (move_onto(self._planes, units, self.space) for units in (base, tries))
            return met.move_onto(base, tries)

        return mend

    def judge(
        self, units: NDArray[np.float64], *, tolerance: float = EQUATION_TOLERANCE
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return scaled costs [points, goals], and how far conditions are broken [points]."""
        columns = self.outcome(self.points(units)).columns
        costs = self.costs(columns) / self.scales
        broken = self.broken(columns, tolerance=tolerance)
        # What is not defined, as the square root of a negative number, is no solution.
        broken = np.where(np.isfinite(costs).all(axis=1), broken, np.inf)
        return np.where(np.isfinite(costs), costs, 0.0), np.minimum(broken, 1e100)

    def costs(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return what is to be small, in each goal's own unit [points, goals]."""
        return np.stack([goal.cost(columns) for goal in self.goals], axis=1)

    def cost(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return all goals in one figure, by their weights [points]."""
        total: NDArray[np.float64] = self.costs(columns) / self.scales @ self.weights
        return total

    def broken(
        self, columns: Mapping[str, NDArray[np.float64]], *, tolerance: float = EQUATION_TOLERANCE
    ) -> NDArray[np.float64]:
        """Return how far conditions are broken in all, 0 where they hold [points]."""
        total = np.zeros(len(next(iter(columns.values()))))
        for comparison, scale in zip(self.comparisons, self.condition_scales, strict=True):
            total += _excess(comparison, columns, scale, self._tolerance(comparison, tolerance))
        if self.inside is not None and self.inside.spacing is not None:
            total += np.maximum(self.inside.distances(columns) - self.inside.spacing.most, 0.0)
        return total

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(each for condition in self.conditions for each in condition.comparisons)

    @cached_property
    def axes(self) -> Axes:
        return Axes(levels=self.space.levels, is_ordered=self.space.is_ordered)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        return np.array([goal.weight for goal in self.goals])

    @cached_property
    def scales(self) -> NDArray[np.float64]:
        """One unit of each goal [goals], so that goals can be weighed against each other."""
        ranges = target_ranges(self.bundle.preprocessing)
        columns = self._sample_columns
        pairs = [(goal, compute(goal.expression, columns)) for goal in self.goals]
        return np.array([goal_scale(goal, values, ranges) for goal, values in pairs])

    @cached_property
    def condition_scales(self) -> NDArray[np.float64]:
        """How far each comparison's sides spread over the search space [comparisons]."""
        columns = self._sample_columns
        return np.array([spread(compute(each.excess, columns)) for each in self.comparisons])

    @cached_property
    def _sample_columns(self) -> dict[str, NDArray[np.float64]]:
        random = np.random.default_rng(self.seed)
        units = scatter(_SAMPLE, len(self.space.variables), random)
        return self.outcome(self.space.decode(units)).columns

    def _tolerance(self, comparison: Comparison, tolerance: float) -> float:
        if not comparison.is_equality:
            return _EXACT_TOLERANCE
        is_moved_onto = comparison in [plane.comparison for plane in self._planes]
        return _EXACT_TOLERANCE if is_moved_onto else tolerance

    @cached_property
    def _planes(self) -> tuple[Plane, ...]:
        return find_planes(self.comparisons, self.space)


def prediction_columns(
    predictions: Mapping[str, TargetPrediction],
) -> dict[str, NDArray[np.float64]]:
    """Return predicted numbers by target, and probabilities by `TARGET=CLASS`."""
    columns: dict[str, NDArray[np.float64]] = {}
    for name, prediction in predictions.items():
        if prediction.values is not None:
            columns[name] = prediction.values
            continue
        assert prediction.probabilities is not None
        for code, label in enumerate(prediction.classes or ()):
            columns[f"{name}={label}"] = prediction.probabilities[:, code]
    return columns


def _excess(
    comparison: Comparison,
    columns: Mapping[str, NDArray[np.float64]],
    scale: float,
    tolerance: float,
) -> NDArray[np.float64]:
    excess = compute(comparison.excess, columns) / scale
    gap = np.abs(excess) if comparison.is_equality else excess
    over = np.maximum(gap - tolerance, 0.0)
    return np.where(np.isfinite(over), over, np.inf) + np.zeros(len(next(iter(columns.values()))))


def _spread_out(
    prediction: TargetPrediction, kept: NDArray[np.int64], num_rows: int
) -> TargetPrediction:
    if len(kept) == num_rows:
        return prediction
    values, shares = prediction.values, prediction.probabilities
    return replace(
        prediction,
        values=None if values is None else _laid_out(values, kept, num_rows),
        probabilities=None if shares is None else _laid_out(shares, kept, num_rows),
    )


def _laid_out(
    values: NDArray[np.float64], kept: NDArray[np.int64], num_rows: int
) -> NDArray[np.float64]:
    laid = np.full((num_rows, *values.shape[1:]), np.nan)
    laid[kept] = values
    return laid
