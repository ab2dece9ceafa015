"""RunSpec: a whole config after every check that needs no data."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dlcli.errors import SpecError
from dlcli.spec.callbacks import CallbackField, check_monitor
from dlcli.spec.components import Component, ComponentSpec
from dlcli.spec.containers import ListOf, MapOf, OneOf
from dlcli.spec.data import DataSpec, as_names
from dlcli.spec.fields import Boolean, Choice, Integer, Number, Text
from dlcli.spec.heads import Head, Objective, check_head, class_targets, find_heads, objective_for
from dlcli.spec.layers import Graph, LayerField, LayerSpec, connect, tensor_name
from dlcli.spec.merging import load_merged
from dlcli.spec.places import Source, format_problem
from dlcli.spec.problems import Problem, Problems
from dlcli.spec.sections import Section, setting
from dlcli.spec.training import LOSS, METRICS, PerOutput, check_metric, check_output_names

GRAMMAR_VERSION = 1

_NAME = re.compile(r"[\w][\w .-]*")


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One experiment: data, network, training."""

    name: str = setting(
        Text("a name"), "The name of the runs; the file's own name without it.", default=""
    )
    version: int = setting(
        Integer(minimum=1), "The version of this grammar.", default=GRAMMAR_VERSION
    )
    extends: str | None = setting(
        Text("a file"),
        "Another config to start from: `data` is merged key by key, every other key is replaced.",
        default=None,
    )
    seed: int = setting(
        Integer(minimum=0, maximum=2**32 - 1),
        "Seeds the split, the initial weights, the batch order and dropout.",
        default=0,
    )
    backend: Literal["tensorflow", "jax"] = setting(
        Choice(("tensorflow", "jax")), "The library that Keras computes with.", default="tensorflow"
    )
    data: DataSpec = setting(Section(DataSpec), "The table, its columns and its split.")
    layers: tuple[LayerSpec, ...] = setting(
        ListOf(LayerField(), 1), "The network: Keras layers, each taking the one before it."
    )
    loss: ComponentSpec | dict[str, ComponentSpec] | None = setting(
        PerOutput(LOSS, "loss"),
        "What training makes small, one for all outputs or one for each; without it mse for numbers "
        "and the crossentropy that fits for classes.",
        default=None,
    )
    loss_weights: dict[str, float] | None = setting(
        MapOf(Number(), "outputs"),
        "How much each output's loss counts in the sum.",
        default=None,
    )
    metrics: tuple[ComponentSpec, ...] | dict[str, tuple[ComponentSpec, ...]] = setting(
        PerOutput(METRICS, "metric"),
        "What is measured each epoch beside the loss, in the scale that training sees.",
        default=(),
    )
    optimizer: ComponentSpec = setting(
        Component("optimizer"),
        "How the weights are changed.",
        default=ComponentSpec(kind="optimizer", name="Adam"),
    )
    class_weight: str | dict[str, float] | None = setting(
        OneOf((Choice(("balanced",)), MapOf(Number(minimum=0), "classes"))),
        "How much each class counts in the loss: a weight by class name, or `balanced` for weights "
        "inverse to the class sizes of the training part.",
        default=None,
    )
    batch_size: int = setting(Integer(minimum=1), "Rows per weight update.", default=32)
    epochs: int = setting(Integer(minimum=1), "Passes over the training part, e.g. epochs: 100.")
    shuffle: bool = setting(
        Boolean(), "Whether every epoch sees the rows in a new order.", default=True
    )
    callbacks: tuple[ComponentSpec, ...] = setting(
        ListOf(CallbackField()), "Keras callbacks, called in this order.", default=()
    )
    origin: Source | None = field(default=None, compare=False, repr=False)

    @property
    def has_validation(self) -> bool:
        """Tell whether some rows are watched while training."""
        return self.data.split.validation != 0


def load_spec(path: Path, overrides: tuple[str, ...] = ()) -> RunSpec:
    """Read and check a config; raises SpecError with every problem, each at its place."""
    return build_spec(load_merged(path, overrides))


def build_spec(source: Source) -> RunSpec:
    """Check plain values as a config; raises SpecError with every problem, each at its place."""
    problems = Problems()
    _check_version(source, problems)
    spec = Section(RunSpec).check(source.values, (), problems)
    if isinstance(spec, RunSpec):
        spec = _complete(spec, source, problems)
        _check_rules(spec, problems)
    raise_problems(problems, source)
    assert isinstance(spec, RunSpec)
    return spec


def raise_problems(problems: Problems, source: Source) -> None:
    """Raise one SpecError that tells every problem in file order; return when there is none."""
    if not problems:
        return
    placed = [
        (source.place(problem.path, on_key=problem.on_key), problem) for problem in problems.found
    ]
    placed.sort(key=lambda pair: (pair[0].file != str(source.file), pair[0].line, pair[0].column))
    texts = [_format(place, problem) for place, problem in placed]
    unique = list(dict.fromkeys(texts))
    raise SpecError("\nerror: ".join(unique))


def _format(place: Any, problem: Problem) -> str:
    text = format_problem(problem.message, place)
    return text if problem.hint is None else f"{text}\nhint: {problem.hint}"


def _check_version(source: Source, problems: Problems) -> None:
    version = source.values.get("version") if isinstance(source.values, dict) else None
    if isinstance(version, int) and version > GRAMMAR_VERSION:
        problems.add(
            ("version",),
            f"this config is written for version {version} of the grammar; "
            f"this dlcli reads up to {GRAMMAR_VERSION}",
            hint="update dlcli",
        )


def _complete(spec: RunSpec, source: Source, problems: Problems) -> RunSpec:
    """Fill in what depends on where the config stands: its name and its place."""
    name = spec.name or Path(source.file).stem
    if not _NAME.fullmatch(name) or name.endswith((" ", ".")):
        problems.add(
            ("name",),
            f"{name!r} cannot name a folder",
            hint="letters, digits, spaces, '-', '_' and '.', starting with a letter or digit",
        )
    values = {key: getattr(spec, key) for key in Section(RunSpec).settings()}
    return RunSpec(**{**values, "name": name}, origin=source)


@dataclass(frozen=True, kw_only=True)
class Network:
    """The layer list with its connections and outputs resolved."""

    graph: Graph
    heads: tuple[Head, ...]


def resolve_network(spec: RunSpec, problems: Problems | None = None) -> Network:
    """Connect the layers and find the outputs."""
    graph = connect(spec.layers, spec.data, problems if problems is not None else Problems())
    heads = find_heads(spec.layers, graph, spec.data.target_names)
    return Network(graph=graph, heads=tuple(heads))


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


def targets_as_classes(spec: RunSpec) -> frozenset[str]:
    """Return the targets that loss or head make classes, whatever their cells hold."""
    heads = resolve_network(spec).heads
    return class_targets(list(heads), losses_by_output(spec, heads))


def resolve_objectives(
    spec: RunSpec, classes: dict[str, tuple[str, ...] | None]
) -> tuple[Objective, ...]:
    """Match outputs, losses and metrics with the targets that the data holds.

    `classes` gives each target's class names, None for a number. Raises SpecError.
    """
    assert spec.origin is not None
    problems = Problems()
    heads = resolve_network(spec).heads
    losses = losses_by_output(spec, heads)
    objectives = []
    for head in heads:
        objective = objective_for(
            head,
            losses[head.output],
            classes,
            path=_loss_path(spec, head.output),
            layers=spec.layers,
            problems=problems,
        )
        if objective is not None:
            _check_metrics(spec, objective, problems)
            objectives.append(objective)
    _check_class_weight(spec, classes, problems)
    raise_problems(problems, spec.origin)
    return tuple(objectives)


def _loss_path(spec: RunSpec, output: str) -> tuple[str, ...]:
    return ("loss", output) if isinstance(spec.loss, dict) else ("loss",)


def _check_metrics(spec: RunSpec, objective: Objective, problems: Problems) -> None:
    per_output = isinstance(spec.metrics, dict)
    listed = (
        spec.metrics.get(objective.output, ()) if isinstance(spec.metrics, dict) else spec.metrics
    )
    base = ("metrics", objective.output) if per_output else ("metrics",)
    for index, metric in enumerate(listed):
        check_metric(metric, objective, (*base, index), problems)


def _check_class_weight(
    spec: RunSpec, classes: dict[str, tuple[str, ...] | None], problems: Problems
) -> None:
    if spec.class_weight is None:
        return
    (names,) = classes.values() if len(classes) == 1 else (None,)
    if names is None:
        problems.add(
            ("class_weight",), "class_weight needs one target with classes", hint="remove it"
        )
    elif isinstance(spec.class_weight, dict):
        for name in spec.class_weight:
            if name not in names:
                problems.add(
                    ("class_weight", name),
                    f"{spec.data.target_names[0]!r} has no class {name!r}",
                    hint=f"its classes: {', '.join(names)}",
                    on_key=True,
                )


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


def metric_log_name(metric: ComponentSpec) -> str:
    """Return the name under which Keras reports a metric."""
    if "name" in metric.arguments:
        return str(metric.arguments["name"])
    return metric.alias or _snake_case(metric.name)


def _snake_case(name: str) -> str:
    if name.isupper():
        return name.lower()
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", words).lower()


def _check_rules(spec: RunSpec, problems: Problems) -> None:
    _check_columns(spec, problems)
    network = resolve_network(spec, problems)
    losses = losses_by_output(spec, network.heads)
    outputs = [head.output for head in network.heads]
    check_output_names(spec.loss, outputs, ("loss",), problems)
    check_output_names(spec.metrics, outputs, ("metrics",), problems)
    check_output_names(spec.loss_weights, outputs, ("loss_weights",), problems)
    for head in network.heads:
        check_head(head, losses[head.output], _loss_path(spec, head.output), spec.layers, problems)
    names = log_names(spec, network.heads)
    for index, callback in enumerate(spec.callbacks):
        path = ("callbacks", index)
        check_monitor(callback, names, path, problems, has_validation=spec.has_validation)


def _check_columns(spec: RunSpec, problems: Problems) -> None:
    """Report a column that is asked to be two things at once."""
    data = spec.data
    inputs = as_names(data.inputs or ())
    for index, target in enumerate(data.target_names):
        path: tuple[str | int, ...] = ("data", "target")
        if not isinstance(data.target, str):
            path = (*path, index)
        if target in inputs:
            problems.add(path, f"{target!r} is an input and the target")
        if target in as_names(data.drop):
            problems.add(path, f"{target!r} is dropped and the target")
        if data.target_names.index(target) != index:
            problems.add(path, f"target {target!r} stands twice")
    for index, name in enumerate(inputs):
        if name in as_names(data.drop):
            problems.add(("data", "inputs", index), f"{name!r} is an input and dropped")
