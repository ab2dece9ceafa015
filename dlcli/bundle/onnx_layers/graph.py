"""An ONNX graph under construction: tensors, operators, constants."""

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Opset 18 (IR 8) is read by ONNX Runtime 1.14 and newer, and holds every operator written here.
OPSET = 18
IR_VERSION = 8

# Protobuf cannot hold a message of 2 GiB; the rest of the file needs some room of its own.
MOST_WEIGHT_BYTES = 2**31 - 2**24

TYPES = {
    "float32": TensorProto.FLOAT,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}


class NotInTableError(Exception):
    """A layer, or a way of using one, that the layer table cannot write."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A value in the graph; `mask` names its boolean [rows, steps] mask, where Keras tracks one."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    mask: str | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass(kw_only=True)
class Graph:
    """Nodes in order and the constants they use; names follow the order, so bytes repeat."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)

    def body(self) -> "Graph":
        """Return an empty graph for the inside of a loop, which shares the constants."""
        return Graph(initializers=self.initializers, numbers=self.numbers)

    def new_name(self, label: str) -> str:
        # The slash keeps clear of Keras's names, which cannot hold one.
        return f"/{label}_{next(self.numbers)}"

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator with one output, and return that output's name."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add an operator with several outputs, and return their names."""
        names = [self.new_name(kind) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def constant(self, value: Any, label: str = "const") -> str:
        """Store an array (or a Keras variable) and return its name."""
        array = np.asarray(value)
        name = self.new_name(label)
        self.initializers.append(numpy_helper.from_array(array.copy(order="C"), name))
        return name

    def number(self, value: float) -> str:
        """Store one float32 number that broadcasts against anything."""
        return self.constant(np.float32(value).reshape(()), "number")

    def integers(self, *values: int) -> str:
        """Store a list of int64, as shapes and axes are given."""
        return self.constant(np.array(values, np.int64), "integers")

    def cast(self, tensor: Tensor, dtype: str) -> Tensor:
        if tensor.dtype == dtype:
            return tensor
        if dtype not in TYPES:
            raise NotInTableError(f"values of type {dtype}")
        name = self.op("Cast", tensor.name, to=TYPES[dtype])
        return replace(tensor, name=name, dtype=dtype)

    def reshape(self, name: str, shape: tuple[int | None, ...]) -> str:
        """Reshape to [rows, ...]; at most one size after the rows may be unknown."""
        if sum(size is None for size in shape[1:]) > 1:
            raise NotInTableError("more than one size is not known before the data is seen")
        return self.op(
            "Reshape", name, self.integers(0, *(-1 if s is None else s for s in shape[1:]))
        )

    def reverse(self, name: str, *, axis: int) -> str:
        """Turn one axis around, last element first."""
        lowest = np.iinfo(np.int64).min
        ends = [self.integers(number) for number in (-1, lowest, axis, -1)]
        return self.op("Slice", name, *ends)

    def weight_bytes(self) -> int:
        return sum(len(tensor.raw_data) for tensor in self.initializers)


def value_info(tensor: Tensor) -> onnx.ValueInfoProto:
    """Describe a graph input or output; the unknown first size is called `rows`."""
    if tensor.dtype not in TYPES:
        raise NotInTableError(
            f"{tensor.name!r} is {tensor.dtype}, expected one of {', '.join(TYPES)}"
        )
    shape = [
        size if size is not None else ("rows" if axis == 0 else f"{tensor.name}_size_{axis}")
        for axis, size in enumerate(tensor.shape)
    ]
    return helper.make_tensor_value_info(tensor.name, TYPES[tensor.dtype], shape)
