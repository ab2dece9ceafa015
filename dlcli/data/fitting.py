"""Fit the preprocessing of a table on its training rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isqrt, prod

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.columns.image import ImageInput
from dlcli.data.columns.inputs import InputColumn, fit_input, own_tensor
from dlcli.data.columns.policies import Cells, PlannedColumn, read_cells
from dlcli.data.columns.settings import name_scale
from dlcli.data.columns.targets import fit_target
from dlcli.data.columns.tensor import FEATURES
from dlcli.data.columns.weight import fit_weight
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.readers import ReadOptions
from dlcli.data.reading_progress import ShareProgress
from dlcli.data.roles import plan_columns, resolve_roles
from dlcli.data.table import Table
from dlcli.data.whitening import Whitening, fit_whitening
from dlcli.data.windows import WindowPlan
from dlcli.errors import DataError
from dlcli.spec.data import DataSpec


def fit_preprocessing(
    spec: DataSpec,
    table: Table,
    train_rows: NDArray[np.int64],
    class_targets: frozenset[str] = frozenset(),
) -> Preprocessing:
    """Fit on the rows `train_rows` of `table` alone; raises DataError."""
    roles = resolve_roles(spec, table)
    planned = plan_columns(spec, table, roles, class_targets=class_targets)
    cells = read_cells(table, planned)
    is_kept = np.zeros(table.num_rows, dtype=bool)
    is_kept[cells.kept] = True
    return fit_columns(spec, planned, cells, train_rows[is_kept[train_rows]])


def fit_columns(
    spec: DataSpec,
    planned: Sequence[PlannedColumn],
    cells: Cells,
    train_rows: NDArray[np.int64],
    *,
    window: WindowPlan | None = None,
    on_stage: Callable[[str], None] = lambda text: None,
) -> Preprocessing:
    """Fit every planned column on `train_rows` of cells that are read and settled.

    `on_stage` is told how far that is, where it takes longer than a second.
    """
    progress = ShareProgress("fitting the columns", on_stage)
    inputs = []
    for number, plan in enumerate(planned):
        if plan.role == "input":
            progress.at(number / len(planned))
            inputs.append(fit_input(plan.settings, cells.columns[plan.name].take(train_rows)))
    targets = [
        fit_target(plan.settings, cells.columns[plan.name].take(train_rows))
        for plan in planned
        if plan.role == "target"
    ]
    weights = [fit_weight(p.settings, cells, train_rows) for p in planned if p.role == "weight"]
    whitening = _fit_whitening(spec, inputs, cells, train_rows)
    preprocessing = Preprocessing(
        read_options=prediction_options(spec, planned, cells.table),
        input_columns=tuple(inputs),
        target_columns=tuple(targets),
        weight=weights[0] if weights else None,
        filters=tuple(plan.settings for plan in planned if plan.role == "filter"),
        window=window,
        features_shape=spec.shape,
        whitening=whitening,
    )
    check_tensor_names(preprocessing)
    return preprocessing


def _fit_whitening(
    spec: DataSpec, inputs: Sequence[InputColumn], cells: Cells, train_rows: NDArray[np.int64]
) -> Whitening | None:
    """Check `shape` and `scale: zca` of the whole table; fit the whitening of its pixels."""
    num_features = sum(len(column.feature_names) for column in inputs)
    if spec.shape is not None:
        _check_shape(spec.shape, inputs, num_features)
    if name_scale(spec.scale)[0] != "zca":
        return None
    if spec.shape is None:
        if num_features and not any(isinstance(column, ImageInput) for column in inputs):
            raise DataError(
                "`data.scale: zca` whitens images, and there are none",
                hint="scale: standard brings numbers to mean 0 and deviation 1; `shape` makes an "
                "image of columns of pixels",
            )
        return None
    features = Preprocessing(
        read_options=read_options(spec),
        input_columns=tuple(inputs),
        target_columns=(),
        weight=None,
        filters=(),
    ).encode(cells, train_rows, with_targets=False)
    pixels = features.inputs[FEATURES]
    return fit_whitening(FEATURES, pixels, epsilon=name_scale(spec.scale)[1])


def _check_shape(shape: tuple[int, ...], inputs: Sequence[InputColumn], num_features: int) -> None:
    if num_features == prod(shape):
        return
    wide = [c.settings.name for c in inputs if len(c.feature_names) > 1]
    if wide:
        hint = f"column {wide[0]!r} gives more than one number: leave such columns out with `drop`"
    elif num_features > prod(shape):
        hint = "leave columns that are no pixels out with `drop`, or change the shape"
    else:
        side = isqrt(num_features)
        is_square = side > 1 and side * side == num_features
        hint = "the sizes of a shape multiply out to the number of inputs"
        if is_square:
            hint = f"a square grey image: shape: [{side}, {side}, 1]"
    raise DataError(
        f"`data.shape: {list(shape)}` takes {prod(shape):,} numbers a row, and the inputs give "
        f"{num_features:,}",
        hint=hint,
    )


def read_options(spec: DataSpec) -> ReadOptions:
    """Return how the section says files are read.

    `missing_values` stay out: columns have their own, so they are applied column by column.
    """
    return ReadOptions(
        sheet=spec.sheet,
        separator=spec.separator,
        header=spec.header,
        encoding=spec.encoding,
        decimal=spec.decimal,
        thousands=spec.thousands,
    )


def prediction_options(
    spec: DataSpec, planned: Sequence[PlannedColumn], table: Table
) -> ReadOptions:
    """Keep categories and texts that were text while training text in every later block."""
    texts = {
        plan.name
        for plan in planned
        if plan.settings.type in ("category", "text", "image")
        and pa.types.is_string(table.column(plan.name).type)
    }
    return replace(read_options(spec), text_columns=frozenset(texts), is_other_file=True)


def check_tensor_names(preprocessing: Preprocessing) -> None:
    """Raise DataError for a column called like a tensor that columns share."""
    for column in preprocessing.input_columns:
        name = column.settings.name
        if name in preprocessing.shared_tensors and own_tensor(column) is not None:
            raise DataError(
                f"column {name!r} would arrive under the name that numbers and one-hot categories "
                "share",
                hint="rename the column in the file",
            )
