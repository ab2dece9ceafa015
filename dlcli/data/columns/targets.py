"""Target columns: numbers in their own unit, or classes with their names."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.category import UNSEEN, match_names, present_names, sort_names
from dlcli.data.columns.reading import Mask, ReadColumn
from dlcli.data.columns.settings import ColumnSettings, column_hint
from dlcli.data.scaling import Distribution, Scaler, Values, fit_scaler
from dlcli.errors import DataError

MOST_FRACTIONAL_CLASSES = 50
"""More distinct numbers than this, not all whole, are a quantity rather than classes."""


@dataclass(frozen=True, kw_only=True)
class NumberTarget:
    """A fitted regression target."""

    settings: ColumnSettings
    scaler: Scaler
    minimum: float
    maximum: float

    @classmethod
    def fit(cls, settings: ColumnSettings, read: ReadColumn) -> "NumberTarget":
        return cls.from_values(settings, Values(read.values))

    @classmethod
    def from_values(cls, settings: ColumnSettings, values: Distribution) -> "NumberTarget":
        """Fit on the training numbers."""
        # A table of a single row is there to be computed, not to be generalized from.
        if values.low == values.high and values.size > 1:
            raise DataError(
                f"target {settings.name!r} is {values.low:g} in every training row: there is "
                "nothing to learn"
            )
        scaler = fit_scaler(settings.scale, values)
        return cls(settings=settings, scaler=scaler, minimum=values.low, maximum=values.high)

    def unknown(self, read: ReadColumn) -> Mask:
        return np.zeros_like(read.missing)

    def encode(self, read: ReadColumn) -> NDArray[np.float64]:
        """Return the numbers in the target's unit, float64 [rows]."""
        return np.asarray(read.values, dtype=np.float64)

    def scale(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the network is trained on, float32."""
        with np.errstate(over="ignore"):
            return self.scaler.apply(values).astype(np.float32)

    def restore(self, scaled: NDArray[Any]) -> NDArray[np.float64]:
        """Return predictions in the target's unit, within its training range if asked; any shape."""
        values = self.scaler.restore(scaled)
        return np.clip(values, self.minimum, self.maximum) if self.settings.clip else values

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "scaler": self.scaler.to_json(),
            "minimum": self.minimum,
            "maximum": self.maximum,
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "NumberTarget":
        return cls(
            settings=ColumnSettings.from_json(state["settings"]),
            scaler=Scaler.from_json(state["scaler"]),
            minimum=state["minimum"],
            maximum=state["maximum"],
        )


@dataclass(frozen=True, kw_only=True)
class ClassTarget:
    """A fitted target of classes."""

    settings: ColumnSettings
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    """Training rows of each class."""

    @classmethod
    def fit(cls, settings: ColumnSettings, read: ReadColumn) -> "ClassTarget":
        classes = _class_names(settings, read)
        positions = _positions(settings, read, classes)
        counts = np.bincount(positions[positions != UNSEEN], minlength=len(classes))
        return cls.from_counts(settings, classes, counts)

    @classmethod
    def from_counts(
        cls, settings: ColumnSettings, classes: tuple[str, ...], counts: NDArray[np.int64]
    ) -> "ClassTarget":
        """Fit on how many training rows there are of each class."""
        present = [name for name, count in zip(classes, counts, strict=True) if count]
        if len(present) < 2:
            raise DataError(
                f"target {settings.name!r} has one class in the training part, {present[0]!r}: "
                "there is nothing to learn"
                if present
                else f"target {settings.name!r} has none of its `categories` in the training part"
            )
        _check_are_classes(settings.name, classes)
        return cls(settings=settings, classes=classes, counts=tuple(counts.tolist()))

    def unknown(self, read: ReadColumn) -> Mask:
        """Tell which rows hold no class of the training part [rows]."""
        return np.equal(_positions(self.settings, read, self.classes), UNSEEN)

    def encode(self, read: ReadColumn) -> NDArray[np.int32]:
        """Return class codes, int32 [rows]."""
        return _positions(self.settings, read, self.classes).astype(np.int32)

    def scale(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """Return the codes as they are."""
        return np.asarray(values, dtype=np.int32)

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "classes": list(self.classes),
            "counts": list(self.counts),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "ClassTarget":
        return cls(
            settings=ColumnSettings.from_json(state["settings"]),
            classes=tuple(state["classes"]),
            counts=tuple(state["counts"]),
        )


TargetColumn = NumberTarget | ClassTarget


def fit_target(settings: ColumnSettings, read: ReadColumn) -> TargetColumn:
    """Fit on the training rows, none of which is missing."""
    kind = NumberTarget if settings.type == "number" else ClassTarget
    return kind.fit(settings, read)


def target_from_json(state: dict[str, Any]) -> TargetColumn:
    """Read what a target's `to_json` wrote."""
    kind = ClassTarget if "classes" in state else NumberTarget
    return kind.from_json(state)


def _class_names(settings: ColumnSettings, read: ReadColumn) -> tuple[str, ...]:
    if settings.type == "boolean":
        return read.names
    return settings.categories or sort_names(present_names(read))


def _positions(
    settings: ColumnSettings, read: ReadColumn, classes: tuple[str, ...]
) -> NDArray[np.int64]:
    if settings.type == "boolean":
        return np.where(read.valid, read.values, UNSEEN).astype(np.int64)
    return np.where(read.missing, UNSEEN, match_names(read, classes))


def _check_are_classes(name: str, classes: tuple[str, ...]) -> None:
    if len(classes) <= MOST_FRACTIONAL_CLASSES:
        return
    try:
        fractional = [number for number in map(float, classes) if not number.is_integer()]
    except ValueError:
        return
    if fractional:
        raise DataError(
            f"target {name!r} has {len(classes)} different numbers such as {fractional[0]:g}: "
            "these are no classes",
            hint="choose a loss for numbers, e.g. `loss: mse`, or say that they are classes: "
            f"`{column_hint(name, type='category')}`",
        )
