"""Shapes of tensors, and the arguments of a layer as its shape rule reads them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec

Shape = tuple[int | None, ...]
"""Sizes with the rows first; None is a size that is not known, as the number of rows never is."""

ROWS: Shape = (None,)


class MisfitError(Exception):
    """A layer that does not fit what it takes: what it needs, and what to do about it.

    `rank` is how many axes it needs where that is what is wrong; whoever knows where the tensor
    comes from finds the hint then. `inside` names a wrapped layer or one of a block.
    """

    def __init__(self, needs: str, *, hint: str | None = None, rank: int | None = None) -> None:
        super().__init__(needs)
        self.needs = needs
        self.hint = hint
        self.rank = rank
        self.argument: str | None = None


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """A layer's arguments, with Keras's defaults for those that are not written."""

    component: ComponentSpec
    infer: Callable[[ComponentSpec, tuple[Shape, ...]], Shape | None]
    """The shape that another layer gives, for those that wrap one."""

    def __getitem__(self, name: str) -> Any:
        written: Mapping[str, Any] = self.component.arguments
        if name in written:
            return written[name]
        entry = catalog.find("layer", self.component.name)
        argument = None if entry is None else catalog.argument(entry, name)
        return None if argument is None else argument.default

    def sizes(self, name: str, count: int) -> tuple[int, ...]:
        """Return an argument that is one number for every axis, or a list with one for each."""
        value = self[name]
        sizes = (value,) * count if isinstance(value, int) else tuple(value)
        if len(sizes) != count:
            listed = "one number" if count == 1 else f"one number or {count}"
            raise MisfitError(f"{listed} as {name}, but it lists {len(sizes)}")
        return sizes

    @property
    def channels_first(self) -> bool:
        return bool(self["data_format"] == "channels_first")


def need_rank(shape: Shape, rank: int, needs: str) -> None:
    """Raise MisfitError unless the tensor has `rank` axes, rows included."""
    if len(shape) != rank:
        raise MisfitError(needs, rank=rank)


def product(sizes: Shape) -> int | None:
    """Return the number of entries, None where a size is not known."""
    known = [size for size in sizes if size is not None]
    return math.prod(known) if len(known) == len(sizes) else None


def axis_of(axis: int, shape: Shape) -> int:
    """Return the position of an axis that may count from the end; raises MisfitError."""
    position = axis + len(shape) if axis < 0 else axis
    if not 0 <= position < len(shape):
        raise MisfitError(f"an axis {axis}, with the rows as axis 0", hint="axis: -1 is the last")
    return position


def format_shape(shape: Shape) -> str:
    """Write a shape for a message: `(rows, 200, 64)`; `?` is a size that is not known yet."""
    sizes = ["?" if size is None else str(size) for size in shape[1:]]
    return f"({', '.join(['rows', *sizes])})"


Rule = Callable[[Arguments, tuple[Shape, ...]], Shape | None]
"""What a layer gives for the shapes it takes; None is a shape that is not known."""
