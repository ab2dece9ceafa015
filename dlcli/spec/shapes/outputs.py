"""The shapes of a network's outputs against what its targets need."""

from collections.abc import Sequence

from dlcli.spec.experiment import RunSpec
from dlcli.spec.heads import Head, steps_hint
from dlcli.spec.layers import Graph, layer_path
from dlcli.spec.problems import Problems
from dlcli.spec.shapes.shape import Shape, format_shape


def check_outputs(
    heads: Sequence[Head],
    spec: RunSpec,
    shapes: Sequence[Shape | None],
    graph: Graph,
    problems: Problems,
) -> None:
    """Report outputs that are no row of numbers, or not one row for every predicted step."""
    _check_members(heads, spec, problems)
    for head in heads:
        shape = shapes[head.layer]
        if shape is None:
            continue
        if head.steps > 1:
            _check_steps(head, shape, spec, problems)
        elif head.members is not None and len(shape) != 3:
            problems.add(
                layer_path(head.layer, spec.layers[head.layer]),
                f"the output {head.output!r} needs (rows, {head.members}, units) for its "
                f"{head.members} members, got {format_shape(shape)}",
                hint="an EnsembleDense layer as its last one gives each member its units",
                on_key=True,
            )
        elif head.members is None and len(shape) != 2:
            problems.add(
                layer_path(head.layer, spec.layers[head.layer]),
                f"the output {head.output!r} needs (rows, units), got {format_shape(shape)}",
                hint=_hint(head.layer, shape, spec, graph),
                on_key=True,
            )


def _check_members(heads: Sequence[Head], spec: RunSpec, problems: Problems) -> None:
    """Report outputs of ensembles that differ in their members."""
    first = next((head for head in heads if head.members is not None), None)
    for head in heads:
        if first is None or head.members in (None, first.members):
            continue
        problems.add(
            layer_path(head.layer, spec.layers[head.layer]),
            f"the output {head.output!r} has {head.members} members, and {first.output!r} has "
            f"{first.members}",
            hint="all outputs of an ensemble have the same members, each of them a network",
            on_key=True,
        )


def _check_steps(head: Head, shape: Shape, spec: RunSpec, problems: Problems) -> None:
    count = len(head.targets)
    if any(_may_be(shape, each) for each in head.shapes):
        return
    targets = f"{count} targets" if count > 1 else f"the target {head.targets[0]!r}"
    needed = " or ".join(map(format_shape, head.shapes)) or "an output for each target"
    problems.add(
        layer_path(head.layer, spec.layers[head.layer]),
        f"the output {head.output!r} needs {needed} for {head.steps} steps of {targets}, got "
        f"{format_shape(shape)}",
        hint=steps_hint(head),
        on_key=True,
    )


def _may_be(shape: Shape, wanted: Shape) -> bool:
    if len(shape) != len(wanted):
        return False
    pairs = zip(shape, wanted, strict=True)
    return all(size == needed for size, needed in pairs if None not in (size, needed))


def _hint(index: int, shape: Shape, spec: RunSpec, graph: Graph) -> str:
    sources = graph.sources[index]
    source = sources[0] if sources else None
    before = spec.layers[source] if isinstance(source, int) else spec.layers[index]
    for layer in (spec.layers[index], before):
        if layer.argument("return_sequences"):
            return f"leave return_sequences out of the last {layer.component.name}"
    pooling = f" or GlobalAveragePooling{len(shape) - 2}D" if 2 < len(shape) < 6 else ""
    return f"a Flatten{pooling} layer before it makes one row of numbers"
