"""Layer specs and input shapes to a Keras model: a loop over the list, whatever the layers are."""

import importlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import keras

from dlcli.custom.models import EnsembleModel
from dlcli.custom.optimizers import GroupedAdamW
from dlcli.data.network_inputs import input_tensors
from dlcli.data.preprocessing import InputSpec
from dlcli.model.imports import find_class, load_imports
from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec
from dlcli.spec.heads import Head, steps_hint
from dlcli.spec.layers import INPUT, Graph, LayerSpec, Source, layer_path
from dlcli.spec.names import tensor_name
from dlcli.spec.problems import KeyPath, Problems, suggest
from dlcli.spec.run import Network, RunSpec, name_layers, raise_problems, resolve_network
from dlcli.spec.shapes.check import check_shapes
from dlcli.spec.shapes.shape import format_shape
from dlcli.spec.shapes.tensor import positions_of
from dlcli.spec.training import snake_case

BUILD_ERRORS: tuple[type[Exception], ...] = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError),
    *(RuntimeError, TypeError, ValueError),
)
"""What Keras was seen to raise for layers that do not fit their input."""

SEPARATE_INPUTS = {"MultiHeadAttention", "GroupQueryAttention"}
"""Layers called with query, value and key one by one; with one input they attend to itself."""


def build_model(spec: RunSpec, inputs: Mapping[str, InputSpec]) -> keras.Model:
    """Build the network of `spec`; raises SpecError at the layer that does not fit its input.

    With several inputs the model takes a dictionary by input name, with one a plain tensor;
    outputs likewise. A block becomes a model inside the model. Outputs with members make it an
    EnsembleModel.
    """
    load_imports(spec.imports, spec.name)
    check_shapes(spec, input_tensors(inputs))
    network = resolve_network(spec)
    given_inputs = {
        name: keras.Input(shape=item.shape, dtype=item.dtype, name=tensor_name(name))
        for name, item in inputs.items()
    }
    builder = _Builder(
        spec=spec,
        network=network,
        layers=spec.layers,
        graph=network.graph,
        tensors=given_inputs,
        columns={name: item.columns for name, item in inputs.items() if item.columns},
        vocabularies={
            name: item.vocabulary_size for name, item in inputs.items() if item.vocabulary_size
        },
    )
    names = builder.names()
    tensors = {name: _scaled(tensor, inputs[name], names) for name, tensor in given_inputs.items()}
    made = replace(builder, tensors=tensors).build()
    outputs = {name: made[index] for name, index in network.graph.outputs.items()}
    _check_output_shapes(spec, network, outputs)
    given = {tensor_name(name): tensor for name, tensor in outputs.items()}
    taken = {tensor_name(name): tensor for name, tensor in given_inputs.items()}
    has_members = any(head.members is not None for head in network.heads)
    kind = EnsembleModel if has_members else keras.Model
    return kind(inputs=_lone(taken), outputs=_lone(given), name="network")


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


def backend_errors() -> tuple[type[Exception], ...]:
    """Return what the backend raises for sizes, codes and types that it cannot compute with."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow  # noqa: PLC0415 - only where it is the backend

        return (tensorflow.errors.OpError,)
    if keras.backend.backend() == "jax":
        import jax  # noqa: PLC0415 - only where it is the backend

        return (jax.errors.JaxRuntimeError,)
    return ()


Make = Callable[[ComponentSpec], Any]


def make_component(spec: ComponentSpec, *, make_inner: Make | None = None) -> Any:
    """Make the Keras object of a component; raises ValueError or TypeError as Keras does.

    `make_inner` makes the components among its arguments.
    """
    entry = catalog.find(spec.kind, spec.name)
    inner = make_component if make_inner is None else make_inner
    arguments = {name: _make_argument(value, inner) for name, value in spec.arguments.items()}
    if entry is None:
        own = find_class(spec.name)
        assert own is not None, "imports are loaded before anything of them is made"
        return own(**arguments)
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


def make_optimizer(spec: RunSpec, component: ComponentSpec, weights: Sequence[Any]) -> Any:
    """Make the optimizer of a network; a pattern that matches none of its weights is a SpecError."""
    made = make_at(spec, component, ("optimizer",))
    for argument, pattern in made.unmatched(weights) if isinstance(made, GroupedAdamW) else ():
        paths = sorted(weight.path for weight in weights)
        names = sorted({path.rpartition("/")[2] for path in paths})
        _raise(
            spec,
            ("optimizer", component.alias or component.name, argument),
            f"the pattern {pattern!r} of {argument} matches no weight that trains",
            hint=suggest(pattern, [*names, *paths]),
        )
    return made


def _make_argument(value: Any, make: Make) -> Any:
    if isinstance(value, ComponentSpec):
        return make(value)
    if isinstance(value, tuple | list):
        return [_make_argument(item, make) for item in value]
    if isinstance(value, dict):
        return {key: _make_argument(item, make) for key, item in value.items()}
    return value


@dataclass(frozen=True, kw_only=True)
class _Builder:
    """A list of layers applied one after the other: the network's, or those of a block."""

    spec: RunSpec
    network: Network
    layers: tuple[LayerSpec, ...]
    graph: Graph
    tensors: Mapping[str, Any]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    vocabularies: Mapping[str, int] = field(default_factory=dict)
    """How many whole numbers each data input holds, where it holds such."""
    inside: KeyPath = ("layers",)

    def build(self) -> list[Any]:
        """Return what every layer gives."""
        given: list[Any] = []
        made: list[Any] = []
        for index, name in enumerate(self.names()):
            taken = self._taken(index, given)
            try:
                layer, tensor = self._apply(index, name, taken, made)
            except BUILD_ERRORS + backend_errors() as error:
                self._raise_misfit(index, taken, error)
            made.append(layer)
            given.append(tensor)
        return given

    def names(self) -> list[str]:
        """Name every layer: as written, like its output, else as Keras would in a fresh process."""
        outputs = {index: name for name, index in self.graph.outputs.items()}
        if self.inside != ("layers",):
            outputs = {}
        return name_layers(self.layers, outputs, self.tensors)

    def _taken(self, index: int, given: list[Any]) -> Any:
        sources = self.graph.sources[index]
        if sources is None:
            return next(iter(self.tensors.values()))
        taken = [self._source(source, given) for source in sources]
        return taken[0] if len(taken) == 1 else taken

    def _source(self, source: Source, given: list[Any]) -> Any:
        if isinstance(source, int):
            return given[source]
        if isinstance(source, str):
            return self.tensors[source]
        holders = [name for name, own in self.columns.items() if set(source.names) <= set(own)]
        positions = positions_of(source, self.columns[holders[0]])
        return keras.ops.take(self.tensors[holders[0]], positions, axis=-1)

    def _apply(self, index: int, name: str, taken: Any, made: list[Any]) -> tuple[Any, Any]:
        """Return the Keras layer of an item and what it gives."""
        component = self.layers[index].component
        origin = self.graph.origin(index)
        if origin != index:
            # A layer has one name; what it gives here gets one of its own.
            called = self.layers[origin].component.name
            again = _call(made[origin], called, taken)
            return made[origin], keras.layers.Identity(name=name)(again)
        if component.name in self.network.blocks:
            layer = self._make_block(component.name, name, taken.shape, taken.dtype)
        else:
            component = self._with_vocabularies(component, index)
            layer = make_component(component, make_inner=self._inner_maker(component, taken))
            layer.name = name
        return layer, _call(layer, component.name, taken)

    def _with_vocabularies(self, component: ComponentSpec, index: int) -> ComponentSpec:
        """Return a CategoryEmbedding with the sizes of its tables, which the data tells."""
        sources = self.graph.sources[index] or tuple(self.tensors)
        sizes = [self.vocabularies.get(str(source)) for source in sources]
        is_written = component.arguments.get("vocabulary_sizes") is not None
        if component.name != "CategoryEmbedding" or is_written or None in sizes:
            return component
        return replace(component, arguments={**component.arguments, "vocabulary_sizes": sizes})

    def _inner_maker(self, component: ComponentSpec, taken: Any) -> Make:
        """Return what makes the layers that `component` holds: blocks by the shape of a step."""

        def make(inner: ComponentSpec) -> Any:
            if inner.name in self.network.blocks:
                step = (taken.shape[0], *taken.shape[2:])
                return self._make_block(inner.name, snake_case(inner.name), step, taken.dtype)
            return make_component(inner, make_inner=make)

        return make

    def _make_block(self, block: str, name: str, shape: tuple[int | None, ...], dtype: str) -> Any:
        found = self.network.blocks[block]
        taken = keras.Input(batch_shape=shape, dtype=dtype, name=INPUT)
        builder = replace(
            self,
            layers=found.layers,
            graph=found.graph,
            tensors={INPUT: taken},
            columns={},
            vocabularies={},
            inside=("blocks", block),
        )
        model = keras.Model(inputs=taken, outputs=builder.build()[-1], name=name)
        # For the tables and pictures that show the network.
        model.block = block
        return model

    def _raise_misfit(self, index: int, taken: Any, error: Exception) -> NoReturn:
        layer = self.layers[index]
        shapes = taken if isinstance(taken, list) else [taken]
        received = " and ".join(format_shape(tuple(tensor.shape)) for tensor in shapes)
        _raise(
            self.spec,
            layer_path(index, layer, inside=self.inside),
            f"{layer.component.name} does not fit its input of shape {received}: "
            f"{_first_sentence(error)}",
        )


def _call(layer: Any, called: str, taken: Any) -> Any:
    if called in SEPARATE_INPUTS:
        return layer(*taken) if isinstance(taken, list) else layer(taken, taken)
    return layer(taken)


def _check_output_shapes(spec: RunSpec, network: Network, outputs: dict[str, Any]) -> None:
    for head in network.heads:
        shape = tuple(outputs[head.output].shape)
        if head.steps > 1:
            _check_steps(spec, head, shape)
        elif len(shape) != (2 if head.members is None else 3):
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
    if shape in head.shapes:
        return
    wanted = " or ".join(map(_shown, head.shapes)) or "an output for each target"
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


def _raise_at(spec: RunSpec, index: int, message: str, *, hint: str | None = None) -> NoReturn:
    _raise(spec, layer_path(index, spec.layers[index]), message, hint=hint)


def _raise(spec: RunSpec, path: KeyPath, message: str, *, hint: str | None = None) -> NoReturn:
    assert spec.origin is not None
    problems = Problems()
    problems.add(path, message, hint=hint, on_key=True)
    raise_problems(problems, spec.origin)
    raise AssertionError("unreachable: there is a problem to raise")


def _first_sentence(error: Exception) -> str:
    """Return what Keras says without its dump of arguments."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
