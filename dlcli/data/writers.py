"""Tables to files, block by block; a file appears under its name only when it is whole."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from gzip import GzipFile
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from dlcli.data.readers import STDIN, suffix_of
from dlcli.errors import DataError

WRITERS: Mapping[str, str] = {
    ".csv": "dlcli.data.formats.delimited_output",
    ".csv.gz": "dlcli.data.formats.delimited_output",
    ".tsv": "dlcli.data.formats.delimited_output",
    ".tsv.gz": "dlcli.data.formats.delimited_output",
    ".jsonl": "dlcli.data.formats.jsonlines_output",
    ".jsonl.gz": "dlcli.data.formats.jsonlines_output",
    ".ndjson": "dlcli.data.formats.jsonlines_output",
    ".ndjson.gz": "dlcli.data.formats.jsonlines_output",
    ".parquet": "dlcli.data.formats.parquet_output",
    ".xlsx": "dlcli.data.formats.excel_output",
}
"""File suffix to the module with its `Writer`, imported when a file asks for it."""


class TableWriter(Protocol):
    """What the class `Writer` of each module in WRITERS offers."""

    def write(self, arrow: pa.Table) -> None:
        """Append rows; the columns are those of the schema."""

    def close(self) -> None:
        """Complete the file; the sink stays open."""


@contextmanager
def open_writer(
    path: Path | str, schema: pa.Schema, *, escape_formulas: bool = False
) -> Iterator[TableWriter]:
    """Write blocks with the columns of `schema` to `path`, or as CSV to standard output for `-`.

    When the body raises, nothing is left and a file that was there stays. CSV and TSV hold
    text as it is; `escape_formulas` puts an apostrophe before text that a spreadsheet would
    run (it begins with = + - @ tab or carriage return). Excel files hold text as text anyway.
    """
    path = Path(path)
    if path == STDIN:
        writer = _Writer(path, sys.stdout.buffer, schema, escape_formulas=escape_formulas)
        yield writer
        writer.close()
        return
    check_writable(path)
    # In the same folder, so that the last step is a rename within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _reported(path):
        sink = temporary.open("xb")
    try:
        writer = _Writer(path, sink, schema, escape_formulas=escape_formulas)
        try:
            yield writer
        except BaseException:
            writer.abandon()
            raise
        writer.close()
        with _reported(path):
            sink.close()
            temporary.replace(path)
    finally:
        with suppress(OSError):
            sink.close()
        temporary.unlink(missing_ok=True)


def check_writable(path: Path | str) -> None:
    """Raise DataError where `open_writer` is bound to fail, before any work is done."""
    path = Path(path)
    if path == STDIN:
        return
    if suffix_of(path) not in WRITERS:
        known = ", ".join(suffix for suffix in WRITERS if not suffix.endswith(".gz"))
        raise DataError(
            f"{path.name}: cannot tell the format to write from the suffix {suffix_of(path)!r}",
            hint=f"known suffixes are {known}; text files may add .gz",
        )
    if path.is_dir():
        raise DataError(f"{path} is a folder", hint="name a file in it")
    if not path.parent.is_dir():
        raise DataError(f"{path} cannot be written: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise DataError(f"{path} cannot be written: the folder {path.parent} is write-protected")


class _Writer:
    """A format's writer with its gzip layer, whose failures become DataError."""

    def __init__(
        self, path: Path, sink: BinaryIO, schema: pa.Schema, *, escape_formulas: bool
    ) -> None:
        suffix = ".csv" if path == STDIN else suffix_of(path)
        self._path = path
        self._sink = sink
        self._names = schema.names
        # Without a time stamp the same rows give the same bytes.
        self._zip = GzipFile("", "wb", fileobj=sink, mtime=0) if suffix.endswith(".gz") else None
        module = import_module(WRITERS[suffix])
        with _reported(path):
            self._writer: TableWriter = module.Writer(
                self._zip or sink,
                schema,
                suffix=suffix.removesuffix(".gz"),
                escape_formulas=escape_formulas,
            )

    def write(self, arrow: pa.Table) -> None:
        with _reported(self._path):
            self._writer.write(arrow.select(self._names))

    def close(self) -> None:
        with _reported(self._path):
            self._writer.close()
            if self._zip is not None:
                self._zip.close()
            self._sink.flush()

    def abandon(self) -> None:
        # An open writer would try to complete its file when it is collected, long after.
        with suppress(DataError, pa.ArrowException, ValueError):
            self.close()


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # The reader of standard output has seen enough, which is no failure of ours.
    except OSError as error:
        name = "standard output" if path == STDIN else path
        raise DataError(
            f"{name} cannot be written: {error.strerror or error}",
            hint="free some space, or choose another folder",
        ) from error
