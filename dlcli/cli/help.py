"""The help of commands in another language: its texts translated, and wrapped by cells of the terminal."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperGroup

from dlcli.languages import spoken
from dlcli.terminal_text import cell_width

_HEADINGS = {
    "Usage": "Usage",
    "Options": "Options",
    "Arguments": "Arguments",
    "Commands": "Commands",
}
_EXTRAS = {"required": "required", "default": "default", "env var": "env var"}
_EXAMPLE = "Example:"
_EXTRA = re.compile(r"(?P<help>.*?)\s*(?:\[(?P<extra>[^\[\]]+)\])?", re.DOTALL)
_WIDE = r"\u2e80-\u9fff\uff00-\uffef"
_CLOSING = r"[\u3001\u3002\uff01\uff09\uff0c\uff1a\uff1b\uff1f]*"
_PIECE = re.compile(rf"[{_WIDE}]{_CLOSING}|[^\s{_WIDE}]+{_CLOSING}|\s+")
"""What stays together: a Chinese letter with the marks behind it, or a word."""
_FIRST_COLUMN = 30
"""As wide as Typer lets options and commands be."""

_Context: Any = TyperGroup.context_class
_Formatter: Any = _Context.formatter_class


class SpokenFormatter(_Formatter):  # type: ignore[misc]
    """Lays out help as Typer does, in the language that is spoken."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, f"{spoken(_HEADINGS['Usage'])}: ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(spoken(_HEADINGS.get(heading, heading)))

    def write_text(self, text: str) -> None:
        room = self.width - self.current_indent
        paragraphs = [wrap_cells(_paragraph(each), room) for each in text.split("\n\n")]
        super().write_text("\n\n".join(f"\b\n{each}" for each in paragraphs))

    def write_dl(self, rows: Sequence[tuple[str, str]], *rest: Any, **settings: Any) -> None:
        named = list(rows)
        first = min(max(cell_width(name) for name, _ in named), _FIRST_COLUMN) + 2
        room = max(self.width - first - 2, 10)
        told = [(name, wrap_cells(_described(text), room)) for name, text in named]
        # What stands behind this letter is not wrapped once more.
        super().write_dl([(name, text and f"\b\n{text}") for name, text in told], *rest, **settings)


class SpokenContext(_Context):  # type: ignore[misc]
    """A command line whose help is laid out so."""

    formatter_class = SpokenFormatter


def speak(command: Any) -> None:
    """Let a command and those below it show their help in the language that is spoken."""
    command.context_class = SpokenContext
    for each in getattr(command, "commands", {}).values():
        # Typer cuts the first sentence of the help off at an English full stop.
        each.short_help = _paragraph((each.help or "").split("\n\n")[0])
        speak(each)


def help_texts(command: Any) -> Iterator[str]:
    """Yield every text in the help of a command and those below it, paragraph by paragraph."""
    for paragraph in (command.help or "").split("\n\n"):
        text = _plain(paragraph)
        if text and not text.startswith(_EXAMPLE):
            yield text
    for parameter in command.params:
        if getattr(parameter, "help", None):
            yield _plain(parameter.help)
    for each in getattr(command, "commands", {}).values():
        yield from help_texts(each)


def wrap_cells(text: str, width: int) -> str:
    """Break a text into lines of at most so many cells; between Chinese letters anywhere."""
    lines = [""]
    for piece in _PIECE.findall(text):
        if cell_width(lines[-1] + piece.rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return "\n".join(line.rstrip() for line in lines)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _paragraph(text: str) -> str:
    text = _plain(text)
    if not text.startswith(_EXAMPLE):
        return spoken(text)
    return f"{spoken('Example')}:{text.removeprefix(_EXAMPLE)}"


def _described(text: str) -> str:
    """Translate what stands behind an option: its help, and in brackets what Typer adds."""
    found = _EXTRA.fullmatch(_plain(text))
    if found is None or not found["extra"]:
        return spoken(_plain(text))
    extras = []
    for extra in found["extra"].split("; "):
        name, colon, value = extra.partition(": ")
        extras.append(f"{spoken(_EXTRAS.get(name, name))}{colon}{value}")
    told = spoken(found["help"]) if found["help"] else ""
    return f"{told}  [{'; '.join(extras)}]".strip()
