"""Commented YAML: values as text that reads back the same, comments in line."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlcli.spec.scalars import parse_scalar

WIDTH = 100
_LONGEST_KEY = 1000
"""YAML wants a key before ':' to be shorter than 1024 characters."""

_PLAIN = re.compile(r"(\.{0,2}/)*[^\W\d][\w.()/%+-]*( [\w.()/%+-]+)*")
# Other YAML readers, of version 1.1, take these for booleans.
_OLD_BOOLEANS = {"yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of YAML with its indentation, and what to say beside it."""

    text: str
    comment: str = ""


def line(text: str, comment: str = "") -> Line:
    """Build a line."""
    return Line(text=text, comment=comment)


LAYERS = line("layers:", "from the inputs to what is predicted, one after the other")
CALLBACKS = line("callbacks:", "what happens after each epoch")


def write_blocks(blocks: Sequence[Sequence[Line]]) -> str:
    """Join blocks with an empty line between them; comments of a block stand in one column."""
    return "\n\n".join("\n".join(_write_block(block)) for block in blocks if block) + "\n"


def write_list(start: str, values: Sequence[Any], *, end: str = "") -> str:
    """Return `start[a, b, ...]end`, broken into lines where it is too long for one."""
    items = [flow(value) for value in values]
    whole = f"{start}[{', '.join(items)}]{end}"
    if len(whole) <= WIDTH:
        return whole
    indent = " " * (len(start) - len(start.lstrip()) + 4)
    lines, current = [f"{start}["], indent
    for item in items:
        if len(current) + len(item) + 2 > WIDTH and current != indent:
            lines.append(current.rstrip())
            current = indent
        current += f"{item}, "
    return "\n".join([*lines, f"{current.rstrip(', ')}]{end}"])


def write_key(indent: str, key: str, value: str) -> str:
    """Return `key: value`."""
    text = quote(key)
    if len(text) <= _LONGEST_KEY:
        return f"{indent}{text}: {value}"
    return f"{indent}? {text}\n{indent}: {value}"


def write_mapping(start: str, values: Mapping[str, Any]) -> str:
    """Return `start: {a: b, ...}`, the mapping on lines of its own where it is too long for one."""
    whole = f"{start}: {flow(values)}"
    if len(whole) <= WIDTH:
        return whole
    indent = " " * (len(start) - len(start.lstrip(" -")) + 2)
    lines, current = [f"{start}:"], indent
    for piece in _pieces(values):
        if current.strip() and len(current) + len(piece.rstrip()) > WIDTH:
            lines.append(current.rstrip())
            current = f"{indent} "
        current += piece
    return "\n".join([*lines, current])


def _pieces(values: Mapping[str, Any]) -> list[str]:
    """Return a mapping as YAML, cut where a line may end."""
    pieces: list[str] = []
    for key, value in values.items():
        items = [flow(value)]
        if isinstance(value, Sequence) and not isinstance(value, str) and value:
            items = [f"{flow(item)}, " for item in value]
            items[0] = f"[{items[0]}"
            items[-1] = f"{items[-1].removesuffix(', ')}]"
        items[0] = f"{quote(key)}: {items[0]}"
        items[-1] += ", "
        pieces += items
    pieces[0] = f"{{{pieces[0]}"
    pieces[-1] = f"{pieces[-1].removesuffix(', ')}}}"
    return pieces


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{quote(k)}: {flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(flow(item) for item in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def quote(text: str) -> str:
    """Return text as YAML, in quotes where it would otherwise mean something else."""
    is_plain = _PLAIN.fullmatch(text) and text.casefold() not in _OLD_BOOLEANS
    if is_plain and isinstance(parse_scalar(text), str):
        return text
    return f'"{"".join(map(_escape, text))}"'


def say(text: str, *, most: int = 60) -> str:
    """Return text for a comment: on one line, cut when long."""
    shown = "".join(c if c.isprintable() else _escape(c) for c in text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def _write_block(block: Sequence[Line]) -> list[str]:
    columns = sorted({len(each.text) + 2 for each in block if "\n" not in each.text})
    # The column that leaves the fewest comments to stand above their line.
    column = max(columns, key=lambda at: sum(_fits(each, at) for each in block), default=0)
    return [written for each in block for written in _write_line(each, column)]


def _fits(each: Line, column: int) -> bool:
    """Tell whether a comment that starts at `column` leaves its line short enough."""
    is_right = bool(each.text.strip()) and len(each.text) + 2 <= column and "\n" not in each.text
    return bool(each.comment) and is_right and column + 2 + len(each.comment) <= WIDTH


def _write_line(each: Line, column: int) -> list[str]:
    if not each.comment:
        return [each.text]
    if _fits(each, column):
        return [f"{each.text.ljust(column)}# {each.comment}"]
    start = " " * (len(each.text) - len(each.text.lstrip())) + "# "
    wrapped = textwrap.wrap(each.comment, WIDTH, initial_indent=start, subsequent_indent=start)
    return [*wrapped, *([each.text] if each.text.strip() else [])]
