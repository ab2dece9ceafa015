"""A built network layer by layer."""

from collections.abc import Iterable
from typing import Any

import keras

from dlcli.model.layer_summary import LayerSummary


def describe_layers(model: Any) -> Iterable[LayerSummary]:
    """Describe the built network layer by layer, inputs included."""
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        before = [tensor._keras_history.operation.name for tensor in _inputs_of(layer)]
        shape = layer.output.shape if not isinstance(layer.output, list | tuple | dict) else ()
        yield LayerSummary(
            name=layer.name,
            layer=type(layer).__name__,
            output_shape=tuple(shape),
            num_parameters=layer.count_params(),
            activation=None if activation is None else getattr(activation, "__name__", None),
            inputs=tuple(before),
        )


def _inputs_of(layer: Any) -> list[Any]:
    if isinstance(layer, keras.layers.InputLayer):
        return []
    return keras.tree.flatten(layer.input)  # type: ignore[no-any-return]
