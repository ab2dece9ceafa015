"""A checked config written back as YAML: every default spelled out, read again as the same spec."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec
from dlcli.spec.data import ColumnSpec
from dlcli.spec.layers import LayerSpec
from dlcli.spec.merging import relative_to
from dlcli.spec.run import RunSpec
from dlcli.spec.scalars import parse_scalar
from dlcli.spec.variables import escape_variables


def to_yaml(spec: RunSpec, *, folder: Path) -> str:
    """Return the config as YAML text that means the same when it stands in `folder`."""
    return yaml.dump(
        to_plain(spec, folder=folder),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )


def to_plain(spec: RunSpec, *, folder: Path) -> dict[str, Any]:
    """Return the config as plain values, every default spelled out; files as seen from `folder`."""
    values: dict[str, Any] = _plain(spec)
    if "init_from" in values:
        values["init_from"]["run"] = _relative(values["init_from"]["run"], folder)
    return {**values, **_relative_parts(values, folder)}


def to_canonical(spec: RunSpec, *, folder: Path) -> dict[str, Any]:
    """Return the config as plain values that are equal where two configs mean the same.

    Components go by Keras's own name, with the arguments that are not its defaults.
    """
    sections = {
        name: value for name, value in _plain_section(spec, _canonical).items() if name != "version"
    }
    return {**sections, **_relative_parts(sections, folder)}


def _canonical(value: Any) -> Any:
    if isinstance(value, LayerSpec):
        own = {"name": value.name, "inputs": value.inputs}
        given = {key: _canonical(item) for key, item in own.items() if item is not None}
        component = _canonical(value.component)
        return {name: {**arguments, **given} for name, arguments in component.items()}
    if isinstance(value, ComponentSpec):
        entry = catalog.find(value.kind, value.name)
        defaults = {} if entry is None else {each.name: each.default for each in entry.arguments}
        given = {key: _canonical(item) for key, item in value.arguments.items()}
        return {
            value.name: {
                key: item
                for key, item in given.items()
                if key not in defaults or item != defaults[key]
            }
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_section(value, _canonical)
    if isinstance(value, tuple | list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, ComponentSpec | LayerSpec):
        return value.to_yaml()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_section(value, _plain)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _plain_section(section: Any, write: Callable[[Any], Any]) -> dict[str, Any]:
    written = {}
    for item in dataclasses.fields(section):
        value = getattr(section, item.name)
        is_own = "setting" in item.metadata and item.name != "extends" and value is not None
        # A column says only what it changes; the other sections spell their defaults out.
        is_default = value == item.default or (value == {} and item.default_factory is dict)
        if is_own and not (is_default and (isinstance(section, ColumnSpec) or value in ((), {}))):
            written[item.name] = write(value)
    return written


def _relative_parts(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the parts that name files, with the files as seen from `folder`."""
    parts = {"data": _relative_files(values["data"], folder)}
    if "imports" in values:
        parts["imports"] = _relative(values["imports"], folder)
    return parts


def _relative_files(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    written = dict(data, source=_relative(data["source"], folder))
    split = written.get("split", {})
    written["split"] = {
        key: _relative(item, folder) if key in ("test", "validation") else item
        for key, item in split.items()
    }
    return written


def _relative(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_relative(item, folder) for item in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return escape_variables(relative_to(value, folder))
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.2 would read as something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if _reads_as_text(value) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _reads_as_text(value: str) -> bool:
    try:
        return isinstance(parse_scalar(value), str)
    except ValueError:
        return False


_Dumper.add_representer(str, _represent_text)
