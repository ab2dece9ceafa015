"""What is wrong with a config: problems named by key path, collected so that all are told at once."""

import difflib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from dlcli.spec.catalog import Entry

_MOST_CHARACTERS = 1000
_MOST_CHOICES = 10_000
"""Names beyond these bounds are compared with no others: that takes minutes and helps nobody."""

MOST_FOUND = 300
"""With this many problems it is not worth looking for more."""

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake, at a key path; `on_key` points at the key instead of its value."""

    path: KeyPath
    message: str
    hint: str | None = None
    on_key: bool = False
    missing: str | None = None
    """The key that is missing, where that is the problem."""


@dataclass(kw_only=True)
class Problems:
    """A growing list of problems; checks add to it instead of raising."""

    found: list[Problem] = field(default_factory=list)
    homes: Mapping[str, str] = field(default_factory=dict)
    """Where a key belongs that stands in the wrong section, in words."""
    misplaced: set[str] = field(default_factory=set)
    """Keys found in the wrong section, which are hence not missing in the right one."""
    own: Mapping[tuple[str, str], Entry] = field(default_factory=dict)
    """What the config itself brings beside the catalogue, by kind and name."""

    def add(
        self,
        path: KeyPath,
        message: str,
        *,
        hint: str | None = None,
        on_key: bool = False,
        missing: str | None = None,
    ) -> None:
        self.found.append(
            Problem(path=path, message=message, hint=hint, on_key=on_key, missing=missing)
        )

    @property
    def is_full(self) -> bool:
        """Tell whether there are more problems than will ever be shown, so that checks may stop."""
        return len(self.found) >= MOST_FOUND

    def within(self, path: KeyPath) -> bool:
        """Tell whether something at or below `path` is already known to be wrong."""
        return any(problem.path[: len(path)] == path for problem in self.found)

    def __bool__(self) -> bool:
        return bool(self.found)


def closest(name: str, choices: Iterable[str]) -> str | None:
    """Return the one choice that `name` most likely meant, or None."""
    return _closest(name, tuple(choices))


@lru_cache(maxsize=256)
def _closest(name: str, choices: tuple[str, ...]) -> str | None:
    # A long list of the same mistake is looked up once.
    if len(name) > _MOST_CHARACTERS or len(choices) > _MOST_CHOICES:
        return None
    by_folded = {_fold(choice): choice for choice in choices}
    exact = by_folded.get(_fold(name))
    if exact is not None:
        return exact
    near = difflib.get_close_matches(_fold(name), list(by_folded), 1, 0.7)
    return by_folded[near[0]] if near else None


def suggest(name: object, choices: Iterable[str]) -> str:
    """Return a hint for an unknown name: the nearest choice, else the choices."""
    listed = list(choices)
    near = closest(str(name), listed)
    if near is not None:
        return did_you_mean(str(name), near)
    return f"choose from {join_names(listed)}" if listed else "there are none"


def did_you_mean(name: str, near: str) -> str:
    """Return a hint for a near name; tells which character only looks like the right one."""
    alien = next((character for character in name if not character.isascii()), None)
    if alien is None or not near.isascii():
        return f"did you mean {near!r}?"
    called = unicodedata.name(alien, "unnamed")
    return f"did you mean {near!r}? it has U+{ord(alien):04X} {called} in it"


def join_names(names: Iterable[str], *, most: int = 16) -> str:
    """Join names for a message, cut after `most` with a count of the rest."""
    listed = list(names)
    shown = ", ".join(listed[:most])
    return shown if len(listed) <= most else f"{shown} and {len(listed) - most} more"


def show_value(value: object) -> str:
    """Show a config value in a message: as YAML would, on one line, cut when long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        keys = join_names((str(key) for key in value), most=4)
        return f"a mapping ({keys})" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def show_flow(value: object) -> str:
    """Write a value as YAML on one line, for examples."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {show_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show_flow(item) for item in value) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").casefold()
