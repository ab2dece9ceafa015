"""Tables to JSON Lines."""

import json
import math
from typing import BinaryIO

import pyarrow as pa

from dlcli.data.cells import to_text


class Writer:
    """Writes one object a line; missing is null, dates are text in ISO 8601."""

    def __init__(
        self, sink: BinaryIO, schema: pa.Schema, *, suffix: str, escape_formulas: bool
    ) -> None:
        self._sink = sink

    def write(self, arrow: pa.Table) -> None:
        columns = [
            (to_text(column) if pa.types.is_temporal(column.type) else column).to_pylist()
            for column in arrow.columns
        ]
        names = arrow.column_names
        lines = [
            json.dumps(
                {name: _cell(cell) for name, cell in zip(names, cells, strict=True)},
                ensure_ascii=False,
            )
            for cells in zip(*columns, strict=True)
        ]
        self._sink.write("".join(line + "\n" for line in lines).encode("utf-8"))

    def close(self) -> None:
        pass


def _cell(cell: object) -> object:
    # JSON has no infinities; as text they are at least not mistaken for missing.
    return str(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell
