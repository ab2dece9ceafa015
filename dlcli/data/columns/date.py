"""Date columns: numeric parts of the UTC moment, each a feature of its own."""

from collections.abc import Callable
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

Moments = NDArray[np.datetime64]


def _units(moments: Moments, unit: str) -> NDArray[np.int64]:
    return moments.astype(f"datetime64[{unit}]").astype(np.int64)


def _units_since(moments: Moments, start: str, unit: str) -> NDArray[np.int64]:
    """Count whole units since the beginning of the year, month, day, hour or minute."""
    begin = moments.astype(f"datetime64[{start}]").astype(f"datetime64[{unit}]")
    since: NDArray[np.int64] = (moments.astype(f"datetime64[{unit}]") - begin).astype(np.int64)
    return since


PARTS: dict[str, Callable[[Moments], NDArray[np.int64]]] = {
    "year": lambda moments: _units(moments, "Y") + 1970,
    "month": lambda moments: _units_since(moments, "Y", "M") + 1,
    "day": lambda moments: _units_since(moments, "M", "D") + 1,
    # 1970-01-01 was a Thursday; Monday is 0.
    "weekday": lambda moments: (_units(moments, "D") + 3) % 7,
    "dayofyear": lambda moments: _units_since(moments, "Y", "D") + 1,
    "hour": lambda moments: _units_since(moments, "D", "h"),
    "minute": lambda moments: _units_since(moments, "h", "m"),
    "second": lambda moments: _units_since(moments, "m", "s"),
}


@dataclass(frozen=True, kw_only=True)
class DateInput:
    """A fitted date column."""

    settings: ColumnSettings
    fill: int | None
    """Microseconds since 1970."""
    scalers: tuple[Scaler, ...]
    """One per part."""
    has_indicator: bool = False
    """Whether a feature after those of the parts tells where cells were missing."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        parts = tuple(f"{self.settings.name}.{part}" for part in self.settings.parts)
        return (*parts, *indicator_names(self.settings, has_indicator=self.has_indicator))

    @classmethod
    def fit(cls, settings: ColumnSettings, read: ReadColumn) -> "DateInput":
        value = fit_fill(settings, read)
        fill = None if value is None else int(value)
        parts = date_parts(settings, read, fill)
        if not len(parts):
            raise no_value(settings)
        scalers = tuple(fit_scaler(settings.scale, part, bound=settings.bound) for part in parts.T)
        told = tells_missing(settings, read)
        return cls(settings=settings, fill=fill, scalers=scalers, has_indicator=told)

    def encode(self, read: ReadColumn) -> NDArray[np.float32]:
        """Return [rows, parts], and a column more with the indicator."""
        parts = date_parts(self.settings, read, self.fill)
        pairs = zip(self.scalers, parts.T, strict=True)
        scaled = np.stack([scaler.apply(part) for scaler, part in pairs], axis=1)
        return with_indicator(scaled.astype(np.float32), read, has_indicator=self.has_indicator)

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "fill": self.fill,
            "scalers": [scaler.to_json() for scaler in self.scalers],
            "has_indicator": self.has_indicator,
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "DateInput":
        return cls(
            settings=ColumnSettings.from_json(state["settings"]),
            fill=state["fill"],
            scalers=tuple(Scaler.from_json(scaler) for scaler in state["scalers"]),
            has_indicator=state.get("has_indicator", False),
        )


def date_parts(settings: ColumnSettings, read: ReadColumn, fill: int | None) -> NDArray[Any]:
    """Return the parts of every moment, [rows, parts] as float64."""
    microseconds = read.values
    if read.missing.any():
        assert fill is not None, "missing cells are settled before they are encoded"
        microseconds = np.where(read.missing, fill, microseconds)
    moments = microseconds.astype("datetime64[us]")
    return np.stack([PARTS[part](moments) for part in settings.parts], axis=1).astype(np.float64)
