"""Number columns: one scaled feature."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.filling import (
    fit_fill,
    indicator_names,
    no_value,
    tells_missing,
    with_indicator,
)
from dlcli.data.columns.reading import ReadColumn
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.scaling import Scaler, fit_scaler


@dataclass(frozen=True, kw_only=True)
class NumberInput:
    """A fitted number column."""

    settings: ColumnSettings
    fill: float | None
    scaler: Scaler
    minimum: float
    maximum: float
    has_indicator: bool = False
    """Whether a second feature tells where cells were missing."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        names = indicator_names(self.settings, has_indicator=self.has_indicator)
        return (self.settings.name, *names)

    @classmethod
    def fit(cls, settings: ColumnSettings, read: ReadColumn) -> "NumberInput":
        """Fit on training cells; the scaler sees them with their gaps filled."""
        fill = fit_fill(settings, read)
        assert not isinstance(fill, str)
        filled = fill_gaps(read, fill)
        seen = read.values[read.valid] if read.valid.any() else filled
        if not filled.size:
            raise no_value(settings)
        return cls(
            settings=settings,
            fill=fill,
            scaler=fit_scaler(settings.scale, filled, bound=settings.bound),
            minimum=float(seen.min()),
            maximum=float(seen.max()),
            has_indicator=tells_missing(settings, read),
        )

    def encode(self, read: ReadColumn) -> NDArray[np.float32]:
        """Return [rows, 1], or [rows, 2] with the indicator."""
        with np.errstate(over="ignore"):
            scaled = self.scaler.apply(fill_gaps(read, self.fill)).astype(np.float32)
        return with_indicator(scaled[:, None], read, has_indicator=self.has_indicator)

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "fill": self.fill,
            "scaler": self.scaler.to_json(),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "has_indicator": self.has_indicator,
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "NumberInput":
        return cls(
            settings=ColumnSettings.from_json(state["settings"]),
            fill=state["fill"],
            scaler=Scaler.from_json(state["scaler"]),
            minimum=state["minimum"],
            maximum=state["maximum"],
            has_indicator=state.get("has_indicator", False),
        )


def fill_gaps(read: ReadColumn, fill: float | None) -> NDArray[np.float64]:
    """Return the numbers with `fill` in the missing cells, of which there are none without it."""
    if not read.missing.any():
        return np.asarray(read.values, dtype=np.float64)
    assert fill is not None, "missing cells are settled before they are encoded"
    return np.where(read.missing, fill, read.values)
