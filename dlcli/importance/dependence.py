"""Partial dependence: the mean prediction when one input is set to a value in every row.

J. H. Friedman, Annals of Statistics 29, 2001; the band holds 80 % of the single rows' curves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.own_rows import constant_cells
from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.importance.rows import LabelledRows

GRID = 20
"""Values of a number between the ends of its training range."""
MOST_ROWS = 1000
"""Rows whose curves are drawn; a seeded sample of more."""
MOST_CATEGORIES = 20
"""Categories shown, the most frequent ones."""
BAND = (0.1, 0.9)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How the prediction of one target, or one class's probability, answers to one input."""

    input: str
    target: str
    label: str | None
    """The class whose probability it is; None where the target is a number."""
    is_ordered: bool
    """Whether the values are numbers; categories and true/false are bars."""
    values: tuple[Any, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Below and above the band lie 10 % of the rows each."""

    def to_json(self) -> dict[str, Any]:
        """Return the curve as JSON values."""
        return {
            "input": self.input,
            "class": self.label,
            "values": list(self.values),
            "mean": list(self.mean),
            "low": list(self.low),
            "high": list(self.high),
        }


def measure_dependence(
    rows: LabelledRows,
    inputs: Sequence[str],
    *,
    seed: int,
    on_column: Callable[[str], None] = lambda name: None,
) -> tuple[Curve, ...]:
    """Return the curves of these inputs for every target; dates and texts have none."""
    if rows.num_rows > MOST_ROWS:
        chosen = np.random.default_rng(seed).permutation(rows.num_rows)[:MOST_ROWS]
        rows = rows.take(np.sort(chosen))
    columns = {column.settings.name: column for column in rows.columns}
    curves: list[Curve] = []
    for name in inputs:
        if name in rows.values:
            on_column(name)
            curves += _curves(rows, columns[name])
    return tuple(curves)


def _curves(rows: LabelledRows, column: InputColumn) -> list[Curve]:
    name = column.settings.name
    grid = _grid(column, rows.values[name])
    predicted: dict[tuple[str, str | None], list[NDArray[np.float64]]] = {}
    for value in grid:
        encoded = column.encode(constant_cells(column, value, rows.num_rows))
        for target, prediction in rows.predict(rows.with_column(name, encoded)).items():
            if prediction.values is not None:
                predicted.setdefault((target, None), []).append(prediction.values)
                continue
            assert prediction.probabilities is not None
            for code, label in enumerate(prediction.classes or ()):
                shares = prediction.probabilities[:, code]
                predicted.setdefault((target, label), []).append(shares)
    labels = _labels(column, grid)
    return [
        _curve(column, target, label, labels, np.stack(values))
        for (target, label), values in predicted.items()
    ]


def _curve(
    column: InputColumn,
    target: str,
    label: str | None,
    values: tuple[Any, ...],
    predicted: NDArray[np.float64],
) -> Curve:
    """Sum up predictions [values, rows]."""
    low, high = np.quantile(predicted, BAND, axis=1)
    return Curve(
        input=column.settings.name,
        target=target,
        label=label,
        is_ordered=isinstance(column, NumberInput),
        values=values,
        mean=tuple(predicted.mean(axis=1).tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
    )


def _grid(column: InputColumn, seen: NDArray[np.float64]) -> list[float]:
    if isinstance(column, BooleanInput):
        return [0.0, 1.0]
    if isinstance(column, CategoryInput):
        known = seen[seen >= 0].astype(np.int64)
        counts = np.bincount(known, minlength=len(column.categories))
        chosen = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
        return [float(code) for code in np.sort(chosen)]
    assert isinstance(column, NumberInput)
    low, high = column.minimum, column.maximum
    is_whole = np.array_equal(seen, np.round(seen)) and low == round(low)
    if low == high:
        return [low]
    if is_whole and high - low < GRID:
        return [float(value) for value in np.arange(low, high + 1)]
    return [float(value) for value in np.linspace(low, high, GRID)]


def _labels(column: InputColumn, grid: Sequence[float]) -> tuple[Any, ...]:
    if isinstance(column, CategoryInput):
        return tuple(column.categories[int(code)] for code in grid)
    if isinstance(column, BooleanInput):
        return tuple(bool(value) for value in grid)
    return tuple(grid)
