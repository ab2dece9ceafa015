"""Preprocessing fitted on the training part: tables to arrays, and predictions back to targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.image import ImageInput
from dlcli.data.columns.inputs import InputColumn, input_from_json, own_tensor
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.policies import (
    Cells,
    CellsError,
    PlannedColumn,
    Role,
    cells_error,
    read_cells,
)
from dlcli.data.columns.settings import ColumnSettings, column_hint
from dlcli.data.columns.targets import (
    ClassTarget,
    NumberTarget,
    TargetColumn,
    target_from_json,
)
from dlcli.data.columns.tensor import FEATURES, InputSpec
from dlcli.data.columns.weight import WeightColumn
from dlcli.data.counting import CellCounts, count_cells, count_table
from dlcli.data.gathering import gather_ahead, gather_inputs
from dlcli.data.readers import ReadOptions
from dlcli.data.reading_progress import ShareProgress
from dlcli.data.roles import unknown_column
from dlcli.data.table import IMAGE_UNIT, Table
from dlcli.data.whitening import Whitening
from dlcli.data.window_checks import check_cells, check_gaps, check_order
from dlcli.data.windows import Series, WindowPlan, Windows, form_windows, lay_out
from dlcli.errors import DataError, RunError
from dlcli.spec.windows import WINDOW

__all__ = ["FEATURES", "FORMAT", "Applied", "InputSpec", "Preprocessing", "TargetInfo"]

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class TargetInfo:
    """One target as the training part shows it."""

    name: str
    classes: tuple[str, ...] | None = None
    """Class names in code order; None for a regression target."""
    class_counts: tuple[int, ...] | None = None
    """Training rows of each class."""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, kw_only=True)
class Applied:
    """The arrays of a table; every array has one entry per row of `kept`."""

    inputs: dict[str, NDArray[Any]]
    targets: dict[str, NDArray[Any]]
    """float64 in the target's unit, or int32 class codes; empty without targets."""
    scaled_targets: dict[str, NDArray[Any]]
    """float32 as trained on, or int32 class codes."""
    sample_weight: NDArray[np.float32] | None
    kept: NDArray[np.int64]
    """Positions in the table of the rows that no `drop` policy removed."""
    counts: dict[str, Any]
    """JSON-ready: rows read, dropped and kept, and what each policy did to each column."""
    windows: Windows | None = None
    """The windows that the entries are, where they are no rows."""
    naive: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    """Baselines that only repeat the past of a window: their predictions by target."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Everything that turns a raw table into the network's arrays; its state is plain JSON."""

    read_options: ReadOptions
    input_columns: tuple[InputColumn, ...]
    target_columns: tuple[TargetColumn, ...]
    weight: WeightColumn | None
    filters: tuple[ColumnSettings, ...]
    """Columns that only drop or refuse rows; a table to predict on may lack them."""
    window: WindowPlan | None = None
    """How rows become windows, where the network reads sequences."""
    features_shape: tuple[int, ...] | None = None
    """How the network takes the features of a row; None is one after the other."""
    whitening: Whitening | None = None
    """Of the features, where they are the pixels of an image."""

    @cached_property
    def input_specs(self) -> dict[str, InputSpec]:
        """The network's input tensors; `features` first, then columns that have their own."""
        shared = {
            name: InputSpec(
                shape=(len(entries),), dtype="float32", columns=self._columns_sharing(name)
            )
            for name, entries in self.shared_tensors.items()
        }
        own = {c.settings.name: own_tensor(c) for c in self.input_columns}
        specs = shared | {name: tensor for name, tensor in own.items() if tensor is not None}
        if self.features_shape is not None:
            # What has an order of its own is no row of columns any more.
            specs[FEATURES] = replace(specs[FEATURES], shape=self.features_shape, columns=())
        if self.window is None:
            return specs
        length = self.window.spec.length
        return {
            name: item if name in self.static else replace(item, shape=(length, *item.shape))
            for name, item in specs.items()
        }

    def _columns_sharing(self, tensor: str) -> tuple[str, ...]:
        """Return the column of every entry of a shared tensor."""
        columns = [each for each in self.input_columns if self.shared_by(each) == tensor]
        return tuple(each.settings.name for each in columns for _ in each.feature_names)

    @cached_property
    def shared_tensors(self) -> dict[str, tuple[str, ...]]:
        """The tensors that several columns share, with one name for each of their entries.

        Names are such as `age`, `job=student`, `Date.month`.
        """
        entries: dict[str, list[str]] = {WINDOW: [], FEATURES: []}
        for column in self.input_columns:
            entries[self.shared_by(column)] += column.feature_names
        return {name: tuple(names) for name, names in entries.items() if names}

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """One name per entry of the tensors that columns share."""
        return tuple(name for names in self.shared_tensors.values() for name in names)

    @cached_property
    def static(self) -> frozenset[str]:
        """The tensors that hold one row of a window instead of all of them."""
        if self.window is None:
            return frozenset()
        return frozenset({FEATURES, *self.window.spec.static_names})

    @cached_property
    def targets(self) -> tuple[TargetInfo, ...]:
        return tuple(_target_info(column) for column in self.target_columns)

    @cached_property
    def needed_columns(self) -> tuple[str, ...]:
        """The columns a table must have to be predicted on."""
        names = [column.settings.name for column in self.input_columns]
        if self.window is not None:
            names += self.window.names.values()
        return tuple(dict.fromkeys(names))

    @cached_property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest training value of every number column, in its own unit."""
        numbers = [column for column in self.input_columns if isinstance(column, NumberInput)]
        return {column.settings.name: (column.minimum, column.maximum) for column in numbers}

    @cached_property
    def image_columns(self) -> tuple[ImageInput, ...]:
        """The columns that hold images."""
        return tuple(column for column in self.input_columns if isinstance(column, ImageInput))

    def network_inputs(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return what the network takes for the arrays of `Applied.inputs`: shaped and whitened."""
        taken = dict(inputs)
        for column in self.image_columns:
            taken[column.settings.name] = column.prepare(inputs[column.settings.name])
        if FEATURES in inputs and self.whitening is not None:
            taken[FEATURES] = self.whitening.apply(inputs[FEATURES])
        if FEATURES in inputs and self.features_shape is not None:
            taken[FEATURES] = taken[FEATURES].reshape(-1, *self.features_shape)
        return taken

    def apply(self, table: Table, *, with_targets: bool) -> Applied:
        """Return the arrays of `table`; raises DataError for what no policy covers."""
        try:
            cells = self.read(table, with_targets=with_targets)
            return self.encode(cells, cells.kept, with_targets=with_targets)
        except CellsError as error:
            hint = f"mend the file; or train again with a policy: {error.hint}"
            raise DataError(error.message, hint=hint) from None

    def read(
        self,
        table: Table,
        *,
        with_targets: bool,
        on_stage: Callable[[str], None] = lambda text: None,
    ) -> Cells:
        """Read the columns that the network needs and settle their bad cells."""
        table = self._with_image_column(table)
        for name in self.needed_columns:
            if name not in table.names:
                raise unknown_column(table, name, where="an input of the network")
        for target in self.target_columns if with_targets else ():
            if target.settings.name not in table.names:
                raise unknown_column(table, target.settings.name, where="a target")
        return read_cells(table, self._plan(table, with_targets=with_targets), on_stage)

    def _with_image_column(self, table: Table) -> Table:
        """Let images without a table of their own stand for the run's only column of images."""
        is_bare = table.origins and all(origin.unit == IMAGE_UNIT for origin in table.origins)
        if not is_bare or len(self.image_columns) != 1:
            return table
        name = self.image_columns[0].settings.name
        if name in table.names:
            return table
        return table.with_column(name, table.column(table.names[0]))

    def encode(
        self,
        cells: Cells,
        rows: NDArray[np.int64],
        *,
        with_targets: bool = True,
        on_stage: Callable[[str], None] = lambda text: None,
    ) -> Applied:
        """Return the arrays of `rows`, positions in the table of `cells` that are kept there.

        Of a network that reads sequences, these are the arrays of the windows among them.
        `on_stage` is told how far that is, where it takes longer than a second.
        """
        encoding = ShareProgress("encoding the data", on_stage)
        if self.window is None:
            return self._encode_rows(cells, rows, encoding, with_targets=with_targets)
        series = self.lay_out(cells, rows)
        applied = self._encode_rows(cells, series.rows, encoding, with_targets=with_targets)
        windows = form_windows(series)
        naive: dict[str, dict[str, NDArray[np.float64]]] = {}
        for target, values in applied.targets.items():
            if values.dtype != np.float64:
                continue
            for baseline, repeated in windows.naive(values).items():
                of_steps = repeated[:, 0] if windows.spec.horizon == 1 else repeated
                naive.setdefault(baseline, {})[target] = of_steps
        weight = applied.sample_weight
        return replace(
            applied,
            inputs=gather_inputs(
                applied.inputs,
                windows,
                self.static,
                ShareProgress("cutting the windows", on_stage).at,
            ),
            targets=gather_ahead(applied.targets, windows),
            scaled_targets=gather_ahead(applied.scaled_targets, windows),
            sample_weight=None if weight is None else weight[windows.predicted[:, 0]],
            kept=windows.rows,
            windows=windows,
            naive=naive,
        )

    def lay_out(self, cells: Cells, rows: NDArray[np.int64]) -> Series:
        """Lay rows out in the order of their series and times; raises DataError for gaps in them."""
        assert self.window is not None
        check_cells(self.window, cells)
        series = lay_out(self.window, cells, rows)
        check_order(series, cells.table)
        check_gaps(series, cells.table)
        return series

    def encode_history(self, series: Series, cells: Cells) -> dict[str, NDArray[Any]]:
        """Return the inputs along a series, [rows, ...], for `gather_inputs`."""
        return self._encode_inputs(cells, series.rows)

    def _encode_rows(
        self,
        cells: Cells,
        rows: NDArray[np.int64],
        progress: ShareProgress,
        *,
        with_targets: bool,
    ) -> Applied:
        targets: dict[str, NDArray[Any]] = {}
        scaled: dict[str, NDArray[Any]] = {}
        for target in self.target_columns if with_targets else ():
            name = target.settings.name
            targets[name] = _encode_target(target, cells, rows)
            scaled[name] = target.scale(targets[name])
            _check_finite(cells, rows, name, scaled[name], setting="target_scale")
        weight = None
        if with_targets and self.weight is not None and self.weight.settings.name in cells.columns:
            weight = self.weight.encode(cells, rows)
        return Applied(
            inputs=self._encode_inputs(cells, rows, progress.at),
            targets=targets,
            scaled_targets=scaled,
            sample_weight=weight,
            kept=rows,
            counts=count_table(cells, self.count(cells, rows)),
        )

    def count(self, cells: Cells, rows: NDArray[np.int64]) -> CellCounts:
        """Count what the policies did to the cells of `rows`."""
        columns: list[InputColumn | WeightColumn] = [*self.input_columns]
        if self.weight is not None and self.weight.settings.name in cells.columns:
            columns.append(self.weight)
        return count_cells(columns, cells, rows)

    def restore_target(self, name: str, values: NDArray[Any]) -> NDArray[np.float64]:
        """Undo the scaling of the regression target `name`, and clip it if asked; any shape."""
        return self.number_target(name).restore(values)

    def number_target(self, name: str) -> NumberTarget:
        """Return how the regression target `name` is scaled and clipped."""
        for target in self.target_columns:
            if target.settings.name == name and isinstance(target, NumberTarget):
                return target
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values; numbers survive exactly."""
        return {
            "format": FORMAT,
            "read": _read_options_to_json(self.read_options),
            "inputs": {
                name: {
                    "shape": list(tensor.shape),
                    "dtype": tensor.dtype,
                    "vocabulary_size": tensor.vocabulary_size,
                }
                for name, tensor in self.input_specs.items()
            },
            "features": list(self.feature_names),
            "columns": [column.to_json() for column in self.input_columns],
            "targets": [column.to_json() for column in self.target_columns],
            "sample_weight": None if self.weight is None else self.weight.to_json(),
            "filters": [settings.to_json() for settings in self.filters],
            **({} if self.window is None else {"window": self.window.to_json()}),
            "features_shape": None if self.features_shape is None else list(self.features_shape),
            "whitening": None if self.whitening is None else self.whitening.to_json(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Preprocessing":
        """Read what `to_json` wrote; raises RunError for anything else."""
        found = state.get("format") if isinstance(state, dict) else None
        if isinstance(found, int) and found > FORMAT:
            raise RunError(
                f"the preprocessing has format {found}; this dlcli reads up to {FORMAT}",
                hint="use the dlcli that trained the model, or a newer one",
            )
        if found != FORMAT:
            raise RunError(
                f"the preprocessing has no valid format: expected {FORMAT}, got {found!r}"
            )
        try:
            return cls._from_state(state)
        except (LookupError, TypeError, AttributeError, ArithmeticError, ValueError) as error:
            raise RunError(
                f"the preprocessing is damaged: {type(error).__name__} {error}",
                hint="restore the run folder, or train again",
            ) from error

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> "Preprocessing":
        weight, shape, whitening = (
            state.get(key) for key in ("sample_weight", "features_shape", "whitening")
        )
        return cls(
            read_options=_read_options_from_json(state["read"]),
            input_columns=tuple(input_from_json(column) for column in state["columns"]),
            target_columns=tuple(target_from_json(column) for column in state["targets"]),
            weight=None if weight is None else WeightColumn.from_json(weight),
            filters=tuple(ColumnSettings.from_json(settings) for settings in state["filters"]),
            window=WindowPlan.from_json(state["window"]) if "window" in state else None,
            features_shape=None if shape is None else tuple(shape),
            whitening=None if whitening is None else Whitening.from_json(whitening),
        )

    def _plan(self, table: Table, *, with_targets: bool) -> list[PlannedColumn]:
        weight = [self.weight.settings] if self.weight is not None and with_targets else []
        targets = [column.settings for column in self.target_columns if with_targets]
        inputs = [column.settings for column in self.input_columns]
        if self.window is not None and not with_targets:
            # After the last value of a target comes what is to be predicted.
            lags = self.window.lags
            inputs = [replace(s, missing="drop") if s.name in lags else s for s in inputs]
        read = {settings.name for settings in inputs}
        ordering = () if self.window is None else self.window.columns
        by_role: list[tuple[Role, Sequence[ColumnSettings]]] = [
            ("input", inputs),
            ("target", targets),
            ("split", [settings for settings in ordering if settings.name not in read]),
            ("weight", [settings for settings in weight if settings.name in table.names]),
            ("filter", [settings for settings in self.filters if settings.name in table.names]),
        ]
        return [
            PlannedColumn(settings=settings, role=role)
            for role, listed in by_role
            for settings in listed
        ]

    def _encode_inputs(
        self,
        cells: Cells,
        rows: NDArray[np.int64],
        on_share: Callable[[float], None] = lambda share: None,
    ) -> dict[str, NDArray[Any]]:
        tensors: dict[str, NDArray[Any]] = {
            name: np.empty((len(rows), len(entries)), dtype=np.float32)
            for name, entries in self.shared_tensors.items()
        }
        filled = dict.fromkeys(tensors, 0)
        for number, column in enumerate(self.input_columns):
            on_share(number / len(self.input_columns))
            name = column.settings.name
            read = cells.columns[name].take(rows)
            if isinstance(column, CategoryInput) and column.settings.unseen == "error":
                _check_seen(column, cells, rows)
            encoded = column.encode(read)
            if not column.feature_names:
                tensors[name] = encoded
                continue
            _check_finite(cells, rows, name, encoded, setting="scale")
            shared, width = self.shared_by(column), encoded.shape[1]
            tensors[shared][:, filled[shared] : filled[shared] + width] = encoded
            filled[shared] += width
        return tensors

    def shared_by(self, column: InputColumn) -> str:
        """Return the tensor that the column's features stand in."""
        is_moving = self.window is not None and column.settings.name not in self.static
        return WINDOW if is_moving else FEATURES


def _encode_target(target: TargetColumn, cells: Cells, rows: NDArray[np.int64]) -> NDArray[Any]:
    name = target.settings.name
    read = cells.columns[name].take(rows)
    unknown = target.unknown(read)
    if unknown.any():
        assert isinstance(target, ClassTarget)
        mask = np.zeros(cells.table.num_rows, dtype=bool)
        mask[rows[unknown]] = True
        categories = column_hint(name, categories=(*target.classes, "..."))
        raise cells_error(
            cells.table,
            name,
            mask,
            what=("cell whose class no training row has", "cells whose class no training row has"),
            hint="keep the classes in all parts with `split: {stratify: true}`, or list all "
            f"classes: `{categories}`",
        )
    return target.encode(read)


def _check_seen(column: CategoryInput, cells: Cells, rows: NDArray[np.int64]) -> None:
    name = column.settings.name
    unseen = column.unseen(cells.columns[name].take(rows))
    if not unseen.any():
        return
    mask = np.zeros(cells.table.num_rows, dtype=bool)
    mask[rows[unseen]] = True
    raise cells_error(
        cells.table,
        name,
        mask,
        what=("category that training has not seen", "cells that training has not seen"),
        hint=f"training knows {_shown(column.categories)}; to let others set no feature, write "
        f"`unseen: ignore` under `data`, or `{column_hint(name, unseen='ignore')}`",
    )


def _check_finite(
    cells: Cells, rows: NDArray[np.int64], name: str, encoded: NDArray[Any], *, setting: str
) -> None:
    if encoded.dtype.kind != "f" or np.isfinite(encoded).all():
        return
    mask = np.zeros(cells.table.num_rows, dtype=bool)
    mask[rows[~np.isfinite(encoded.reshape(len(rows), -1)).all(axis=1)]] = True
    raise cells_error(
        cells.table,
        name,
        mask,
        what=("cell too large for float32", "cells too large for float32"),
        hint="after scaling, numbers must stay below 3.4e38: mend these cells, or choose another "
        f"`{setting}` under `data`",
    )


def _target_info(column: TargetColumn) -> TargetInfo:
    name = column.settings.name
    if isinstance(column, ClassTarget):
        return TargetInfo(name=name, classes=column.classes, class_counts=column.counts)
    return TargetInfo(name=name, minimum=column.minimum, maximum=column.maximum)


def _shown(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(name) for name in names[:8]) + more


def _read_options_to_json(options: ReadOptions) -> dict[str, Any]:
    return {
        "sheet": options.sheet,
        "separator": options.separator,
        "header": None if options.header is None else list(options.header),
        "encoding": options.encoding,
        "decimal": options.decimal,
        "thousands": options.thousands,
        "text_columns": sorted(options.text_columns),
    }


def _read_options_from_json(state: dict[str, Any]) -> ReadOptions:
    header = state["header"]
    return ReadOptions(
        sheet=state["sheet"],
        separator=state["separator"],
        header=None if header is None else tuple(header),
        encoding=state["encoding"],
        decimal=state["decimal"],
        thousands=state["thousands"],
        text_columns=frozenset(state["text_columns"]),
        is_other_file=True,
    )
