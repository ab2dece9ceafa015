"""How large a table the cells of a sheet span: one stray cell far out makes a table of gaps.

calamine allocates the whole span at once, and where memory cannot hold it the process ends.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dlcli.data.formats.unfolding import is_sparse
from dlcli.errors import DataError

# By the letters and digits of addresses: 26, 702 or 16,384 columns; 10,000 rows, or many more.
_COLUMNS = (
    (re.compile(rb'r="[A-Za-z]{3}[0-9]'), 16_384),
    (re.compile(rb'r="[A-Za-z]{2}[0-9]'), 702),
)
_ROWS = (
    (re.compile(rb'r="[A-Za-z]*[0-9]{6}'), 1 << 20),
    (re.compile(rb'r="[A-Za-z]*[0-9]{5}'), 100_000),
)
_UNUSUAL = b" r='"
"""Quotes that no spreadsheet writes, and the patterns above do not look for."""
_TOKEN = re.compile(
    rb"<(?:\w+:)?(?:row\b([^>]*)>|c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>))", re.DOTALL
)
_CONTENT = re.compile(rb"<(?:\w+:)?(?:v|is)\b")
_ROW_NUMBER = re.compile(rb"\br=[\"']([0-9]+)")
_ADDRESS = re.compile(rb"\br=[\"']([A-Za-z]+)([0-9]+)")
_ODS_TOKEN = re.compile(rb"<table:(table-row|table-cell|covered-table-cell)\b([^>]*)>")
_ODS_REPEAT = re.compile(rb"number-(?:rows|columns)-repeated=[\"']([0-9]+)")
_MOST_DIGITS = 9


@dataclass(kw_only=True)
class Extent:
    """The rectangle that filled cells span, counted from 0, and how many the file holds."""

    filled: int = 0
    first_row: int = 1 << 40
    last_row: int = -1
    first_column: int = 1 << 40
    last_column: int = -1

    def add(self, row: int, column: int, *, rows: int = 1, columns: int = 1) -> None:
        self.filled += 1
        self.first_row, self.first_column = (
            min(self.first_row, row),
            min(self.first_column, column),
        )
        self.last_row = max(self.last_row, row + rows - 1)
        self.last_column = max(self.last_column, column + columns - 1)

    @property
    def cells(self) -> int:
        if not self.filled:
            return 0
        rows = self.last_row - self.first_row + 1
        return rows * (self.last_column - self.first_column + 1)

    def check(self, file: str) -> None:
        """Raise DataError where the cells span a table that is made of gaps."""
        if is_sparse(self.cells, self.filled):
            raise DataError(
                f"{file}: {self.filled:,} filled cells span {self.cells:,}, as far as "
                f"{column_letters(self.last_column)}{self.last_row + 1}",
                hint="a stray cell far outside the table? delete it, or save the table as CSV",
            )


class Outline:
    """What addresses allow for at most, and values at least: cheap where cells one by one are not."""

    def __init__(self) -> None:
        self._columns, self._rows, self._filled = 26, 10_000, 0

    def take(self, text: bytes) -> None:
        """Look over a piece of a sheet's XML."""
        if _UNUSUAL in text:
            self._columns, self._rows = 16_384, 1 << 20
        self._columns = _most(_COLUMNS, text, self._columns)
        self._rows = _most(_ROWS, text, self._rows)
        self._filled += text.count(b"<v>") + text.count(b"<is>")

    @property
    def may_be_sparse(self) -> bool:
        """Tell whether the cells must be looked at to know."""
        return is_sparse(self._columns * self._rows, self._filled)


def _most(bounds: tuple[tuple[re.Pattern[bytes], int], ...], text: bytes, known: int) -> int:
    """Return the highest bound that an address reaches, none below what is known."""
    return next((most for far, most in bounds if most > known and far.search(text)), known)


class XlsxCells:
    """Follows the cells of a sheet's XML, given in pieces that end behind a cell."""

    def __init__(self) -> None:
        self.extent = Extent()
        self._row = self._column = -1

    def take(self, text: bytes) -> None:
        for match in _TOKEN.finditer(text):
            in_row, in_cell, body = match.groups()
            if in_row is not None:
                number = _ROW_NUMBER.search(in_row)
                self._row = _number(number[1]) - 1 if number else self._row + 1
                self._column = -1
                continue
            address = _ADDRESS.search(in_cell)
            self._column += 1
            row = self._row
            if address is not None:
                row, self._column = _number(address[2]) - 1, column_index(address[1])
            if body is not None and _CONTENT.search(body):
                self.extent.add(row, self._column)


def ods_extents(text: bytes) -> Iterator[Extent]:
    """Yield what the filled cells of each sheet of an OpenDocument's content span."""
    for sheet in re.split(rb"<table:table\b(?![-\w])", text)[1:]:
        yield _ods_extent(sheet)


def _ods_extent(sheet: bytes) -> Extent:
    extent = Extent()
    row = column = 0
    rows = 0
    for match in _ODS_TOKEN.finditer(sheet):
        kind, attributes = match.groups()
        repeated = _ODS_REPEAT.search(attributes)
        count = _number(repeated[1]) if repeated else 1
        if kind == b"table-row":
            row, column, rows = row + rows, 0, count
            continue
        if b"value-type=" in attributes:
            extent.add(row, column, rows=rows, columns=count)
        column += count
    return extent


def column_index(letters: bytes) -> int:
    """Return the number, from 0, of a column such as `AB`."""
    index = 0
    for letter in letters[:_MOST_DIGITS].upper():
        index = index * 26 + letter - ord("A") + 1
    return index - 1


def column_letters(index: int) -> str:
    """Return the letters of a column that is numbered from 0."""
    letters, left = "", index + 1
    while left:
        left, letter = divmod(left - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _number(digits: bytes) -> int:
    return int(digits[:_MOST_DIGITS])
