"""What a request holds: JSON rows, CSV or an image, as a table."""

import base64
import binascii
import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from dlcli.data.cells import column_of
from dlcli.data.columns.image import ImageInput
from dlcli.data.formats.jsonlines import check_row, parse_json
from dlcli.data.readers import ReadOptions, read_table, read_text_table, type_frame
from dlcli.data.table import Origin, Table
from dlcli.errors import DataError
from dlcli.serving.refusal import Refused

Row = dict[str, Any]

REQUEST = Path("request")
"""What messages call the rows of a request; they count from 1, in CSV below the header."""
JSON = "application/json"
TEXT = {"text/csv": ".csv", "text/tab-separated-values": ".tsv"}
IMAGES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
}


MOST_PIXEL_BYTES = 1 << 28
"""What the images of a request may take as pixels of the size that the network reads."""

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_SHOWN = 24
"""Characters of a cell that messages show."""


def parse_rows(body: bytes) -> list[Row]:
    """Return the rows of a JSON body, an object or a list of them; raises Refused or DataError."""
    try:
        value = parse_json(body)
    except ValueError as error:
        raise Refused(400, f"the request is not JSON: {error}") from None
    rows = value if isinstance(value, list) else [value]
    if not rows:
        raise Refused(
            400, "the request holds no rows", hint='expected [{"column": cell, ...}, ...]'
        )
    hint = "a request is one JSON object a row, or a list of them"
    return [
        check_row(row, f"{REQUEST}, row {number}", hint=hint) for number, row in enumerate(rows, 1)
    ]


def table_of_rows(rows: list[Row], options: ReadOptions) -> Table:
    """Return JSON rows as a table; a key that a row lacks is a missing cell there."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise DataError(f"{REQUEST}: its rows have no cells")
    return table_of_columns(names, [[row.get(name) for row in rows] for name in names], options)


def table_of_columns(names: list[str], columns: list[Any], options: ReadOptions) -> Table:
    """Return columns of Python values as a table."""
    return _table(names, columns, options, REQUEST)


def _table(names: list[str], columns: list[Any], options: ReadOptions, path: Path) -> Table:
    arrow = pa.Table.from_arrays([column_of(cells) for cells in columns], names=names)
    origin = Origin(path=path, first_row=1, num_rows=arrow.num_rows)
    return type_frame(Table.from_arrow(arrow, origin), options)


def table_of_text(body: bytes, kind: str, options: ReadOptions) -> Table:
    """Return a CSV or TSV body as a table."""
    return read_text_table(body, REQUEST.with_suffix(TEXT[kind]), options)


@contextmanager
def table_of_image(body: bytes, kind: str, options: ReadOptions) -> Iterator[Table]:
    """Give an image as a table of one row, for as long as its pixels are needed."""
    # Readers take images from files, and refuse what is none by looking at it.
    with tempfile.TemporaryDirectory(prefix="dlcli-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"{REQUEST}{IMAGES[kind]}"
        path.write_bytes(body)
        yield read_table([path], options)


@contextmanager
def table_of_mixed_rows(
    rows: list[Row], images: Sequence[ImageInput], options: ReadOptions
) -> Iterator[Table]:
    """Give JSON rows whose cells of image columns are base64, for as long as pixels are needed.

    Raises Refused for a cell that is none, and for more images than there is room for.
    """
    _check_room(len(rows), images)
    with tempfile.TemporaryDirectory(prefix="dlcli-", ignore_cleanup_errors=True) as folder:
        # Readers take images from files: those that are written here, whatever a cell says.
        own = [dict(row) for row in rows]
        for index, column in enumerate(images):
            name = column.settings.name
            for number, row in enumerate(own, 1):
                if name in row:
                    row[name] = _written_image(row, column, number, Path(folder), index)
        names = list(dict.fromkeys(name for row in own for name in row))
        if not names:
            raise DataError(f"{REQUEST}: its rows have no cells")
        cells = [[row.get(name) for row in own] for name in names]
        yield _table(names, cells, options, Path(folder) / REQUEST)


def _check_room(count: int, images: Sequence[ImageInput]) -> None:
    size = sum(math.prod(column.shape) for column in images)
    if count * size > MOST_PIXEL_BYTES:
        raise Refused(
            413,
            f"the images of {count:,} rows take {count * size:,} bytes as pixels; at most "
            f"{MOST_PIXEL_BYTES:,} are taken",
            hint=f"send up to {max(1, MOST_PIXEL_BYTES // size):,} rows at a time",
        )


def _written_image(
    row: Row, column: ImageInput, number: int, folder: Path, index: int
) -> str | None:
    """Write the image of a cell to a file of its own, and return its name; None for no image."""
    name, cell = column.settings.name, row[column.settings.name]
    if cell is None or cell == "" or cell in column.settings.missing_values:
        return None
    content = _decoded(cell)
    if content is None:
        shown = repr(cell)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        refused = Refused(
            422,
            f"column {name!r} has a cell that is no image:\n  {REQUEST}, row {number}: {shown}",
            hint="expected an image file as base64, or a URL data:image/png;base64,...",
        )
        refused.column, refused.rows = name, (number,)
        raise refused
    file = folder / f"image{f' {index + 1}' if index else ''} of row {number}"
    file.write_bytes(content)
    return file.name


def _decoded(cell: Any) -> bytes | None:
    """Return the bytes that base64 or a data: URL stands for; None for anything else."""
    if not isinstance(cell, str):
        return None
    head = _DATA_URL.match(cell)
    text = cell[head.end() :] if head is not None else cell
    try:
        # Programs break base64 into lines.
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
