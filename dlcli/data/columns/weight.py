"""The column of row weights for the loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.filling import fit_fill
from dlcli.data.columns.number import fill_gaps
from dlcli.data.columns.policies import Cells, cells_error
from dlcli.data.columns.settings import ColumnSettings
from dlcli.errors import DataError


@dataclass(frozen=True, kw_only=True)
class WeightColumn:
    """A fitted column of weights."""

    settings: ColumnSettings
    fill: float | None

    def encode(self, cells: Cells, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return float32 [rows]; raises DataError for a negative weight."""
        name = self.settings.name
        weights = fill_gaps(cells.columns[name].take(rows), self.fill)
        if (weights < 0).any():
            mask = np.zeros(cells.table.num_rows, dtype=bool)
            mask[rows[weights < 0]] = True
            hint = "a weight is 0 or more; it is how much a row counts in the loss"
            raise cells_error(
                cells.table, name, mask, what=("negative weight", "negative weights"), hint=hint
            )
        return weights.astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {"settings": self.settings.to_json(), "fill": self.fill}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "WeightColumn":
        return cls(settings=ColumnSettings.from_json(state["settings"]), fill=state["fill"])


def fit_weight(
    settings: ColumnSettings, cells: Cells, train_rows: NDArray[np.int64]
) -> WeightColumn:
    """Fit on the training rows, whose weights must not all be 0."""
    fill = None
    if settings.missing_is_own:
        fill = fit_fill(settings, cells.columns[settings.name].take(train_rows))
    assert not isinstance(fill, str)
    weight = WeightColumn(settings=settings, fill=fill)
    if not weight.encode(cells, train_rows).any():
        raise no_weight(settings)
    return weight


def no_weight(settings: ColumnSettings) -> DataError:
    """Build the error for a column of weights that are all 0."""
    return DataError(
        f"every training row has weight 0 in column {settings.name!r}",
        hint="leave out `sample_weight`, or name another column",
    )
