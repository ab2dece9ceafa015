"""Text in the cells of a terminal: how wide it is, padded, cut, and free of what moves the cursor."""

import unicodedata


def counted(number: int, noun: str) -> str:
    """Name a number of things: 1 row, 1,030 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Return the text with what would move the cursor escaped."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def cell_width(text: str) -> int:
    """Count terminal cells: East Asian wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """Fill a text up to `cells` with spaces, before it where it belongs to the right."""
    space = " " * (cells - cell_width(text))
    return space + text if right else text + space


def cut_middle(text: str, cells: int) -> str:
    """Shorten a text to `cells`; names often differ at either end only."""
    if cell_width(text) <= cells:
        return text
    kept = len(text) - 1
    while kept > 2 and cell_width(text[: (kept + 1) // 2] + text[len(text) - kept // 2 :]) >= cells:
        kept -= 1
    return f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
