"""Plain rows straight to the network's tensors: what preprocessing makes of them, without a table.

A table of one row costs as much as one of a hundred. Rows with anything else than known values of
plain columns are left to preprocessing, which knows the policies and the errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.preprocessing import FEATURES, Preprocessing
from dlcli.data.scaling import Scaler
from dlcli.errors import DataError
from dlcli.serving.bodies import table_of_columns

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class _Category:
    """Where a category's features, or its own tensor, go."""

    place: int
    """Its position among the cells of a row."""
    codes: dict[str, int]
    feature: int | None
    """Its first feature; None for a tensor of its own."""
    name: str


@dataclass(frozen=True, kw_only=True)
class DirectRows:
    """How the cells of plain rows become tensors."""

    kinds: tuple[type, ...]
    """What the cells of a row must be, column by column."""
    num_features: int
    numbers: NDArray[np.int64]
    """Positions of the number and boolean columns among the cells."""
    features: NDArray[np.int64]
    """The feature of each of them."""
    offsets: NDArray[np.float64]
    scales: NDArray[np.float64]
    curved: tuple[tuple[int, int, Scaler], ...]
    """Which of them are scaled along a curve: position, feature, scaler."""
    categories: tuple[_Category, ...]

    @classmethod
    def plan(cls, preprocessing: Preprocessing) -> Self | None:
        """Return how a run's rows are read; None for runs whose rows take more than this."""
        columns = preprocessing.input_columns
        options = preprocessing.read_options
        if preprocessing.window is not None or options.missing_values:
            return None
        if any(column.settings.missing_values for column in columns):
            return None
        kinds: list[type] = []
        linear: list[tuple[int, int, float, float]] = []
        curved: list[tuple[int, int, Scaler]] = []
        categories: list[_Category] = []
        feature = 0
        for place, column in enumerate(columns):
            if isinstance(column, NumberInput):
                kinds.append(float)
                if not _is_linear(column.scaler):
                    curved.append((len(linear), feature, column.scaler))
                linear.append((place, feature, column.scaler.offset, column.scaler.scale))
            elif isinstance(column, BooleanInput):
                kinds.append(bool)
                linear.append((place, feature, 0.0, 1.0))
            elif isinstance(column, CategoryInput):
                kinds.append(str)
                own = column.tensor is not None
                categories.append(
                    _Category(
                        place=place,
                        codes={name: code for code, name in enumerate(column.categories)},
                        feature=None if own else feature,
                        name=column.settings.name,
                    )
                )
            else:
                return None
            feature += len(column.feature_names)
        planned = cls(
            kinds=tuple(kinds),
            num_features=feature,
            numbers=np.array([each[0] for each in linear], np.int64),
            features=np.array([each[1] for each in linear], np.int64),
            offsets=np.array([each[2] for each in linear], np.float64),
            scales=np.array([each[3] for each in linear], np.float64),
            curved=tuple(curved),
            categories=tuple(categories),
        )
        # Whatever preprocessing may learn to do: what is not the same is left to it.
        return planned if planned._agrees_with(preprocessing) else None

    def _agrees_with(self, preprocessing: Preprocessing) -> bool:
        """Tell whether rows within, at and beyond the training ranges become the same tensors."""
        columns = preprocessing.input_columns
        lines = list(zip(*map(_probe, columns), strict=True))
        table = table_of_columns(
            [column.settings.name for column in columns],
            [list(cells) for cells in zip(*lines, strict=True)],
            preprocessing.read_options,
        )
        try:
            wanted = preprocessing.apply(table, with_targets=False).inputs
        except DataError:
            return False
        found = self.tensors(lines)
        return (
            found is not None
            and found.keys() == wanted.keys()
            and all(np.array_equal(found[name], array) for name, array in wanted.items())
        )

    def tensors(self, lines: Sequence[tuple[Any, ...]]) -> Tensors | None:
        """Return the tensors of rows whose cells are of `kinds`; None where one is not plain."""
        tensors: Tensors = {}
        shared = np.zeros((len(lines), self.num_features), np.float32)
        if len(self.numbers):
            cells = lines if not self.categories else self._numbers_of(lines)
            values = np.array(cells, np.float64)
            with np.errstate(over="ignore"):
                shared[:, self.features] = (values - self.offsets) / self.scales
            for place, feature, scaler in self.curved:
                shared[:, feature] = scaler.apply(values[:, place])
            if not (np.isfinite(values).all() and np.isfinite(shared).all()):
                return None
        for category in self.categories:
            codes = [category.codes.get(line[category.place], -1) for line in lines]
            if min(codes) < 0:
                return None
            if category.feature is None:
                tensors[category.name] = np.array(codes, np.int32)
            else:
                shared[np.arange(len(lines)), np.array(codes) + category.feature] = 1
        if self.num_features:
            tensors[FEATURES] = shared
        return tensors

    def _numbers_of(self, lines: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
        places = self.numbers.tolist()
        return [[line[place] for place in places] for line in lines]


def _is_linear(scaler: Scaler) -> bool:
    """Tell whether a scaler is an offset and a scale, and nothing else."""
    return scaler == Scaler(kind=scaler.kind, offset=scaler.offset, scale=scaler.scale)


def _probe(column: InputColumn) -> list[Any]:
    """Return cells of a column, as many for every column."""
    if isinstance(column, NumberInput):
        low, high = column.minimum, column.maximum
        wide = 10 * (high - low) + 1
        return [low, (low + high) / 2, high, low - wide, high + wide]
    if isinstance(column, CategoryInput):
        names = column.categories
        return [names[0], names[-1], names[len(names) // 2], names[0], names[-1]]
    return [False, True, False, True, True]
