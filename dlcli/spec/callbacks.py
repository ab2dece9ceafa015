"""Callbacks: where those that write files write, and what those that watch a figure may watch."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from dlcli.spec import catalog
from dlcli.spec.components import Component, ComponentSpec
from dlcli.spec.fields import INVALID, JsonSchema
from dlcli.spec.problems import KeyPath, Problems, show_value, suggest

RUN_PATHS = {
    "ModelCheckpoint": ("filepath", "checkpoints/best.keras"),
    "CSVLogger": ("filename", "epochs.csv"),
    "TensorBoard": ("log_dir", "tensorboard"),
    "BackupAndRestore": ("backup_dir", "backup"),
}
"""Callbacks that write: the argument that says where, and where in the run folder without it."""

PACKAGES = {"TensorBoard": "tensorboard"}
"""Callbacks that need a package which dlcli does not bring."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)(:0?[0-9]{0,2}(\.[0-9]{1,2})?[dfeg]?)?\}")
"""A figure in the name of a checkpoint. Python's formats could do more: read attributes, or write
dots and slashes that lead out of the run folder."""
_WEIGHTS_ONLY = "checkpoints/best.weights.h5"
_OWN_FILES = {
    *("config.yaml", "model.keras", "model.onnx", "preprocessing.json", "metrics.json"),
    *(
        "history.csv",
        "predictions.csv",
        "manifest.json",
        "report.html",
        "profile.json",
        "calibration.json",
        "selection.csv",
        "out_of_fold.csv",
        "resume",
    ),
}
"""What dlcli itself writes into every run folder; a test compares this with RunFolder."""


@dataclass(frozen=True)
class CallbackField:
    """A callback from the catalogue whose files stay inside the run folder."""

    expectation: str = "a callback"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str | dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        spec = Component("callback").check(_with_default_path(value), path, problems)
        if spec is not INVALID and spec.name in RUN_PATHS:
            argument, _ = RUN_PATHS[spec.name]
            _check_file(spec, (*path, spec.name, argument), problems)
        return spec

    def schema(self) -> JsonSchema:
        return {"$ref": "#/$defs/callback"}


def _with_default_path(value: object) -> object:
    """Add the default path where the argument is not written."""
    name = (
        value
        if isinstance(value, str)
        else next(iter(value), None)
        if isinstance(value, dict)
        else None
    )
    entry = catalog.find("callback", name) if isinstance(name, str) else None
    if (
        entry is None
        or entry.name not in RUN_PATHS
        or (isinstance(value, dict) and len(value) != 1)
    ):
        return value
    argument, default = RUN_PATHS[entry.name]
    arguments = value[name] if isinstance(value, dict) else None
    if isinstance(arguments, dict) and arguments.get("save_weights_only") is True:
        default = _WEIGHTS_ONLY
    if arguments is None:
        return {name: {argument: default}}
    if isinstance(arguments, dict) and argument not in arguments:
        return {name: {argument: default, **arguments}}
    return value


def _check_file(callback: ComponentSpec, path: KeyPath, problems: Problems) -> None:
    written = str(callback.arguments[str(path[-1])])
    if callback.name != "ModelCheckpoint":
        _check_inside(written, written, path, problems)
        return
    plain = _PLACEHOLDER.sub("0", written)
    if "{" in plain or "}" in plain:
        problems.add(
            path,
            f"{show_value(written)} has braces that are no placeholder",
            hint="a placeholder is the name of a figure, e.g. {epoch:03d} or {val_loss:.4f}",
        )
    else:
        _check_inside(written, plain, path, problems)


def _check_inside(written: str, plain: str, path: KeyPath, problems: Problems) -> None:
    """Report a path outside the run folder; `plain` is what it is without its placeholders."""
    parts = PurePosixPath(plain.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in plain:
        problems.add(
            path,
            f"{written!r} leaves the run folder",
            hint="name a path inside the run folder, e.g. checkpoints/best.keras",
        )
    elif parts.parts[:1] == ("resume",) or (parts.name in _OWN_FILES and len(parts.parts) == 1):
        problems.add(
            path,
            f"{written!r} is a file that dlcli itself writes into the run folder",
            hint=f"choose another name, e.g. checkpoints/{parts.name}",
        )


def check_callback(
    callback: ComponentSpec, optimizer: ComponentSpec | None, path: KeyPath, problems: Problems
) -> None:
    """Report a callback that Keras would refuse for its arguments or for the optimizer."""
    path = (*path, callback.alias or callback.name)
    package = PACKAGES.get(callback.name)
    if package is not None and importlib.util.find_spec(package) is None:
        problems.add(
            path,
            f"{callback.name} needs the package {package}, which is not installed",
            hint=f"pip install {package}",
            on_key=True,
        )
    if callback.name == "ModelCheckpoint":
        _check_suffix(callback, path, problems)
    has_averages = optimizer is None or optimizer.arguments.get("use_ema")
    if callback.name == "SwapEMAWeights" and not has_averages:
        problems.add(
            path,
            "SwapEMAWeights needs an optimizer that keeps averages of the weights",
            hint="optimizer: {Adam: {use_ema: true}}",
            on_key=True,
        )
    rate = None if optimizer is None else optimizer.arguments.get("learning_rate")
    if callback.name == "ReduceLROnPlateau" and isinstance(rate, ComponentSpec):
        problems.add(
            path,
            f"ReduceLROnPlateau cannot change a learning rate that {rate.name} decides",
            hint="leave one of the two out",
            on_key=True,
        )


def _check_suffix(callback: ComponentSpec, path: KeyPath, problems: Problems) -> None:
    suffix = ".weights.h5" if callback.arguments.get("save_weights_only") else ".keras"
    written = callback.arguments["filepath"]
    if not str(written).endswith(suffix):
        problems.add(
            (*path, "filepath"),
            f"filepath: Keras expects a name ending in {suffix}, got {show_value(written)}",
            hint=f"e.g. checkpoints/best{suffix}",
        )


def check_placeholders(
    callback: ComponentSpec, log_names: list[str], path: KeyPath, problems: Problems
) -> None:
    """Report figures in the name of a checkpoint that this training does not produce."""
    if callback.name != "ModelCheckpoint":
        return
    written = str(callback.arguments["filepath"])
    known = ["epoch", *log_names]
    if callback.arguments.get("save_freq", "epoch") != "epoch":
        known.append("batch")
    for name in dict.fromkeys(match[1] for match in _PLACEHOLDER.finditer(written)):
        if name not in known:
            problems.add(
                (*path, callback.alias or callback.name, "filepath"),
                f"no figure is named {name!r}",
                hint=suggest(name, known),
            )


def check_monitor(
    callback: ComponentSpec,
    log_names: list[str],
    path: KeyPath,
    problems: Problems,
    *,
    has_validation: bool,
) -> None:
    """Report a callback that watches a figure this training does not produce."""
    entry = catalog.find("callback", callback.name)
    argument = catalog.argument(entry, "monitor") if entry else None
    is_unused = callback.name == "ModelCheckpoint" and not callback.arguments.get("save_best_only")
    if argument is None or is_unused:
        return
    monitor = callback.arguments.get("monitor", argument.default)
    path = (*path, callback.alias or callback.name, "monitor")
    if monitor in log_names:
        return
    if str(monitor).startswith("val_") and not has_validation:
        problems.add(
            path,
            f"{callback.name} watches {monitor}, but there is no validation part",
            hint="set data.split.validation, e.g. 0.1, or monitor: loss",
        )
    else:
        problems.add(path, f"no figure is named {monitor!r}", hint=suggest(monitor, log_names))
