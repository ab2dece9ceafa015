"""Where keys and values stand in a file, and how a message shows that place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.spec.problems import KeyPath


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stretch of one line of a file; `line` and `column` count from 1, 0 where there is no line."""

    file: str
    line: int = 0
    column: int = 0
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, kw_only=True)
class KeyPlace:
    """Where a key stands and where its value starts; list items have no key of their own."""

    key: Place
    value: Place


@dataclass(frozen=True, kw_only=True)
class Source:
    """Plain values with the place of every key path."""

    values: Any
    places: dict[KeyPath, KeyPlace]
    file: Path
    bases: tuple[Path, ...] = ()
    """The configs that it extends, the nearest first."""
    variables: tuple[str, ...] = ()
    """The environment variables that its data paths name."""

    def place(self, path: KeyPath, *, on_key: bool = False) -> Place:
        """Return the place of a path, or of its nearest parent that stands in the file."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found.key if on_key or length < len(path) else found.value
        return Place(file=str(self.file))


def format_problem(message: str, place: Place) -> str:
    """Format a message with its place and, where there is one, the line with a caret under it."""
    if not place.line:
        return f"{place}: {message}"
    number = str(place.line)
    margin = " " * len(number)
    text, column = _window(place.text.replace("\t", " "), place.column - 1)
    carets = "^" * max(1, min(place.length, len(text) - column))
    return "\n".join(
        [
            f"{place}: {message}",
            f"{margin} |",
            f"{number} | {text}",
            f"{margin} | {' ' * column}{carets}",
        ]
    )


def _window(text: str, column: int, width: int = 100) -> tuple[str, int]:
    """Cut a long line around a column; return the cut text and the column in it."""
    if len(text) <= width:
        return text, min(column, len(text))
    start = max(0, min(column - width // 2, len(text) - width))
    return text[start : start + width], column - start
