"""`--set KEY=VALUE`: one value of a config replaced from the command line."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcli.errors import SpecError
from dlcli.spec import catalog
from dlcli.spec.data import ColumnSpec
from dlcli.spec.places import KeyPlace, Place, Source
from dlcli.spec.problems import KeyPath, show_value, suggest
from dlcli.spec.sections import Section
from dlcli.spec.source import parse_source
from dlcli.terminal_text import printable

_ONE_KEY = r""" "([^"]+)" | '([^']+)' | ([^."']+) """.replace(" ", "")
_KEY = re.compile(_ONE_KEY)
_KEYS = re.compile(rf"(?:{_ONE_KEY})(?:\.(?:{_ONE_KEY}))*")
_COLUMN_KEYS = Section(ColumnSpec).settings()
_INDEX = re.compile(r"\[(\d+)\]")


def apply_override(source: Source, text: str) -> Source:
    """Write `KEY=VALUE` into a source, whose values it changes; raises SpecError.

    Keys are joined by dots, and one with a dot in it is quoted; items of a list count from 0.
    """
    name, equals, written = text.partition("=")
    if not equals or not name:
        raise SpecError(
            f"--set {printable(text)}: expected KEY=VALUE",
            hint="e.g. --set optimizer.Adam.learning_rate=3e-4",
        )
    label = f"--set {printable(name)}"
    keys = _split_keys(name, label)
    if keys[:2] == ("data", "columns") and len(keys) > 4 and keys[3] not in _COLUMN_KEYS:
        column = ".".join(keys[2:-1])
        raise SpecError(
            f"{label}: a column has no setting {keys[3]!r}",
            hint=f"for a column called {column!r}: "
            f"--set 'data.columns.\"{column}\".{keys[-1]}={written}'",
        )
    if keys[0] == "extends":
        raise SpecError(f"{label}: the config is merged already", hint="write it into the file")
    value = parse_source(written, file=Path(label)).values
    path = _write(source.values, _by_place(source.values, keys, label), value, label)
    place = Place(file=label)
    places = {old: at for old, at in source.places.items() if old[: len(path)] != path}
    # Mappings made on the way stand in no file either.
    made = [path[:size] for size in range(1, len(path) + 1) if path[:size] not in places]
    return replace(
        source, places={**places, **dict.fromkeys(made, KeyPlace(key=place, value=place))}
    )


def write_keys(values: dict[str, Any], name: str, value: Any, *, label: str) -> KeyPath:
    """Set the value at keys joined by dots, making mappings on the way; return its key path.

    Raises SpecError, whose message begins with `label`.
    """
    return _write(values, _by_place(values, _split_keys(name, label), label), value, label)


def _by_place(values: Any, keys: tuple[str, ...], label: str) -> tuple[str, ...]:
    """Return the keys with the place of a layer that is named, as in `layers.trunk.units`."""
    layers = values.get("layers")
    if keys[0] != "layers" or len(keys) < 2 or keys[1].isdigit() or not isinstance(layers, list):
        return keys
    names = {
        str(arguments["name"]): (index, str(kind))
        for index, layer in enumerate(layers)
        if isinstance(layer, dict) and len(layer) == 1
        for kind, arguments in layer.items()
        if isinstance(arguments, dict) and "name" in arguments
    }
    if keys[1] not in names:
        raise SpecError(
            f"{label}: no layer is named {keys[1]!r}",
            hint=suggest(keys[1], names)
            if names
            else "give one a `name`, or count from 0: layers.0",
        )
    index, kind = names[keys[1]]
    rest = keys[2:]
    return ("layers", str(index), *((kind,) if rest and rest[0] != kind else ()), *rest)


def _split_keys(name: str, label: str) -> tuple[str, ...]:
    """Split at the dots that are not within quotes, as a column name may have some."""
    keys = [found[1] or found[2] or found[3] or "" for found in _KEY.finditer(name)]
    indexed = _INDEX.sub(r".\1", name)
    if indexed != name:
        raise SpecError(
            f"{label}: items of a list are keys like any other",
            hint=f"did you mean --set {printable(indexed.lstrip('.'))}?",
        )
    if not all(keys) or not _KEYS.fullmatch(name):
        raise SpecError(
            f"{label}: expected keys joined by dots",
            hint="a key with a dot in it needs quotes: --set 'data.columns.\"a.b\".scale=none'",
        )
    return tuple(keys)


def add_checks(source: Source, checks: tuple[str, ...]) -> Source:
    """Add the checks of the command line to those of a source, whose values it changes."""
    written = source.values.get("checks") or []
    if not checks or not isinstance(written, list):
        return source
    source.values["checks"] = [*written, *checks]
    place = Place(file="--check")
    added: dict[KeyPath, KeyPlace] = {
        ("checks", len(written) + index): KeyPlace(key=place, value=place)
        for index in range(len(checks))
    }
    return replace(source, places={**source.places, **added})


def _write(values: Any, keys: tuple[str, ...], value: Any, label: str) -> KeyPath:
    """Set the value below `keys`, making mappings on the way; return its key path."""
    container, path = values, []
    for position, written in enumerate(keys):
        key = _key_in(container, written, label)
        path.append(key)
        if position == len(keys) - 1:
            _set(container, key, value)
            break
        child = container[key] if key in container or isinstance(key, int) else None
        if not isinstance(child, dict | list):
            child = container[key] = _as_mapping(child, str(key), keys[position + 1], label)
        container = child
    return tuple(path)


def _set(container: Any, key: str | int, value: Any) -> None:
    """Set a value; as in a config that extends another, nothing takes a key out."""
    if value is None and isinstance(container, dict):
        container.pop(key, None)
    else:
        container[key] = value


def _key_in(container: Any, written: str, label: str) -> str | int:
    if isinstance(container, list):
        if not (written.isascii() and written.isdigit()) or int(written) >= len(container):
            raise SpecError(
                f"{label}: there is no item {written!r} in a list of {len(container)}",
                hint="items count from 0",
            )
        return int(written)
    if written not in container and len(container) == 1:
        (name,) = container
        return _component_key(str(name), written, label)
    return written


def _component_key(name: str, written: str, label: str) -> str:
    """Return the key for a name beside a component's; refuse SGD, or an argument, beside Adam."""
    for kind in catalog.kinds_of(name):
        entry, other = catalog.find(kind, name), catalog.find(kind, written)
        if entry == other:
            return name
        where = label.removesuffix(f".{written}").split(f".{written}.")[0]
        if other is not None:
            raise SpecError(
                f"{label}: the config has {name} here, not {written}",
                hint=f"replace it whole: {where}={written}",
            )
        if entry is not None and catalog.argument(entry, written) is not None:
            raise SpecError(
                f"{label}: {written} is an argument of {name}",
                hint=f"did you mean {where}.{name}.{written}?",
            )
    return written


def _as_mapping(value: Any, key: str, next_key: str, label: str) -> dict[str, Any]:
    """Spell out a short form, such as `Adam` or `Dense: 64`, so that a key below it can be set."""
    if value is None:
        return {}
    if isinstance(value, str) and value == next_key:
        # A block, or whatever stands for itself.
        return {value: {}}
    if isinstance(value, str) and catalog.kinds_of(value):
        key_of_name = _component_key(value, next_key, f"{label}")
        return {value: {}} if key_of_name == value else {next_key: {}}
    for kind in catalog.kinds_of(key):
        entry = catalog.find(kind, key)
        first = catalog.first_argument(entry) if entry is not None else None
        if first is not None:
            return {first.name: value}
    raise SpecError(f"{label}: {key!r} holds {show_value(value)}, which has no keys below it")
