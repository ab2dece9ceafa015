"""A functional Keras model, layer by layer, as an ONNX model; for any backend."""

import inspect
from dataclasses import replace
from typing import Any

import keras
import onnx
from keras import layers
from keras.src.models.functional import Functional
from keras.src.ops.numpy import Take
from onnx import helper

from dlcli.bundle.onnx_layers.activations import ACTIVATION_LAYERS
from dlcli.bundle.onnx_layers.attention import ATTENTION_LAYERS
from dlcli.bundle.onnx_layers.dense import DENSE_LAYERS, UNCHANGING_LAYERS, codes
from dlcli.bundle.onnx_layers.graph import (
    IR_VERSION,
    MOST_WEIGHT_BYTES,
    OPSET,
    TYPES,
    Graph,
    NotInTableError,
    Tensor,
    value_info,
)
from dlcli.bundle.onnx_layers.numbers import NUMBER_LAYERS
from dlcli.bundle.onnx_layers.recurrent import RECURRENT_LAYERS
from dlcli.bundle.onnx_layers.windows import WINDOW_LAYERS
from dlcli.custom.categories import CategoryEmbedding


def build_onnx(model: Any, *, inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    """Return `model` as ONNX with the given names for its flat inputs and outputs.

    Raises NotInTableError, naming the layer, where a layer has no entry in LAYERS.
    """
    if not is_functional(model):
        raise NotInTableError(f"{type(model).__name__} is not a functional or sequential model")
    names = [*inputs, *outputs]
    if len(set(names)) < len(names):
        raise NotInTableError(f"an input and an output, or two of either, share a name: {names}")
    graph = Graph()
    taken = [
        Tensor(name=name, shape=tuple(tensor.shape), dtype=tensor.dtype)
        for name, tensor in zip(inputs, model.inputs, strict=True)
    ]
    given = write_network(graph, model, taken)
    for name, tensor in zip(outputs, given, strict=True):
        graph.nodes.append(helper.make_node("Identity", [tensor.name], [name]))
    given = [replace(tensor, name=name) for name, tensor in zip(outputs, given, strict=True)]
    if graph.weight_bytes() > MOST_WEIGHT_BYTES:
        raise NotInTableError("the weights are larger than one ONNX file can hold (2 GiB)")
    proto = helper.make_graph(
        graph.nodes,
        "network",
        [value_info(tensor) for tensor in taken],
        [value_info(tensor) for tensor in given],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        proto, opset_imports=opsets, ir_version=IR_VERSION, producer_name="dlcli"
    )


def is_functional(model: Any) -> bool:
    """Tell whether calling `model` is nothing but running its graph of layers."""
    calls = {keras.Sequential.call, Functional.call}
    return isinstance(_graph(model), Functional) and type(model).call in calls


def write_network(graph: Graph, model: Any, inputs: list[Tensor]) -> list[Tensor]:
    """Write every layer of a functional model and return its flat outputs under final names."""
    network = _graph(model)
    known = {id(kt): tensor for kt, tensor in zip(network.inputs, inputs, strict=True)}
    depths = network._nodes_by_depth
    for depth in sorted(depths, reverse=True):
        for node in depths[depth]:
            if not node.is_input:
                _write_node(graph, node, known)
    return [known[id(kt)] for kt in network.outputs]


def write_layer(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    """Write one layer by its entry in LAYERS."""
    write = LAYERS.get(type(layer))
    if write is None:
        raise NotInTableError(
            f"the layer {layer.name!r} ({type(layer).__name__}) has no ONNX form here"
        )
    if getattr(layer, "quantization_mode", None) is not None:
        raise NotInTableError(f"the layer {layer.name!r} is quantized")
    names: list[str] = write(graph, layer, inputs)
    return names


def time_distributed(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    """Fold the steps into the rows, apply the inner layer, unfold."""
    _, steps, *rest = inputs[0].shape
    if steps is None or None in rest:
        raise NotInTableError(
            "TimeDistributed over a number of steps not known before the data is seen"
        )
    folded = graph.op("Reshape", inputs[0].name, graph.integers(-1, *(size or 0 for size in rest)))
    inner = Tensor(name=folded, shape=(None, *rest), dtype=inputs[0].dtype)
    if isinstance(layer.layer, keras.Model):
        if not is_functional(layer.layer):
            raise NotInTableError(f"the inner model {layer.layer.name!r} is no graph of layers")
        name = write_network(graph, layer.layer, [inner])[0].name
    else:
        name = write_layer(graph, layer.layer, [inner])[0]
    shape = layer.layer.compute_output_shape(inner.shape)
    return [graph.op("Reshape", name, graph.integers(-1, steps, *shape[1:]))]


def masking(graph: Graph, layer: layers.Masking, inputs: list[Tensor]) -> list[str]:
    mask = graph.op("Unsqueeze", _mask(graph, layer, inputs[0]), graph.integers(-1))
    return [graph.op("Where", mask, inputs[0].name, graph.number(0.0))]


def _write_node(graph: Graph, node: Any, known: dict[int, Tensor]) -> None:
    layer = node.operation
    if isinstance(layer, Take):
        tensor, positions = node.arguments.args
        _write_columns(graph, known, tensor, positions, node.outputs[0])
        return
    if not isinstance(layer, keras.Layer):
        # Bare operations appear where Keras computes masks, which are written by _output_mask;
        # a layer that takes anything else from one does not find it in `known`.
        return
    if layer.compute_dtype not in TYPES:
        raise NotInTableError(f"the layer {layer.name!r} computes in {layer.compute_dtype}")
    inputs = [_known(known, kt) for kt in _tensor_arguments(node)]
    if type(layer) not in NO_CAST:
        dtype = node.outputs[0].dtype
        inputs = [graph.cast(tensor, dtype) for tensor in inputs]
    if isinstance(layer, keras.Model):
        if not is_functional(layer) or any(tensor.mask for tensor in inputs):
            raise NotInTableError(f"the inner model {layer.name!r} is not a plain graph of layers")
        outputs = write_network(graph, layer, inputs)
    else:
        names = write_layer(graph, layer, inputs)
        outputs = [
            Tensor(name=name, shape=tuple(kt.shape), dtype=kt.dtype)
            for name, kt in zip(names, node.outputs, strict=True)
        ]
        outputs[0] = replace(outputs[0], mask=_output_mask(graph, layer, inputs))
    for kt, tensor in zip(node.outputs, outputs, strict=True):
        known[id(kt)] = tensor


def _write_columns(
    graph: Graph, known: dict[int, Tensor], tensor: Any, positions: list[int], given: Any
) -> None:
    """Write the columns that a layer takes of a tensor, along its last axis."""
    taken = _known(known, tensor)
    name = graph.op("Gather", taken.name, graph.integers(*positions), axis=-1)
    known[id(given)] = Tensor(name=name, shape=tuple(given.shape), dtype=taken.dtype)


def _known(known: dict[int, Tensor], tensor: Any) -> Tensor:
    if id(tensor) not in known:
        operation = tensor._keras_history.operation
        raise NotInTableError(f"the operation {operation.name!r} has no ONNX form here")
    return known[id(tensor)]


def _tensor_arguments(node: Any) -> list[Any]:
    """Return the call's tensors in the order of the layer's signature; refuse any option set."""
    layer, arguments = node.operation, node.arguments
    call = inspect.signature(layer.call).bind(*arguments.args, **arguments.kwargs)
    given = dict(call.arguments)
    given.pop("training", None)  # predicting sets it to False, whatever the call recorded
    first = keras.tree.flatten(next(iter(given.values())))
    for name in [name for name in given if name.endswith("mask")]:
        mask = given.pop(name)
        masks = keras.tree.flatten(mask)
        tracked = [getattr(tensor, "_keras_mask", None) for tensor in first]
        own = name == "mask" and all(one is two for one, two in zip(masks, tracked, strict=True))
        if not own and any(each is not None and each is not False for each in masks):
            raise NotInTableError(f"the layer {layer.name!r} is called with {name}")
    flat = keras.tree.flatten(list(given.values()))
    if any(not isinstance(value, keras.KerasTensor) and value for value in flat):
        raise NotInTableError(f"the layer {layer.name!r} is called with more than tensors")
    return [value for value in flat if isinstance(value, keras.KerasTensor)]


def _output_mask(graph: Graph, layer: Any, inputs: list[Tensor]) -> str | None:
    """Return the mask that Keras passes on beside the layer's first output."""
    if isinstance(layer, layers.Embedding) and layer.mask_zero:
        return _mask(graph, layer, inputs[0])
    if isinstance(layer, layers.Masking):
        return _mask(graph, layer, inputs[0])
    masks = [tensor.mask for tensor in inputs if tensor.mask is not None]
    if not masks or not layer.supports_masking:
        return None
    if type(layer) in MASK_USERS:
        return masks[0] if getattr(layer, "return_sequences", False) else None
    reads_mask = any(name.endswith("mask") for name in inspect.signature(layer.call).parameters)
    if len(inputs) > 1 or (reads_mask and not isinstance(layer, layers.BatchNormalization)):
        raise NotInTableError(f"the layer {layer.name!r} ({type(layer).__name__}) uses a mask")
    return masks[0]


def _mask(graph: Graph, layer: Any, tensor: Tensor) -> str:
    if isinstance(layer, layers.Embedding):
        whole = graph.cast(codes(graph, tensor), "int64")
        return graph.op("Not", graph.op("Equal", whole.name, graph.integers(0)))
    same = graph.op("Equal", tensor.name, graph.number(layer.mask_value))
    kept = graph.op("Where", same, graph.number(0.0), graph.number(1.0))
    most = graph.op("ReduceMax", kept, graph.integers(-1), keepdims=0)
    return graph.op("Greater", most, graph.number(0.0))


def _graph(model: Any) -> Any:
    # A Sequential holds its functional twin here once it is built.
    return getattr(model, "_functional", None) or model


# Layers whose input keeps its own type: codes that are looked up.
NO_CAST = {layers.Embedding, CategoryEmbedding}

# Layers whose entry takes the mask into account.
MASK_USERS = {*RECURRENT_LAYERS, layers.GlobalAveragePooling1D}

LAYERS: dict[type[keras.Layer], Any] = {
    **ACTIVATION_LAYERS,
    **DENSE_LAYERS,
    **UNCHANGING_LAYERS,
    **WINDOW_LAYERS,
    **RECURRENT_LAYERS,
    **ATTENTION_LAYERS,
    **NUMBER_LAYERS,
    layers.TimeDistributed: time_distributed,
    layers.Masking: masking,
}
