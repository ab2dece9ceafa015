"""A config with what it extends and what `--set` overrides, as one Source."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcli.errors import SpecError
from dlcli.files import reading
from dlcli.spec.mapping import source_of
from dlcli.spec.overrides import add_checks, apply_override
from dlcli.spec.places import KeyPlace, Source, format_problem
from dlcli.spec.problems import KeyPath, show_value
from dlcli.spec.source import parse_source, read_source
from dlcli.spec.variables import fill_variables

MAX_EXTENDS = 20
"""A chain longer than this is a loop through links or a mistake."""

_FILE_KEYS: tuple[KeyPath, ...] = (
    ("data", "source"),
    ("data", "split", "test"),
    ("data", "split", "validation"),
    ("imports",),
)


def load_merged(
    path: Path, overrides: tuple[str, ...] = (), checks: tuple[str, ...] = ()
) -> Source:
    """Read a config and all it extends, apply `KEY=VALUE` overrides, make file names absolute.

    `checks` come after the config's own.
    """
    return _override(_load_chain(path, ()), overrides, checks)


def merge_text(text: str, *, file: Path) -> Source:
    """Do the same with the text of a config that extends nothing, as if it stood in `file`."""
    return _with_base(parse_source(text, file=file), file.parent, ())


def merge_values(values: Mapping[str, Any], overrides: tuple[str, ...] = ()) -> Source:
    """Do the same with a config that is a mapping, whose files are relative to where we are."""
    return _override(_with_base(source_of(values), Path(), ()), overrides, ())


def _override(source: Source, overrides: tuple[str, ...], checks: tuple[str, ...]) -> Source:
    for override in overrides:
        source = _fill_variables(apply_override(source, override), is_override=True)
    source = add_checks(source, checks)
    if overrides:
        # What an override says is relative to the working directory; the rest is absolute by now.
        _resolve_files(source.values, Path())
    return source


def _load_chain(path: Path, seen: tuple[Path, ...]) -> Source:
    source = read_source(path)
    if not isinstance(source.values, dict):
        what = "is empty" if source.values is None else f"holds {show_value(source.values)}"
        is_data = isinstance(source.values, str) and path.suffix not in {".yaml", ".yml"}
        raise SpecError(
            f"{path} {what}; expected a mapping with data, layers, epochs, ...",
            hint=f"a data file? `dlcli summarize {path}` describes it" if is_data else None,
        )
    return _with_base(source, path.parent, (*seen, path.resolve()))


def _with_base(source: Source, folder: Path, seen: tuple[Path, ...]) -> Source:
    """Make the file names of a source absolute, and lay it over what it extends."""
    source = _fill_variables(source)
    _resolve_files(source.values, folder)
    base = source.values.get("extends")
    if not isinstance(base, str):
        return source
    base_path = folder / base
    place = source.place(("extends",))
    with reading(base, SpecError):
        is_repeated, is_file = base_path.resolve() in seen, base_path.is_file()
    if is_repeated or len(seen) >= MAX_EXTENDS:
        raise SpecError(format_problem(f"{base!r} extends this config in turn", place))
    if not is_file:
        raise SpecError(
            format_problem(f"extends {base!r}, but there is no file {base_path}", place)
        )
    return _merge(_load_chain(base_path, seen), source)


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
    return Source(
        values=kept,
        places=places,
        file=own.file,
        bases=(base.file, *base.bases),
        variables=tuple(dict.fromkeys((*base.variables, *own.variables))),
    )


def _fill_variables(source: Source, *, is_override: bool = False) -> Source:
    """Fill the variables in the data paths of a file, or in what an override has put there."""
    names: list[str] = []

    def fill(value: Any, path: KeyPath) -> Any:
        if isinstance(value, list):
            return [fill(item, (*path, index)) for index, item in enumerate(value)]
        place = source.place(path)
        if not isinstance(value, str) or (is_override and place.line):
            return value
        text, found = fill_variables(value, place)
        names.extend(found)
        return text

    for path in _FILE_KEYS:
        container: Any = source.values
        for key in path[:-1]:
            container = container.get(key) if isinstance(container, dict) else None
        if isinstance(container, dict) and path[-1] in container:
            container[path[-1]] = fill(container[path[-1]], path)
    return replace(source, variables=tuple(dict.fromkeys((*source.variables, *names))))


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
    start = values.get("init_from")
    if isinstance(start, dict) and "run" in start:
        start["run"] = _absolute_run(start["run"], folder)
    elif start is not None:
        values["init_from"] = _absolute_run(start, folder)
    _resolve_axes(values, folder)


def _resolve_axes(values: dict[str, Any], folder: Path) -> None:
    """Do the same with the files that a sweep lists for one of these keys."""
    sweep = values.get("sweep")
    axes = sweep.get("axes") if isinstance(sweep, dict) else None
    if not isinstance(axes, dict):
        return
    for path in _FILE_KEYS:
        listed = axes.get(".".join(map(str, path)))
        if isinstance(listed, list):
            axes[".".join(map(str, path))] = _absolute(listed, folder)
    starts = axes.get("init_from")
    if isinstance(starts, list):
        axes["init_from"] = [_absolute_run(start, folder) for start in starts]


def _absolute_run(value: Any, folder: Path) -> Any:
    """Make a run's folder absolute; the name of runs, which is no folder here, stays a name."""
    if not isinstance(value, str):
        return value
    with reading(value, SpecError):
        is_folder = value and (folder / value).is_dir()
    return _absolute(value, folder) if is_folder else value


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_absolute(item, folder) for item in value]
    if not isinstance(value, str) or not value or value == "test" or ":" in value.split("/")[0][2:]:
        return value
    # Unlike Path.resolve, this leaves links as they are.
    return os.path.abspath(folder / value)  # noqa: PTH100


def relative_to(path: str, folder: Path) -> str:
    """Write a file's path relative to `folder` where both are on one drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path
