"""HTML from values: everything is escaped that is not Markup already."""

import html
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from dlcli.languages import spoken, translated


class Markup(str):
    """Text that is HTML already, built from escaped parts."""

    __slots__ = ()


Cell = str | Markup


def escape(text: Any) -> Markup:
    """Return text as HTML shows it; Markup stays as it is. Control characters become visible."""
    if isinstance(text, Markup):
        return text
    shown = str(text)
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() or c in "\n\t" else _visible(c) for c in shown)
    return Markup(html.escape(shown, quote=True))


def element(tag: str, *content: Any, **attributes: str | bool | None) -> Markup:
    """Return an element; `class_` and `for_` lose their underscore, other ones become dashes."""
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    return Markup(f"<{tag}{written}>{join(content)}</{tag}>")


def join(parts: Iterable[Any], between: str = "") -> Markup:
    """Escape parts and put them together."""
    return Markup(between.join(escape(part) for part in parts if part is not None))


def section(identity: str, title: str, *content: Any) -> Markup:
    """Return a section of the page with its heading."""
    heading = element("h2", spoken(title))
    return element("section", heading, *content, id=identity)


def details(summary: str, *content: Any, is_open: bool = False) -> Markup:
    """Return content that can be folded away."""
    return element("details", element("summary", spoken(summary)), *content, open=is_open)


def table(
    header: Sequence[Cell],
    rows: Iterable[Sequence[Cell]],
    *,
    numeric: Collection[int] = (),
    class_: str | None = None,
    strong: Collection[int] = (),
) -> Markup:
    """Return a table that scrolls sideways where it must; `numeric` columns go to the right."""
    head = join(
        element("th", _wrapped(cell), scope="col", class_="number" if place in numeric else None)
        for place, cell in enumerate(header)
    )
    body = join(
        element(
            "tr",
            *(_cell(cell, place, numeric) for place, cell in enumerate(row)),
            class_="strong" if number in strong else None,
        )
        for number, row in enumerate(rows)
    )
    inner = element("table", element("thead", element("tr", head)), element("tbody", body))
    return element("div", inner, class_=f"scroll {class_}" if class_ else "scroll", tabindex="0")


def chart_grid(figures: Sequence[Markup | None]) -> Markup:
    """Return figures beside each other: two in a line, or three where that leaves no gap."""
    shown = [figure for figure in figures if figure is not None]
    return element("div", *shown, class_="charts" if len(shown) % 3 else "charts three")


def note(text: str) -> Markup:
    """Return a remark below what it is about."""
    return element("p", translated(text), class_="note")


def code(text: str) -> Markup:
    """Return text in the typeface of programs."""
    return element("code", text)


LONG = 28
"""Letters of a cell that may be broken anywhere, and is cut after four lines."""


def _wrapped(cell: Cell) -> Markup:
    if isinstance(cell, Markup) or len(cell) <= LONG:
        return escape(cell)
    return element("span", cell, class_="long", title=cell)


def _cell(cell: Cell, place: int, numeric: Collection[int]) -> Markup:
    cell = _wrapped(cell)
    if place == 0:
        return element("th", cell, scope="row")
    return element("td", cell, class_="number" if place in numeric else None)


def _attribute(name: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(value)}"'


def _visible(character: str) -> str:
    if character == "\N{NO-BREAK SPACE}" or character.isspace():
        return " "
    return character.encode("unicode_escape").decode("ascii")
