"""Boolean columns: one feature that is 0 or 1."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.filling import fit_fill, indicator_names, tells_missing, with_indicator
from dlcli.data.columns.number import fill_gaps
from dlcli.data.columns.reading import ReadColumn
from dlcli.data.columns.settings import ColumnSettings


@dataclass(frozen=True, kw_only=True)
class BooleanInput:
    """A fitted boolean column."""

    settings: ColumnSettings
    fill: float | None
    has_indicator: bool = False
    """Whether a second feature tells where cells were missing."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        names = indicator_names(self.settings, has_indicator=self.has_indicator)
        return (self.settings.name, *names)

    @classmethod
    def fit(cls, settings: ColumnSettings, read: ReadColumn) -> "BooleanInput":
        fill = fit_fill(settings, read)
        assert not isinstance(fill, str)
        return cls(settings=settings, fill=fill, has_indicator=tells_missing(settings, read))

    def encode(self, read: ReadColumn) -> NDArray[np.float32]:
        """Return [rows, 1], or [rows, 2] with the indicator."""
        filled = fill_gaps(read, self.fill).astype(np.float32)
        return with_indicator(filled[:, None], read, has_indicator=self.has_indicator)

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "fill": self.fill,
            "has_indicator": self.has_indicator,
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "BooleanInput":
        return cls(
            settings=ColumnSettings.from_json(state["settings"]),
            fill=state["fill"],
            has_indicator=state.get("has_indicator", False),
        )
