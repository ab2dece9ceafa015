"""The rows that are looked at, their predictions, and how good those are row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.own_rows import column_values
from dlcli.bundle.store import AnyScorer, Bundle
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.policies import Cells
from dlcli.data.preprocessing import FEATURES, Applied
from dlcli.errors import DataError
from dlcli.metrics import SMALLEST_PROBABILITY
from dlcli.predictions import TargetPrediction

Tensors = Mapping[str, NDArray[Any]]
"""The network's inputs by name, [rows, ...]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledRows:
    """Rows with their measured targets, ready to be predicted again with other inputs."""

    bundle: Bundle
    scorer: AnyScorer
    cells: Cells
    rows: NDArray[np.int64]
    """Positions in the table of `cells`."""

    @cached_property
    def applied(self) -> Applied:
        applied = self.bundle.preprocessing.encode(self.cells, self.rows)
        if not len(applied.kept):
            raise DataError("no row is left to look at")
        return applied

    @property
    def num_rows(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> tuple[InputColumn, ...]:
        return self.bundle.preprocessing.input_columns

    @cached_property
    def places(self) -> dict[str, tuple[str, slice]]:
        """Where each input column arrives: a tensor, and its part of the last axis."""
        found, start = {}, 0
        for column in self.columns:
            name, width = column.settings.name, len(column.feature_names)
            found[name] = (FEATURES, slice(start, start + width)) if width else (name, slice(None))
            start += width
        return found

    @cached_property
    def values(self) -> dict[str, NDArray[np.float64]]:
        """Numbers, 0/1 and category codes by input [rows]; dates and texts have none."""
        found = {}
        for column in self.columns:
            name = column.settings.name
            values = column_values(column, self.cells.columns[name].take(self.rows))
            if values is not None:
                found[name] = values
        return found

    def take(self, places: NDArray[np.int64]) -> "LabelledRows":
        """Return the rows at `places`."""
        return LabelledRows(
            bundle=self.bundle, scorer=self.scorer, cells=self.cells, rows=self.rows[places]
        )

    def predict(self, tensors: Tensors) -> dict[str, TargetPrediction]:
        """Predict other inputs than the rows' own."""
        applied = Applied(
            inputs=dict(tensors),
            targets={},
            scaled_targets={},
            sample_weight=None,
            kept=self.rows,
            counts={},
        )
        return self.bundle.predict(applied, self.scorer)

    def losses(self, tensors: Tensors) -> dict[str, NDArray[np.float64]]:
        """Return what each row adds to a target's figure: its squared error, or -log p [rows]."""
        predictions = self.predict(tensors)
        return {
            name: row_losses(prediction, self.applied.targets[name])
            for name, prediction in predictions.items()
        }

    def replaced(self, names: Sequence[str], order: NDArray[np.int64]) -> Tensors:
        """Return the inputs with the columns `names` taken from the rows in another order."""
        tensors = dict(self.applied.inputs)
        for name in names:
            tensor, part = self.places[name]
            if tensor != FEATURES:
                tensors[tensor] = self.applied.inputs[tensor][order]
                continue
            if tensors[tensor] is self.applied.inputs[tensor]:
                tensors[tensor] = tensors[tensor].copy()
            tensors[tensor][:, part] = self.applied.inputs[tensor][order, part]
        return tensors

    def with_column(self, name: str, encoded: NDArray[Any]) -> Tensors:
        """Return the inputs with one column's encoding in every row replaced."""
        tensor, part = self.places[name]
        if tensor != FEATURES:
            return {**self.applied.inputs, tensor: encoded}
        features = self.applied.inputs[tensor].copy()
        features[:, part] = encoded
        return {**self.applied.inputs, tensor: features}


def row_losses(prediction: TargetPrediction, actual: NDArray[Any]) -> NDArray[np.float64]:
    """Return the squared error in the target's unit, or the negative log probability [rows]."""
    if prediction.values is not None:
        squared: NDArray[np.float64] = np.square(prediction.values - actual)
        return squared
    assert prediction.probabilities is not None
    chosen = prediction.probabilities[np.arange(len(actual)), actual]
    clipped = np.clip(chosen, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    losses: NDArray[np.float64] = -np.log(clipped)
    return losses
