"""The table of input columns: type to the class that fits, encodes and stores it."""

from typing import Any, Protocol

from numpy.typing import NDArray

from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.date import DateInput
from dlcli.data.columns.image import ImageInput
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.reading import ReadColumn
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.columns.tensor import InputSpec
from dlcli.data.columns.text import TextInput
from dlcli.spec.data import ColumnType


class InputColumn(Protocol):
    """A column fitted on training rows."""

    @property
    def settings(self) -> ColumnSettings: ...

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns of `features` that it fills; none when it has a tensor of its own."""
        ...

    def encode(self, read: ReadColumn) -> NDArray[Any]:
        """Return float32 [rows, len(feature_names)], or its own tensor."""
        ...

    def to_json(self) -> dict[str, Any]: ...


KINDS: dict[ColumnType, Any] = {
    "number": NumberInput,
    "category": CategoryInput,
    "boolean": BooleanInput,
    "date": DateInput,
    "text": TextInput,
    "image": ImageInput,
}


def fit_input(settings: ColumnSettings, read: ReadColumn) -> InputColumn:
    """Fit the column on `read`, which holds the training rows alone."""
    column: InputColumn = KINDS[settings.type].fit(settings, read)
    return column


def input_from_json(state: dict[str, Any]) -> InputColumn:
    """Read what an input column's `to_json` wrote."""
    column: InputColumn = KINDS[state["settings"]["type"]].from_json(state)
    return column


def own_tensor(column: InputColumn) -> InputSpec | None:
    """Return the tensor that the column arrives in under its own name, if it has one."""
    return column.tensor if isinstance(column, CategoryInput | TextInput | ImageInput) else None
