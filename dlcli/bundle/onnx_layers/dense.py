"""Dense, embedding, normalizing and merging layers as ONNX operators."""

from typing import Any

import keras
import numpy as np
from keras import layers

from dlcli.bundle.onnx_layers.activations import write_activation
from dlcli.bundle.onnx_layers.graph import Graph, NotInTableError, Tensor


def identity(graph: Graph, layer: keras.Layer, inputs: list[Tensor]) -> list[str]:
    return [inputs[0].name]


def dense(graph: Graph, layer: layers.Dense, inputs: list[Tensor]) -> list[str]:
    kernel = graph.constant(layer.kernel, "kernel")
    if inputs[0].rank == 2 and layer.use_bias:
        name = graph.op("Gemm", inputs[0].name, kernel, graph.constant(layer.bias, "bias"))
    else:
        name = graph.op("MatMul", inputs[0].name, kernel)
        if layer.use_bias:
            name = graph.op("Add", name, graph.constant(layer.bias, "bias"))
    return [write_activation(graph, name, layer.activation)]


def einsum_dense(graph: Graph, layer: layers.EinsumDense, inputs: list[Tensor]) -> list[str]:
    kernel = graph.constant(layer.kernel, "kernel")
    name = graph.op("Einsum", inputs[0].name, kernel, equation=layer.equation)
    if layer.bias is not None:
        name = graph.op("Add", name, graph.constant(layer.bias, "bias"))
    return [write_activation(graph, name, layer.activation)]


def embedding(graph: Graph, layer: layers.Embedding, inputs: list[Tensor]) -> list[str]:
    table = graph.constant(layer.embeddings, "embeddings")
    return [graph.op("Gather", table, codes(graph, inputs[0]).name, axis=0)]


def codes(graph: Graph, tensor: Tensor) -> Tensor:
    """Return whole numbers to look up in an embedding, as Keras casts them."""
    return tensor if tensor.dtype in {"int32", "int64"} else graph.cast(tensor, "int32")


def batch_normalization(
    graph: Graph, layer: layers.BatchNormalization, inputs: list[Tensor]
) -> list[str]:
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    scale = 1.0 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * _array(layer.gamma)
    offset = -mean * scale
    if layer.center:
        offset = offset + _array(layer.beta)
    shape = [1] * inputs[0].rank
    shape[layer.axis] = -1
    scale_name = graph.constant(scale.reshape(shape).astype(np.float32), "scale")
    offset_name = graph.constant(offset.reshape(shape).astype(np.float32), "offset")
    return [graph.op("Add", graph.op("Mul", inputs[0].name, scale_name), offset_name)]


def layer_normalization(
    graph: Graph, layer: layers.LayerNormalization, inputs: list[Tensor]
) -> list[str]:
    tensor, axes = inputs[0], _axes(layer.axis, inputs[0].rank)
    if getattr(layer, "rms_scaling", False):
        raise NotInTableError("LayerNormalization with rms_scaling")
    mean = graph.op("ReduceMean", tensor.name, graph.integers(*axes))
    centered = graph.op("Sub", tensor.name, mean)
    name = _divided_by_rms(graph, centered, centered, axes, layer.epsilon)
    shape = [tensor.shape[axis] if axis in axes else 1 for axis in range(tensor.rank)]
    if layer.scale:
        gamma = graph.constant(_array(layer.gamma, np.float32).reshape(shape), "gamma")
        name = graph.op("Mul", name, gamma)
    if layer.center:
        beta = graph.constant(_array(layer.beta, np.float32).reshape(shape), "beta")
        name = graph.op("Add", name, beta)
    return [name]


def rms_normalization(
    graph: Graph, layer: layers.RMSNormalization, inputs: list[Tensor]
) -> list[str]:
    axes = _axes(layer.axis, inputs[0].rank)
    name = _divided_by_rms(graph, inputs[0].name, inputs[0].name, axes, layer.epsilon)
    return [graph.op("Mul", name, graph.constant(layer.scale, "scale"))]


def unit_normalization(
    graph: Graph, layer: layers.UnitNormalization, inputs: list[Tensor]
) -> list[str]:
    return [unit_length(graph, inputs[0].name, _axes(layer.axis, inputs[0].rank))]


def unit_length(graph: Graph, name: str, axes: list[int]) -> str:
    """Divide by the Euclidean length along `axes`, with Keras's guard against zero."""
    squares = graph.op("ReduceSumSquare", name, graph.integers(*axes))
    guarded = graph.op("Max", squares, graph.number(1e-24))
    return graph.op("Div", name, graph.op("Sqrt", guarded))


def normalization(graph: Graph, layer: layers.Normalization, inputs: list[Tensor]) -> list[str]:
    name = graph.cast(inputs[0], "float32").name
    spread = np.maximum(np.sqrt(_array(layer.variance, np.float32)), keras.config.epsilon())
    mean_name = graph.constant(_array(layer.mean, np.float32), "mean")
    spread_name = graph.constant(spread.astype(np.float32), "spread")
    if layer.invert:
        return [graph.op("Add", graph.op("Mul", name, spread_name), mean_name)]
    return [graph.op("Div", graph.op("Sub", name, mean_name), spread_name)]


def rescaling(graph: Graph, layer: layers.Rescaling, inputs: list[Tensor]) -> list[str]:
    scale = graph.constant(np.asarray(layer.scale, np.float32), "scale")
    offset = graph.constant(np.asarray(layer.offset, np.float32), "offset")
    return [graph.op("Add", graph.op("Mul", inputs[0].name, scale), offset)]


def concatenate(graph: Graph, layer: layers.Concatenate, inputs: list[Tensor]) -> list[str]:
    return [graph.op("Concat", *(tensor.name for tensor in inputs), axis=layer.axis)]


def merge(kind: str) -> Any:
    """Return what writes a layer that merges any number of equal-rank tensors with `kind`."""

    def write(graph: Graph, layer: keras.Layer, inputs: list[Tensor]) -> list[str]:
        if len({tensor.rank for tensor in inputs}) > 1:
            raise NotInTableError(f"{type(layer).__name__} of tensors of different ranks")
        name = inputs[0].name
        if kind in {"Sum", "Mean", "Max", "Min"}:
            return [graph.op(kind, *(tensor.name for tensor in inputs))]
        for tensor in inputs[1:]:
            name = graph.op(kind, name, tensor.name)
        return [name]

    return write


def dot(graph: Graph, layer: layers.Dot, inputs: list[Tensor]) -> list[str]:
    one, two = inputs
    axes = (layer.axes, layer.axes) if isinstance(layer.axes, int) else tuple(layer.axes)
    axis_one, axis_two = axes[0] % one.rank, axes[1] % two.rank
    names = [tensor.name for tensor in inputs]
    if layer.normalize:
        names = [
            unit_length(graph, name, [axis])
            for name, axis in zip(names, (axis_one, axis_two), strict=True)
        ]
    left = ["a", *"bcdefg"[: one.rank - 1]]
    right = ["a", *"hijklm"[: two.rank - 1]]
    left[axis_one] = right[axis_two] = "z"
    kept = "a" + "".join(letter for letter in left[1:] + right[1:] if letter != "z")
    name = graph.op("Einsum", *names, equation=f"{''.join(left)},{''.join(right)}->{kept}")
    return [graph.op("Unsqueeze", name, graph.integers(1)) if kept == "a" else name]


def _divided_by_rms(graph: Graph, name: str, measured: str, axes: list[int], epsilon: float) -> str:
    square = graph.op("Mul", measured, measured)
    mean = graph.op("ReduceMean", square, graph.integers(*axes))
    spread = graph.op("Sqrt", graph.op("Add", mean, graph.number(epsilon)))
    return graph.op("Div", name, spread)


def _axes(axis: Any, rank: int) -> list[int]:
    listed = [axis] if isinstance(axis, int) else list(axis)
    return sorted(each % rank for each in listed)


def _array(value: Any, dtype: Any = np.float64) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = np.asarray(keras.ops.convert_to_numpy(value), dtype)
    return array


DENSE_LAYERS: dict[type[keras.Layer], Any] = {
    layers.Dense: dense,
    layers.EinsumDense: einsum_dense,
    layers.Embedding: embedding,
    layers.BatchNormalization: batch_normalization,
    layers.LayerNormalization: layer_normalization,
    layers.RMSNormalization: rms_normalization,
    layers.UnitNormalization: unit_normalization,
    layers.Normalization: normalization,
    layers.Rescaling: rescaling,
    layers.Concatenate: concatenate,
    layers.Add: merge("Sum"),
    layers.Average: merge("Mean"),
    layers.Maximum: merge("Max"),
    layers.Minimum: merge("Min"),
    layers.Multiply: merge("Mul"),
    layers.Subtract: merge("Sub"),
    layers.Dot: dot,
}

# At prediction these give back what they take; a test runs each of them.
UNCHANGING_LAYERS: dict[type[keras.Layer], Any] = dict.fromkeys(
    [
        layers.ActivityRegularization,
        layers.AlphaDropout,
        layers.Dropout,
        layers.GaussianDropout,
        layers.GaussianNoise,
        layers.Identity,
        layers.AugMix,
        layers.RandAugment,
        layers.RandomBrightness,
        layers.RandomColorDegeneration,
        layers.RandomColorJitter,
        layers.RandomContrast,
        layers.RandomElasticTransform,
        layers.RandomErasing,
        layers.RandomFlip,
        layers.RandomGaussianBlur,
        layers.RandomGrayscale,
        layers.RandomHue,
        layers.RandomInvert,
        layers.RandomPerspective,
        layers.RandomPosterization,
        layers.RandomRotation,
        layers.RandomSaturation,
        layers.RandomSharpness,
        layers.RandomShear,
        layers.RandomTranslation,
        layers.RandomZoom,
        layers.SpatialDropout1D,
        layers.SpatialDropout2D,
        layers.SpatialDropout3D,
    ],
    identity,
)
