"""Tables to CSV and TSV."""

from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from dlcli.data.cells import to_text

_FORMULA = r"^[=+\-@\t\r]"


class Writer:
    """Writes cells as text that reads back as the same numbers; a missing cell is empty."""

    def __init__(
        self, sink: BinaryIO, schema: pa.Schema, *, suffix: str, escape_formulas: bool
    ) -> None:
        self._escape = escape_formulas
        self._schema = pa.schema([(self._safe_name(name), pa.string()) for name in schema.names])
        separator = "\t" if suffix == ".tsv" else ","
        # Arrow would put every column name in quotes.
        names = separator.join(_quoted(name, separator) for name in self._schema.names)
        sink.write(f"{names}\n".encode())
        self._writer = pa.csv.CSVWriter(
            sink,
            self._schema,
            write_options=pa.csv.WriteOptions(include_header=False, delimiter=separator),
        )

    def write(self, arrow: pa.Table) -> None:
        columns = [self._text(column) for column in arrow.columns]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()

    def _text(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        if self._escape and pa.types.is_string(column.type):
            return pc.replace_substring_regex(column, _FORMULA, r"'\0")
        return to_text(column)

    def _safe_name(self, name: str) -> str:
        return "'" + name if self._escape and name[:1] in "=+-@\t\r" and name else name


def _quoted(name: str, separator: str) -> str:
    is_plain = name and not any(mark in name for mark in (separator, '"', "\n", "\r"))
    return name if is_plain else '"' + name.replace('"', '""') + '"'
