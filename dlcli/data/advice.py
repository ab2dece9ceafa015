"""Warnings about a dataset: things that are allowed and seldom meant."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.image import ImageInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.policies import Cells
from dlcli.data.columns.settings import yaml_text
from dlcli.data.image_folder import other_files
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.roles import Roles
from dlcli.spec.data import ColumnSpec
from dlcli.spec.problems import join_names

_DEFAULTS = ColumnSpec()
_INPUT_SETTINGS = ("encode", "unseen", "scale", "parts", "vocabulary", "length", "lower")
"""Settings of a column that say how the network sees it."""

FEWEST_JUDGING_ROWS = 10
"""A score on fewer rows says little."""
FEWEST_NUMBERED_ROWS = 10
"""Fewer numbers in a row can be 1, 2, 3, … by chance."""


def dataset_warnings(
    preprocessing: Preprocessing,
    *,
    constant: Sequence[str],
    numbered: Sequence[str],
    sizes: Mapping[str, int],
    roles: Roles,
    columns: Mapping[str, ColumnSpec],
) -> tuple[str, ...]:
    """Return one sentence per thing worth a second look.

    `constant` are inputs that are the same in every training row, `numbered` ones that only number
    the rows.
    """
    unit = "row" if preprocessing.window is None else "window"
    return (
        *(
            f"input {name!r} only numbers the rows: leave it out with `drop: {yaml_text([name])}`"
            for name in numbered
        ),
        *_constant_warnings(constant),
        *_class_warnings(preprocessing),
        *(_idle_warning(name) for name in roles.idle),
        *_unused_setting_warnings(roles, columns),
        *(
            f"the {part} part has only {sizes[part]} {unit}{'' if sizes[part] == 1 else 's'}: its "
            "score says little"
            for part in ("test", "validation")
            if 0 < sizes.get(part, 0) < FEWEST_JUDGING_ROWS
        ),
    )


def folder_warnings(paths: Sequence[Path]) -> Iterator[str]:
    """Tell which files of a folder are no images, and so left out."""
    for path in paths:
        others = other_files(path) if path.is_dir() else []
        if others:
            more = f" and {len(others) - 1:,} more" if len(others) > 1 else ""
            yield (
                f"{path.name}: left out as no PNG, JPEG, BMP, GIF or WebP image: "
                f"{others[0].relative_to(path)}{more}"
            )


def numbered_inputs(preprocessing: Preprocessing, cells: Cells) -> list[str]:
    """Return the inputs that only number the rows."""
    return [
        column.settings.name
        for column in preprocessing.input_columns
        if isinstance(column, NumberInput)
        and _numbers_rows(cells.columns[column.settings.name].values)
    ]


def constant_inputs(
    preprocessing: Preprocessing, cells: Cells, train_rows: NDArray[np.int64]
) -> list[str]:
    """Return the inputs that are the same in every training row."""
    if preprocessing.features_shape is not None:
        return []  # The edge of an image is often empty, and has to stay there.
    return [
        column.settings.name
        for column in preprocessing.input_columns
        if _is_constant(column, cells, train_rows)
    ]


def _numbers_rows(values: NDArray[np.float64]) -> bool:
    if len(values) < FEWEST_NUMBERED_ROWS or values[0] not in (0.0, 1.0):
        return False
    return bool(np.array_equal(values, np.arange(len(values)) + values[0]))


def _constant_warnings(names: Sequence[str]) -> Iterator[str]:
    if len(names) == 1:
        yield (
            f"input {names[0]!r} is the same in every training row: it tells the network nothing"
        )
    elif names:
        yield (
            f"inputs {join_names(map(repr, names), most=5)} are the same in every training row: "
            "they tell the network nothing"
        )


def _is_constant(column: InputColumn, cells: Cells, train_rows: NDArray[np.int64]) -> bool:
    if isinstance(column, ImageInput):
        return False  # All images alike would be a strange folder, and looking takes long.
    if len(train_rows) == 1:
        return False
    read = cells.columns[column.settings.name].take(train_rows)
    if read.missing.any():
        return bool(read.missing.all())
    return bool((read.values == read.values[0]).all())


def _class_warnings(preprocessing: Preprocessing) -> Iterator[str]:
    for target in preprocessing.targets:
        pairs = zip(target.classes or (), target.class_counts or (), strict=True)
        absent = [name for name, count in pairs if count == 0]
        if absent:
            yield f"no training row has the {target.name!r} class {', '.join(absent)}"
    for column in preprocessing.input_columns:
        is_wide = isinstance(column, CategoryInput) and len(column.categories) > 100
        if is_wide and column.settings.encode == "onehot":
            yield (
                f"input {column.settings.name!r} becomes {len(column.feature_names)} features: "
                "`encode: ordinal` with an Embedding may do better"
            )


def _unused_setting_warnings(roles: Roles, columns: Mapping[str, ColumnSpec]) -> Iterator[str]:
    uses = {
        **dict.fromkeys(roles.filters, "it is no input"),
        **dict.fromkeys(roles.split, "it is no input, and only decides on the split"),
    }
    for name, why in uses.items():
        own = columns.get(name, _DEFAULTS)
        unused = [key for key in _INPUT_SETTINGS if getattr(own, key) != getattr(_DEFAULTS, key)]
        if unused:
            verb = "does" if len(unused) == 1 else "do"
            yield f"{' and '.join(unused)} of column {name!r} {verb} nothing: {why}"


def _idle_warning(name: str) -> str:
    return (
        f"the settings of column {name!r} do nothing: it is neither an input nor a target, and "
        "they drop no rows"
    )
