"""A single image file as a table of one row."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from dlcli.data.readers import ReadOptions
from dlcli.data.table import IMAGE_UNIT, Origin, Table

HAS_TYPES = True


def read(path: Path, options: ReadOptions) -> Table:
    """Return one row that names the file; it is opened when its pixels are needed."""
    arrow = pa.table({"image": pa.chunked_array([pa.array([path.name], pa.string())])})
    return Table.from_arrow(arrow, Origin(path=path, first_row=1, num_rows=1, unit=IMAGE_UNIT))


def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]:
    """Yield the one row."""
    yield read(path, options)
