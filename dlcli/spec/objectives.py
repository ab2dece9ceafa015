"""What each output turns out to predict once the data has told the classes of its targets."""

from collections.abc import Mapping
from dataclasses import replace

from dlcli.spec.checks import check_checks, names_of_classes
from dlcli.spec.components import ComponentSpec
from dlcli.spec.experiment import RunSpec
from dlcli.spec.heads import Objective, class_targets
from dlcli.spec.labels import objective_for
from dlcli.spec.network import (
    loss_path,
    losses_by_output,
    metrics_by_output,
    metrics_path,
    resolve_network,
)
from dlcli.spec.problems import Problems, closest, did_you_mean, join_names
from dlcli.spec.report import raise_problems
from dlcli.spec.thresholds import check_two_classes
from dlcli.spec.training import check_metric

Classes = Mapping[str, tuple[str, ...] | None]
"""Each target's class names, None for a number."""


def targets_as_classes(spec: RunSpec) -> frozenset[str]:
    """Return the targets that loss or head make classes, whatever their cells hold."""
    heads = resolve_network(spec).heads
    return class_targets(heads, losses_by_output(spec, heads))


def resolve_objectives(spec: RunSpec, classes: Classes) -> tuple[Objective, ...]:
    """Match outputs, losses and metrics with the targets that the data holds; raises SpecError."""
    assert spec.origin is not None
    problems = Problems()
    heads = resolve_network(spec).heads
    losses, metrics = losses_by_output(spec, heads), metrics_by_output(spec, heads)
    objectives = []
    for head in heads:
        objective = objective_for(
            head,
            losses[head.output],
            classes,
            path=loss_path(spec, head.output),
            layers=spec.layers,
            problems=problems,
        )
        if objective is None:
            continue
        objectives.append(objective)
        for index, metric in enumerate(metrics[head.output]):
            path = (*metrics_path(spec, head.output), index)
            check_metric(metric, objective.labels, path, problems)
    _check_class_weight(spec, classes, problems)
    check_two_classes(spec.threshold, classes, problems)
    _check_calibrate(spec, classes, problems)
    if len(objectives) == len(heads):
        check_checks(spec, names_of_classes(spec, classes), problems)
    raise_problems(problems, spec.origin)
    return tuple(objectives)


def _check_class_weight(spec: RunSpec, classes: Classes, problems: Problems) -> None:
    target = spec.data.target_names[0]
    names = classes[target]
    if spec.class_weight is None:
        return
    if names is None:
        problems.add(
            ("class_weight",),
            f"class_weight weighs classes, but target {target!r} is a number",
            hint="leave it out; data.sample_weight names a column of row weights",
            on_key=True,
        )
    elif isinstance(spec.class_weight, dict):
        for name in spec.class_weight:
            if name not in names:
                near = closest(name, names)
                listed = f"its classes: {join_names(names)}"
                problems.add(
                    ("class_weight", name),
                    f"target {target!r} has no class {name!r}",
                    hint=did_you_mean(name, near) if near else listed,
                    on_key=True,
                )


def _check_calibrate(spec: RunSpec, classes: Classes, problems: Problems) -> None:
    if spec.calibrate != "none" and not any(classes.values()):
        problems.add(
            ("calibrate",),
            "calibrate makes probabilities of classes right, but every target is a number",
            hint="leave it out; `dlcli predict --interval 0.9` gives intervals of numbers",
            on_key=True,
        )


def with_losses(spec: RunSpec, objectives: tuple[Objective, ...]) -> RunSpec:
    """Return the config with the losses spelled out that it left to the task."""
    if isinstance(spec.loss, ComponentSpec):
        return spec
    if len(objectives) == 1:
        return replace(spec, loss=objectives[0].loss)
    return replace(spec, loss={each.output: each.loss for each in objectives})
