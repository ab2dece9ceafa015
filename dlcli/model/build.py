"""Layer specs and input shapes to a Keras model: a loop over the list, whatever the layers are."""

import importlib
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from dlcli.data.preprocessing import InputSpec
from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec
from dlcli.spec.heads import Head, steps_hint
from dlcli.spec.layers import layer_path
from dlcli.spec.names import tensor_name
from dlcli.spec.problems import KeyPath, Problems, join_names
from dlcli.spec.run import Network, RunSpec, raise_problems, resolve_network
from dlcli.spec.training import snake_case

SEPARATE_INPUTS = {"MultiHeadAttention", "GroupQueryAttention"}
"""Layers called with query, value and key one by one; with one input they attend to itself."""


def build_model(spec: RunSpec, inputs: Mapping[str, InputSpec]) -> keras.Model:
    """Build the network of `spec`; raises SpecError at the layer that does not fit its input.

    With several inputs the model takes a dictionary by input name, with one a plain tensor;
    outputs likewise.
    """
    network = resolve_network(spec)
    given_inputs = {
        name: keras.Input(shape=item.shape, dtype=item.dtype, name=tensor_name(name))
        for name, item in inputs.items()
    }
    names = _layer_names(spec, network, given_inputs)
    tensors = {name: _scaled(tensor, inputs[name], names) for name, tensor in given_inputs.items()}
    made: list[Any] = []
    for index, name in enumerate(names):
        made.append(_apply_layer(spec, network, index, name, tensors, made))
    _check_all_used(spec, network, list(tensors))
    outputs = {name: made[index] for name, index in network.graph.outputs.items()}
    _check_output_shapes(spec, network, outputs)
    given = {tensor_name(name): tensor for name, tensor in outputs.items()}
    taken = {tensor_name(name): tensor for name, tensor in given_inputs.items()}
    return keras.Model(inputs=_lone(taken), outputs=_lone(given), name="network")


def _scaled(tensor: Any, item: InputSpec, taken: list[str]) -> Any:
    """Return the numbers that layers take of an input: bytes become floats, pixels are scaled."""
    if item.dtype != "uint8" and not item.scale:
        return tensor
    name = next(
        name
        for number in itertools.count()
        if (name := f"{tensor.name}_scaled{number or ''}") not in taken
    )
    return keras.layers.Rescaling(
        scale=_lone_number(item.scale, 1.0), offset=_lone_number(item.offset, 0.0), name=name
    )(tensor)


def _lone_number(values: tuple[float, ...], default: float) -> Any:
    return list(values) if len(values) > 1 else next(iter(values), default)


def _lone(tensors: dict[str, Any]) -> Any:
    return tensors if len(tensors) > 1 else next(iter(tensors.values()))


def make_component(spec: ComponentSpec) -> Any:
    """Make the Keras object of a component; raises ValueError or TypeError as Keras does."""
    entry = catalog.find(spec.kind, spec.name)
    assert entry is not None
    arguments = {name: _make_argument(value) for name, value in spec.arguments.items()}
    if entry.path is None or spec.kind == "activation":
        return spec.alias or spec.name
    if spec.kind == "metric" and spec.alias and "name" not in arguments:
        arguments["name"] = spec.alias
    module, _, name = entry.path.rpartition(".")
    return getattr(importlib.import_module(module), name)(**arguments)


def make_at(spec: RunSpec, component: ComponentSpec, path: KeyPath) -> Any:
    """Make a component; what Keras says against its arguments becomes a SpecError at `path`."""
    try:
        return make_component(component)
    except (ValueError, TypeError) as error:
        _raise(spec, path, f"{component.name} cannot be made: {_first_sentence(error)}")


def _make_argument(value: Any) -> Any:
    if isinstance(value, ComponentSpec):
        return make_component(value)
    if isinstance(value, tuple | list):
        return [_make_argument(item) for item in value]
    if isinstance(value, dict):
        return {key: _make_argument(item) for key, item in value.items()}
    return value


def _layer_names(spec: RunSpec, network: Network, inputs: Iterable[str]) -> list[str]:
    """Name every layer: as written, like its output, else as Keras would in a fresh process."""
    outputs = {index: name for name, index in network.graph.outputs.items()}
    given = [layer.name or outputs.get(index) for index, layer in enumerate(spec.layers)]
    taken = {tensor_name(name) for name in [*inputs, *given] if name is not None}
    return [
        tensor_name(name) if name is not None else _free_name(layer.component.name, taken)
        for name, layer in zip(given, spec.layers, strict=True)
    ]


def _free_name(kind: str, taken: set[str]) -> str:
    base = snake_case(kind)
    candidates = itertools.chain([base], (f"{base}_{number}" for number in itertools.count(1)))
    name = next(name for name in candidates if name not in taken)
    taken.add(name)
    return name


def _apply_layer(
    spec: RunSpec,
    network: Network,
    index: int,
    name: str,
    tensors: dict[str, Any],
    made: list[Any],
) -> Any:
    layer_spec = spec.layers[index]
    taken = _taken(spec, network, index, tensors, made)
    try:
        layer = make_component(layer_spec.component)
        layer.name = name
        if layer_spec.component.name in SEPARATE_INPUTS:
            return layer(*taken) if isinstance(taken, list) else layer(taken, taken)
        return layer(taken)
    except (ValueError, TypeError, NotImplementedError, IndexError) as error:
        shapes = taken if isinstance(taken, list) else [taken]
        received = " and ".join(str(tuple(tensor.shape)) for tensor in shapes)
        _raise_at(
            spec,
            index,
            f"{layer_spec.component.name} does not fit its input of shape {received}: "
            f"{_first_sentence(error)}",
        )


def _taken(
    spec: RunSpec, network: Network, index: int, tensors: dict[str, Any], made: list[Any]
) -> Any:
    sources = network.graph.sources[index]
    if sources is None:
        if len(tensors) > 1:
            _raise_at(
                spec,
                index,
                f"the first layer must say which input it takes: {join_names(tensors)}",
                hint=f"inputs: {next(iter(tensors))}",
            )
        return next(iter(tensors.values()))
    missing = [source for source in sources if isinstance(source, str) and source not in tensors]
    if missing:
        _raise_at(
            spec,
            index,
            f"the data gives no input {missing[0]!r}",
            hint=f"its inputs: {join_names(tensors)}",
        )
    taken = [made[source] if isinstance(source, int) else tensors[source] for source in sources]
    return taken[0] if len(taken) == 1 else taken


def _check_all_used(spec: RunSpec, network: Network, inputs: list[str]) -> None:
    used: set[str] = set()
    for sources in network.graph.sources:
        names = inputs if sources is None else [item for item in sources if isinstance(item, str)]
        used.update(names)
    unused = [name for name in inputs if name not in used]
    if unused:
        _raise_at(
            spec,
            0,
            f"no layer takes the input {unused[0]!r}",
            hint=f"name it under a layer's inputs, or leave its columns out with data.drop; "
            f"the inputs are {join_names(inputs)}",
        )


def _check_output_shapes(spec: RunSpec, network: Network, outputs: dict[str, Any]) -> None:
    for head in network.heads:
        shape = tuple(outputs[head.output].shape)
        if head.steps > 1:
            _check_steps(spec, head, shape)
        elif len(shape) != 2:
            hint = "a Flatten or pooling layer before the last Dense makes one row of numbers"
            if spec.data.window is not None:
                hint += ", and so does a recurrent layer without return_sequences"
            _raise_at(
                spec,
                head.layer,
                f"the output has shape {_shown(shape)}, expected (rows, units)",
                hint=hint,
            )


def _check_steps(spec: RunSpec, head: Head, shape: tuple[int | None, ...]) -> None:
    steps, count = head.steps, len(head.targets)
    fits: list[tuple[int | None, ...]] = [(None, steps, count)]
    if count == 1:
        fits.insert(0, (None, steps))
    if shape in fits:
        return
    wanted = " or ".join(map(_shown, fits))
    targets = f"{count} targets" if count > 1 else f"the target {head.targets[0]!r}"
    _raise_at(
        spec,
        head.layer,
        f"the output has shape {_shown(shape)}, expected {wanted} for {steps} steps of {targets}",
        hint=steps_hint(head),
    )


def _shown(shape: tuple[int | None, ...]) -> str:
    sizes = ("any" if size is None else str(size) for size in shape[1:])
    return f"({', '.join(['rows', *sizes])})"


def _raise_at(spec: RunSpec, index: int, message: str, *, hint: str | None = None) -> Any:
    _raise(spec, layer_path(index, spec.layers[index]), message, hint=hint)


def _raise(spec: RunSpec, path: KeyPath, message: str, *, hint: str | None = None) -> Any:
    assert spec.origin is not None
    problems = Problems()
    problems.add(path, message, hint=hint, on_key=True)
    raise_problems(problems, spec.origin)


def _first_sentence(error: Exception) -> str:
    """Return what Keras says without its dump of arguments."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
