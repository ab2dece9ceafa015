"""Keras activation functions as ONNX operators, and the layers that hold one."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import activations, layers

from dlcli.bundle.onnx_layers.graph import Graph, NotInTableError, Tensor

Activation = Callable[[Graph, str], str]


def write_activation(graph: Graph, name: str, function: Any) -> str:
    """Apply the Keras activation `function` (None is linear) to the value called `name`."""
    if function is None or function is activations.linear:
        return name
    write = ACTIVATIONS.get(function)
    if write is None:
        label = getattr(function, "__name__", type(function).__name__)
        raise NotInTableError(f"the activation {label!r} has no ONNX form here")
    return write(graph, name)


def _plain(kind: str, **attributes: Any) -> Activation:
    def write(graph: Graph, name: str) -> str:
        return graph.op(kind, name, **attributes)

    return write


def _clip(low: float, high: float) -> Activation:
    def write(graph: Graph, name: str) -> str:
        return graph.op("Clip", name, graph.number(low), graph.number(high))

    return write


def _gelu(graph: Graph, name: str) -> str:
    bell = graph.op("Erf", graph.op("Mul", name, graph.number(math.sqrt(0.5))))
    half = graph.op("Mul", name, graph.number(0.5))
    return graph.op("Mul", half, graph.op("Add", bell, graph.number(1.0)))


def _silu(graph: Graph, name: str) -> str:
    return graph.op("Mul", name, graph.op("Sigmoid", name))


def _mish(graph: Graph, name: str) -> str:
    return graph.op("Mul", name, graph.op("Tanh", graph.op("Softplus", name)))


def _log_sigmoid(graph: Graph, name: str) -> str:
    return graph.op("Neg", graph.op("Softplus", graph.op("Neg", name)))


def _tanh_shrink(graph: Graph, name: str) -> str:
    return graph.op("Sub", name, graph.op("Tanh", name))


def _squareplus(graph: Graph, name: str) -> str:
    root = graph.op("Sqrt", graph.op("Add", graph.op("Mul", name, name), graph.number(4.0)))
    return graph.op("Mul", graph.op("Add", name, root), graph.number(0.5))


def _sparse_sigmoid(graph: Graph, name: str) -> str:
    return graph.op("HardSigmoid", name, alpha=0.5, beta=0.5)


def _sparse_plus(graph: Graph, name: str) -> str:
    # 0 up to -1, (x + 1)^2 / 4 up to 1, x beyond: the square of the clipped part, plus the rest.
    inner = _clip(-1.0, 1.0)(graph, name)
    shifted = graph.op("Add", inner, graph.number(1.0))
    square = graph.op("Mul", graph.op("Mul", shifted, shifted), graph.number(0.25))
    return graph.op("Add", square, graph.op("Relu", graph.op("Sub", name, graph.number(1.0))))


# Without glu, for which Keras itself states a wrong output shape, threshold and sparsemax.
ACTIVATIONS: dict[Any, Activation] = {
    activations.celu: _plain("Celu", alpha=1.0),
    activations.elu: _plain("Elu", alpha=1.0),
    activations.exponential: _plain("Exp"),
    activations.gelu: _gelu,
    activations.hard_shrink: _plain("Shrink", lambd=0.5),
    activations.hard_sigmoid: _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    activations.hard_silu: _plain("HardSwish"),
    activations.hard_tanh: _clip(-1.0, 1.0),
    activations.leaky_relu: _plain("LeakyRelu", alpha=0.2),
    activations.log_sigmoid: _log_sigmoid,
    activations.log_softmax: _plain("LogSoftmax", axis=-1),
    activations.mish: _mish,
    activations.relu: _plain("Relu"),
    activations.relu6: _clip(0.0, 6.0),
    activations.selu: _plain("Selu"),
    activations.sigmoid: _plain("Sigmoid"),
    activations.silu: _silu,
    activations.soft_shrink: _plain("Shrink", lambd=0.5, bias=0.5),
    activations.softmax: _plain("Softmax", axis=-1),
    activations.softplus: _plain("Softplus"),
    activations.softsign: _plain("Softsign"),
    activations.sparse_plus: _sparse_plus,
    activations.sparse_sigmoid: _sparse_sigmoid,
    activations.squareplus: _squareplus,
    activations.tanh: _plain("Tanh"),
    activations.tanh_shrink: _tanh_shrink,
}


def activation(graph: Graph, layer: layers.Activation, inputs: list[Tensor]) -> list[str]:
    return [write_activation(graph, inputs[0].name, layer.activation)]


def elu(graph: Graph, layer: layers.ELU, inputs: list[Tensor]) -> list[str]:
    return [graph.op("Elu", inputs[0].name, alpha=float(layer.alpha))]


def leaky_relu(graph: Graph, layer: layers.LeakyReLU, inputs: list[Tensor]) -> list[str]:
    return [graph.op("LeakyRelu", inputs[0].name, alpha=float(layer.negative_slope))]


def prelu(graph: Graph, layer: layers.PReLU, inputs: list[Tensor]) -> list[str]:
    name = inputs[0].name
    negative = graph.op("Relu", graph.op("Neg", name))
    scaled = graph.op("Mul", graph.constant(layer.alpha, "alpha"), negative)
    return [graph.op("Sub", graph.op("Relu", name), scaled)]


def relu(graph: Graph, layer: layers.ReLU, inputs: list[Tensor]) -> list[str]:
    if layer.negative_slope or layer.threshold:
        raise NotInTableError("ReLU with a negative slope or a threshold")
    name = inputs[0].name
    if layer.max_value is None:
        return [graph.op("Relu", name)]
    return [_clip(0.0, float(layer.max_value))(graph, name)]


def softmax(graph: Graph, layer: layers.Softmax, inputs: list[Tensor]) -> list[str]:
    if not isinstance(layer.axis, int):
        raise NotInTableError("Softmax over several axes")
    return [graph.op("Softmax", inputs[0].name, axis=layer.axis)]


ACTIVATION_LAYERS: dict[type[keras.Layer], Any] = {
    layers.Activation: activation,
    layers.ELU: elu,
    layers.LeakyReLU: leaky_relu,
    layers.PReLU: prelu,
    layers.ReLU: relu,
    layers.Softmax: softmax,
}
