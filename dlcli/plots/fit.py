"""The curve that a network of one number fitted, beside the rows it was fitted to."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.bundle.own_rows import column_values, read_own_rows
from dlcli.bundle.store import Bundle, open_scorer
from dlcli.data.columns.number import NumberInput
from dlcli.data.table import Origin, Table
from dlcli.errors import RunError
from dlcli.runs import RunFolder

STEPS = 400
MOST_POINTS = 2000
"""Rows of a part that are drawn; of more, an even choice."""
_BEYOND = 0.02
"""How far the curve goes beyond the data, as a share of their range."""

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedCurve:
    """Predictions along one input, and the rows of every part as input and actual value."""

    input: str
    target: str
    inputs: Array
    predicted: Array
    points: dict[str, tuple[Array, Array]]
    """Empty where the data are gone or have changed."""


def fit_curve(run: RunFolder) -> FittedCurve | None:
    """Return the curve of a regression with a single number as input; None for other runs."""
    bundle = Bundle.load(run)
    columns, targets = bundle.preprocessing.input_columns, bundle.preprocessing.targets
    if len(columns) != 1 or len(targets) != 1 or targets[0].classes is not None:
        return None
    (column,) = columns
    if not isinstance(column, NumberInput) or "windows" in run.load_manifest()["data"]:
        return None
    gap = (column.maximum - column.minimum) * _BEYOND
    grid = np.linspace(column.minimum - gap, column.maximum + gap, STEPS)
    applied = bundle.preprocessing.apply(_as_table(column.settings.name, grid), with_targets=False)
    predicted = bundle.predict(applied, open_scorer(run))[targets[0].name].values
    assert predicted is not None
    return FittedCurve(
        input=column.settings.name,
        target=targets[0].name,
        inputs=grid,
        predicted=predicted,
        points=_points(run, bundle, column),
    )


def _as_table(name: str, values: Array) -> Table:
    origin = Origin(path=Path("the curve"), first_row=1, num_rows=len(values))
    return Table.from_arrow(pa.table({name: values}), origin)


def _points(run: RunFolder, bundle: Bundle, column: NumberInput) -> dict[str, tuple[Array, Array]]:
    try:
        parts = read_own_rows(run, bundle.preprocessing)
    except RunError:
        return {}
    points = {}
    (target,) = bundle.preprocessing.targets
    for name, own in parts.items():
        rows = own.rows
        if len(rows) > MOST_POINTS:
            rows = rows[np.linspace(0, len(rows) - 1, MOST_POINTS).astype(np.int64)]
        values = column_values(column, own.cells.columns[column.settings.name].take(rows))
        assert values is not None
        applied = bundle.preprocessing.encode(own.cells, rows)
        points[name] = (values, np.asarray(applied.targets[target.name], np.float64))
    return points
