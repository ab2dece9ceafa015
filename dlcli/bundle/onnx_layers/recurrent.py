"""LSTM, GRU and simple recurrent layers as ONNX operators.

Without a mask and with common activations one fused operator does the work; otherwise a Scan
runs the cell's own equations step by step. Shapes: B rows, T steps, I inputs, U units.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import activations, layers
from onnx import TensorProto, helper

from dlcli.bundle.onnx_layers.activations import write_activation
from dlcli.bundle.onnx_layers.graph import Graph, NotInTableError, Tensor

# Activations that the fused operators know under these names with the same meaning.
FUSED = {
    activations.relu: "Relu",
    activations.sigmoid: "Sigmoid",
    activations.softplus: "Softplus",
    activations.softsign: "Softsign",
    activations.tanh: "Tanh",
}

# Order in which the fused operators want Keras's gates (i f c o, and z r h).
GATE_ORDER = {layers.LSTMCell: (0, 3, 1, 2), layers.GRUCell: (0, 1, 2), layers.SimpleRNNCell: (0,)}
KINDS = {layers.LSTMCell: "LSTM", layers.GRUCell: "GRU", layers.SimpleRNNCell: "RNN"}


def recurrent(graph: Graph, layer: Any, inputs: list[Tensor]) -> list[str]:
    """Return the layer's sequence or last output, then its states where it returns them."""
    if len(inputs) != 1 or layer.stateful or type(layer.cell) not in KINDS:
        raise NotInTableError(f"{type(layer).__name__} with states of its own or another cell")
    steps = graph.op("Transpose", inputs[0].name, perm=[1, 0, 2])
    if layer.go_backwards:
        steps = graph.reverse(steps, axis=0)
    functions = _activations(layer.cell)
    if inputs[0].mask is None and all(function in FUSED for function in functions):
        sequence, states = _fused(graph, layer.cell, steps, functions)
    else:
        sequence, states = _scanned(graph, layer, steps, inputs[0].mask)
    if layer.return_sequences:
        output = graph.op("Transpose", sequence, perm=[1, 0, 2])
    elif inputs[0].mask is not None:
        output = graph.op("Gather", sequence, _index(graph, -1), axis=0)
    else:
        output = states[0]
    return [output, *states] if layer.return_state else [output]


def bidirectional(graph: Graph, layer: layers.Bidirectional, inputs: list[Tensor]) -> list[str]:
    """Return both directions merged, or both of them where the layer does not merge."""
    if layer.return_state:
        raise NotInTableError("Bidirectional that returns its states")
    one = recurrent(graph, layer.forward_layer, inputs)[0]
    two = recurrent(graph, layer.backward_layer, inputs)[0]
    if layer.return_sequences:
        two = graph.reverse(two, axis=1)
    if layer.merge_mode is None:
        return [one, two]
    if layer.merge_mode == "concat":
        return [graph.op("Concat", one, two, axis=-1)]
    return [graph.op({"sum": "Sum", "mul": "Mul", "ave": "Mean"}[layer.merge_mode], one, two)]


def _activations(cell: Any) -> list[Any]:
    if isinstance(cell, layers.SimpleRNNCell):
        return [cell.activation]
    listed = [cell.recurrent_activation, cell.activation]
    return [*listed, cell.activation] if isinstance(cell, layers.LSTMCell) else listed


def _fused(graph: Graph, cell: Any, steps: str, functions: list[Any]) -> tuple[str, list[str]]:
    order, units = GATE_ORDER[type(cell)], cell.units
    kernel, recurrent_kernel, bias = _weights(cell)
    width = len(order) * units
    values = [
        graph.constant(_reorder(kernel, order).T[np.newaxis], "kernel"),
        graph.constant(_reorder(recurrent_kernel, order).T[np.newaxis], "recurrent_kernel"),
        graph.constant(_reorder(bias, order).reshape(1, 2 * width), "bias"),
    ]
    attributes: dict[str, Any] = {
        "hidden_size": units,
        "activations": [FUSED[function] for function in functions],
    }
    if isinstance(cell, layers.GRUCell):
        attributes["linear_before_reset"] = int(cell.reset_after)
    count = 3 if isinstance(cell, layers.LSTMCell) else 2
    kind = KINDS[type(cell)]
    sequence, *states = graph.ops(kind, steps, *values, outputs=count, **attributes)
    first, second = graph.integers(0), graph.integers(1)
    return graph.op("Squeeze", sequence, second), [graph.op("Squeeze", s, first) for s in states]


def _scanned(graph: Graph, layer: Any, steps: str, mask: str | None) -> tuple[str, list[str]]:
    cell = layer.cell
    kernel, _, bias = _weights(cell)
    projected = graph.op("MatMul", steps, graph.constant(kernel, "kernel"))
    scanned = [graph.op("Add", projected, graph.constant(bias[0], "bias"))]
    if mask is not None:
        columns = graph.op("Unsqueeze", graph.op("Transpose", mask, perm=[1, 0]), _axis(graph, 2))
        scanned.append(graph.reverse(columns, axis=0) if layer.go_backwards else columns)
    rows = graph.op("Gather", graph.op("Shape", steps), graph.integers(1), axis=0)
    shape = graph.op("Concat", rows, graph.integers(cell.units), axis=0)
    zeros = graph.op("ConstantOfShape", shape)
    count = 2 if isinstance(cell, layers.LSTMCell) else 1
    body = _step(graph, layer, count, with_mask=mask is not None)
    *states, sequence = graph.ops(
        "Scan",
        *[zeros] * count,
        *scanned,
        outputs=count + 1,
        body=body,
        num_scan_inputs=len(scanned),
    )
    return sequence, states


def _step(graph: Graph, layer: Any, count: int, *, with_mask: bool) -> Any:
    body = graph.body()
    before = [body.new_name("state") for _ in range(count)]
    step, keep = body.new_name("step"), body.new_name("keep")
    after = CELLS[type(layer.cell)](body, layer.cell, step, before)
    output = after[0]
    if with_mask:
        after = [body.op("Where", keep, *pair) for pair in zip(after, before, strict=True)]
        zeros = body.op("Where", keep, output, body.number(0.0))
        output = zeros if layer.zero_output_for_mask else after[0]
    # The body's outputs must be distinct names of its own.
    results = [body.op("Identity", name) for name in (*after, output)]
    floats = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in (*before, step)]
    masks = [helper.make_tensor_value_info(keep, TensorProto.BOOL, None)] if with_mask else []
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results]
    return helper.make_graph(body.nodes, "step", [*floats, *masks], outputs)


def _lstm_step(graph: Graph, cell: Any, step: str, states: list[str]) -> list[str]:
    hidden, carry = states
    turned = graph.op("MatMul", hidden, graph.constant(cell.recurrent_kernel, "recurrent_kernel"))
    gates = _split(graph, graph.op("Add", step, turned), 4)
    opening, forget, output = (
        write_activation(graph, gates[index], cell.recurrent_activation) for index in (0, 1, 3)
    )
    candidate = write_activation(graph, gates[2], cell.activation)
    kept = graph.op("Mul", forget, carry)
    carry = graph.op("Add", kept, graph.op("Mul", opening, candidate))
    return [graph.op("Mul", output, write_activation(graph, carry, cell.activation)), carry]


def _gru_step(graph: Graph, cell: Any, step: str, states: list[str]) -> list[str]:
    hidden = states[0]
    _, kernel, bias = _weights(cell)
    width = 3 * cell.units if cell.reset_after else 2 * cell.units
    turned = graph.op("MatMul", hidden, graph.constant(kernel[:, :width], "recurrent_kernel"))
    turned = graph.op("Add", turned, graph.constant(bias[1][:width], "bias"))
    parts = _split(graph, turned, 3 if cell.reset_after else 2)
    inputs = _split(graph, step, 3)
    update, reset = (
        write_activation(graph, graph.op("Add", x, h), cell.recurrent_activation)
        for x, h in zip(inputs[:2], parts[:2], strict=True)
    )
    if cell.reset_after:
        recalled = graph.op("Mul", reset, parts[2])
    else:
        last = graph.constant(kernel[:, width:], "recurrent_kernel")
        recalled = graph.op("MatMul", graph.op("Mul", reset, hidden), last)
    candidate = write_activation(graph, graph.op("Add", inputs[2], recalled), cell.activation)
    fresh = graph.op("Mul", graph.op("Sub", graph.number(1.0), update), candidate)
    return [graph.op("Add", graph.op("Mul", update, hidden), fresh)]


def _simple_step(graph: Graph, cell: Any, step: str, states: list[str]) -> list[str]:
    kernel = graph.constant(cell.recurrent_kernel, "recurrent_kernel")
    total = graph.op("Add", step, graph.op("MatMul", states[0], kernel))
    return [write_activation(graph, total, cell.activation)]


def _split(graph: Graph, name: str, parts: int) -> list[str]:
    return graph.ops("Split", name, outputs=parts, axis=-1, num_outputs=parts)


def _weights(cell: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return kernel [I, G*U], recurrent kernel [U, G*U], and biases [2, G*U] (input, recurrent)."""
    kernel = keras.ops.convert_to_numpy(cell.kernel)
    bias = np.zeros((2, kernel.shape[1]), np.float32)
    if cell.use_bias:
        given = keras.ops.convert_to_numpy(cell.bias).reshape(-1, kernel.shape[1])
        bias[: len(given)] = given
    return kernel, keras.ops.convert_to_numpy(cell.recurrent_kernel), bias


def _reorder(weights: np.ndarray[Any, Any], order: tuple[int, ...]) -> np.ndarray[Any, Any]:
    gates = np.split(weights, len(order), axis=-1)
    return np.concatenate([gates[index] for index in order], axis=-1)


def _axis(graph: Graph, axis: int) -> str:
    return graph.integers(axis)


def _index(graph: Graph, index: int) -> str:
    return graph.constant(np.array(index, np.int64), "index")


CELLS: dict[Any, Callable[[Graph, Any, str, list[str]], list[str]]] = {
    layers.LSTMCell: _lstm_step,
    layers.GRUCell: _gru_step,
    layers.SimpleRNNCell: _simple_step,
}

RECURRENT_LAYERS: dict[type[keras.Layer], Any] = {
    layers.LSTM: recurrent,
    layers.GRU: recurrent,
    layers.SimpleRNN: recurrent,
    layers.RNN: recurrent,
    layers.Bidirectional: bidirectional,
}
