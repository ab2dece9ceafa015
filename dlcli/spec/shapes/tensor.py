"""What is known of one tensor of a network before it is built."""

from collections.abc import Mapping
from dataclasses import dataclass

from dlcli.spec.components import ComponentSpec
from dlcli.spec.layers import FEATURES, Columns
from dlcli.spec.shapes.shape import Shape, format_shape


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A data input, or what a layer gives."""

    shape: Shape | None = None
    """None where nothing is known, so that what takes it is not judged."""
    is_codes: bool = False
    """Whether it holds the whole numbers of a category or of words, for an Embedding."""
    codes: int | None = None
    """Codes run from 0 to below this; None where the data has not told yet."""
    is_whole: bool | None = None
    """Whether its numbers are whole; None where the data has not told yet."""
    origin: str = ""
    """Where it comes from, in words: `'features'`, `the LSTM before it`."""
    columns: tuple[str, ...] | None = None
    """Of a tensor that columns share: the column that each number of a row comes from."""
    called: str = ""
    """The name of its layer's class."""
    layer: ComponentSpec | None = None
    members: int | None = None
    """How many networks its second axis holds the numbers of; None where it has no such axis."""

    def __str__(self) -> str:
        assert self.shape is not None
        return f"{format_shape(self.shape)} from {self.origin}"


def holder_of(columns: Columns, inputs: Mapping[str, Tensor]) -> str | None:
    """Return the data input that all of these columns share, None where there is none."""
    wanted = set(columns.names)
    holders = [name for name, each in inputs.items() if wanted <= set(each.columns or ())]
    return holders[0] if holders else None


def positions_of(columns: Columns, shared: tuple[str, ...]) -> list[int]:
    """Return where the numbers of these columns stand in a row, in the order of their names."""
    return [
        position
        for name in columns.names
        for position, column in enumerate(shared)
        if column == name
    ]


def take_columns(columns: Columns, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return what is known of the columns alone."""
    origin = " and ".join(repr(name) for name in columns.names)
    if len(columns.names) > 3:
        origin = f"{len(columns.names)} columns"
    shared = inputs.get(FEATURES) if len(inputs) == 1 else None
    holder = holder_of(columns, inputs)
    if holder is not None:
        shared = inputs[holder]
    if shared is None or shared.shape is None:
        return Tensor(origin=origin)
    width = None if shared.columns is None else len(positions_of(columns, shared.columns))
    return Tensor(shape=(*shared.shape[:-1], width), origin=origin)
