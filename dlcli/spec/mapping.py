"""A config that is a mapping in Python, as a Source whose places are key paths."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dlcli.errors import SpecError
from dlcli.spec.places import KeyPlace, Place, Source
from dlcli.spec.problems import KeyPath, show_value
from dlcli.spec.source import MAX_DEPTH, MAX_NODES, UNWRITABLE

CALLED = Path("config")
"""What messages call a config that stands in no file, and how its run is named without `name`."""


def source_of(values: Mapping[str, Any]) -> Source:
    """Return the values as a Source, copied; a message about one names its keys, as `data.split`.

    Raises SpecError for what YAML could not hold.
    """
    plain = _plain(values, ())
    places = {path: _place(path) for path in islice(_paths(plain, ()), MAX_NODES + 1)}
    if len(places) > MAX_NODES:
        raise SpecError(
            f"{CALLED}: more than {MAX_NODES:,} values",
            hint="is a table among them? it is given beside the config: dlcli.train(config, table)",
        )
    return Source(values=plain, places=places, file=CALLED)


def _place(path: KeyPath) -> KeyPlace:
    place = Place(file=".".join(str(key) for key in path) or str(CALLED))
    return KeyPlace(key=place, value=place)


def _paths(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(item, (*path, key))


def _plain(value: Any, path: KeyPath) -> Any:
    if len(path) > MAX_DEPTH:
        raise SpecError(f"{'.'.join(map(str, path[:3]))}: nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {_key(key, path): _plain(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    # NumPy's numbers, as they come out of a computation.
    number = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    if isinstance(number, str) and (found := UNWRITABLE.search(number)):
        raise SpecError(
            f"{'.'.join(map(str, path))}: character {found.group()!r} cannot be in a text"
        )
    if number is None or isinstance(number, str | bool | int | float):
        return number
    raise SpecError(
        f"{'.'.join(map(str, path))}: expected a number, a text, a list or a mapping, "
        f"got {type(value).__name__} {show_value(value)}",
        hint="a config holds what YAML can hold: name Keras's parts, as in {'Adam': {}}",
    )


def _key(key: Any, path: KeyPath) -> str:
    if isinstance(key, str | int):  # classes that are numbers, under class_weight
        return str(key)
    raise SpecError(
        f"{'.'.join(map(str, path)) or CALLED}: expected names as keys, got {show_value(key)}"
    )
