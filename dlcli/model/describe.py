"""A built network layer by layer."""

from collections.abc import Iterator
from typing import Any

import keras

from dlcli.model.layer_summary import LayerSummary


def describe_layers(model: Any) -> Iterator[LayerSummary]:
    """Describe the built network layer by layer, inputs included, and the layers of each block."""
    first_uses = {id(layer): layer._inbound_nodes[0] for layer in model.layers}
    for layer in model.layers:
        nodes = [node for node in layer._inbound_nodes if node in model._nodes]
        node = nodes[0] if nodes else first_uses[id(layer)]
        before = _nodes_before(node)
        shared = [each for each in before if each is not first_uses.get(id(each.operation), each)]
        if shared:
            # The name of what a layer gives when it is used once more.
            yield _describe(layer, node, _nodes_before(shared[0]), shares=shared[0].operation)
        else:
            yield _describe(layer, node, before)


def _describe(layer: Any, node: Any, before: list[Any], *, shares: Any = None) -> LayerSummary:
    activation = getattr(layer, "activation", None)
    inner = layer if getattr(layer, "block", None) else getattr(layer, "layer", None)
    return LayerSummary(
        name=layer.name,
        layer=f"{shares.name} again" if shares is not None else _called(layer),
        output_shape=tuple(node.outputs[0].shape) if len(node.outputs) == 1 else (),
        num_parameters=layer.count_params(),
        activation=None if activation is None else getattr(activation, "__name__", None),
        inputs=tuple(each.operation.name for each in before),
        layers=_inner_layers(inner),
    )


def _called(layer: Any) -> str:
    """Return the name of its class, or that of the block it is or holds."""
    held = getattr(getattr(layer, "layer", None), "block", None)
    if held:
        return f"{type(layer).__name__} {held}"
    return getattr(layer, "block", None) or type(layer).__name__


def _inner_layers(model: Any) -> tuple[LayerSummary, ...]:
    if not getattr(model, "block", None):
        return ()
    return tuple(each for each in describe_layers(model) if each.layer != "InputLayer")


def _nodes_before(node: Any) -> list[Any]:
    """Return the calls of layers that give what this one takes."""
    found = []
    taken = keras.tree.flatten(node.arguments.args)
    # Masks, which Keras passes by keyword, are no input that anyone wrote.
    for tensor in (each for each in taken if isinstance(each, keras.KerasTensor)):
        operation, position, _ = tensor._keras_history
        earlier = operation._inbound_nodes[position]
        if isinstance(operation, keras.Layer):
            found.append(earlier)
        else:
            # A choice of columns is no layer: what it chooses from is.
            found += _nodes_before(earlier)
    return found
