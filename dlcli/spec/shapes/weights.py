"""How many weights a layer makes, by a table and without Keras."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from dlcli.spec.components import ComponentSpec
from dlcli.spec.problems import KeyPath
from dlcli.spec.shapes.shape import Arguments, Shape
from dlcli.spec.shapes.windows import channels_of

Count = Callable[[Arguments, Shape], int]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a network holds at least; layers that are not in the table count as nothing."""

    weights: dict[KeyPath, int] = field(default_factory=dict)
    """By the place of their layer."""
    outputs: dict[KeyPath, int] = field(default_factory=dict)
    """Numbers of one row that a layer with weights gives, which training keeps for the way back."""

    def add(self, path: KeyPath, *, weights: int, output: Shape) -> None:
        """Count one use of a layer."""
        if weights:
            self.weights[path] = self.weights.get(path, 0) + weights
            self.outputs[path] = self.outputs.get(path, 0) + _known(output)


def count_weights(component: ComponentSpec, taken: tuple[Shape, ...]) -> int:
    """Return the weights of a layer on these shapes, 0 where the table does not know."""
    count = _COUNTS.get(component.name)
    if count is None or not taken:
        return 0
    return count(Arguments(component=component, infer=lambda *_: None), taken[0])


def _known(shape: Shape) -> int:
    """Return the product of the sizes that are known, rows left out."""
    return math.prod(size for size in shape[1:] if size is not None)


def _dense(arguments: Arguments, shape: Shape) -> int:
    return (shape[-1] or 1) * int(arguments["units"])


def _embedding(arguments: Arguments, shape: Shape) -> int:
    return int(arguments["input_dim"]) * int(arguments["output_dim"])


def _convolution(rank: int) -> Count:
    def count(arguments: Arguments, shape: Shape) -> int:
        channels = (channels_of(arguments, shape) or 1) // (arguments["groups"] or 1)
        kernel = math.prod(arguments.sizes("kernel_size", rank))
        return kernel * channels * int(arguments["filters"])

    return count


def _recurrent(gates: int) -> Count:
    def count(arguments: Arguments, shape: Shape) -> int:
        units = int(arguments["units"])
        return gates * units * ((shape[-1] or 1) + units)

    return count


def _bidirectional(arguments: Arguments, shape: Shape) -> int:
    return 2 * count_weights(arguments["layer"], (shape,))


def _time_distributed(arguments: Arguments, shape: Shape) -> int:
    return count_weights(arguments["layer"], ((shape[0], *shape[2:]),))


_COUNTS: dict[str, Count] = {
    "Dense": _dense,
    "Embedding": _embedding,
    "ReversibleEmbedding": _embedding,
    "SimpleRNN": _recurrent(1),
    "GRU": _recurrent(3),
    "LSTM": _recurrent(4),
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
    **{f"Conv{rank}D": _convolution(rank) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": _convolution(rank) for rank in (1, 2, 3)},
}
