"""Convolution, pooling and reshaping layers as ONNX operators; Keras's channels come last."""

from typing import Any

import keras
import numpy as np
from keras import layers

from dlcli.bundle.onnx_layers.activations import write_activation
from dlcli.bundle.onnx_layers.graph import Graph, NotInTableError, Tensor


def convolution(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    _check_channels_last(layer)
    kernel = _array(layer.kernel)
    weights = np.moveaxis(kernel, (-1, -2), (0, 1))
    name = _convolve(graph, layer, _to_channels_first(graph, inputs[0]), weights, layer.groups)
    return [write_activation(graph, _to_channels_last(graph, name, kernel.ndim), layer.activation)]


def depthwise_convolution(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    _check_channels_last(layer)
    weights, channels = _depthwise_weights(_array(layer.kernel))
    name = _convolve(graph, layer, _to_channels_first(graph, inputs[0]), weights, channels)
    name = _to_channels_last(graph, name, inputs[0].rank)
    return [write_activation(graph, name, layer.activation)]


def separable_convolution(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    _check_channels_last(layer)
    weights, channels = _depthwise_weights(_array(layer.depthwise_kernel))
    name = _to_channels_first(graph, inputs[0])
    name = _convolve(graph, layer, name, weights, channels, with_bias=False)
    points = np.moveaxis(_array(layer.pointwise_kernel), (-1, -2), (0, 1))
    values = [name, graph.constant(points, "kernel")]
    if layer.use_bias:
        values.append(graph.constant(layer.bias, "bias"))
    name = _to_channels_last(graph, graph.op("Conv", *values), inputs[0].rank)
    return [write_activation(graph, name, layer.activation)]


def pooling(kind: str) -> Any:
    """Return what writes a pooling layer as the operator `kind`."""

    def write(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
        _check_channels_last(layer)
        rank = inputs[0].rank
        name = graph.op(
            kind,
            _to_channels_first(graph, inputs[0]),
            kernel_shape=_sizes(layer.pool_size, rank - 2),
            strides=_sizes(layer.strides, rank - 2),
            auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID",
        )
        return [_to_channels_last(graph, name, rank)]

    return write


def global_pooling(kind: str) -> Any:
    """Return what writes a pooling layer over all places as the reduction `kind`."""

    def write(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
        _check_channels_last(layer)
        tensor, keep = inputs[0], int(layer.keepdims)
        axes = graph.integers(*range(1, tensor.rank - 1))
        if tensor.mask is None:
            return [graph.op(kind, tensor.name, axes, keepdims=keep)]
        steps = graph.op("Unsqueeze", tensor.mask, graph.integers(2))
        kept = graph.op("Where", steps, tensor.name, graph.number(0.0))
        total = graph.op("ReduceSum", kept, axes, keepdims=keep)
        ones = graph.op("Where", steps, graph.number(1.0), graph.number(0.0))
        return [graph.op("Div", total, graph.op("ReduceSum", ones, axes, keepdims=keep))]

    return write


def reshape(graph: Graph, layer: keras.Layer, inputs: list[Tensor]) -> list[str]:
    _check_channels_last(layer)
    shape = layer.compute_output_shape(inputs[0].shape)
    return [graph.reshape(inputs[0].name, tuple(shape))]


def permute(graph: Graph, layer: layers.Permute, inputs: list[Tensor]) -> list[str]:
    return [graph.op("Transpose", inputs[0].name, perm=[0, *layer.dims])]


def repeat_vector(graph: Graph, layer: layers.RepeatVector, inputs: list[Tensor]) -> list[str]:
    single = graph.op("Unsqueeze", inputs[0].name, graph.integers(1))
    return [graph.op("Expand", single, graph.integers(1, layer.n, 1))]


def zero_padding(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    _check_channels_last(layer)
    before, after = _ends(layer.padding, inputs[0].rank)
    return [graph.op("Pad", inputs[0].name, graph.integers(0, *before, 0, 0, *after, 0))]


def cropping(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    _check_channels_last(layer)
    before, after = _ends(layer.cropping, inputs[0].rank)
    ends = [-size if size else np.iinfo(np.int64).max for size in after]
    axes = range(1, inputs[0].rank - 1)
    limits = [graph.integers(*values) for values in (before, ends, axes)]
    return [graph.op("Slice", inputs[0].name, *limits)]


def up_sampling(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    _check_channels_last(layer)
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise NotInTableError(f"{type(layer).__name__} with {layer.interpolation} interpolation")
    factors = np.array([1, *_sizes(layer.size, inputs[0].rank - 2), 1], np.float32)
    scales = graph.constant(factors, "scales")
    places: dict[str, Any] = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    return [graph.op("Resize", inputs[0].name, "", scales, **places)]


def _convolve(
    graph: Graph,
    layer: Any,
    name: str,
    weights: np.ndarray[Any, Any],
    groups: int,
    *,
    with_bias: bool = True,
) -> str:
    places = weights.ndim - 2
    values = [name, graph.constant(weights, "kernel")]
    if with_bias and layer.use_bias:
        values.append(graph.constant(layer.bias, "bias"))
    attributes: dict[str, Any] = {
        "group": groups,
        "strides": _sizes(layer.strides, places),
        "dilations": _sizes(layer.dilation_rate, places),
        "kernel_shape": list(weights.shape[2:]),
    }
    reach = [
        (size - 1) * step
        for size, step in zip(weights.shape[2:], attributes["dilations"], strict=True)
    ]
    if layer.padding == "causal":
        attributes["pads"] = [*reach, *(0 for _ in reach)]
    elif layer.padding == "same" and set(attributes["strides"]) == {1}:
        # Spelled out, because with dilation the automatic padding is not the same everywhere.
        attributes["pads"] = [*(r // 2 for r in reach), *(r - r // 2 for r in reach)]
    elif layer.padding == "same":
        attributes["auto_pad"] = "SAME_UPPER"
    return graph.op("Conv", *values, **attributes)


def _depthwise_weights(kernel: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
    channels, multiplier = kernel.shape[-2:]
    weights = np.moveaxis(kernel, (-2, -1), (0, 1))
    return weights.reshape(channels * multiplier, 1, *kernel.shape[:-2]), channels


def _to_channels_first(graph: Graph, tensor: Tensor) -> str:
    return graph.op("Transpose", tensor.name, perm=[0, tensor.rank - 1, *range(1, tensor.rank - 1)])


def _to_channels_last(graph: Graph, name: str, rank: int) -> str:
    return graph.op("Transpose", name, perm=[0, *range(2, rank), 1])


def _check_channels_last(layer: Any) -> None:
    if getattr(layer, "data_format", None) == "channels_first":
        raise NotInTableError(f"{type(layer).__name__} with channels first")


def _sizes(value: Any, places: int) -> list[int]:
    return [value] * places if isinstance(value, int) else [int(size) for size in value]


def _ends(value: Any, rank: int) -> tuple[list[int], list[int]]:
    pairs = [value] if rank == 3 else list(value)
    return [int(pair[0]) for pair in pairs], [int(pair[1]) for pair in pairs]


def _array(value: Any) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = keras.ops.convert_to_numpy(value)
    return array


WINDOW_LAYERS: dict[type[keras.Layer], Any] = {
    layers.Conv1D: convolution,
    layers.Conv2D: convolution,
    layers.Conv3D: convolution,
    layers.DepthwiseConv1D: depthwise_convolution,
    layers.DepthwiseConv2D: depthwise_convolution,
    layers.SeparableConv1D: separable_convolution,
    layers.SeparableConv2D: separable_convolution,
    layers.AveragePooling1D: pooling("AveragePool"),
    layers.AveragePooling2D: pooling("AveragePool"),
    layers.AveragePooling3D: pooling("AveragePool"),
    layers.MaxPooling1D: pooling("MaxPool"),
    layers.MaxPooling2D: pooling("MaxPool"),
    layers.MaxPooling3D: pooling("MaxPool"),
    layers.GlobalAveragePooling1D: global_pooling("ReduceMean"),
    layers.GlobalAveragePooling2D: global_pooling("ReduceMean"),
    layers.GlobalAveragePooling3D: global_pooling("ReduceMean"),
    layers.GlobalMaxPooling1D: global_pooling("ReduceMax"),
    layers.GlobalMaxPooling2D: global_pooling("ReduceMax"),
    layers.GlobalMaxPooling3D: global_pooling("ReduceMax"),
    layers.Flatten: reshape,
    layers.Reshape: reshape,
    layers.Permute: permute,
    layers.RepeatVector: repeat_vector,
    layers.ZeroPadding1D: zero_padding,
    layers.ZeroPadding2D: zero_padding,
    layers.ZeroPadding3D: zero_padding,
    layers.Cropping1D: cropping,
    layers.Cropping2D: cropping,
    layers.Cropping3D: cropping,
    layers.UpSampling1D: up_sampling,
    layers.UpSampling2D: up_sampling,
    layers.UpSampling3D: up_sampling,
}
