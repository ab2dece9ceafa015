"""A config with what it extends and what `--set` overrides, as one Source."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcli.errors import SpecError
from dlcli.spec import catalog
from dlcli.spec.places import KeyPlace, Place, Source, format_problem
from dlcli.spec.problems import KeyPath, closest, show_value
from dlcli.spec.source import parse_source, read_source

MAX_EXTENDS = 20
"""A chain longer than this is a loop through links or a mistake."""

_FILE_KEYS: tuple[KeyPath, ...] = (
    ("data", "source"),
    ("data", "split", "test"),
    ("data", "split", "validation"),
)


def load_merged(path: Path, overrides: tuple[str, ...] = ()) -> Source:
    """Read a config and all it extends, apply `KEY=VALUE` overrides, make file names absolute."""
    source = _load_chain(path, ())
    merged = _Merged(values=source.values, places=dict(source.places))
    for override in overrides:
        merged.override(override)
    return Source(values=merged.values, places=merged.places, file=source.file)


def _load_chain(path: Path, seen: tuple[Path, ...]) -> Source:
    source = read_source(path)
    if not isinstance(source.values, dict):
        what = "is empty" if source.values is None else f"holds {show_value(source.values)}"
        raise SpecError(f"{path} {what}; expected a mapping with data, layers, epochs, ...")
    _resolve_files(source.values, path.parent)
    base = source.values.get("extends")
    if not isinstance(base, str):
        return source
    base_path = path.parent / base
    place = source.place(("extends",))
    if base_path.resolve() in seen or len(seen) >= MAX_EXTENDS:
        raise SpecError(format_problem(f"{base!r} extends this config in turn", place))
    if not base_path.is_file():
        raise SpecError(
            format_problem(f"extends {base!r}, but there is no file {base_path}", place)
        )
    below = _load_chain(base_path, (*seen, path.resolve()))
    return _merge(below, source)


def _merge(base: Source, own: Source) -> Source:
    """Lay a config over the one it extends: `data` key by key, every other key as a whole."""
    places = dict(base.places)
    values = dict(base.values)
    for key, value in own.values.items():
        values[key] = _merge_value(values.get(key), value, (str(key),), places, own.places)
    kept = {
        key: value for key, value in values.items() if value is not None or key not in base.values
    }
    places[()] = own.places[()]
    return Source(values=kept, places=places, file=own.file)


def _merge_value(
    base: Any,
    own: Any,
    path: KeyPath,
    places: dict[KeyPath, KeyPlace],
    own_places: dict[KeyPath, KeyPlace],
) -> Any:
    if path[0] == "data" and isinstance(base, dict) and isinstance(own, dict):
        merged = dict(base)
        for key, value in own.items():
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = _merge_value(base.get(key), value, (*path, key), places, own_places)
        return merged
    for old in [place for place in places if place[: len(path)] == path]:
        del places[old]
    places.update({new: place for new, place in own_places.items() if new[: len(path)] == path})
    return own


def _resolve_files(values: dict[str, Any], folder: Path) -> None:
    """Make the file names of a config absolute, since they are relative to its own folder."""
    for path in _FILE_KEYS:
        container: Any = values
        for key in path[:-1]:
            container = container.get(key) if isinstance(container, dict) else None
        if isinstance(container, dict) and path[-1] in container:
            container[path[-1]] = _absolute(container[path[-1]], folder)


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_absolute(item, folder) for item in value]
    if not isinstance(value, str) or not value or value == "test" or ":" in value.split("/")[0][2:]:
        return value
    return os.path.abspath(folder / value)


@dataclass
class _Merged:
    """Values that overrides are written into."""

    values: Any
    places: dict[KeyPath, KeyPlace] = field(default_factory=dict)

    def override(self, text: str) -> None:
        name, equals, written = text.partition("=")
        label = f"--set {name}"
        if not equals or not name:
            raise SpecError(
                f"--set {text}: expected KEY=VALUE",
                hint="e.g. --set optimizer.Adam.learning_rate=3e-4",
            )
        value = parse_source(written, file=Path(label)).values
        path = tuple(_segment(part) for part in name.split("."))
        if path in _FILE_KEYS:
            value = _absolute(value, Path())
        container = self._container(path, label)
        if isinstance(container, list):
            self._check_index(container, path[-1], label)
        container[path[-1]] = value
        place = Place(file=label)
        for old in [old for old in self.places if old[: len(path)] == path]:
            del self.places[old]
        self.places[path] = KeyPlace(key=place, value=place)

    def _container(self, path: KeyPath, label: str) -> Any:
        """Return what holds the last key, making mappings on the way."""
        container = self.values
        for position, key in enumerate(path[:-1]):
            if isinstance(container, list):
                self._check_index(container, key, label)
                child = container[int(key)]
            else:
                child = container.get(key)
            if not isinstance(child, dict | list):
                child = _as_mapping(child, key, path[position + 1], label)
                container[key] = child
            elif isinstance(child, dict) and path[position + 1] not in child:
                self._check_component(child, path[position + 1], label)
            container = child
        return container

    def _check_index(self, container: list[Any], key: str | int, label: str) -> None:
        if not isinstance(key, int) or not 0 <= key < len(container):
            raise SpecError(
                f"{label}: there is no item {key!r} in a list of {len(container)}",
                hint="items count from 0",
            )

    def _check_component(self, child: dict[str, Any], key: str | int, label: str) -> None:
        """Refuse a second name beside a component's, such as SGD beside Adam."""
        if len(child) != 1 or not isinstance(key, str):
            return
        (name,) = child
        if set(catalog.kinds_of(str(name))) & set(catalog.kinds_of(key)):
            raise SpecError(
                f"{label}: the config has {name} here, not {key}",
                hint=f"replace it whole: --set '{label.split()[1].split('.' + key)[0]}={{{key}: {{}}}}'",
            )


def _segment(text: str) -> str | int:
    return int(text) if text.isdigit() else text


def _as_mapping(value: Any, key: str | int, next_key: str | int, label: str) -> dict[str, Any]:
    """Spell out a short form so that a key below it can be set."""
    if value is None:
        return {}
    if isinstance(value, str) and closest(value, [str(next_key)]) == next_key:
        return {str(next_key): {}}
    for kind in catalog.kinds_of(str(key)):
        entry = catalog.find(kind, str(key))
        first = catalog.first_argument(entry) if entry is not None else None
        if first is not None:
            return {first.name: value}
    raise SpecError(f"{label}: {key!r} holds {show_value(value)}, which has no keys")


def relative_to(path: str, folder: Path) -> str:
    """Write a file's path relative to `folder` where both are on one drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path
