"""Tables to Excel, row by row within bounded memory."""

import math
from datetime import date, datetime
from typing import Any, BinaryIO

import pyarrow as pa
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from dlcli.data.cells import cell_text
from dlcli.errors import DataError

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_TEXT = 32_767
_EXACT_INTEGER = 2**53


class Writer:
    """Writes numbers as numbers and text as text, never as a formula or a link."""

    def __init__(
        self, sink: BinaryIO, schema: pa.Schema, *, suffix: str, escape_formulas: bool
    ) -> None:
        if len(schema.names) > MAX_COLUMNS:
            raise _too_large(f"{len(schema.names)} columns", MAX_COLUMNS)
        settings = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._workbook = xlsxwriter.Workbook(_Sink(sink), settings)
        self._sheet = self._workbook.add_worksheet("Sheet1")
        self._date = self._workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._time = self._workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._num_rows = 0
        self._append(schema.names)

    def write(self, arrow: pa.Table) -> None:
        if self._num_rows + arrow.num_rows > MAX_ROWS:
            raise _too_large(f"more than {MAX_ROWS - 1} rows", MAX_ROWS)
        columns = [column.to_pylist() for column in arrow.columns]
        for cells in zip(*columns, strict=True):
            self._append(cells)

    def close(self) -> None:
        try:
            self._workbook.close()
        except FileCreateError as error:
            raise OSError(*error.args[0].args) from error

    def _append(self, cells: Any) -> None:
        for number, cell in enumerate(cells):
            if cell is not None:
                self._put(number, cell)
        self._num_rows += 1

    def _put(self, number: int, cell: object) -> None:
        place = self._num_rows, number
        if isinstance(cell, bool):
            self._sheet.write_boolean(*place, cell)
        elif isinstance(cell, (int, float)) and _is_exact(cell):
            self._sheet.write_number(*place, cell)
        elif isinstance(cell, date) and cell.year >= 1900 and not getattr(cell, "tzinfo", None):
            style = self._time if isinstance(cell, datetime) else self._date
            self._sheet.write_datetime(*place, cell, style)
        else:
            text = cell_text(cell)
            if len(text) > MAX_TEXT:
                raise _too_large(f"a text of {len(text)} characters", MAX_TEXT)
            self._sheet.write_string(*place, text)


class _Sink:
    """A binary file until it fails; then nothing, as a ZipFile tries again when it is collected."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._is_lost = False

    def write(self, data: Any) -> int:
        return self._do("write", data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._do("seek", offset, whence)

    def tell(self) -> int:
        return self._do("tell")

    def flush(self) -> None:
        self._do("flush")

    def _do(self, name: str, *arguments: Any) -> int:
        if self._is_lost:
            return 0
        try:
            return int(getattr(self._sink, name)(*arguments) or 0)
        except OSError:
            self._is_lost = True
            raise


def _is_exact(number: float) -> bool:
    # Excel keeps every number as a float, and has no infinities.
    return math.isfinite(number) and (isinstance(number, float) or abs(number) <= _EXACT_INTEGER)


def _too_large(what: str, limit: int) -> DataError:
    return DataError(
        f"an Excel sheet cannot hold {what}: the limit is {limit}",
        hint="write .csv or .parquet instead",
    )
