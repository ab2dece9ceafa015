"""A network against the tensors that its data gives, before Keras is loaded."""

from collections.abc import Mapping

from dlcli.spec.experiment import RunSpec
from dlcli.spec.layers import FEATURES, Graph, Source, layer_path
from dlcli.spec.network import resolve_network
from dlcli.spec.problems import KeyPath, Problems, join_names
from dlcli.spec.report import raise_problems
from dlcli.spec.shapes.outputs import check_outputs
from dlcli.spec.shapes.tensor import Tensor
from dlcli.spec.shapes.trace import Tracer
from dlcli.spec.shapes.weights import Sizes


def check_shapes(spec: RunSpec, inputs: Mapping[str, Tensor]) -> Sizes:
    """Check every layer against the shapes that the data gives, and return what the network holds.

    Raises SpecError with all misfits.
    """
    assert spec.origin is not None
    problems = Problems()
    network = resolve_network(spec)
    graph = network.graph
    _check_sources(spec, graph, inputs, problems)
    raise_problems(problems, spec.origin)
    sizes = Sizes()
    tracer = Tracer(
        layers=spec.layers,
        graph=graph,
        inputs=inputs,
        blocks=network.blocks,
        problems=problems,
        sizes=sizes,
    )
    shapes = [tensor.shape for tensor in tracer.trace()]
    check_outputs(network.heads, spec, shapes, graph, problems)
    raise_problems(problems, spec.origin)
    return sizes


def _check_sources(
    spec: RunSpec, graph: Graph, inputs: Mapping[str, Tensor], problems: Problems
) -> None:
    """Report layers that take an input the data does not give, and inputs that no layer takes."""
    used: set[str] = set()
    for index, sources in enumerate(graph.sources):
        layer = spec.layers[index]
        if sources is None and len(inputs) > 1:
            problems.add(
                layer_path(index, layer),
                f"the first layer must say which input it takes: {join_names(inputs)}",
                hint=f"inputs: {next(iter(inputs))}",
                on_key=True,
            )
        path = layer_path(index, layer, "inputs")
        for source in [*inputs] if sources is None else sources:
            used.update(_names_of(source, inputs, path, problems))
    if not problems:
        _check_all_used(spec, inputs, used, problems)


def _names_of(
    source: Source, inputs: Mapping[str, Tensor], path: KeyPath, problems: Problems
) -> tuple[str, ...]:
    """Return the inputs or columns that a source stands for; report what the data does not give."""
    if isinstance(source, int):
        return ()
    if isinstance(source, str):
        if source not in inputs:
            listed = f"its inputs: {join_names(inputs)}"
            problems.add(path, f"the data gives no input {source!r}", hint=listed)
        return (source,)
    shared = {column for each in inputs.values() for column in each.columns or ()}
    for name in source.names:
        if name not in shared:
            hint = f"the columns of {FEATURES!r}: {join_names(dict.fromkeys(shared))}"
            if name in inputs:
                hint = f"it has an input of its own: inputs: {name}"
            problems.add(path, f"column {name!r} is no part of {FEATURES!r}", hint=hint)
    return source.names


def _check_all_used(
    spec: RunSpec, inputs: Mapping[str, Tensor], used: set[str], problems: Problems
) -> None:
    for name, tensor in inputs.items():
        columns = list(dict.fromkeys(tensor.columns or ()))
        unused = [column for column in columns if column not in used]
        if name in used or (columns and not unused):
            continue
        what = f"input {name!r}" if len(unused) == len(columns) else f"column {unused[0]!r}"
        problems.add(
            layer_path(0, spec.layers[0]),
            f"no layer takes the {what}",
            hint="name it under a layer's inputs, or leave its columns out with data.drop; "
            f"the inputs are {join_names(inputs)}",
            on_key=True,
        )
        return
