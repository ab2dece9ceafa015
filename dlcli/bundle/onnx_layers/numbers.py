"""Embeddings of single numbers as ONNX operators."""

import math
from typing import Any

import numpy as np

from dlcli.bundle.onnx_layers.activations import write_activation
from dlcli.bundle.onnx_layers.graph import Graph, Tensor
from dlcli.custom.layers import (
    FeatureScale,
    NumberEmbedding,
    PeriodicEmbedding,
    PiecewiseLinearEncoding,
)


def feature_scale(graph: Graph, layer: FeatureScale, inputs: list[Tensor]) -> list[str]:
    return [graph.op("Mul", inputs[0].name, graph.constant(layer.scale, "scale"))]


def periodic_embedding(graph: Graph, layer: PeriodicEmbedding, inputs: list[Tensor]) -> list[str]:
    numbers = graph.op("Unsqueeze", inputs[0].name, graph.integers(-1))
    turns = graph.op("Mul", numbers, graph.number(2 * math.pi))
    waves = graph.op("Mul", turns, graph.constant(layer.frequencies, "frequencies"))
    if layer.phase:
        codes = graph.op("Cos", graph.op("Add", waves, graph.constant(layer.phases, "phases")))
    else:
        codes = graph.op("Concat", graph.op("Sin", waves), graph.op("Cos", waves), axis=-1)
    return [_embed(graph, layer, numbers, codes)]


def piecewise_linear_encoding(
    graph: Graph, layer: PiecewiseLinearEncoding, inputs: list[Tensor]
) -> list[str]:
    edges = np.array(layer.edges, np.float64)
    low, widths = edges[:-1].astype(np.float32), np.diff(edges).astype(np.float32)
    numbers = graph.op("Unsqueeze", inputs[0].name, graph.integers(-1))
    above = graph.op("Sub", numbers, graph.constant(low, "low"))
    codes = graph.op("Div", above, graph.constant(widths, "widths"))
    least, greatest = (np.array(limit, np.float32) for limit in layer.limits)
    codes = graph.op("Max", codes, graph.constant(least, "least"))
    codes = graph.op("Min", codes, graph.constant(greatest, "greatest"))
    return [_embed(graph, layer, numbers, codes)]


def _embed(graph: Graph, layer: NumberEmbedding, numbers: str, codes: str) -> str:
    """Write what follows the codes [rows, features, codes] of every embedding."""
    embedded = codes
    if layer.units is not None:
        kernel = graph.constant(layer.kernel, "kernel")
        embedded = graph.op("Einsum", codes, kernel, equation="rfc,fcu->rfu")
        embedded = graph.op("Add", embedded, graph.constant(layer.bias, "bias"))
        embedded = write_activation(graph, embedded, layer.activation)
    if layer.keep_numbers:
        embedded = graph.op("Concat", numbers, embedded, axis=-1)
    if layer.flatten:
        embedded = graph.op("Flatten", embedded, axis=1)
    return embedded


NUMBER_LAYERS: dict[type, Any] = {
    FeatureScale: feature_scale,
    PeriodicEmbedding: periodic_embedding,
    PiecewiseLinearEncoding: piecewise_linear_encoding,
}
