"""Attention layers as ONNX operators. Shapes: B rows, T queries, S keys, N heads, D sizes."""

import math
from typing import Any

import keras
from keras import layers

from dlcli.bundle.onnx_layers.dense import einsum_dense
from dlcli.bundle.onnx_layers.graph import Graph, NotInTableError, Tensor


def attention(graph: Graph, layer: layers.Attention, inputs: list[Tensor]) -> list[str]:
    """Write dot-product attention of [query, value] or [query, value, key]."""
    if layer.score_mode != "dot":
        raise NotInTableError(f"Attention with score_mode {layer.score_mode!r}")
    query, value, key = (*inputs, inputs[1])[:3]
    scores = graph.op("Einsum", query.name, key.name, equation="btd,bsd->bts")
    if layer.use_scale:
        scores = graph.op("Mul", scores, graph.constant(layer.scale, "scale"))
    return [graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value.name)]


def additive_attention(
    graph: Graph, layer: layers.AdditiveAttention, inputs: list[Tensor]
) -> list[str]:
    """Write additive attention of [query, value] or [query, value, key]."""
    query, value, key = (*inputs, inputs[1])[:3]
    queries = graph.op("Unsqueeze", query.name, graph.integers(2))
    keys = graph.op("Unsqueeze", key.name, graph.integers(1))
    scores = graph.op("Tanh", graph.op("Add", queries, keys))
    if layer.use_scale:
        scores = graph.op("Mul", scores, graph.constant(layer.scale, "scale"))
    scores = graph.op("ReduceSum", scores, graph.integers(-1), keepdims=0)
    return [graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value.name)]


def multi_head_attention(
    graph: Graph, layer: layers.MultiHeadAttention, inputs: list[Tensor]
) -> list[str]:
    """Write multi-head attention of query, value and, where given, key; all [B, T, D]."""
    unusual = getattr(layer, "_use_gate", False) or getattr(layer, "_sliding_window", None)
    if unusual or any(tensor.rank != 3 for tensor in inputs):
        raise NotInTableError("MultiHeadAttention with a gate, a window, or more than one axis")
    query, value, key = (*inputs, inputs[1])[:3]
    queries = einsum_dense(graph, layer.query_dense, [query])[0]
    keys = einsum_dense(graph, layer.key_dense, [key])[0]
    values = einsum_dense(graph, layer.value_dense, [value])[0]
    scaled = graph.op("Mul", queries, graph.number(1.0 / math.sqrt(layer.key_dim)))
    scores = graph.op("Einsum", scaled, keys, equation="btnd,bsnd->bnts")
    shares = graph.op("Softmax", scores, axis=-1)
    mixed = graph.op("Einsum", shares, values, equation="bnts,bsnd->btnd")
    output = Tensor(name=mixed, shape=(None, None, None, None), dtype="float32")
    return einsum_dense(graph, layer.output_dense, [output])


ATTENTION_LAYERS: dict[type[keras.Layer], Any] = {
    layers.Attention: attention,
    layers.AdditiveAttention: additive_attention,
    layers.MultiHeadAttention: multi_head_attention,
}
