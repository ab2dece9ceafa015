"""A checked config written back as YAML: every default spelled out, read again as the same spec."""

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from dlcli.spec.components import ComponentSpec
from dlcli.spec.data import ColumnSpec
from dlcli.spec.layers import LayerSpec
from dlcli.spec.merging import relative_to
from dlcli.spec.run import RunSpec
from dlcli.spec.scalars import parse_scalar


def to_yaml(spec: RunSpec, *, folder: Path) -> str:
    """Return the config as YAML text that means the same when it stands in `folder`."""
    values = _plain(spec)
    values["data"] = _relative_files(values["data"], folder)
    return yaml.dump(
        values,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, ComponentSpec | LayerSpec):
        return value.to_yaml()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_section(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _plain_section(section: Any) -> dict[str, Any]:
    written = {}
    for item in dataclasses.fields(section):
        value = getattr(section, item.name)
        is_own = "setting" in item.metadata and item.name != "extends" and value is not None
        # A column says only what it changes; the other sections spell their defaults out.
        is_default = value == item.default or (value == {} and item.default_factory is dict)
        if is_own and not (is_default and (isinstance(section, ColumnSpec) or value in ((), {}))):
            written[item.name] = _plain(value)
    return written


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
        return relative_to(value, folder)
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
