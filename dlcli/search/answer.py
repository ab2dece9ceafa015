"""From a problem to its answer: the best point or the front, and what is worth knowing of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcli.errors import UsageError
from dlcli.search.cloud import Spacing
from dlcli.search.front import find_front
from dlcli.search.goals import Condition
from dlcli.search.problem import Problem
from dlcli.search.rows import BestRow, RealRow, RealRows
from dlcli.search.solver import GENERATIONS, Units, find_minimum
from dlcli.search.space import Points
from dlcli.search.values import compute

OnStage = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Solution:
    """One point with its predictions."""

    inputs: dict[str, Any]
    """As the file writes them."""
    predictions: dict[str, Any]
    """Numbers in the target's unit, or the most probable class."""
    probabilities: dict[str, dict[str, float]]
    """By target and class."""
    goals: dict[str, float]
    """What each goal comes to."""
    cost: float
    """All goals in one figure; smaller is better."""
    slack: dict[str, float]
    """How much room each condition leaves, in its own unit; about 0 for an equation."""
    at_bound: dict[str, str]
    """Inputs that lie on their `lower` or `upper` bound."""
    distance: float | None
    """To the nearest training row, in ranges of the inputs."""
    is_inside: bool | None
    nearest: tuple[RealRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the solution as JSON values."""
        return {
            "inputs": self.inputs,
            "predictions": self.predictions,
            "probabilities": self.probabilities,
            "goals": self.goals,
            "slack": self.slack,
            "at_bound": self.at_bound,
            "distance": self.distance,
            "inside": self.is_inside,
            "nearest_rows": [row.to_json() for row in self.nearest],
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The solutions, one or a front, beside the best real row."""

    solutions: tuple[Solution, ...]
    spacing: Spacing | None
    best_row: BestRow | None


def find_best(
    problem: Problem,
    real: RealRows | None,
    *,
    nearest: int = 3,
    on_stage: OnStage = lambda text: None,
) -> Answer:
    """Return the best point; raises UsageError where none meets the conditions."""

    def show(generation: int) -> None:
        on_stage(f"searching: generation {generation} of {GENERATIONS}")

    units = find_minimum(
        problem.loss,
        problem.axes,
        seed=problem.seed,
        start=_start(problem, real),
        mend=problem.mend,
        on_generation=show,
    )
    _check_feasible(problem, units)
    return _answer(problem, real, units, nearest=nearest)


def find_pareto(
    problem: Problem,
    real: RealRows | None,
    *,
    num_points: int,
    nearest: int = 3,
    on_stage: OnStage = lambda text: None,
) -> Answer:
    """Return the front of several goals; raises UsageError where no point meets the conditions."""

    def show(point: int) -> None:
        on_stage(f"searching: point {point} of {num_points}")

    start = _start(problem, real)
    units = find_front(problem, num_points=num_points, start=start, on_point=show)
    if not len(units):
        missed = find_minimum(problem.loss, problem.axes, seed=problem.seed, start=start)
        _check_feasible(problem, missed)
        units = missed
    return _answer(problem, real, units, nearest=nearest)


def _start(problem: Problem, real: RealRows | None) -> Units:
    if real is None or not problem.space.variables:
        return np.zeros((0, len(problem.space.variables)))
    return problem.space.encode(real.start(seed=problem.seed))


def _check_feasible(problem: Problem, units: Units) -> None:
    _, broken = problem.judge(units)
    if broken[0] <= 0:
        return
    columns = problem.outcome(problem.points(units)).columns
    slack = {each.text: _slack(each, columns) for each in problem.conditions}
    missed = {text: -room for text, room in slack.items() if not room >= 0}
    if not missed and problem.inside is not None:
        raise UsageError(
            "no point found that lies inside the training data as --inside asks, and meets every "
            "condition",
            hint="loosen the conditions, or leave --inside out",
        )
    if not missed:
        goals = ", ".join(repr(goal.text) for goal in problem.goals)
        raise UsageError(f"no point found where {goals} is a number")
    text, amount = max(missed.items(), key=lambda item: np.nan_to_num(item[1], nan=np.inf))
    by = f"misses {text!r} by {amount:.4g}" if np.isfinite(amount) else f"has no value for {text!r}"
    raise UsageError(
        f"no point found that meets every condition; the one that comes nearest {by}",
        hint="loosen the condition, or widen --bounds",
    )


def _answer(problem: Problem, real: RealRows | None, units: Units, *, nearest: int) -> Answer:
    points = problem.points(units)
    spacing = None if real is None else real.cloud.spacing
    return Answer(
        solutions=tuple(
            _solution(problem, real, points[index : index + 1], spacing, nearest=nearest)
            for index in range(len(points))
        ),
        spacing=spacing,
        best_row=None if real is None else real.best(problem),
    )


def _solution(
    problem: Problem,
    real: RealRows | None,
    point: Points,
    spacing: Spacing | None,
    *,
    nearest: int,
) -> Solution:
    outcome, space = problem.outcome(point), problem.space
    values = space.values(point)
    predictions, probabilities = {}, {}
    for name, prediction in outcome.predictions.items():
        if prediction.values is not None:
            predictions[name] = float(prediction.values[0])
            continue
        assert prediction.probabilities is not None
        classes = prediction.classes or ()
        predictions[name] = classes[prediction.codes[0]]
        shares = prediction.probabilities[0].tolist()
        probabilities[name] = dict(zip(classes, shares, strict=True))
    distance = None if real is None else float(real.cloud.distances(values)[0])
    return Solution(
        inputs={
            column.settings.name: space.label(column.settings.name, values[column.settings.name][0])
            if column.settings.name in values
            else space.fixed[column.settings.name]
            for column in space.columns
        },
        predictions=predictions,
        probabilities=probabilities,
        goals={
            goal.text: float(compute(goal.expression, outcome.columns).ravel()[0])
            for goal in problem.goals
        },
        cost=float(problem.cost(outcome.columns)[0]),
        slack={each.text: _slack(each, outcome.columns) for each in problem.conditions},
        at_bound=_at_bound(problem, point),
        distance=distance,
        is_inside=None if distance is None or spacing is None else distance <= spacing.most,
        nearest=() if real is None else real.nearest(point, count=nearest),
    )


def _slack(condition: Condition, columns: Any) -> float:
    """Return the room that is left at the first point; what is missed is negative."""
    room = []
    for each in condition.comparisons:
        excess = float(compute(each.excess, columns).ravel()[0])
        room.append(-abs(excess) if each.is_equality else -excess)
    return float(min(room)) + 0.0


def _at_bound(problem: Problem, point: Points) -> dict[str, str]:
    found = {}
    for value, variable in zip(point[0], problem.space.variables, strict=True):
        width = variable.high - variable.low
        if variable.choices or width <= 0:
            continue
        if value - variable.low <= 1e-6 * width:
            found[variable.name] = "lower"
        elif variable.high - value <= 1e-6 * width:
            found[variable.name] = "upper"
    return found
