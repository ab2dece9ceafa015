"""The shapes of a network's outputs against what its targets need."""

from collections.abc import Iterable, Sequence

from dlcli.spec.experiment import RunSpec
from dlcli.spec.heads import Head, steps_hint
from dlcli.spec.layers import Graph, layer_path
from dlcli.spec.problems import Problems
from dlcli.spec.shapes.shape import ROWS, Shape, format_shape


def check_outputs(
    heads: Iterable[Head],
    spec: RunSpec,
    shapes: Sequence[Shape | None],
    graph: Graph,
    problems: Problems,
) -> None:
    """Report outputs that are no row of numbers, or not one row for every predicted step."""
    for head in heads:
        shape = shapes[head.layer]
        if shape is None:
            continue
        if head.steps > 1:
            _check_steps(head, shape, spec, problems)
        elif len(shape) != 2:
            problems.add(
                layer_path(head.layer, spec.layers[head.layer]),
                f"the output {head.output!r} needs (rows, units), got {format_shape(shape)}",
                hint=_hint(head.layer, shape, spec, graph),
                on_key=True,
            )


def _check_steps(head: Head, shape: Shape, spec: RunSpec, problems: Problems) -> None:
    count = len(head.targets)
    fits: list[Shape] = [(*ROWS, head.steps, count)]
    if count == 1:
        fits.insert(0, (*ROWS, head.steps))
    if any(_may_be(shape, each) for each in fits):
        return
    targets = f"{count} targets" if count > 1 else f"the target {head.targets[0]!r}"
    problems.add(
        layer_path(head.layer, spec.layers[head.layer]),
        f"the output {head.output!r} needs {' or '.join(map(format_shape, fits))} for {head.steps} "
        f"steps of {targets}, got {format_shape(shape)}",
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
