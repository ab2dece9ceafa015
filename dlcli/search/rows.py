"""The real rows of a run beside a solution: the nearest ones, and the best that was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.own_rows import OwnRows
from dlcli.data.columns.policies import cell_texts
from dlcli.data.columns.targets import ClassTarget
from dlcli.data.preprocessing import Preprocessing
from dlcli.search.cloud import Cloud, row_values
from dlcli.search.goals import names_of
from dlcli.search.problem import Problem
from dlcli.search.space import Points, Space, Variable
from dlcli.search.values import compute

MOST_START_ROWS = 5000
"""Real rows that a search looks at before it begins."""


@dataclass(frozen=True, kw_only=True)
class RealRow:
    """A row of the data, with what was measured there."""

    place: str
    part: str
    inputs: dict[str, Any]
    measured: dict[str, Any]
    distance: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        found = {"place": self.place, "part": self.part, "inputs": self.inputs}
        distance = {} if self.distance is None else {"distance": self.distance}
        return {**found, "measured": self.measured, **distance}


@dataclass(frozen=True, kw_only=True)
class BestRow:
    """The row that meets the goals best, by what was measured there."""

    row: RealRow
    goals: dict[str, float]
    """What each goal comes to."""
    cost: float
    """All goals in one figure, as for a solution."""

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {**self.row.to_json(), "goals": self.goals}


@dataclass(frozen=True, kw_only=True, eq=False)
class RealRows:
    """All rows of a run by part, with the cloud that the training rows make."""

    space: Space
    preprocessing: Preprocessing
    parts: Mapping[str, OwnRows]
    cloud: Cloud

    @classmethod
    def of(
        cls, space: Space, preprocessing: Preprocessing, parts: Mapping[str, OwnRows]
    ) -> "RealRows":
        """Take the rows that `read_own_rows` read."""
        cloud = Cloud.of(preprocessing, parts["train"])
        return cls(space=space, preprocessing=preprocessing, parts=parts, cloud=cloud)

    @cached_property
    def values(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Numbers, 0/1 and category codes by part and input."""
        return {part: row_values(self.preprocessing, own) for part, own in self.parts.items()}

    def start(self, *, seed: int) -> Points:
        """Return the searched inputs of the rows, a sample where there are many."""
        names = [variable.name for variable in self.space.variables]
        stacked = [
            np.stack([of_part[name] for name in names], axis=1)
            for of_part in self.values.values()
            if names
        ]
        points = np.concatenate(stacked) if stacked else np.zeros((0, 0))
        if len(points) > MOST_START_ROWS:
            taken = np.random.default_rng(seed).permutation(len(points))[:MOST_START_ROWS]
            points = points[np.sort(taken)]
        return points

    def nearest(self, point: Points, *, count: int) -> tuple[RealRow, ...]:
        """Return the rows nearest to a point [1, variables], nearest first."""
        values = self.space.values(point)
        found: list[tuple[float, str, OwnRows, int]] = []
        for part, own in self.parts.items():
            distances = self.cloud.distances_to(values, self.values[part])
            for row in np.argsort(distances, kind="stable")[:count]:
                found.append((float(distances[row]), part, own, int(own.rows[row])))
        found.sort(key=lambda item: item[0])
        return tuple(
            self._row(part, own, row, distance=distance)
            for distance, part, own, row in found[:count]
        )

    def best(self, problem: Problem) -> BestRow | None:
        """Return the row within the bounds whose measured targets meet the goals best.

        There is none where goals speak of probabilities, which nobody measures.
        """
        found = [self._best_of(problem, part, own) for part, own in self.parts.items()]
        return min((each for each in found if each is not None), key=lambda b: b.cost, default=None)

    def _best_of(self, problem: Problem, part: str, own: OwnRows) -> BestRow | None:
        values = self.values[part]
        columns = {**values, **self._measured_numbers(own)}
        has_texts = any(isinstance(value, str) for value in self.space.fixed.values())
        if has_texts or not names_of(problem.goals, problem.conditions) <= set(columns):
            return None
        allowed = _is_allowed(self.space, values) & (problem.broken(columns) <= 0)
        costs = np.where(allowed, problem.cost(columns), np.inf)
        if not np.isfinite(costs).any():
            return None
        best = int(np.nanargmin(costs))
        goals = {g.text: float(compute(g.expression, columns)[best]) for g in problem.goals}
        row = self._row(part, own, int(own.rows[best]))
        return BestRow(row=row, goals=goals, cost=float(costs[best]))

    def _measured_numbers(self, own: OwnRows) -> dict[str, NDArray[np.float64]]:
        names = [info.name for info in self.preprocessing.targets if info.classes is None]
        return {name: own.cells.columns[name].take(own.rows).values for name in names}

    def _row(self, part: str, own: OwnRows, row: int, *, distance: float | None = None) -> RealRow:
        one = OwnRows(cells=own.cells, rows=np.array([row], dtype=np.int64))
        values = row_values(self.preprocessing, one)
        inputs = {
            name: self.space.label(name, float(values[name][0]))
            if name in values
            else cell_texts(own.cells.table, name, [row])[0]
            for name in self.preprocessing.needed_columns
        }
        return RealRow(
            place=str(own.cells.table.locate(row)),
            part=part,
            inputs=inputs,
            measured=_measured(self.preprocessing, one),
            distance=distance,
        )


def _measured(preprocessing: Preprocessing, one: OwnRows) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    for target in preprocessing.target_columns:
        value = target.encode(one.cells.columns[target.settings.name].take(one.rows))[0]
        if isinstance(target, ClassTarget):
            measured[target.settings.name] = target.classes[value] if value >= 0 else None
        else:
            measured[target.settings.name] = float(value)
    return measured


def _is_allowed(space: Space, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Tell which rows a search could have proposed [rows]."""
    allowed = np.ones(len(next(iter(values.values()))), dtype=bool)
    for variable in space.variables:
        allowed &= _is_within(variable, values[variable.name])
    for name, fixed in space.fixed.items():
        allowed &= values[name] == fixed
    return allowed


def _is_within(variable: Variable, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    if variable.choices:
        return np.isin(values, variable.choices)
    within = (values >= variable.low) & (values <= variable.high)
    return within & (values == np.round(values)) if variable.kind == "integer" else within
