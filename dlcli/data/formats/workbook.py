"""What calamine does not tell about a workbook: its unpacked size, its span, error cells, lost formulas."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

from dlcli.data.formats.sheet_extent import Outline, XlsxCells, column_index, ods_extents
from dlcli.data.formats.unfolding import bomb, is_bomb
from dlcli.errors import DataError

MAX_UNPACKED_BYTES = 2 << 30
_ZIPPED = {".xlsx", ".xlsm", ".ods"}
_CHUNK_BYTES = 1 << 22
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    KeyError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,  # of names of entries
)

_CELL_ENDS = (b"/c>", b":c>")
"""The second one where the sheet's elements have a prefix."""
_END_BYTES = 3
_CELL = re.compile(rb"<c\s(?:[^>]*/>|([^>]*)>(.*?)</c>)", re.DOTALL)
_ADDRESS = re.compile(rb'\br="([A-Z]+)([0-9]+)"')
_VALUE = re.compile(rb"<v[^>]*>([^<]+)</v>")
_FORMULA = re.compile(rb"<f[^>]*>([^<]*)</f>")


def check_workbook(path: Path) -> None:
    """Refuse a zipped workbook that would unpack to more than memory should hold."""
    if path.suffix.lower() not in _ZIPPED or not zipfile.is_zipfile(path):
        return  # An old .xls, a protected file or a damaged one: calamine says which.
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except _DAMAGES as error:
        raise _unopened(path, error) from error
    size = path.stat().st_size
    if unpacked > MAX_UNPACKED_BYTES or is_bomb(unpacked, size):
        raise bomb(path, unpacked, size, hint="if it is a real table, save it as CSV or Parquet")
    if path.suffix.lower() == ".ods":
        _check_ods_extents(path)


def _check_ods_extents(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("content.xml")
    except _DAMAGES as error:
        raise _unopened(path, error) from error
    for extent in ods_extents(content):
        extent.check(path.name)


def unshown_cells(
    path: Path, sheet: str, on_share: Callable[[float], None] = lambda share: None
) -> dict[tuple[int, int], str]:
    """Return error values (`#N/A`) and formulas without a stored value, by (row, column) from 0.

    `on_share` is told which share of the sheet's text is looked through. calamine reports both as empty cells, which would make them missing in silence. Raises
    DataError where the cells span a table that is made of gaps, which calamine would allocate.
    """
    if path.suffix.lower() not in {".xlsx", ".xlsm"} or not zipfile.is_zipfile(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            member = _sheet_member(archive, sheet)
            if member is None:
                return {}
            outline = Outline()
            unshown: dict[tuple[int, int], str] = {}
            taken, size = 0, max(1, archive.getinfo(member).file_size)
            for text in _pieces(archive, member):
                outline.take(text)
                unshown.update(_scan(text))
                taken += len(text)
                on_share(min(1.0, taken / size))
            if outline.may_be_sparse:
                cells = XlsxCells()
                for text in _pieces(archive, member):
                    cells.take(text)
                cells.extent.check(f"{path.name}, sheet {sheet}")
            return unshown
    except _DAMAGES as error:
        raise _unopened(path, error) from error


def _unopened(path: Path, error: Exception) -> DataError:
    return DataError(f"{path.name} cannot be opened as a workbook: {error}")


def _sheet_member(archive: zipfile.ZipFile, sheet: str) -> str | None:
    workbook = archive.read("xl/workbook.xml").decode("utf-8", "replace")
    links = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    for tag in re.findall(r"<(?:\w+:)?sheet\s[^>]*>", workbook):
        name = re.search(r'\bname="([^"]*)"', tag)
        link = re.search(r'\b\w+:id="([^"]*)"', tag)
        if name and link and unescape(name[1]) == sheet:
            for relation in re.findall(r"<(?:\w+:)?Relationship\s[^>]*>", links):
                target = re.search(r'\bTarget="([^"]*)"', relation)
                if f'Id="{link[1]}"' in relation and target:
                    member = target[1].lstrip("/")
                    member = member if member.startswith("xl/") else f"xl/{member}"
                    return member if member in archive.namelist() else None
    return None


def _pieces(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """Yield a sheet's XML in pieces that end behind a cell, without what follows the last one."""
    with archive.open(member) as file:
        waiting: list[bytes] = []
        while chunk := file.read(_CHUNK_BYTES):
            # A cell's end may stand across two chunks.
            head = (waiting[-1][-_END_BYTES:] if waiting else b"") + chunk
            if not any(end in head for end in _CELL_ENDS):
                waiting.append(chunk)
                continue
            text = b"".join([*waiting, chunk])
            end = max(text.rfind(end) for end in _CELL_ENDS) + _END_BYTES
            yield text[:end]
            waiting = [text[end:]]


def _scan(text: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    if b't="e"' not in text and b"<f" not in text:
        return
    for match in _CELL.finditer(text):
        attributes, body = match.groups()
        if attributes is None:
            continue  # A cell with a format and nothing in it.
        address = _ADDRESS.search(attributes)
        value, formula = _VALUE.search(body), _FORMULA.search(body)
        if address is None:
            continue
        place = int(address[2]) - 1, column_index(address[1])
        if b't="e"' in attributes and value:
            yield place, unescape(value[1].decode("utf-8", "replace"))
        elif formula and formula[1] and not value and b"t=" not in attributes:
            yield place, "=" + unescape(formula[1].decode("utf-8", "replace"))
