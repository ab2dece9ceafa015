"""Tables to Parquet."""

from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from dlcli.errors import DataError


class Writer:
    """Writes a row group for each block, in the types of the schema."""

    def __init__(
        self, sink: BinaryIO, schema: pa.Schema, *, suffix: str, escape_formulas: bool
    ) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(sink, schema)

    def write(self, arrow: pa.Table) -> None:
        try:
            arrow = arrow.cast(self._schema)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"a Parquet column keeps one type: {error}",
                hint="write .csv, or read the input with that column as text",
            ) from error
        self._writer.write_table(arrow)

    def close(self) -> None:
        self._writer.close()
