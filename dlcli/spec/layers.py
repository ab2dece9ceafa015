"""The layer list: how each layer is named, where its input comes from, which ones are outputs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcli.spec.components import Component, ComponentSpec
from dlcli.spec.data import MEMORY, NAMES, DataSpec, as_names
from dlcli.spec.fields import INVALID, JsonSchema, report_unexpected
from dlcli.spec.own_names import SHARE
from dlcli.spec.problems import KeyPath, Problems, closest, join_names, suggest
from dlcli.spec.windows import WINDOW

FEATURES = "features"
"""The input that holds numbers and one-hot categories, in one tensor."""

ARRAY_SUFFIX = ".npz"

INPUT = "input"
"""What the layers of a block call the tensor that the block takes."""

# Layers that take several others; all but the last group need at least two.
MERGING = {
    *("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"),
    *("AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"),
}
_MAY_TAKE_SEVERAL = MERGING | {
    *("RNN", "SimpleRNN", "GRU", "LSTM", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    *("Bidirectional", "CategoryEmbedding", "HashedCrossing"),
}
# Layers that only work inside RNN.
CELLS = {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """One layer with its name and the names it takes from; no names means the layer before it."""

    component: ComponentSpec
    name: str | None = None
    inputs: tuple[str, ...] | None = None
    one_input: bool = True

    def to_yaml(self) -> Any:
        """Return the form a config would write."""
        arguments = dict(self.component.arguments)
        if self.name is not None:
            arguments["name"] = self.name
        plain = ComponentSpec(kind="layer", name=self.component.name, arguments=arguments).to_yaml()
        if self.inputs is None:
            return plain
        written = self.inputs[0] if self.one_input else list(self.inputs)
        existing = {} if isinstance(plain, str) else plain[self.component.name]
        return {self.component.name: {**existing, "inputs": written}}

    def argument(self, name: str) -> Any:
        """Return an argument as written, or None."""
        return self.component.arguments.get(name)


@dataclass(frozen=True)
class LayerField:
    """One item of the layer list: a layer from the catalogue, with `inputs` beside its arguments."""

    expectation: str = "a layer"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str | dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if not self.accepts(value):
            return report_unexpected(self, value, path, problems, hint="e.g. Dense: 64")
        inputs: Any = None
        plain = value
        if isinstance(value, dict) and len(value) == 1:
            ((name, arguments),) = value.items()
            if isinstance(arguments, dict) and "inputs" in arguments:
                inputs = NAMES.check(arguments["inputs"], (*path, name, "inputs"), problems)
                plain = {name: {k: v for k, v in arguments.items() if k != "inputs"}}
        component = Component("layer").check(plain, path, problems)
        if component is INVALID or inputs is INVALID:
            return INVALID
        return _layer(component, inputs)

    def schema(self) -> JsonSchema:
        return {"anyOf": [{"$ref": "#/$defs/layer"}, {"$ref": "#/$defs/own_layer"}]}


def _layer(component: ComponentSpec, inputs: Any) -> LayerSpec:
    arguments = dict(component.arguments)
    return LayerSpec(
        name=arguments.pop("name", None),
        component=ComponentSpec(kind="layer", name=component.name, arguments=arguments),
        inputs=None if inputs is None else as_names(inputs),
        one_input=isinstance(inputs, str),
    )


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns of the tensor that columns share, side by side; a layer takes them by their names."""

    names: tuple[str, ...]


Source = int | str | Columns
"""What a layer takes from: a layer (its index), a data input (its name), or columns."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """How layers connect: indices of layers, names of data inputs; `outputs` by output name."""

    sources: tuple[tuple[Source, ...] | None, ...]
    """Per layer what it takes; None is the only data input."""
    outputs: dict[str, int]
    shared: dict[int, int] = field(default_factory=dict)
    """Uses of a layer once more: their index, and that of the layer whose weights they have."""

    def origin(self, index: int) -> int:
        """Return the layer that is used at `index`: itself, unless it shares another one's weights."""
        return self.shared.get(index, index)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a list of layers stands, and what its layers may take beside each other."""

    inside: KeyPath
    inputs: tuple[str, ...]
    columns: tuple[str, ...] = ()
    """Columns of the shared tensor that the config names."""
    takes_any_input: bool = False
    """Whether the data may bring inputs that the config does not name."""


def own_inputs(data: DataSpec) -> tuple[str, ...]:
    """Return the columns that arrive under their own name instead of in `features`."""
    return tuple(
        name
        for name, column in data.columns.items()
        if column.type in ("text", "image") or column.encode == "ordinal"
    )


def input_names(data: DataSpec) -> tuple[str, ...]:
    """Return the names under which inputs may arrive, as far as the config alone tells."""
    if data.window is None:
        return (FEATURES, *own_inputs(data))
    shared = (WINDOW, FEATURES) if data.window.static_names else (WINDOW,)
    return (*shared, *own_inputs(data))


def may_hold_arrays(data: DataSpec) -> bool:
    """Tell whether the source itself says which columns are images: a folder, or arrays."""
    sources = as_names(data.source)
    folders = (item for item in sources if not Path(item).suffix and item != MEMORY)
    return any(folders) or any(item.endswith(ARRAY_SUFFIX) for item in sources)


def connect(layers: tuple[LayerSpec, ...], data: DataSpec, problems: Problems) -> Graph:
    """Resolve every layer's inputs and find the outputs, reporting names that cannot be resolved."""
    before = len(problems.found)
    own = own_inputs(data)
    named = dict.fromkeys([*as_names(data.inputs or ()), *data.columns])
    scope = Scope(
        inside=("layers",),
        inputs=input_names(data),
        columns=tuple(name for name in named if name not in {*own, *data.target_names}),
        takes_any_input=may_hold_arrays(data),
    )
    outputs = _outputs(layers, data, problems)
    graph = connect_list(layers, scope, outputs, problems, before=before)
    if len(problems.found) == before:
        _report_taken_outputs(layers, graph, problems)
    return graph


def connect_list(
    layers: tuple[LayerSpec, ...],
    scope: Scope,
    outputs: dict[str, int],
    problems: Problems,
    *,
    before: int,
) -> Graph:
    """Resolve the inputs of a list of layers; `before` counts the problems before all of it."""
    named = _names(layers, scope, problems)
    shared = _shared(layers, named, scope, problems)
    sources = tuple(
        _sources(index, layer, named, scope, problems) for index, layer in enumerate(layers)
    )
    graph = Graph(sources=sources, outputs=outputs, shared=shared)
    if len(problems.found) == before:
        # With a name astray, which layers are used is anyone's guess.
        _report_unused(layers, graph, scope, problems)
        _report_number_of_inputs(layers, graph, scope, problems)
    return graph


def layer_path(index: int, layer: LayerSpec, *keys: str, inside: KeyPath = ("layers",)) -> KeyPath:
    """Return the key path of a layer or of one of its arguments."""
    return (*inside, index, layer.component.name, *keys)


def _names(layers: tuple[LayerSpec, ...], scope: Scope, problems: Problems) -> dict[str, int]:
    named: dict[str, int] = {}
    for index, layer in enumerate(layers):
        if layer.name is None:
            continue
        path = layer_path(index, layer, "name", inside=scope.inside)
        if layer.name in named:
            problems.add(
                path,
                f"two layers are named {layer.name!r}",
                hint=f"the first is layer {named[layer.name] + 1} of the list",
            )
        elif layer.name in {FEATURES, *scope.inputs}:
            problems.add(path, f"{layer.name!r} is the name of a data input", hint="choose another")
        elif "/" in layer.name:
            problems.add(path, f"a layer's name has no '/', got {layer.name!r}")
        named.setdefault(layer.name, index)
    return named


def _shared(
    layers: tuple[LayerSpec, ...], named: dict[str, int], scope: Scope, problems: Problems
) -> dict[int, int]:
    """Find the layer that each `share` uses once more."""
    shared: dict[int, int] = {}
    for index, layer in enumerate(layers):
        if layer.component.name != SHARE:
            continue
        wanted = str(layer.argument("layer"))
        path = layer_path(index, layer, "layer", inside=scope.inside)
        found = named.get(wanted)
        if found is None:
            given = [name for name, at in named.items() if at < index]
            problems.add(
                path,
                f"no layer is named {wanted!r}",
                hint=suggest(wanted, given) if given else f"name: {wanted} on the layer to share",
            )
        elif found >= index:
            problems.add(
                path, f"{wanted!r} is no layer above this one", hint="share names a layer above it"
            )
        else:
            shared[index] = shared.get(found, found)
    return shared


def _sources(
    index: int, layer: LayerSpec, named: dict[str, int], scope: Scope, problems: Problems
) -> tuple[Source, ...] | None:
    if layer.inputs is None:
        return (index - 1,) if index else None
    resolved: list[Source] = []
    for position, name in enumerate(layer.inputs):
        path = layer_path(index, layer, "inputs", inside=scope.inside)
        if not layer.one_input:
            path = (*path, position)
        target = _resolve(name, index, named, scope, path, problems)
        if target is not None:
            resolved.append(target)
    columns = [each for each in resolved if isinstance(each, Columns)]
    if len(columns) == len(resolved) > 1 and layer.component.name not in _MAY_TAKE_SEVERAL:
        # One tensor of all of them, in this order.
        return (Columns(names=tuple(name for each in columns for name in each.names)),)
    return tuple(resolved)


def _resolve(
    name: str, index: int, named: dict[str, int], scope: Scope, path: KeyPath, problems: Problems
) -> Source | None:
    if name in named:
        if named[name] < index:
            return named[name]
        where = "is this layer itself" if named[name] == index else "comes later in the list"
        problems.add(path, f"{name!r} {where}", hint="a layer takes from layers above it")
        return None
    if name in scope.inputs or scope.takes_any_input:
        return name
    if name in scope.columns:
        return Columns(names=(name,))
    hint = suggest(name, [*scope.inputs, *named, *scope.columns])
    if scope.inside[0] == "blocks":
        hint = f"a block knows its own layers and its {INPUT!r}"
    problems.add(path, f"no layer or input is named {name!r}", hint=hint)
    return None


def _outputs(layers: tuple[LayerSpec, ...], data: DataSpec, problems: Problems) -> dict[str, int]:
    targets = data.target_names
    found = {layer.name: index for index, layer in enumerate(layers) if layer.name in targets}
    if found:
        missing = [name for name in targets if name not in found]
        for name in missing:
            near = closest(name, [layer.name for layer in layers if layer.name is not None])
            near_hint = f"; did you mean the layer {near!r}?" if near else ""
            where = () if isinstance(data.target, str) else (targets.index(name),)
            problems.add(
                ("data", "target", *where),
                f"target {name!r} has no output",
                hint=f"its output is a layer with `name: {name}`, as there is one for "
                f"{join_names(map(str, found))}{near_hint}",
            )
        return {str(name): index for name, index in found.items()}
    last = len(layers) - 1
    name = layers[last].name or (targets[0] if len(targets) == 1 else _joint_name(layers, data))
    return {name: last}


def _joint_name(layers: tuple[LayerSpec, ...], data: DataSpec) -> str:
    """Name the output that several targets share, unlike any layer and input."""
    taken = {FEATURES, *own_inputs(data), *(layer.name for layer in layers)}
    candidates = ("output", *(f"output_{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in candidates if name not in taken)


def _report_unused(
    layers: tuple[LayerSpec, ...], graph: Graph, scope: Scope, problems: Problems
) -> None:
    used = {source for taken in graph.sources if taken for source in taken}
    used |= set(graph.outputs.values())
    for index, layer in enumerate(layers):
        if index not in used:
            problems.add(
                layer_path(index, layer, inside=scope.inside),
                f"nothing uses the result of this {layer.component.name}",
                hint="name it and take it with `inputs:`, or name it like a target",
                on_key=True,
            )


def _report_taken_outputs(layers: tuple[LayerSpec, ...], graph: Graph, problems: Problems) -> None:
    """Report layers that take an output only because it happens to stand before them."""
    by_index = {index: name for name, index in graph.outputs.items()}
    for index, layer in enumerate(layers):
        taken = graph.sources[index]
        source = taken[0] if layer.inputs is None and taken else None
        if not isinstance(source, int) or source not in by_index:
            continue
        trunk = graph.sources[source]
        before = layers[trunk[0]].name if trunk and isinstance(trunk[0], int) else None
        meant = f"inputs: {before}" if before else "inputs: NAME of the layer that is meant"
        output = by_index[source]
        problems.add(
            layer_path(index, layer),
            f"this {layer.component.name} takes the output {output!r}, which stands before it",
            hint=f"{meant}; or inputs: {output} if it is to learn from the prediction",
            on_key=True,
        )


def _report_number_of_inputs(
    layers: tuple[LayerSpec, ...], graph: Graph, scope: Scope, problems: Problems
) -> None:
    for index, layer in enumerate(layers):
        taken = graph.sources[index]
        called = layers[graph.origin(index)].component.name
        count = 1 if taken is None else len(taken)
        path = layer_path(index, layer, inside=scope.inside)
        if called in CELLS:
            problems.add(
                path,
                f"{called} works only inside RNN",
                hint=f"RNN: {{cell: {{{called}: ...}}}}; LSTM, GRU and SimpleRNN are whole layers",
                on_key=True,
            )
        elif called in MERGING and count < 2:
            problems.add(
                path,
                f"{called} takes two or more inputs, got {count}",
                hint=f"name them: {called}: {{inputs: [one, other]}}",
                on_key=True,
            )
        elif count > 1 and called not in _MAY_TAKE_SEVERAL:
            problems.add(
                (*path, "inputs"),
                f"{called} takes one input, got {count}",
                hint="join them first with a Concatenate layer",
            )
