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
from dlcli.search.solver import load_scipy

Values = Mapping[str, NDArray[np.float64]]
"""Numbers, 0/1 and category codes by input [points]."""

MOST_ROWS = 20_000
"""Distinct training rows that are kept: evenly taken ones of a larger table."""
INSIDE = 0.95
"""A point counts as inside the data when this share of the training rows is not farther from its
own nearest neighbour."""


@dataclass(frozen=True, kw_only=True)
class Spacing:
    """How far the distinct training rows lie from their nearest neighbour."""

    median: float
    most: float
    """The INSIDE quantile."""
    largest: float
    num_rows: int
    """Distinct rows."""


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
        rows = np.unique(_scaled(columns, values), axis=0)
        # Rows are sorted now, so that evenly taken ones are a fair sample.
        places = np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64)
        return cls(columns=columns, rows=rows[np.unique(places)])

    def distances(self, values: Values) -> NDArray[np.float64]:
        """Return the distance to the nearest training row [points]."""
        return self._nearest(_scaled(self.columns, values), neighbour=1)

    def distances_to(self, values: Values, others: Values) -> NDArray[np.float64]:
        """Return the distance of one point to others [others]."""
        away = _scaled(self.columns, others) - _scaled(self.columns, values)
        distances: NDArray[np.float64] = np.sqrt(np.square(away).sum(axis=1))
        return distances

    @cached_property
    def spacing(self) -> Spacing | None:
        """How far the rows lie from each other; None where there is but one."""
        if len(self.rows) < 2:
            return None
        nearest = self._nearest(self.rows, neighbour=2)
        median, most = np.quantile(nearest, [0.5, INSIDE])
        return Spacing(
            median=float(median),
            most=float(most),
            largest=float(nearest.max()),
            num_rows=len(self.rows),
        )

    def _nearest(self, points: NDArray[np.float64], *, neighbour: int) -> NDArray[np.float64]:
        if not self.columns:
            return np.zeros(len(points))
        distances: NDArray[np.float64] = self._tree.query(points, k=[neighbour])[0][:, 0]
        return distances

    @cached_property
    def _tree(self) -> Any:
        return load_scipy("scipy.spatial").cKDTree(self.rows)


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
