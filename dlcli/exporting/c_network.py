"""The run's ONNX network as C99 statements for one row; vectors of float on the stack, no loops over rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from dlcli.exporting.c_numbers import single, table
from dlcli.exporting.columns import NotInFormatError

MOST_WEIGHTS = 200_000
"""A file of some 3 MB, which compilers take seconds for."""
MOST_VALUES = 16_384
"""Of all layers together: 64 KiB of stack."""

INSTEAD = "--format onnx holds every network"

UNARY = {
    "Abs": "fabsf(x)",
    "Celu": "x > 0.0f ? x : {alpha} * (expf(x / {alpha}) - 1.0f)",
    "Elu": "x > 0.0f ? x : {alpha} * (expf(x) - 1.0f)",
    "Erf": "erff(x)",
    "Exp": "expf(x)",
    "HardSigmoid": "fmaxf(0.0f, fminf(1.0f, {alpha} * x + {beta}))",
    "HardSwish": "x * fmaxf(0.0f, fminf(1.0f, x / 6.0f + 0.5f))",
    "LeakyRelu": "x >= 0.0f ? x : {alpha} * x",
    "Log": "logf(x)",
    "Neg": "-x",
    "Reciprocal": "1.0f / x",
    "Relu": "x > 0.0f ? x : 0.0f",
    "Selu": "1.05070102f * (x > 0.0f ? x : 1.67326319f * (expf(x) - 1.0f))",
    "Shrink": "x < -{lambd} ? x + {bias} : (x > {lambd} ? x - {bias} : 0.0f)",
    "Sigmoid": "1.0f / (1.0f + expf(-x))",
    "Softplus": "x > 0.0f ? x + log1pf(expf(-x)) : log1pf(expf(x))",
    "Softsign": "x / (1.0f + fabsf(x))",
    "Sqrt": "sqrtf(x)",
    "Tanh": "tanhf(x)",
}
"""Operators of one value; names in braces are attributes."""

DEFAULTS = {
    "Celu": {"alpha": 1.0},
    "Elu": {"alpha": 1.0},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "LeakyRelu": {"alpha": 0.01},
    "Shrink": {"lambd": 0.5, "bias": 0.0},
}

BINARY = {
    "Add": "{0} + {1}",
    "Div": "{0} / {1}",
    "Max": "fmaxf({0}, {1})",
    "Min": "fminf({0}, {1})",
    "Mul": "{0} * {1}",
    "Sub": "{0} - {1}",
    "Sum": "{0} + {1}",
}

REDUCTIONS = {
    "ReduceMax": ("-INFINITY", "fmaxf(sum, x)", "sum"),
    "ReduceMean": ("0.0f", "sum + x", "sum / {size}.0f"),
    "ReduceSum": ("0.0f", "sum + x", "sum"),
    "ReduceSumSquare": ("0.0f", "sum + x * x", "sum"),
}
"""What a sum begins with, how it goes on, and what becomes of it."""


@dataclass(frozen=True, kw_only=True)
class Vector:
    """The values of a row: a C array of `size` floats, or one int called `name`."""

    name: str
    size: int
    is_code: bool = False


@dataclass(kw_only=True)
class Network:
    """Statements in order, with the tables of weights that they read."""

    prefix: str
    statements: list[str] = field(default_factory=list)
    declarations: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)
    num_weights: int = 0
    num_values: int = 0

    def new(self, size: int) -> Vector:
        """Declare a vector."""
        self.num_values += size
        vector = Vector(name=f"v{len(self.declarations)}", size=size)
        self.declarations.append(f"float {vector.name}[{size}];")
        return vector

    def add(self, *lines: str) -> None:
        self.statements.extend(lines)

    def weights(self, values: NDArray[Any]) -> str:
        """Store weights and return the name of their table."""
        self.num_weights += values.size
        if self.num_weights > MOST_WEIGHTS:
            raise NotInFormatError(
                f"the network has more than {MOST_WEIGHTS:,} weights, the most that a C file here "
                "holds",
                INSTEAD,
            )
        name = f"{self.prefix}_weights_{len(self.tables)}"
        lines = table("float", name, [single(value) for value in values.ravel().tolist()])
        self.tables.append("\n".join(lines))
        return name

    def vector(self, name: str) -> Vector:
        found = self.vectors.get(name)
        if found is None or found.is_code:
            raise NotInFormatError(
                "the network computes with whole numbers in a way C lacks here", INSTEAD
            )
        return found


def write_network(model: onnx.ModelProto, prefix: str) -> Network:
    """Return the statements of a network of rows; raises NotInFormatError for any other.

    Its inputs are the vectors and ints that are called like them in `vectors`, its outputs too.
    """
    network = Network(prefix=prefix)
    for tensor in model.graph.initializer:
        network.constants[tensor.name] = numpy_helper.to_array(tensor)
    for index, taken in enumerate(model.graph.input):
        sizes = [each.dim_value for each in taken.type.tensor_type.shape.dim][1:]
        if len(sizes) > 1 or not all(sizes):
            raise NotInFormatError(
                f"the network takes {taken.name!r} of more than one dimension: C files hold "
                "networks of rows of numbers",
                INSTEAD,
            )
        name = f"input_{index}"
        vector = Vector(name=name, size=prod(sizes), is_code=not sizes)
        network.vectors[taken.name] = vector
    for node in model.graph.node:
        write = WRITERS.get(node.op_type)
        if write is None:
            raise NotInFormatError(
                f"the network has the operator {node.op_type}, which C files lack here: they hold "
                "Dense layers with activations, normalization, merges and embeddings",
                INSTEAD,
            )
        network.vectors[node.output[0]] = write(network, node)
        if network.num_values > MOST_VALUES:
            raise NotInFormatError(
                f"the layers hold more than {MOST_VALUES:,} values, the most that a C file here "
                "puts on the stack",
                INSTEAD,
            )
    return network


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def _same(network: Network, node: onnx.NodeProto) -> Vector:
    return network.vectors[node.input[0]]


def _cast(network: Network, node: onnx.NodeProto) -> Vector:
    taken = network.vectors[node.input[0]]
    is_whole = _attributes(node)["to"] in (onnx.TensorProto.INT32, onnx.TensorProto.INT64)
    if is_whole != taken.is_code:
        raise NotInFormatError("the network turns numbers into whole ones", INSTEAD)
    return taken


def _reshape(network: Network, node: onnx.NodeProto) -> Vector:
    if len(network.constants.get(node.input[1], ())) != 2:
        raise NotInFormatError("the network reshapes its rows", INSTEAD)
    return network.vector(node.input[0])


def _gemm(network: Network, node: onnx.NodeProto) -> Vector:
    attributes = _attributes(node)
    kernel = network.constants[node.input[1]]
    kernel = kernel.T if attributes.get("transB") else kernel
    scale = attributes.get("alpha", 1.0)
    bias = network.constants[node.input[2]] if len(node.input) > 2 else None
    return _product(network, node.input[0], kernel * scale, bias)


def _mat_mul(network: Network, node: onnx.NodeProto) -> Vector:
    kernel = network.constants.get(node.input[1])
    if kernel is None or kernel.ndim != 2:
        raise NotInFormatError("the network multiplies its values with each other", INSTEAD)
    return _product(network, node.input[0], kernel, None)


def _product(
    network: Network, name: str, kernel: NDArray[Any], bias: NDArray[Any] | None
) -> Vector:
    taken, (rows, columns) = network.vector(name), kernel.shape
    weights = network.weights(kernel)
    made = network.new(columns)
    start = "0.0f" if bias is None else f"{network.weights(np.broadcast_to(bias, (columns,)))}[j]"
    network.add(
        f"for (j = 0; j < {columns}; j++)",
        f"    {made.name}[j] = {start};",
        f"for (i = 0; i < {rows}; i++)",
        f"    for (j = 0; j < {columns}; j++)",
        f"        {made.name}[j] += {taken.name}[i] * {weights}[i * {columns} + j];",
    )
    return made


def _unary(network: Network, node: onnx.NodeProto) -> Vector:
    given = {**DEFAULTS.get(node.op_type, {}), **_attributes(node)}
    numbers = {name: single(value) for name, value in given.items() if isinstance(value, float)}
    return _each(network, node.input[0], UNARY[node.op_type].format(**numbers))


def _clip(network: Network, node: onnx.NodeProto) -> Vector:
    low, high = (
        single(float(network.constants[name])) if name else sign + "INFINITY"
        for name, sign in zip((*node.input[1:], "", "")[:2], ("-", ""), strict=True)
    )
    return _each(network, node.input[0], f"fmaxf({low}, fminf({high}, x))")


def _each(network: Network, name: str, expression: str) -> Vector:
    taken = network.vector(name)
    made = network.new(taken.size)
    network.add(
        f"for (i = 0; i < {taken.size}; i++) {{",
        f"    const float x = {taken.name}[i];",
        f"    {made.name}[i] = {expression};",
        "}",
    )
    return made


def _binary(network: Network, node: onnx.NodeProto) -> Vector:
    sizes = [_size(network, name) for name in node.input]
    made = network.new(max(sizes))
    total = _operand(network, node.input[0], made.size)
    for name in node.input[1:]:
        total = BINARY[node.op_type].format(total, _operand(network, name, made.size))
        if node.op_type in ("Sub", "Div", "Mul"):
            total = f"({total})"
    network.add(
        f"for (i = 0; i < {made.size}; i++)",
        f"    {made.name}[i] = {total};",
    )
    return made


def _mean(network: Network, node: onnx.NodeProto) -> Vector:
    size = max(_size(network, name) for name in node.input)
    made = network.new(size)
    total = " + ".join(_operand(network, name, size) for name in node.input)
    network.add(
        f"for (i = 0; i < {size}; i++)",
        f"    {made.name}[i] = ({total}) / {len(node.input)}.0f;",
    )
    return made


def _size(network: Network, name: str) -> int:
    constant = network.constants.get(name)
    return network.vector(name).size if constant is None else constant.size


def _operand(network: Network, name: str, size: int) -> str:
    """Return what stands for a vector or constant in a loop over i, with broadcasting."""
    constant = network.constants.get(name)
    found = _size(network, name)
    if found not in (1, size):
        raise NotInFormatError("the network merges values of different sizes", INSTEAD)
    if constant is None:
        return f"{network.vector(name).name}[{'i' if found > 1 else 0}]"
    if found == 1:
        return single(float(constant.ravel()[0]))
    return f"{network.weights(constant)}[i]"


def _reduction(network: Network, node: onnx.NodeProto) -> Vector:
    taken = network.vector(node.input[0])
    axes = network.constants.get(node.input[1]) if len(node.input) > 1 else None
    if axes is None or axes.tolist() not in ([1], [-1]):
        raise NotInFormatError("the network sums over something else than its units", INSTEAD)
    start, step, end = REDUCTIONS[node.op_type]
    made = network.new(1)
    network.add(
        "{",
        f"    float sum = {start};",
        f"    for (i = 0; i < {taken.size}; i++) {{",
        f"        const float x = {taken.name}[i];",
        f"        sum = {step};",
        "    }",
        f"    {made.name}[0] = {end.format(size=taken.size)};",
        "}",
    )
    return made


def _softmax(network: Network, node: onnx.NodeProto) -> Vector:
    if _attributes(node).get("axis", -1) not in (-1, 1):
        raise NotInFormatError("the network has a Softmax over something else than units", INSTEAD)
    taken = network.vector(node.input[0])
    made = network.new(taken.size)
    if node.op_type == "LogSoftmax":
        ends = [f"    {made.name}[i] = {taken.name}[i] - most - logf(sum);"]
    else:
        ends = [f"    {made.name}[i] = expf({taken.name}[i] - most) / sum;"]
    network.add(
        "{",
        f"    float most = {taken.name}[0], sum = 0.0f;",
        f"    for (i = 1; i < {taken.size}; i++)",
        f"        most = fmaxf(most, {taken.name}[i]);",
        f"    for (i = 0; i < {taken.size}; i++)",
        f"        sum += expf({taken.name}[i] - most);",
        f"    for (i = 0; i < {taken.size}; i++)",
        *(f"    {line}" for line in ends),
        "}",
    )
    return made


def _concat(network: Network, node: onnx.NodeProto) -> Vector:
    if _attributes(node)["axis"] not in (-1, 1):
        raise NotInFormatError("the network joins something else than units", INSTEAD)
    parts = [network.vector(name) for name in node.input]
    made = network.new(sum(part.size for part in parts))
    start = 0
    for part in parts:
        network.add(
            f"for (i = 0; i < {part.size}; i++)",
            f"    {made.name}[{start} + i] = {part.name}[i];",
        )
        start += part.size
    return made


def _gather(network: Network, node: onnx.NodeProto) -> Vector:
    entries = network.constants.get(node.input[0])
    places = network.constants.get(node.input[1])
    axis = _attributes(node).get("axis", 0)
    if entries is not None and entries.ndim == 2 and axis == 0:
        code = network.vectors[node.input[1]]
        if code.is_code:
            made, weights = network.new(entries.shape[1]), network.weights(entries)
            network.add(
                f"for (i = 0; i < {made.size}; i++)",
                f"    {made.name}[i] = {weights}[{code.name} * {made.size} + i];",
            )
            return made
    if places is None or places.ndim != 1 or axis not in (-1, 1):
        raise NotInFormatError("the network looks values up in a way that C lacks here", INSTEAD)
    taken = network.vector(node.input[0])
    made = network.new(len(places))
    network.add(
        *(
            f"{made.name}[{index}] = {taken.name}[{place}];"
            for index, place in enumerate((places % taken.size).tolist())
        )
    )
    return made


WRITERS: dict[str, Callable[[Network, onnx.NodeProto], Vector]] = {
    "Identity": _same,
    "Dropout": _same,
    "Cast": _cast,
    "Reshape": _reshape,
    "Gemm": _gemm,
    "MatMul": _mat_mul,
    "Clip": _clip,
    "Mean": _mean,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Concat": _concat,
    "Gather": _gather,
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
    **dict.fromkeys(REDUCTIONS, _reduction),
}
