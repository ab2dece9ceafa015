"""The network of a config: connections, outputs, and what is measured at each output."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dlcli.spec.blocks import Blocks, check_size, connect_blocks
from dlcli.spec.components import ComponentSpec
from dlcli.spec.experiment import RunSpec
from dlcli.spec.heads import Head, find_heads, with_units
from dlcli.spec.layers import Graph, LayerSpec, connect
from dlcli.spec.names import tensor_name
from dlcli.spec.problems import KeyPath, Problems
from dlcli.spec.shapes.inputs import declared_inputs
from dlcli.spec.shapes.outputs import check_outputs
from dlcli.spec.shapes.trace import Tracer
from dlcli.spec.shapes.weights import Sizes
from dlcli.spec.training import metric_log_name, snake_case


@dataclass(frozen=True, kw_only=True)
class Network:
    """The layer list with its connections and outputs resolved."""

    graph: Graph
    blocks: Blocks
    heads: tuple[Head, ...]


def resolve_network(spec: RunSpec, problems: Problems | None = None) -> Network:
    """Connect the layers and find the outputs; `problems` takes up shapes that cannot fit too."""
    if problems is None:
        problems = Problems()
    before = len(problems.found)
    graph = connect(spec.layers, spec.data, problems)
    blocks = connect_blocks(spec.blocks, spec.layers, problems)
    if len(problems.found) == before:
        check_size(spec.blocks, spec.layers, problems)
    is_sound = len(problems.found) == before
    # A block that contains itself ends in no layer.
    known = spec.blocks if is_sound else {}
    heads = find_heads(
        spec.layers, graph, spec.data.target_names, blocks=known, steps=spec.data.steps
    )
    if is_sound:
        inputs = declared_inputs(spec.data)
        tracer = Tracer(
            layers=spec.layers,
            graph=graph,
            inputs=inputs,
            blocks=blocks,
            problems=problems,
            sizes=Sizes(),
        )
        tensors = tracer.trace()
        shapes = [tensor.shape for tensor in tensors]
        heads = with_units(heads, shapes, [tensor.members for tensor in tensors])
        check_outputs(heads, spec, shapes, graph, problems)
    return Network(graph=graph, blocks=blocks, heads=tuple(heads))


def name_layers(
    layers: Sequence[LayerSpec], outputs: Mapping[int, str], inputs: Iterable[str]
) -> list[str]:
    """Name every layer: as written, like its output, else as Keras would in a fresh process."""
    given = [layer.name or outputs.get(index) for index, layer in enumerate(layers)]
    taken = {tensor_name(name) for name in [*inputs, *given] if name is not None}
    return [
        tensor_name(name) if name is not None else _free_name(layer.component.name, taken)
        for name, layer in zip(given, layers, strict=True)
    ]


def _free_name(kind: str, taken: set[str]) -> str:
    base = snake_case(kind)
    candidates = itertools.chain([base], (f"{base}_{number}" for number in itertools.count(1)))
    name = next(name for name in candidates if name not in taken)
    taken.add(name)
    return name


def losses_by_output(spec: RunSpec, heads: tuple[Head, ...]) -> dict[str, ComponentSpec | None]:
    """Return each output's loss as written, None where it is left to the task."""
    if isinstance(spec.loss, dict):
        return {head.output: spec.loss.get(head.output) for head in heads}
    return {head.output: spec.loss for head in heads}


def metrics_by_output(
    spec: RunSpec, heads: tuple[Head, ...]
) -> dict[str, tuple[ComponentSpec, ...]]:
    """Return each output's metrics."""
    if isinstance(spec.metrics, dict):
        return {head.output: spec.metrics.get(head.output, ()) for head in heads}
    return {head.output: spec.metrics for head in heads}


def loss_path(spec: RunSpec, output: str) -> KeyPath:
    """Return where the loss of an output stands."""
    return ("loss", output) if isinstance(spec.loss, dict) else ("loss",)


def metrics_path(spec: RunSpec, output: str) -> KeyPath:
    """Return where the metrics of an output stand."""
    return ("metrics", output) if isinstance(spec.metrics, dict) else ("metrics",)


def log_names(spec: RunSpec, heads: tuple[Head, ...]) -> list[str]:
    """Return the names of the figures that every epoch reports."""
    metrics = metrics_by_output(spec, heads)
    names = ["loss"]
    for head in heads:
        prefix = f"{tensor_name(head.output)}_" if len(heads) > 1 else ""
        if prefix:
            names.append(f"{prefix}loss")
        names += [prefix + metric_log_name(metric) for metric in metrics[head.output]]
    if spec.has_validation:
        names += [f"val_{name}" for name in names]
    return [*names, "learning_rate"]


def metric_kinds(spec: RunSpec, heads: tuple[Head, ...]) -> dict[str, str]:
    """Return Keras's name of every metric by the name under which epochs report it."""
    by_output = metrics_by_output(spec, heads)
    return {
        (f"{tensor_name(head.output)}_" if len(heads) > 1 else "") + metric_log_name(metric): (
            metric.name
        )
        for head in heads
        for metric in by_output[head.output]
    }
