"""Rules across sections: what the keys of a config must agree on before any data is read."""

from collections.abc import Collection, Iterable
from typing import Any

from dlcli.spec.callbacks import check_callback, check_monitor, check_placeholders
from dlcli.spec.checks import check_checks, names_of_spec
from dlcli.spec.data_rules import check_data
from dlcli.spec.engine import check_engine
from dlcli.spec.ensemble import check_ensemble
from dlcli.spec.experiment import RunSpec
from dlcli.spec.folds import check_folds
from dlcli.spec.heads import check_head, expected_labels
from dlcli.spec.layers import FEATURES, own_inputs
from dlcli.spec.network import (
    Network,
    log_names,
    loss_path,
    losses_by_output,
    metric_kinds,
    metrics_by_output,
    metrics_path,
    name_layers,
    resolve_network,
)
from dlcli.spec.problems import KeyPath, Problems, closest, suggest
from dlcli.spec.refitting import check_refit
from dlcli.spec.starting import check_freeze
from dlcli.spec.sweep import SweepSpec, check_axis_keys, check_sweep
from dlcli.spec.thresholds import check_thresholds
from dlcli.spec.training import check_metric, metric_log_name


def check_rules(spec: RunSpec, wrong: Collection[str], problems: Problems) -> None:
    """Report keys that do not fit each other; `wrong` keys hold stand-ins and judge nothing."""
    if "data" not in wrong:
        check_data(spec.data, problems)
    network = None
    if not {"data", "layers", "blocks"} & set(wrong) and not _is_data_in_doubt(problems):
        network = _check_network(spec, problems)
    if network is not None:
        _check_outputs(spec, network, wrong, problems)
        _check_heads(spec, network, wrong, problems)
        if not {"checks", "loss"} & set(wrong):
            check_checks(spec, names_of_spec(spec, network), problems)
        if "freeze" not in wrong:
            outputs = {index: name for name, index in network.graph.outputs.items()}
            inputs = [FEATURES, *own_inputs(spec.data)]
            check_freeze(spec.freeze, name_layers(spec.layers, outputs, inputs), problems)
    if not {"data", "threshold"} & set(wrong):
        check_thresholds(
            spec.threshold,
            spec.data.target_names,
            problems,
            has_validation=spec.has_validation,
        )
    if not {"data", "calibrate"} & set(wrong):
        _check_calibrate(spec, problems)
    if spec.ensemble is not None and "ensemble" not in wrong:
        heads = () if network is None else network.heads
        has_members = any(head.members is not None for head in heads)
        check_ensemble(spec, has_members, problems)
    if spec.folds is not None and not {"data", "folds"} & set(wrong):
        check_folds(spec.folds, spec.data, problems)
    if spec.sweep is not None and not {"sweep", "metrics"} & set(wrong):
        check_axis_keys(spec.sweep, problems)
        if network is not None:
            _check_sweep(spec, spec.sweep, network, problems)
    if not {"engine", "backend", "batch_size", "folds", "ensemble", "sweep"} & set(wrong):
        check_engine(spec, problems)
    if "baselines" not in wrong:
        _check_baselines(spec.baselines, problems)
    if not {"callbacks", "data", "refit"} & set(wrong):
        check_refit(spec, problems)
    if "callbacks" not in wrong:
        _check_callbacks(spec, network, wrong, problems)


def _check_calibrate(spec: RunSpec, problems: Problems) -> None:
    if spec.calibrate != "none" and not spec.has_validation:
        problems.add(
            ("calibrate",),
            "probabilities are calibrated on the validation part, and there is none",
            hint="set data.split.validation, e.g. 0.1, or leave calibrate out",
        )


def _check_sweep(spec: RunSpec, sweep: SweepSpec, network: Network, problems: Problems) -> None:
    logged = log_names(spec, network.heads)
    if spec.folds is not None and not spec.has_validation:
        logged += [f"val_{name}" for name in logged if name != "learning_rate"]
    check_sweep(sweep, logged, metric_kinds(spec, network.heads), problems)


def _check_baselines(names: tuple[str, ...], problems: Problems) -> None:
    for index, name in enumerate(names):
        if names.index(name) != index:
            problems.add(
                ("baselines", index), f"baseline {name!r} stands twice", hint="name it once"
            )


def _is_data_in_doubt(problems: Problems) -> bool:
    """Tell whether a key of `data` is misspelt, so that names missing in the network may be there."""
    depths = {len(problem.path) for problem in problems.found if problem.path[:1] == ("data",)}
    return 2 in depths or problems.within(("data", "columns"))


def _check_network(spec: RunSpec, problems: Problems) -> Network | None:
    before = len(problems.found)
    network = resolve_network(spec, problems)
    return network if len(problems.found) == before else None


def _check_outputs(
    spec: RunSpec, network: Network, wrong: Collection[str], problems: Problems
) -> None:
    """Report mappings by output that name no output, or lack one."""
    outputs = [head.output for head in network.heads]
    if "loss" not in wrong:
        _check_output_names(spec.loss, outputs, "loss", problems, every=True)
    if "metrics" not in wrong:
        _check_output_names(spec.metrics, outputs, "metrics", problems, every=False)
    if "loss_weights" in wrong or spec.loss_weights is None:
        return
    if len(outputs) == 1:
        problems.add(
            ("loss_weights",),
            f"loss_weights weighs outputs against each other, and there is one, {outputs[0]!r}",
            hint="leave it out",
            on_key=True,
        )
    else:
        _check_output_names(spec.loss_weights, outputs, "loss_weights", problems, every=True)


def _check_output_names(
    value: object, outputs: Iterable[str], key: str, problems: Problems, *, every: bool
) -> None:
    if not isinstance(value, dict):
        return
    listed = list(outputs)
    unknown = [name for name in value if name not in listed]
    for name in unknown:
        problems.add(
            (key, name), f"no output is named {name!r}", hint=suggest(name, listed), on_key=True
        )
    meant = {closest(name, listed) for name in unknown}
    for name in listed if every else ():
        if name not in value and name not in meant:
            example = "1.0" if key == "loss_weights" else "mse"
            problems.add(
                (key,),
                f"{key} has no entry for the output {name!r}",
                hint=f"add e.g. {name}: {example}",
                on_key=True,
            )


def _check_heads(
    spec: RunSpec, network: Network, wrong: Collection[str], problems: Problems
) -> None:
    if "loss" in wrong or problems.within(("loss",)):
        return
    losses = losses_by_output(spec, network.heads)
    metrics = metrics_by_output(spec, network.heads)
    for head in network.heads:
        loss = losses[head.output]
        before = len(problems.found)
        check_head(head, loss, loss_path(spec, head.output), spec.layers, problems)
        if "metrics" in wrong or len(problems.found) > before:
            continue
        labels = expected_labels(head, loss)
        path = metrics_path(spec, head.output)
        _check_metric_names(metrics[head.output], path, problems)
        for index, metric in enumerate(metrics[head.output] if labels else ()):
            assert labels is not None
            check_metric(metric, labels, (*path, index), problems)
    if "class_weight" not in wrong and spec.class_weight is not None:
        _check_class_weight(spec, network, problems)


def _check_metric_names(metrics: Iterable[Any], path: KeyPath, problems: Problems) -> None:
    seen = {"loss"}
    for index, metric in enumerate(metrics):
        name = metric_log_name(metric)
        if name in seen:
            problems.add(
                (*path, index),
                f"two figures would be reported as {name!r}",
                hint=f"take one out, or give it a `name`: {{{metric.name}: {{name: ...}}}}",
            )
        seen.add(name)


def _check_class_weight(spec: RunSpec, network: Network, problems: Problems) -> None:
    targets = spec.data.target_names
    losses = losses_by_output(spec, network.heads)
    labels = {expected_labels(head, losses[head.output]) for head in network.heads}
    why = None
    if len(targets) > 1:
        why = f"and there are {len(targets)} targets"
    elif labels == {"numbers"}:
        why = "and this loss compares numbers"
    if why is not None:
        problems.add(
            ("class_weight",),
            f"class_weight weighs the classes of one target, {why}",
            hint="leave it out; data.sample_weight names a column of row weights",
            on_key=True,
        )


def _check_callbacks(
    spec: RunSpec, network: Network | None, wrong: Collection[str], problems: Problems
) -> None:
    optimizer = None if "optimizer" in wrong else spec.optimizer
    for index, callback in enumerate(spec.callbacks):
        check_callback(callback, optimizer, ("callbacks", index), problems)
    if network is None or "metrics" in wrong or problems.within(("metrics",)):
        return
    names = log_names(spec, network.heads)
    for index, callback in enumerate(spec.callbacks):
        path = ("callbacks", index)
        check_monitor(callback, names, path, problems, has_validation=spec.has_validation)
        check_placeholders(callback, names, path, problems)
