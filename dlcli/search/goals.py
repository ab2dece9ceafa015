"""What is wanted of the predictions: goals to come near, and conditions that must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.number import NumberInput
from dlcli.data.preprocessing import Preprocessing
from dlcli.errors import UsageError
from dlcli.languages import spoken, translated
from dlcli.search.values import Columns, compute
from dlcli.spec.arithmetic import (
    Column,
    Comparison,
    Names,
    Node,
    column_names,
    parse_comparisons,
    parse_expression,
)

Sense = Literal["minimize", "maximize", "target"]
SENSES = {"minimize": "minimize", "maximize": "maximize"}
"""What is done with a goal that has no value to come close to, as it is shown."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A prediction, or arithmetic over inputs and predictions, to make small, large or equal."""

    text: str
    sense: Sense
    expression: Node
    aim: float | None = None
    """The value to come close to."""
    weight: float = 1.0

    @property
    def title(self) -> str:
        """The goal as a person says it, in the language that is spoken."""
        if self.aim is not None:
            return translated(f"{self.text} close to {self.aim:g}")
        return f"{spoken(SENSES[self.sense])} {self.text}"

    def cost(self, columns: Columns) -> NDArray[np.float64]:
        """Return what is to be small [points], in the goal's own unit."""
        values = compute(self.expression, columns)
        if self.aim is not None:
            return np.abs(values - self.aim)
        return values if self.sense == "minimize" else -values


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A comparison, or a chain of them, that the solution must meet."""

    text: str
    comparisons: tuple[Comparison, ...]


def readable_names(preprocessing: Preprocessing) -> Names:
    """Return what goals and conditions may name: number inputs, targets, `TARGET=CLASS`.

    A class stands for its probability, a boolean input for 0 or 1.
    """
    numbers: list[str] = []
    refused: dict[str, str] = {}
    for column in preprocessing.input_columns:
        name = column.settings.name
        if isinstance(column, NumberInput | BooleanInput):
            numbers.append(name)
        else:
            refused[name] = (
                f"holds no numbers to compute with, but is of type {column.settings.type}; "
                "choose its values with --bounds or --fix"
            )
    for target in preprocessing.targets:
        if target.classes is None:
            numbers.append(target.name)
            continue
        classes = [f"{target.name}={label}" for label in target.classes]
        refused[target.name] = f"holds classes; name the probability of one: `{classes[-1]}`"
        numbers += classes
    return Names(numbers=tuple(numbers), refused=refused)


def read_goals(
    names: Names,
    *,
    minimize: Sequence[str] = (),
    maximize: Sequence[str] = (),
    targets: Sequence[str] = (),
    weights: Sequence[str] = (),
) -> tuple[Goal, ...]:
    """Read the goals in the order minimize, maximize, target; raises UsageError."""
    goals = [_goal(text, "minimize", names) for text in minimize]
    goals += [_goal(text, "maximize", names) for text in maximize]
    goals += [_aim(text, names) for text in targets]
    if not goals:
        raise UsageError(
            "nothing to search for",
            hint="add --minimize NAME, --maximize NAME or --target NAME=VALUE",
        )
    texts = [goal.text for goal in goals]
    repeated = next((text for text in texts if texts.count(text) > 1), None)
    if repeated is not None:
        raise UsageError(f"{repeated!r} is a goal twice", hint="keep one of them")
    by_goal = dict(_weight(text, texts) for text in weights)
    return tuple(
        Goal(
            text=goal.text,
            sense=goal.sense,
            expression=goal.expression,
            aim=goal.aim,
            weight=by_goal.get(goal.text, 1.0),
        )
        for goal in goals
    )


def read_conditions(texts: Sequence[str], names: Names) -> tuple[Condition, ...]:
    """Read what must hold; raises UsageError."""
    return tuple(
        Condition(text=text, comparisons=parse_comparisons(text, names, option="--subject-to"))
        for text in texts
    )


def goal_scale(goal: Goal, values: NDArray[np.float64], ranges: Mapping[str, float]) -> float:
    """Return what one unit of a goal is worth beside other goals: the training range of a target.

    A probability counts as it is; arithmetic by how far it spreads over `values` [points].
    """
    if isinstance(goal.expression, Column) and goal.expression.name in ranges:
        return ranges[goal.expression.name]
    return spread(values)


def spread(values: NDArray[np.float64]) -> float:
    """Return how far 90 % of the values that are numbers spread, or 1 where they are all one.

    The ends stay out: a ratio is huge where its denominator is nearly 0.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 1.0
    low, high = np.quantile(finite, [0.05, 0.95])
    return float(high - low) or float(np.ptp(finite)) or 1.0


def target_ranges(preprocessing: Preprocessing) -> dict[str, float]:
    """Return the training range of every regression target, and 1 for every probability."""
    ranges: dict[str, float] = {}
    for target in preprocessing.targets:
        if target.classes is not None:
            ranges.update({f"{target.name}={label}": 1.0 for label in target.classes})
        elif target.minimum is not None and target.maximum is not None:
            ranges[target.name] = target.maximum - target.minimum
    return ranges


def names_of(goals: Sequence[Goal], conditions: Sequence[Condition]) -> frozenset[str]:
    """Return every column that goals and conditions name."""
    nodes = [goal.expression for goal in goals]
    nodes += [each.excess for condition in conditions for each in condition.comparisons]
    return frozenset[str]().union(*map(column_names, nodes))


def _goal(text: str, sense: Literal["minimize", "maximize"], names: Names) -> Goal:
    expression = parse_expression(text, names, option=f"--{sense}")
    return Goal(text=text, sense=sense, expression=expression)


def _aim(text: str, names: Names) -> Goal:
    name, _, value = text.rpartition("=")
    try:
        aim = float(value)
    except ValueError:
        aim = np.nan
    if not name or not np.isfinite(aim):
        raise UsageError(
            f"--target {text!r}: expected NAME=VALUE, the value a number",
            hint="e.g. --target strength=40",
        )
    expression = parse_expression(name, names, option="--target")
    return Goal(text=name, sense="target", expression=expression, aim=aim)


def _weight(text: str, goals: Sequence[str]) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        weight: Any = float(value)
    except ValueError:
        weight = np.nan
    if not name or not weight > 0 or not np.isfinite(weight):
        raise UsageError(
            f"--weight {text!r}: expected NAME=WEIGHT, the weight a number above 0",
            hint=f"e.g. --weight {goals[0]}=2",
        )
    if name not in goals:
        raise UsageError(
            f"--weight {text!r}: {name!r} is not one of the goals",
            hint=f"the goals are {', '.join(goals)}",
        )
    return name, weight
