"""Tables to files, block by block; a file appears under its name only when it is whole."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from gzip import GzipFile
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from dlcli.data.readers import STDIN, suffix_of
from dlcli.errors import DlcliError, UsageError
from dlcli.files import check_output, writing, written_whole

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
    check_writable(path, force=True)
    with written_whole(path) as temporary:
        with writing(path):
            sink = temporary.open("xb")
        try:
            writer = _Writer(path, sink, schema, escape_formulas=escape_formulas)
            try:
                yield writer
            except BaseException:
                writer.abandon()
                raise
            writer.close()
        finally:
            # What counts is flushed and told by now.
            with suppress(OSError):
                sink.close()


def check_writable(path: Path | str, *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Raise UsageError where `open_writer` is bound to fail, before any work is done.

    Without `force` a file that is there is an error too, and always one that is among `inputs`.
    """
    path = Path(path)
    if path == STDIN:
        return
    check_output(path, force=force, inputs=inputs)
    if suffix_of(path) not in WRITERS:
        known = ", ".join(suffix for suffix in WRITERS if not suffix.endswith(".gz"))
        raise UsageError(
            f"{path.name}: cannot tell the format to write from the suffix {suffix_of(path)!r}",
            hint=f"known suffixes are {known}; text files may add .gz",
        )


class _Writer:
    """A format's writer with its gzip layer, whose failures become UsageError."""

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
        with writing(_shown(path)):
            self._writer: TableWriter = module.Writer(
                self._zip or sink,
                schema,
                suffix=suffix.removesuffix(".gz"),
                escape_formulas=escape_formulas,
            )

    def write(self, arrow: pa.Table) -> None:
        with writing(_shown(self._path)):
            self._writer.write(arrow.select(self._names))

    def close(self) -> None:
        with writing(_shown(self._path)):
            self._writer.close()
            if self._zip is not None:
                self._zip.close()
            self._sink.flush()

    def abandon(self) -> None:
        # An open writer would try to complete its file when it is collected, long after.
        with suppress(DlcliError, pa.ArrowException, ValueError):
            self.close()


def _shown(path: Path) -> str:
    return "standard output" if path == STDIN else str(path)
