"""Category columns: one 0/1 feature per category, or whole numbers for an Embedding."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.filling import fit_fill, no_value
from dlcli.data.columns.reading import Mask, ReadColumn
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.columns.tensor import InputSpec
from dlcli.errors import DataError
from dlcli.spec.data import ConstantPolicy

UNSEEN = -1


@dataclass(frozen=True, kw_only=True)
class CategoryInput:
    """A fitted category column."""

    settings: ColumnSettings
    fill: str | None
    categories: tuple[str, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        if self.tensor is not None:
            return ()
        return tuple(f"{self.settings.name}={category}" for category in self.categories)

    @property
    def tensor(self) -> InputSpec | None:
        """The column's own tensor, unless it is part of the features."""
        if self.settings.encode == "onehot":
            return None
        size = len(self.categories) + (self.settings.unseen == "ignore")
        return InputSpec(shape=(), dtype="int32", vocabulary_size=size)

    @classmethod
    def fit(cls, settings: ColumnSettings, read: ReadColumn) -> "CategoryInput":
        fill = fit_fill(settings, read)
        return cls.from_names(
            settings, fill, present_names(read), has_missing=bool(read.missing.any())
        )

    @classmethod
    def from_names(
        cls,
        settings: ColumnSettings,
        fill: float | str | None,
        names: set[str],
        *,
        has_missing: bool,
    ) -> "CategoryInput":
        """Fit on the distinct names of the training cells that are not missing."""
        assert fill is None or isinstance(fill, str)
        categories = settings.categories or sort_names(names)
        if fill is not None and fill not in categories:
            if settings.categories is not None:
                raise DataError(
                    f"column {settings.name!r}: its missing cells become {fill!r}, which is not "
                    "one of its `categories`",
                    hint=f"add {fill!r} to `categories`",
                )
            if has_missing or settings.missing_is_own:
                assert isinstance(settings.missing, ConstantPolicy)
                categories = sort_names({*categories, fill})
        if not categories:
            raise no_value(settings)
        return cls(settings=settings, fill=fill, categories=categories)

    def unseen(self, read: ReadColumn) -> Mask:
        """Tell which rows hold a category that training has not seen [rows]."""
        return np.equal(self._codes(read), UNSEEN)

    def encode(self, read: ReadColumn) -> NDArray[Any]:
        """Return float32 [rows, categories], or int32 [rows].

        An unseen category sets no feature; as a whole number it is the one after the last.
        """
        codes = self._codes(read)
        if self.settings.encode == "ordinal":
            return np.where(codes == UNSEEN, len(self.categories), codes).astype(np.int32)
        features = np.zeros((len(codes), len(self.categories)), dtype=np.float32)
        seen = np.flatnonzero(codes != UNSEEN)
        features[seen, codes[seen]] = 1
        return features

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "fill": self.fill,
            "categories": list(self.categories),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "CategoryInput":
        return cls(
            settings=ColumnSettings.from_json(state["settings"]),
            fill=state["fill"],
            categories=tuple(state["categories"]),
        )

    def _codes(self, read: ReadColumn) -> NDArray[np.int64]:
        fill = UNSEEN if self.fill not in self.categories else self.categories.index(self.fill)
        return np.where(read.missing, fill, match_names(read, self.categories))


def match_names(read: ReadColumn, categories: tuple[str, ...]) -> NDArray[np.int64]:
    """Return each cell's position in `categories` [rows], UNSEEN where it has none.

    Cells match by their text, else by their number: 1.0 in a spreadsheet is the category "1".
    """
    by_text = {category: position for position, category in enumerate(categories)}
    by_number: dict[float, int] = {}
    for position, category in enumerate(categories):
        number = _as_number(category)
        if number is not None:
            # Two spellings of one number, "7" and "007", are told apart by text alone.
            by_number[number] = UNSEEN if number in by_number else position
    positions = [_position(name, by_text, by_number) for name in read.names]
    lookup: NDArray[np.int64] = np.array([*positions, UNSEEN], dtype=np.int64)
    return np.take(lookup, read.values)


def present_names(read: ReadColumn) -> set[str]:
    """Return the distinct texts of the cells that are not missing."""
    counts = np.bincount(read.values[~read.missing], minlength=len(read.names))
    return {read.names[code] for code in np.flatnonzero(counts)}


def sort_names(names: set[str]) -> tuple[str, ...]:
    """Sort by number where all names are numbers, else by text."""
    numbers = {name: _as_number(name) for name in names}
    if all(number is not None for number in numbers.values()):
        return tuple(sorted(names, key=lambda name: (numbers[name], name)))
    return tuple(sorted(names))


def _position(name: str, by_text: dict[str, int], by_number: dict[float, int]) -> int:
    if name in by_text:
        return by_text[name]
    number = _as_number(name) if by_number else None
    return UNSEEN if number is None else by_number.get(number, UNSEEN)


def _as_number(text: str) -> float | None:
    try:
        number = float(text) if "_" not in text else np.nan
    except ValueError:
        return None
    return number if np.isfinite(number) else None
