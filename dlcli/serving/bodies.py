"""What a request holds: JSON rows, CSV or an image, as a table."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from dlcli.data.cells import column_of
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
    arrow = pa.Table.from_arrays([column_of(cells) for cells in columns], names=names)
    origin = Origin(path=REQUEST, first_row=1, num_rows=arrow.num_rows)
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
