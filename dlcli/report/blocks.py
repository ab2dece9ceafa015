"""Tables with titles, for a terminal, for a file and for Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dlcli.report.text import format_table, markdown_table

Mark = Literal["good", "bad", "dim"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """A table under a title, or a line of text where it has no header."""

    title: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    text: str = ""
    marks: Mapping[tuple[int, int], Mark] = field(default_factory=dict)
    """Cells, by row and column, that a terminal shows in colour."""


def format_blocks(blocks: Sequence[Block]) -> str:
    """Lay out blocks one below the other."""
    return "\n\n".join(_plain(block) for block in blocks)


def markdown_blocks(blocks: Sequence[Block]) -> str:
    """Write blocks as Markdown, titles as headings."""
    return "\n\n".join(_markdown(block) for block in blocks)


def is_numeric(cells: Sequence[str]) -> bool:
    """Tell a column of numbers, which stands to the right."""
    return all(cell in ("", "-") or cell.lstrip("+-<>= ")[:1].isdigit() for cell in cells)


def _plain(block: Block) -> str:
    body = format_table(block.header, block.rows) if block.header else block.text
    return f"{block.title}\n{body}" if block.title and body else block.title or body


def _markdown(block: Block) -> str:
    body = markdown_table(block.header, block.rows) if block.header else block.text
    return f"### {block.title}\n\n{body}" if block.title and body else block.title or body
