"""How far a point lies from the training data, and which real rows are nearest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.own_rows import OwnRows, column_values
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.preprocessing import Preprocessing

Values = Mapping[str, NDArray[np.float64]]
"""Numbers, 0/1 and category codes by input [points]."""

MOST_ROWS_COMPARED = 2000
"""Training rows whose own nearest neighbour is looked up: enough for a 95 % quantile."""
INSIDE = 0.95
"""A point counts as inside the data when this share of the training rows is not farther from its
own nearest neighbour."""

_BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class Spacing:
    """How far the distinct training rows lie from their nearest neighbour."""

    median: float
    most: float
    """The INSIDE quantile."""
    largest: float
    num_rows: int
    """Distinct rows that were looked at."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud:
    """The training rows, in ranges of the inputs.

    A number counts as a share of its training range, two different categories as 1; dates and
    texts do not count.
    """

    columns: tuple[InputColumn, ...]
    rows: NDArray[np.float64]
    """[distinct rows, dimensions]"""

    @classmethod
    def of(cls, preprocessing: Preprocessing, own: OwnRows) -> "Cloud":
        """Take the training rows of a run."""
        values = row_values(preprocessing, own)
        columns = tuple(c for c in preprocessing.input_columns if c.settings.name in values)
        return cls(columns=columns, rows=np.unique(_scaled(columns, values), axis=0))

    def distances(self, values: Values) -> NDArray[np.float64]:
        """Return the distance to the nearest training row [points]."""
        return _nearest(_scaled(self.columns, values), self.rows)

    def distances_between(self, values: Values, others: Values) -> NDArray[np.float64]:
        """Return the distances [points, others]."""
        return _distances(_scaled(self.columns, values), _scaled(self.columns, others))

    @cached_property
    def spacing(self) -> Spacing | None:
        """How far the rows lie from each other; None where there is but one."""
        if len(self.rows) < 2:
            return None
        # Rows are sorted by np.unique, so that evenly taken ones are a fair sample.
        taken = np.linspace(0, len(self.rows) - 1, min(len(self.rows), MOST_ROWS_COMPARED))
        places = np.unique(taken.astype(np.int64))
        nearest = _nearest(self.rows[places], self.rows, own_places=places)
        median, most = np.quantile(nearest, [0.5, INSIDE])
        return Spacing(
            median=float(median),
            most=float(most),
            largest=float(nearest.max()),
            num_rows=len(places),
        )


def row_values(preprocessing: Preprocessing, own: OwnRows) -> dict[str, NDArray[np.float64]]:
    """Return numbers, 0/1 and category codes of real rows by input; dates and texts are left out."""
    found = {}
    for column in preprocessing.input_columns:
        name = column.settings.name
        values = column_values(column, own.cells.columns[name].take(own.rows))
        if values is not None:
            found[name] = values
    return found


def _scaled(columns: Sequence[InputColumn], values: Values) -> NDArray[np.float64]:
    blocks: list[NDArray[Any]] = []
    for column in columns:
        given = values[column.settings.name]
        if isinstance(column, NumberInput):
            width = column.maximum - column.minimum
            # A number that training saw constant counts by its own size when it is moved.
            blocks.append((given[:, None] - column.minimum) / (width or abs(column.minimum) or 1.0))
        elif isinstance(column, CategoryInput):
            codes = np.arange(len(column.categories))
            blocks.append((given[:, None] == codes) / np.sqrt(2.0))
        else:
            blocks.append(given[:, None])
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((0, 0))


def _nearest(
    points: NDArray[np.float64],
    rows: NDArray[np.float64],
    *,
    own_places: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return each point's distance to the nearest row that is not itself [points]."""
    nearest = np.empty(len(points))
    for start in range(0, len(points), _BLOCK):
        distances = _distances(points[start : start + _BLOCK], rows)
        if own_places is not None:
            own = own_places[start : start + _BLOCK]
            distances[np.arange(len(own)), own] = np.inf
        nearest[start : start + _BLOCK] = distances.min(axis=1)
    return nearest


def _distances(points: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [points, rows]; the squares are expanded, so that no array has three axes."""
    squares = np.square(points).sum(axis=1)[:, None] + np.square(rows).sum(axis=1)[None, :]
    squared: NDArray[np.float64] = np.maximum(squares - 2.0 * points @ rows.T, 0.0)
    # What is left of equal rows is rounding.
    squared[squared < 1e-12 * np.maximum(squares, 1.0)] = 0.0
    return np.sqrt(squared)
