"""What calamine does not tell about an .xlsx: its unpacked size, error cells, lost formulas."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from dlcli.errors import DataError

MAX_UNPACKED_BYTES = 2 << 30
MAX_RATIO = 1000
"""Deflate reaches about 1030 on zeros; real sheets stay below 50."""
_SMALL_BYTES = 64 << 20
_ZIPPED = {".xlsx", ".xlsm", ".ods"}
_CHUNK_BYTES = 1 << 22

_CELL = re.compile(rb"<c\s([^>]*)>((?:(?!</c>).)*)</c>", re.DOTALL)
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
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise DataError(f"{path.name} cannot be opened as a workbook: {error}") from error
    ratio = unpacked / max(path.stat().st_size, 1)
    if unpacked > MAX_UNPACKED_BYTES or (unpacked > _SMALL_BYTES and ratio > MAX_RATIO):
        raise DataError(
            f"{path.name} unpacks to {unpacked / 1e6:,.0f} MB, {ratio:,.0f} times its size",
            hint="if it is a real table, save it as CSV or Parquet",
        )


def unshown_cells(path: Path, sheet: str) -> dict[tuple[int, int], str]:
    """Return error values (`#N/A`) and formulas without a stored value, by (row, column) from 0.

    calamine reports both as empty cells, which would make them missing in silence.
    """
    if path.suffix.lower() not in {".xlsx", ".xlsm"} or not zipfile.is_zipfile(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            member = _sheet_member(archive, sheet)
            if member is None:
                return {}
            return dict(_scan(archive, member))
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        KeyError,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise DataError(f"{path.name} cannot be opened as a workbook: {error}") from error


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


def _scan(archive: zipfile.ZipFile, member: str) -> Iterator[tuple[tuple[int, int], str]]:
    with archive.open(member) as file:
        rest = b""
        while chunk := file.read(_CHUNK_BYTES):
            text = rest + chunk
            end = text.rfind(b"</c>") + 4 if b"</c>" in text else 0
            rest = text[end:]
            if b't="e"' in text or b"<f" in text:
                yield from _scan_cells(text[:end])


def _scan_cells(text: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    for match in _CELL.finditer(text):
        attributes, body = match.groups()
        address = _ADDRESS.search(attributes)
        value, formula = _VALUE.search(body), _FORMULA.search(body)
        if address is None:
            continue
        place = int(address[2]) - 1, _column_index(address[1])
        if b't="e"' in attributes and value:
            yield place, unescape(value[1].decode("utf-8", "replace"))
        elif formula and formula[1] and not value and b"t=" not in attributes:
            yield place, "=" + unescape(formula[1].decode("utf-8", "replace"))


def _column_index(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - ord("A") + 1
    return index - 1
