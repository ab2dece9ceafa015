"""Fit the preprocessing of a large table on the figures of its training rows."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import UNSEEN, CategoryInput, match_names, sort_names
from dlcli.data.columns.date import DateInput, date_parts
from dlcli.data.columns.filling import choose_fill, no_value
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.policies import PlannedColumn
from dlcli.data.columns.reading import ReadColumn, boolean_names
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.columns.targets import ClassTarget, NumberTarget, TargetColumn
from dlcli.data.columns.weight import WeightColumn, no_weight
from dlcli.data.fitting import check_tensor_names, prediction_options
from dlcli.data.large.cells import StoredCells
from dlcli.data.large.statistics import Derive, Figures, Statistics
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.scaling import Floats, fit_scaler
from dlcli.data.table import Table
from dlcli.spec.data import DataSpec


def fit_large(
    spec: DataSpec, cells: StoredCells, sample: Table, statistics: Statistics
) -> Preprocessing:
    """Fit every planned column on the training rows, as `fit_columns` does in memory.

    `sample` are first rows of the files, which say which columns are text. Raises DataError.
    """
    fitting = _Fitting(cells, statistics)
    by_role: dict[str, list[PlannedColumn]] = {}
    for plan in cells.planned:
        by_role.setdefault(plan.role, []).append(plan)
    inputs = tuple(fitting.input(plan.settings) for plan in by_role.get("input", ()))
    targets = tuple(fitting.target(plan.settings) for plan in by_role.get("target", ()))
    weights = [fitting.weight(plan.settings) for plan in by_role.get("weight", ())]
    preprocessing = Preprocessing(
        read_options=prediction_options(spec, cells.planned, sample),
        input_columns=inputs,
        target_columns=targets,
        weight=weights[0] if weights else None,
        filters=tuple(plan.settings for plan in by_role.get("filter", ())),
    )
    check_tensor_names(preprocessing)
    return preprocessing


def count_passes(planned: Sequence[PlannedColumn]) -> int:
    """Return about how often the rows are read to fit these columns."""
    return 1 + sum(_passes_of(plan.settings) for plan in planned if plan.role != "split")


def _passes_of(settings: ColumnSettings) -> int:
    sorted_for_scale = settings.scale in ("robust", "quantile")
    if settings.type == "category":
        return 1
    if settings.type == "date":
        return 1 + sorted_for_scale * len(settings.parts)
    return sorted_for_scale + (settings.missing in ("median", "mode"))


class _Fitting:
    """What is known of the training rows while columns are fitted on them."""

    def __init__(self, cells: StoredCells, statistics: Statistics) -> None:
        self._cells = cells
        self._statistics = statistics
        read = [p for p in cells.planned if p.role in ("input", "target", "weight")]
        self._numbers: dict[str, Derive] = {
            plan.name: partial(_numbers, name=plan.name)
            for plan in read
            if plan.settings.type != "category"
        }

    @cached_property
    def _figures(self) -> dict[str, Figures]:
        """Of all columns of numbers, booleans and dates, from one pass over them."""
        return self._statistics.figures(self._numbers)

    def input(self, settings: ColumnSettings) -> InputColumn:
        if settings.type == "category":
            return self._category(settings)
        figures = self._figures[settings.name]
        fill = choose_fill(settings, partial(self._statistic, settings))
        assert not isinstance(fill, str)
        told = settings.missing_indicator and figures.missing > 0
        if settings.type == "boolean":
            return BooleanInput(settings=settings, fill=fill, has_indicator=told)
        if not figures.size and fill is None:
            raise no_value(settings)
        if settings.type == "date":
            return self._date(settings, None if fill is None else int(fill), told=told)
        values = self._filled(settings.name, fill)
        is_known = figures.size > 0
        return NumberInput(
            settings=settings,
            fill=fill,
            scaler=fit_scaler(settings.scale, values, bound=settings.bound),
            minimum=figures.low if is_known else values.low,
            maximum=figures.high if is_known else values.high,
            has_indicator=told,
        )

    def target(self, settings: ColumnSettings) -> TargetColumn:
        if settings.type == "number":
            return NumberTarget.from_values(settings, self._filled(settings.name, None))
        if settings.type == "boolean":
            figures = self._figures[settings.name]
            counts = np.array([figures.size - figures.total, figures.total]).astype(np.int64)
            names = boolean_names(self._cells.texts[settings.name])
            return ClassTarget.from_counts(settings, names, counts)
        found = self._statistics.names(settings.name)
        classes = settings.categories or sort_names(set(found))
        return ClassTarget.from_counts(settings, classes, _count_classes(found, classes))

    def weight(self, settings: ColumnSettings) -> WeightColumn:
        figures = self._figures[settings.name]
        fill = None
        if settings.missing_is_own:
            fill = choose_fill(settings, partial(self._statistic, settings))
        assert not isinstance(fill, str)
        is_filled = figures.missing > 0 and bool(fill)
        if not is_filled and (not figures.size or figures.low == figures.high == 0):
            raise no_weight(settings)
        return WeightColumn(settings=settings, fill=fill)

    def _category(self, settings: ColumnSettings) -> CategoryInput:
        found = self._statistics.names(settings.name)
        commonest = min(found, key=lambda name: (-found[name], name), default=None)
        fill = choose_fill(settings, lambda policy: commonest)
        missing = self._num_train - sum(found.values())
        return CategoryInput.from_names(settings, fill, set(found), has_missing=missing > 0)

    def _date(self, settings: ColumnSettings, fill: int | None, *, told: bool) -> DateInput:
        derive = partial(_parts, settings=settings, fill=fill)
        found = self._statistics.figures({settings.name: derive})
        scalers = tuple(
            fit_scaler(
                settings.scale,
                _Filled(
                    self._statistics,
                    settings.name,
                    partial(_parts, settings=settings, fill=fill, only=part),
                    figures,
                    None,
                ),
                bound=settings.bound,
            )
            for part, figures in found.items()
        )
        return DateInput(settings=settings, fill=fill, scalers=scalers, has_indicator=told)

    def _statistic(self, settings: ColumnSettings, policy: str) -> float | None:
        figures = self._figures[settings.name]
        if not figures.size:
            return None
        if policy == "mode":
            return self._statistics.commonest(settings.name, self._numbers[settings.name])
        value = figures.average
        if policy == "median":
            middle = np.unique([(figures.size - 1) // 2, figures.size // 2])
            derive = self._numbers[settings.name]
            value = float(self._statistics.ranked(settings.name, derive, middle).mean())
        return float(round(value)) if settings.type == "date" else value

    def _filled(self, name: str, fill: float | None) -> "_Filled":
        return _Filled(self._statistics, name, self._numbers[name], self._figures[name], fill)

    @cached_property
    def _num_train(self) -> int:
        return self._statistics.num_rows


class _Filled:
    """The distribution of a column of numbers whose missing cells have a value."""

    def __init__(
        self,
        statistics: Statistics,
        name: str,
        derive: Derive,
        figures: Figures,
        fill: float | None,
    ) -> None:
        self._statistics = statistics
        self._name = name
        self._derive = derive
        self._figures = figures
        self._fill = fill
        self._added = 0 if fill is None else figures.missing
        self.size = figures.size + self._added
        bounds = [figures.low, figures.high] if figures.size else []
        bounds += [] if fill is None or not self._added else [fill]
        self.low, self.high = min(bounds), max(bounds)

    def mean(self) -> float:
        if not self._added or self._fill is None:
            return self._figures.average
        known = self._figures.average if self._figures.size else self._fill
        return known + (self._fill - known) * (self._added / self.size)

    def deviation(self) -> float:
        found = self._figures
        if not self._added or self._fill is None:
            return float(np.sqrt(found.variance))
        if not found.size:
            return 0.0
        # Chan's sum of squares of two groups, of which one is the same value everywhere.
        between = (self._fill - found.average) ** 2 * found.size * self._added / self.size
        return float(np.sqrt((found.variance * found.size + between) / self.size))

    def percentiles(self, percents: Sequence[float] | Floats) -> Floats:
        shares = np.asarray(percents, dtype=np.float64) / 100 * (self.size - 1)
        below = np.floor(shares).astype(np.int64)
        above = np.minimum(below + 1, self.size - 1)
        ranks, places = np.unique(np.concatenate([below, above]), return_inverse=True)
        values = self._statistics.ranked(self._name, self._with_fill, ranks)[places]
        low, high = values[: len(below)], values[len(below) :]
        # As np.percentile does it, whose last digits depend on the end that it begins with.
        share, step = shares - below, high - low
        return np.where(share >= 0.5, high - step * (1 - share), low + step * share)

    def _with_fill(self, read: ReadColumn) -> Mapping[str, NDArray[Any]]:
        derived = self._derive(read)
        if self._fill is None:
            return derived
        return {key: np.where(np.isnan(v), self._fill, v) for key, v in derived.items()}


def _numbers(read: ReadColumn, *, name: str) -> dict[str, NDArray[Any]]:
    if read.missing.any():
        return {name: np.where(read.missing, np.nan, read.values)}
    return {name: read.values.astype(np.float64)}


def _parts(
    read: ReadColumn, *, settings: ColumnSettings, fill: int | None, only: str | None = None
) -> dict[str, NDArray[Any]]:
    parts = dict(zip(settings.parts, date_parts(settings, read, fill).T, strict=True))
    return parts if only is None else {only: parts[only]}


def _count_classes(found: Mapping[str, int], classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the training rows of each class; several texts can mean one."""
    codes = np.arange(len(found), dtype=np.int32)
    nowhere = np.zeros(len(found), dtype=bool)
    read = ReadColumn(values=codes, missing=nowhere, unreadable=nowhere, names=tuple(found))
    positions = match_names(read, classes)
    counts = np.zeros(len(classes), dtype=np.int64)
    is_known = positions != UNSEEN
    np.add.at(counts, positions[is_known], np.array(list(found.values()))[is_known])
    return counts
