"""Text of a config to the grammar of today: only the words that must change are touched."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.errors import SpecError
from dlcli.spec.experiment import GRAMMAR_VERSION
from dlcli.spec.places import Place, Source, format_problem
from dlcli.spec.problems import KeyPath
from dlcli.spec.renamed import RENAMED
from dlcli.spec.source import parse_source

_NEWLINE = "\n"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a config, on a line that counts from 1 in the upgraded text."""

    line: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """The text after the changes; the same text where there are none."""

    text: str
    changes: tuple[Change, ...]


def upgrade_text(text: str, *, file: Path) -> Upgraded:
    """Rename keys and say the grammar's version; raises SpecError at what cannot be upgraded.

    Comments, order, spaces, line ends and every other line stay as they are.
    """
    source = parse_source(text, file=file)
    if not isinstance(source.values, dict) or not source.values:
        raise SpecError(f"{file}: expected a config, a mapping of keys")
    _check_version(source)
    lines = text.splitlines(keepends=True)
    changes = []
    # From the end, so that places before a change stay where they are.
    for place, old, new in sorted(_renames(source), key=_from_the_end):
        line = lines[place.line - 1]
        start, stop = place.column - 1, place.column - 1 + place.length
        word = line[start:stop]
        renamed = word.replace(old, new, 1) if old in word else new
        lines[place.line - 1] = line[:start] + renamed + line[stop:]
        changes.append(Change(line=place.line, text=f"{old} is called {new}"))
    changes.reverse()
    if "version" not in source.values:
        changes = _add_version(lines, changes, source)
    upgraded = "".join(lines)
    if changes:
        _check_same(source, upgraded, file)
    return Upgraded(text=upgraded, changes=tuple(changes))


def _check_version(source: Source) -> None:
    version = source.values.get("version")
    if isinstance(version, int) and version > GRAMMAR_VERSION:
        message = (
            f"this config is written for version {version} of the grammar, "
            f"and this dlcli writes version {GRAMMAR_VERSION}"
        )
        raise SpecError(format_problem(message, source.place(("version",))), hint="update dlcli")


def _renames(source: Source) -> Iterator[tuple[Place, str, str]]:
    """Yield where a key stands, what it is called and what it is to be called."""
    taken: dict[KeyPath, KeyPath] = {}
    for path, new in RENAMED.items():
        if path not in source.places or not _is_own(source, path):
            continue
        place, goal = source.place(path, on_key=True), (*path[:-1], new)
        first = goal if goal in source.places else taken.get(goal)
        if first is not None:
            message = f"{path[-1]!r} is called {new!r}, and {first[-1]!r} stands here too"
            raise SpecError(format_problem(message, place), hint="keep one of the two")
        taken[goal] = path
        yield place, str(path[-1]), new


def _is_own(source: Source, path: KeyPath) -> bool:
    """Tell whether a key stands in its own mapping, and came by no alias that another one shares."""
    place = source.places[path].key
    return sum(each.key == place for each in source.places.values()) == 1


def _from_the_end(rename: tuple[Place, str, str]) -> tuple[int, int]:
    return -rename[0].line, -rename[0].column


def _add_version(lines: list[str], changes: list[Change], source: Source) -> list[Change]:
    """Write the version before the first key, or into the braces of a config in flow style."""
    root, first = source.place(()), source.places[(next(iter(source.values)),)].key
    said = f"version: {GRAMMAR_VERSION}"
    if lines[root.line - 1][root.column - 1] == "{":
        index, column = first.line - 1, first.column - 1
        lines[index] = f"{lines[index][:column]}{said}, {lines[index][column:]}"
        return sorted([Change(line=first.line, text=f"{said} added"), *changes], key=_line)
    index = root.line - 1
    indentation = lines[index][: root.column - 1]
    lines.insert(index, f"{indentation}{said}{_line_end(lines[index]) or _NEWLINE}")
    return [
        Change(line=root.line, text=f"{said} added"),
        *(Change(line=each.line + 1, text=each.text) for each in changes),
    ]


def _line(change: Change) -> int:
    return change.line


def _check_same(source: Source, upgraded: str, file: Path) -> None:
    """Raise SpecError unless the new text says the same, but for what was to change."""
    wanted = {"version": GRAMMAR_VERSION, **_renamed(source.values, ())}
    try:
        found = parse_source(upgraded, file=file).values
    except SpecError:
        found = None
    if found != wanted:
        raise SpecError(
            f"{file} is written in a way that cannot be changed in place",
            hint=f"write `version: {GRAMMAR_VERSION}` above its first key, then upgrade it again",
        )


def _renamed(values: Any, path: KeyPath) -> Any:
    if not isinstance(values, dict):
        return values
    return {
        RENAMED.get((*path, key), key): _renamed(item, (*path, key)) for key, item in values.items()
    }


def _line_end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]
