"""What an exported network takes of a row, column by column, and what it gives for each target."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlcli.data.cells import to_text
from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.date import DateInput
from dlcli.data.columns.image import ImageInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.policies import Cells
from dlcli.data.preprocessing import Preprocessing
from dlcli.errors import RunError
from dlcli.predictions import TargetPrediction

Kind = Literal["number", "text", "moment", "pixels"]
Arrays = dict[str, NDArray[Any]]

NO_MOMENT = int(np.iinfo(np.int64).min)
"""A missing date: what NumPy's NaT is as a whole number."""

MEANS: dict[Kind, str] = {
    "number": "a number, NaN where it is missing",
    "text": "text, empty where it is missing",
    "moment": "microseconds since 1970 (UTC), -2^63 where it is missing",
    "pixels": "the values of an image",
}

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class NotInFormatError(Exception):
    """What a format cannot express: `what` of a column or layer, and what to do instead."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.what = what
        self.instead = instead


@dataclass(frozen=True, kw_only=True)
class RawColumn:
    """One input of an exported network; its array is [rows, *shape]."""

    name: str
    kind: Kind
    shape: tuple[int, ...] = ()
    dtype: str = ""
    """Of pixels: uint8 or float32."""
    values: tuple[str, ...] = ()
    """The categories that a column may hold."""

    @property
    def meaning(self) -> str:
        """Say in words what stands in it."""
        if self.kind == "pixels":
            return f"the values of an image, {self.dtype} {list(self.shape)}"
        if not self.values:
            return MEANS[self.kind]
        shown = ", ".join(self.values[:6]) + (", ..." if len(self.values) > 6 else "")
        return f"{MEANS[self.kind]}: {shown}"


def raw_columns(preprocessing: Preprocessing) -> tuple[RawColumn, ...]:
    """Return what a row holds; raises NotInFormatError for networks that read several rows."""
    if preprocessing.window is not None:
        raise NotInFormatError(
            "the run reads sequences, which are made of several rows",
            "--format keras writes the network alone, which takes windows",
        )
    return tuple(_raw_column(column) for column in preprocessing.input_columns)


def numbers_of(categories: tuple[str, ...]) -> tuple[float, ...] | None:
    """Return the categories as numbers where each of them is one, and another one."""
    try:
        numbers = tuple(float(category) for category in categories)
    except ValueError:
        return None
    is_plain = all(np.isfinite(numbers)) and not any("_" in category for category in categories)
    return numbers if is_plain and len(set(numbers)) == len(numbers) else None


def raw_arrays(
    preprocessing: Preprocessing, cells: Cells, rows: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Return the cells of some rows as they go into an exported network, by column."""
    raw: Arrays = {}
    for spec in raw_columns(preprocessing):
        read = cells.columns[spec.name].take(rows)
        if spec.kind == "number" and not read.names:
            raw[spec.name] = np.where(read.valid, read.values, np.nan).astype(np.float64)
        elif spec.kind == "number":
            numbers = np.array([_number(name) for name in read.names] + [np.nan])
            raw[spec.name] = numbers[np.where(read.missing, -1, read.values)]
        elif spec.kind == "moment":
            raw[spec.name] = np.where(read.valid, read.values, NO_MOMENT).astype(np.int64)
        elif spec.kind == "pixels":
            raw[spec.name] = read.values
        else:
            texts = to_text(cells.table.column(spec.name).take(rows)).to_pylist()
            raw[spec.name] = np.array(["" if text is None else text for text in texts], object)
    return raw


def value_name(target: str) -> str:
    """Return the name of the output with a target's numbers or the names of its classes."""
    return f"predicted_{target}"


def probability_name(target: str) -> str:
    """Return the name of the output with a target's probabilities [rows, classes]."""
    return f"probability_{target}"


def output_arrays(predictions: Mapping[str, TargetPrediction]) -> Arrays:
    """Return a run's own predictions as an exported network gives them, by output."""
    arrays: Arrays = {}
    for name, prediction in predictions.items():
        if prediction.values is not None:
            arrays[value_name(name)] = prediction.values
            continue
        assert prediction.probabilities is not None
        classes = np.array(prediction.classes, dtype=object)
        arrays[value_name(name)] = classes[prediction.codes]
        arrays[probability_name(name)] = prediction.probabilities
    return arrays


def check_names(columns: tuple[RawColumn, ...], preprocessing: Preprocessing) -> None:
    """Raise RunError where a column is called like an output."""
    for info in preprocessing.targets:
        for name in (value_name(info.name), probability_name(info.name)):
            if any(column.name == name for column in columns):
                raise RunError(
                    f"the column {name!r} is called like what the exported network gives for "
                    f"{info.name!r}",
                    hint="rename the column and train again",
                )


def plain_name(name: str) -> str:
    """Return a name of letters, digits and underscores; a short hash keeps changed ones apart."""
    if _PLAIN.fullmatch(name):
        return name
    readable = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    if not readable[:1].isalpha():
        readable = f"column_{readable}".rstrip("_")
    return f"{readable}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _raw_column(column: InputColumn) -> RawColumn:
    name = column.settings.name
    if isinstance(column, NumberInput):
        return RawColumn(name=name, kind="number")
    if isinstance(column, CategoryInput):
        kind: Kind = "text" if numbers_of(column.categories) is None else "number"
        return RawColumn(name=name, kind=kind, values=column.categories)
    if isinstance(column, BooleanInput):
        return RawColumn(name=name, kind="text", values=("true", "false"))
    if isinstance(column, DateInput):
        return RawColumn(name=name, kind="moment")
    if isinstance(column, ImageInput):
        return RawColumn(name=name, kind="pixels", shape=column.shape, dtype=column.dtype)
    return RawColumn(name=name, kind="text")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
