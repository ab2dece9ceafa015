"""A data file read the way that makes sense of it, and the settings that this takes."""

import csv
import gzip
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlcli.data.cells import infer_column
from dlcli.data.formats.encodings import likely_encoding
from dlcli.data.profile import lacks_header
from dlcli.data.readers import (
    READERS,
    ReadOptions,
    check_options_apply,
    looks_headerless,
    read_table,
    suffix_of,
)
from dlcli.data.reading_settings import registry_settings
from dlcli.data.sources import resolve_source
from dlcli.data.table import Table
from dlcli.errors import DataError

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_BYTES = 1 << 16
_MARKS = ({"decimal": ","}, {"decimal": ",", "thousands": "."}, {"thousands": ","})
"""How other countries write numbers, the likelier first."""


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """A table, and the keys under `data` that reading it takes."""

    table: Table
    settings: dict[str, Any] = field(default_factory=dict)
    has_header: bool = True


def read_file(
    file: Path, targets: Sequence[str], given: Mapping[str, Any] = MappingProxyType({})
) -> ReadFile:
    """Read a file or `dataset:NAME`, looking for the reading that has the columns `targets`.

    `given` are settings that stand. Raises DataError where no reading makes a table.
    """
    (path,) = resolve_source(str(file), folder=Path())
    known = registry_settings(str(file))
    if known:
        settings = {**known, **given}
        return ReadFile(table=_read(path, settings), settings=settings)
    check_options_apply([path], ReadOptions(**given))
    found: ReadFile | None = None
    error: DataError | None = None
    for settings in _attempts(path, given):
        try:
            table = _read(path, settings)
        except DataError as raised:
            error = error or raised
            continue
        if len(table.names) > 1 or "separator" not in settings:
            found = found or ReadFile(table=table, settings=settings)
        if all(find_column(table, target) is not None for target in targets):
            return _with_marks(path, ReadFile(table=table, settings=settings))
    if found is None:
        headerless = None if given else _read_without_header(path, None)
        if headerless is None:
            assert error is not None
            raise error
        return headerless
    headerless = None if "header" in given else _read_without_header(path, found)
    return headerless or _with_marks(path, found)


def find_column(table: Table, name: str) -> str | None:
    """Return the column that `name` means; spaces at its ends may be left out."""
    if name in table.names:
        return name
    near = [column for column in table.names if column.strip() == name.strip()]
    return near[0] if len(near) == 1 else None


def _read(path: Path, settings: Mapping[str, Any]) -> Table:
    return read_table([path], ReadOptions(**settings))


def _attempts(path: Path, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield settings to try over those that are given, the plain reading first."""
    yield dict(given)
    for guess in _guesses(path):
        if not guess.keys() & given.keys():
            yield {**given, **guess}


def _guesses(path: Path) -> Iterator[dict[str, Any]]:
    module = READERS.get(suffix_of(path), "")
    if module.endswith("excel"):
        yield from ({"sheet": name} for name in _sheet_names(path)[1:])
    if module.endswith("delimited"):
        yield from ({"separator": mark} for mark in _SEPARATORS)
        encoding = likely_encoding(_sample(path))
        yield {"encoding": encoding}
        yield from ({"separator": mark, "encoding": encoding} for mark in _SEPARATORS)


def _sheet_names(path: Path) -> list[str]:
    calamine = importlib.import_module("python_calamine")
    try:
        with calamine.CalamineWorkbook.from_path(path) as workbook:
            return list(workbook.sheet_names)
    except (calamine.CalamineError, OSError):
        return []


def _read_without_header(path: Path, found: ReadFile | None) -> ReadFile | None:
    """Read again under made-up names when the first row is data; None when it is not."""
    if found is None:
        cells = _first_cells(path)
        settings, width = {}, len(cells)
        is_data = any(looks_headerless([cell]) for cell in cells)
    else:
        settings, width = found.settings, len(found.table.names)
        is_data = lacks_header(found.table) and not _names_columns(path)
    if not is_data:
        return None
    settings = {**settings, "header": [f"column {number}" for number in range(1, width + 1)]}
    try:
        return ReadFile(table=_read(path, settings), settings=settings, has_header=False)
    except DataError:
        return None


def _names_columns(path: Path) -> bool:
    """Tell whether the format itself names the columns."""
    return not READERS.get(suffix_of(path), "").endswith(("delimited", "excel"))


def _first_cells(path: Path) -> list[str]:
    """Return the cells of a text file's first row, under the separator that gives most."""
    if not READERS.get(suffix_of(path), "").endswith("delimited"):
        return []
    first = next(iter(_sample(path).decode("utf-8-sig", "replace").splitlines()), "")
    rows = [next(csv.reader([first], delimiter=mark), []) for mark in _SEPARATORS]
    return max(rows, key=len)


def _sample(path: Path) -> bytes:
    """Return how a text file begins; nothing of one that cannot be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(_SAMPLE_BYTES)
    except (OSError, EOFError):
        return b""


def _with_marks(path: Path, found: ReadFile) -> ReadFile:
    """Read again with a decimal comma or marks between thousands where these make more numbers."""
    texts = [
        column
        for column in found.table.arrow.columns
        if pa.types.is_string(column.type) and column.null_count < len(column)
    ]
    is_text = READERS.get(suffix_of(path), "").endswith("delimited")
    best: dict[str, str] = {}
    most = 0
    # Between commas "1,234" is rather a thousand; a semicolon leaves the comma to decimals.
    is_thousand = "separator" not in found.settings
    for marks in sorted(_MARKS, key=lambda marks: is_thousand and "decimal" in marks):
        # Only text files have marks between thousands; other formats hold numbers as numbers.
        if marks.keys() & found.settings.keys() or ("thousands" in marks and not is_text):
            continue
        number = sum(_becomes_number(column, marks) for column in texts)
        if number > most:
            best, most = marks, number
    if not best:
        return found
    settings = {**found.settings, **best}
    return ReadFile(table=_read(path, settings), settings=settings)


def _becomes_number(column: pa.ChunkedArray, marks: Mapping[str, str]) -> bool:
    """Tell whether a text column is one of numbers with these marks; "0,125" is no thousands."""
    thousands = marks.get("thousands")
    fraction = rf"^\s*[+-]?0{re.escape(thousands or '')}[0-9]{{3}}"
    if thousands and pc.any(pc.match_substring_regex(column, fraction)).as_py():
        return False
    typed = infer_column(column, **{"decimal": ".", **marks})
    return pa.types.is_floating(typed.type) or (
        "thousands" in marks and pa.types.is_integer(typed.type)
    )
