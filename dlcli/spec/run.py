"""A config file to a checked RunSpec: the public face of this package."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcli.spec.data import DataSpec
from dlcli.spec.experiment import GRAMMAR_VERSION, RunSpec
from dlcli.spec.fields import INVALID
from dlcli.spec.folds import check_same_split, with_folds
from dlcli.spec.merging import load_merged
from dlcli.spec.network import (
    Network,
    log_names,
    losses_by_output,
    metrics_by_output,
    name_layers,
    resolve_network,
)
from dlcli.spec.objectives import resolve_objectives, targets_as_classes, with_losses
from dlcli.spec.own_names import own_names
from dlcli.spec.places import Source
from dlcli.spec.points import check_axes
from dlcli.spec.problems import Problems
from dlcli.spec.report import raise_problems
from dlcli.spec.rules import check_rules
from dlcli.spec.sections import Section, find_homes

__all__ = [
    "GRAMMAR_VERSION",
    "Network",
    "RunSpec",
    "build_spec",
    "load_spec",
    "log_names",
    "losses_by_output",
    "metrics_by_output",
    "name_layers",
    "raise_problems",
    "resolve_network",
    "resolve_objectives",
    "targets_as_classes",
    "with_losses",
]

_SECTION = Section(RunSpec)
_NAME = re.compile(r"\w[\w .-]*")
_MAX_NAME = 100
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names that Windows keeps for itself, whatever follows the first dot."""
# Keys that people write by habit from elsewhere, and what says the same here.
_HABITS = {
    "learning_rate": "it is an argument of the optimizer: optimizer: {Adam: {learning_rate: 1e-3}}",
    "lr": "it is an argument of the optimizer: optimizer: {Adam: {learning_rate: 1e-3}}",
    "patience": "it is an argument of a callback: callbacks: [EarlyStopping: {patience: 20}]",
    "model": "the network stands under `layers`, one item for each layer",
    "task": "loss and output layer say it: mse for numbers, a crossentropy for classes",
    "test_size": "it is called `data.split.test`",
    "random_state": "it is called `seed`",
    "labels": "it is called `target`",
    "features": "it is called `inputs`",
    "file": "it is called `source`",
    "path": "it is called `source`",
}
# Stand-ins for required keys that are wrong, so that the others are checked all the same.
_STAND_INS = {"data": DataSpec(source="-", target="-"), "layers": (), "epochs": 1}


def load_spec(path: Path, overrides: tuple[str, ...] = (), checks: tuple[str, ...] = ()) -> RunSpec:
    """Read and check a config; raises SpecError with every problem, each at its place."""
    return build_spec(load_merged(path, overrides, checks))


def build_spec(source: Source) -> RunSpec:
    """Check plain values as a config; raises SpecError with every problem, each at its place."""
    problems = Problems(homes=_find_homes())
    problems.own = own_names(source.values, problems)
    _check_version(source)
    parsed = _SECTION.parse(source.values, (), problems)
    if parsed is INVALID:
        raise_problems(problems, source)
    wrong = {name for name, value in parsed.items() if value is INVALID}
    spec = _make_spec({name: value for name, value in parsed.items() if name not in wrong}, source)
    if "name" not in wrong:
        _check_name(spec, problems)
    if spec.folds is not None and not {"data", "folds"} & wrong:
        check_same_split(spec.folds, spec.data, problems)
        spec = replace(spec, data=with_folds(spec.data, spec.folds))
    check_rules(spec, wrong, problems)
    raise_problems(problems, source)
    if spec.sweep is not None:
        check_axes(source, spec.sweep, build_spec)
    return spec


def _find_homes() -> dict[str, str]:
    keys = list(find_homes(_SECTION))
    return {**_HABITS, **dict(reversed(keys))}


def _make_spec(values: dict[str, Any], source: Source) -> RunSpec:
    spec = RunSpec(**{**_STAND_INS, **values}, origin=source)
    return replace(spec, name=spec.name or Path(source.file).stem)


def _check_version(source: Source) -> None:
    """Refuse a newer grammar before anything else, whose problems would mislead."""
    version = source.values.get("version") if isinstance(source.values, dict) else None
    if isinstance(version, int) and version > GRAMMAR_VERSION:
        problems = Problems()
        problems.add(
            ("version",),
            f"this config is written for version {version} of the grammar, "
            f"and this dlcli reads up to {GRAMMAR_VERSION}",
            hint="update dlcli",
        )
        raise_problems(problems, source)


def is_run_name(text: str) -> bool:
    """Tell whether a text can name a folder of runs anywhere."""
    is_plain = _NAME.fullmatch(text) is not None and not text.endswith((" ", "."))
    return is_plain and len(text) <= _MAX_NAME and _DEVICES.fullmatch(text) is None


def _check_name(spec: RunSpec, problems: Problems) -> None:
    if is_run_name(spec.name):
        return
    assert spec.origin is not None
    is_written = "name" in spec.origin.values
    hint = (
        f"{'use' if is_written else 'write `name:` with'} at most {_MAX_NAME} letters, digits, "
        "spaces, '-', '_' and '.', beginning with a letter or digit"
    )
    if _DEVICES.fullmatch(spec.name):
        hint = "Windows keeps this name for a device, and runs are to open there too"
    problems.add(
        ("name",) if is_written else (),
        f"{spec.name!r} cannot name a folder of runs",
        hint=hint,
    )
