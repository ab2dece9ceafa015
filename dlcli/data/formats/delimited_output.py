"""Tables to CSV and TSV."""

from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from dlcli.data.cells import to_text
from dlcli.data.formats.formulas import escape


class Writer:
    """Writes cells as text that reads back as the same values; a missing cell is empty.

    Only cells that need quotes get them, which Arrow's own writer cannot do.
    """

    def __init__(
        self, sink: BinaryIO, schema: pa.Schema, *, suffix: str, escape_formulas: bool
    ) -> None:
        self._sink = sink
        self._escape = escape_formulas
        self._separator = "\t" if suffix == ".tsv" else ","
        # A byte-order mark in the first name would be taken for the file's own.
        self._special = rf'[{self._separator}"\r\n\x{{feff}}]'
        # A lone empty cell needs quotes, or its line would be an empty line.
        self._missing = '""' if len(schema.names) == 1 else ""
        self._write_lines([pa.array([name], pa.string()) for name in schema.names])

    def write(self, arrow: pa.Table) -> None:
        for batch in arrow.to_batches():
            self._write_lines(batch.columns)

    def close(self) -> None:
        pass

    def _write_lines(self, columns: list[pa.Array]) -> None:
        cells = [self._cells(pa.chunked_array([column])) for column in columns]
        missing = {"null_handling": "replace", "null_replacement": self._missing}
        lines = pc.binary_join_element_wise(*cells, self._separator, **missing)
        lines = pc.binary_join_element_wise(lines, "", "\n")
        for chunk in lines.chunks:
            self._sink.write(_joined(chunk))

    def _cells(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        if not pa.types.is_string(column.type):
            return to_text(column)
        column = escape(column, formulas=self._escape)
        special = pc.match_substring_regex(column, self._special)
        if not pc.any(special).as_py():
            return column
        doubled = pc.replace_substring(column, '"', '""')
        return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), column)


def _joined(texts: pa.Array) -> bytes:
    """Return the bytes of all texts, which Arrow keeps one behind the other."""
    whole = pc.binary_join(pa.ListArray.from_arrays([0, len(texts)], texts), "")
    data: bytes = whole[0].as_buffer().to_pybytes()
    return data
