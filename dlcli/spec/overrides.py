"""`--set KEY=VALUE`: one value of a config replaced from the command line."""

from pathlib import Path
from typing import Any

from dlcli.errors import SpecError
from dlcli.spec import catalog
from dlcli.spec.places import KeyPlace, Place, Source
from dlcli.spec.problems import KeyPath, show_value
from dlcli.spec.source import parse_source


def apply_override(source: Source, text: str) -> Source:
    """Write `KEY=VALUE` into a source, whose values it changes; raises SpecError.

    Keys are joined by dots; items of a list count from 0.
    """
    name, equals, written = text.partition("=")
    if not equals or not name:
        raise SpecError(
            f"--set {text}: expected KEY=VALUE",
            hint="e.g. --set optimizer.Adam.learning_rate=3e-4",
        )
    label = f"--set {name}"
    if name.split(".")[0] == "extends":
        raise SpecError(f"{label}: the config is merged already", hint="write it into the file")
    value = parse_source(written, file=Path(label)).values
    path = _write(source.values, tuple(name.split(".")), value, label)
    place = Place(file=label)
    places = {old: at for old, at in source.places.items() if old[: len(path)] != path}
    return Source(
        values=source.values,
        places={**places, path: KeyPlace(key=place, value=place)},
        file=source.file,
    )


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
    if isinstance(value, str) and catalog.kinds_of(value):
        key_of_name = _component_key(value, next_key, f"{label}")
        return {value: {}} if key_of_name == value else {next_key: {}}
    for kind in catalog.kinds_of(key):
        entry = catalog.find(kind, key)
        first = catalog.first_argument(entry) if entry is not None else None
        if first is not None:
            return {first.name: value}
    raise SpecError(f"{label}: {key!r} holds {show_value(value)}, which has no keys below it")
