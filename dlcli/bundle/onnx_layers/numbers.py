"""Our own layers for tables as ONNX operators: embeddings of numbers and categories, ensembles."""

import math
from typing import Any

import numpy as np

from dlcli.bundle.onnx_layers.activations import write_activation
from dlcli.bundle.onnx_layers.graph import Graph, Tensor
from dlcli.custom.categories import CategoryEmbedding
from dlcli.custom.ensembles import EnsembleDense
from dlcli.custom.layers import (
    FeatureScale,
    NumberEmbedding,
    PeriodicEmbedding,
    PiecewiseLinearEncoding,
)


def feature_scale(graph: Graph, layer: FeatureScale, inputs: list[Tensor]) -> list[str]:
    taken = _with_members(graph, layer.members, inputs[0])
    return [graph.op("Mul", taken, graph.constant(layer.scale, "scale"))]


def periodic_embedding(graph: Graph, layer: PeriodicEmbedding, inputs: list[Tensor]) -> list[str]:
    numbers = _single_numbers(graph, layer, inputs[0])
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
    numbers = _single_numbers(graph, layer, inputs[0])
    above = graph.op("Sub", numbers, graph.constant(low, "low"))
    codes = graph.op("Div", above, graph.constant(widths, "widths"))
    least, greatest = (np.array(limit, np.float32) for limit in layer.limits)
    codes = graph.op("Max", codes, graph.constant(least, "least"))
    codes = graph.op("Min", codes, graph.constant(greatest, "greatest"))
    return [_embed(graph, layer, numbers, codes)]


def _embed(graph: Graph, layer: NumberEmbedding, numbers: str, codes: str) -> str:
    """Write what follows the codes of every embedding, [rows, (members,) features, codes]."""
    embedded = codes
    if layer.units is not None:
        kernel = graph.constant(layer.kernel, "kernel")
        embedded = graph.op("Einsum", codes, kernel, equation=layer.equation)
        embedded = graph.op("Add", embedded, graph.constant(layer.bias, "bias"))
        embedded = write_activation(graph, embedded, layer.activation)
    if layer.keep_numbers:
        embedded = graph.op("Concat", numbers, embedded, axis=-1)
    if layer.flatten:
        shape = (0, -1) if layer.members is None else (0, layer.members, -1)
        embedded = graph.op("Reshape", embedded, graph.integers(*shape))
    return embedded


def _single_numbers(graph: Graph, layer: NumberEmbedding, taken: Tensor) -> str:
    """Write [rows, (members,) features, 1], the numbers repeated for every member."""
    name = _with_members(graph, layer.members, taken)
    if layer.members is not None and taken.rank == 2:
        name = graph.op("Tile", name, graph.integers(1, layer.members, 1))
    return graph.op("Unsqueeze", name, graph.integers(-1))


def _with_members(graph: Graph, members: int | None, taken: Tensor) -> str:
    """Write a member axis of size 1 into a row that a layer of members takes."""
    if members is None or taken.rank != 2:
        return taken.name
    return graph.op("Unsqueeze", taken.name, graph.integers(1))


def ensemble_dense(graph: Graph, layer: EnsembleDense, inputs: list[Tensor]) -> list[str]:
    kernel = graph.constant(layer.kernel, "kernel")
    if layer.shared:
        taken = _with_members(graph, layer.kernel.shape[0], inputs[0])
        taken = graph.op("Mul", taken, graph.constant(layer.input_factors, "input_factors"))
        factors = graph.constant(layer.output_factors, "output_factors")
        name = graph.op("Mul", graph.op("MatMul", taken, kernel), factors)
    else:
        equation = "ri,miu->rmu" if inputs[0].rank == 2 else "rmi,miu->rmu"
        name = graph.op("Einsum", inputs[0].name, kernel, equation=equation)
    if layer.bias is not None:
        name = graph.op("Add", name, graph.constant(layer.bias, "bias"))
    return [write_activation(graph, name, layer.activation)]


def category_embedding(graph: Graph, layer: CategoryEmbedding, inputs: list[Tensor]) -> list[str]:
    axis = graph.integers(-1)
    listed = [graph.op("Unsqueeze", graph.cast(each, "int32").name, axis) for each in inputs]
    codes = graph.op("Concat", *listed, axis=-1)
    offsets = graph.constant(np.array(layer.offsets, np.int32), "offsets")
    table = graph.constant(layer.embeddings, "embeddings")
    vectors = graph.op("Gather", table, graph.op("Add", codes, offsets), axis=0)
    shape = (*[0] * inputs[0].rank, len(inputs) * layer.units)
    if layer.members is not None:
        vectors = graph.op("Transpose", vectors, perm=[0, 2, 1, 3])
        shape = (0, layer.members, len(inputs) * layer.units)
    return [graph.op("Reshape", vectors, graph.integers(*shape))]


NUMBER_LAYERS: dict[type, Any] = {
    CategoryEmbedding: category_embedding,
    EnsembleDense: ensemble_dense,
    FeatureScale: feature_scale,
    PeriodicEmbedding: periodic_embedding,
    PiecewiseLinearEncoding: piecewise_linear_encoding,
}
