"""The inputs that are searched, between which bounds, and the table that a point becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.table import Origin, Table

Kind = Literal["number", "integer", "category", "boolean"]
Points = NDArray[np.float64]
"""[points, variables]: numbers in the file's unit, 0/1, or category codes."""

BOOLEANS = ("false", "true")


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An input that is searched."""

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    choices: tuple[int, ...] = ()
    """Codes that a category or boolean may take."""
    labels: tuple[str, ...] = ()
    """What the codes stand for."""
    trained: tuple[float, float] | None = None
    """Smallest and largest training value of a number."""
    is_given: bool = False
    """Whether the bounds are the user's rather than the training range."""

    @property
    def levels(self) -> int:
        """How many values it can take; 0 where it is continuous."""
        if self.kind == "number":
            return 0
        return len(self.choices) if self.choices else round(self.high - self.low) + 1

    @property
    def extrapolates(self) -> bool:
        """Tell whether the bounds reach beyond the training range."""
        return self.trained is not None and (
            self.low < self.trained[0] or self.high > self.trained[1]
        )

    def to_json(self) -> dict[str, Any]:
        """Return what is searched as JSON values."""
        if self.choices:
            return {"kind": self.kind, "choices": [self.labels[code] for code in self.choices]}
        return {"kind": self.kind, "low": self.low, "high": self.high}


@dataclass(frozen=True, kw_only=True)
class Space:
    """The searched inputs beside the fixed ones."""

    columns: tuple[InputColumn, ...]
    """The run's input columns, in order."""
    variables: tuple[Variable, ...]
    fixed: Mapping[str, Any]
    """Number, category code (int) or 0/1 by input; the text of a date or text input."""

    @cached_property
    def levels(self) -> NDArray[np.int64]:
        """Number of values of each variable; 0 where it is continuous."""
        return np.array([variable.levels for variable in self.variables], dtype=np.int64)

    @cached_property
    def is_ordered(self) -> NDArray[np.bool_]:
        """Tell which variables have neighbouring values."""
        return np.array([not v.choices for v in self.variables], dtype=bool)

    def decode(self, units: NDArray[np.float64]) -> Points:
        """Return the points of the unit cube [points, variables] in the file's units."""
        points = np.empty_like(units)
        for index, variable in enumerate(self.variables):
            unit = units[:, index]
            if not variable.levels:
                points[:, index] = variable.low + unit * (variable.high - variable.low)
                # Rounding must not step over a bound.
                np.clip(points[:, index], variable.low, variable.high, out=points[:, index])
                continue
            steps = np.clip(np.floor(unit * variable.levels), 0, variable.levels - 1)
            if variable.choices:
                points[:, index] = np.array(variable.choices)[steps.astype(np.int64)]
            else:
                points[:, index] = variable.low + steps
        return points

    def encode(self, points: Points) -> NDArray[np.float64]:
        """Return where points lie in the unit cube; what is outside the bounds moves to them."""
        units = np.empty_like(points)
        for index, variable in enumerate(self.variables):
            values = points[:, index]
            if not variable.levels:
                width = variable.high - variable.low
                units[:, index] = (values - variable.low) / width if width else 0.5
            elif variable.choices:
                steps = np.array(variable.choices)
                nearest = np.abs(values[:, None] - steps[None, :]).argmin(axis=1)
                units[:, index] = (nearest + 0.5) / variable.levels
            else:
                units[:, index] = (np.round(values - variable.low) + 0.5) / variable.levels
        return np.clip(units, 0.0, 1.0)

    def values(self, points: Points) -> dict[str, NDArray[np.float64]]:
        """Return numbers, 0/1 and category codes by input, searched and fixed [points]."""
        found = {variable.name: points[:, i] for i, variable in enumerate(self.variables)}
        for name, value in self.fixed.items():
            if not isinstance(value, str):
                found[name] = np.full(len(points), float(value))
        return {
            c.settings.name: found[c.settings.name]
            for c in self.columns
            if c.settings.name in found
        }

    def table(self, points: Points) -> Table:
        """Return points as the rows of a table that the run can predict."""
        values = self.values(points)
        arrays = {
            column.settings.name: _cells(
                column,
                values.get(column.settings.name),
                self.fixed.get(column.settings.name),
                len(points),
            )
            for column in self.columns
        }
        origin = Origin(path=Path("the search"), first_row=1, num_rows=len(points), unit="point")
        return Table.from_arrow(pa.table(arrays), origin)

    @property
    def fixed_labels(self) -> dict[str, Any]:
        """The fixed inputs as the file writes them."""
        return {
            name: value if isinstance(value, str) else self.label(name, float(value))
            for name, value in self.fixed.items()
        }

    def label(self, name: str, value: float) -> Any:
        """Return a value as the file writes it: a number, true or false, or a category."""
        column = next(c for c in self.columns if c.settings.name == name)
        if isinstance(column, CategoryInput):
            code = int(value)
            return column.categories[code] if code >= 0 else None
        if isinstance(column, BooleanInput):
            return bool(value)
        return int(value) if float(value).is_integer() else float(value)


def _cells(
    column: InputColumn, values: NDArray[np.float64] | None, fixed: Any, num_rows: int
) -> pa.Array:
    if values is None:
        return pa.array([fixed] * num_rows, pa.string())
    if isinstance(column, CategoryInput):
        return pa.array(column.categories, pa.string()).take(pa.array(values.astype(np.int64)))
    if isinstance(column, BooleanInput):
        return pa.array(values != 0)
    return pa.array(values)
