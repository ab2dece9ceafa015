"""Files to tables: the suffix table, and the types that the cells of all files agree on."""

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from dlcli.data.arrays import is_array_column
from dlcli.data.cells import check_decimal, infer_column, join_columns, mark_missing, to_text
from dlcli.data.image_folder import IMAGE_SUFFIXES
from dlcli.data.table import Table
from dlcli.errors import DataError
from dlcli.files import reading, refusal

STDIN = Path("-")

READERS: Mapping[str, str] = {
    **{
        suffix + gz: "dlcli.data.formats.delimited"
        for suffix in (".csv", ".tsv", ".txt", ".data")
        for gz in ("", ".gz")
    },
    **{
        suffix + gz: "dlcli.data.formats.jsonlines"
        for suffix in (".jsonl", ".ndjson")
        for gz in ("", ".gz")
    },
    **{suffix: "dlcli.data.formats.excel" for suffix in (".xlsx", ".xlsm", ".xls", ".ods")},
    ".parquet": "dlcli.data.formats.parquet",
    ".npz": "dlcli.data.formats.npz",
    **dict.fromkeys(IMAGE_SUFFIXES, "dlcli.data.formats.image_file"),
}
"""File suffix to the module that reads it; a module is imported when a file asks for it."""

FOLDER_READER = "dlcli.data.formats.folder"


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read files; each setting is a key under `data`."""

    sheet: str | int | None = None
    """Excel sheet by name, or by number from 1; None is the first."""
    separator: str | None = None
    """One character; None finds out which of , ; tab | separates the header and first rows."""
    header: Sequence[str] | None = None
    """Column names of a file that has no header row."""
    encoding: str | None = None
    """None is UTF-8, or what a byte-order mark says."""
    missing_values: tuple[str, ...] = ()
    """What counts as missing besides the empty cell; `-1` also covers `-1.0`."""
    decimal: str = "."
    thousands: str | None = None
    text_columns: frozenset[str] = frozenset()
    """Columns to keep as text whatever they hold."""
    is_other_file: bool = False
    """Whether `separator` and `header` were said of another file than the one that is read: a text
    file whose first row they do not fit is read by what it shows itself."""
    as_written: bool = False
    """Keep the cells of text files as they are written, for whoever passes them on."""
    on_bytes: Callable[[int], None] | None = None
    """Told how many bytes more were taken from a file, as they are; of a workbook, by shares of it."""


# Settings that only some formats know; elsewhere they would be ignored without a word.
_SETTINGS_OF = {
    "excel": ("sheet",),
    "delimited": ("separator", "encoding", "thousands"),
}


def check_options_apply(paths: Sequence[Path], options: ReadOptions) -> None:
    """Raise DataError for a setting that none of these files' formats has a use for."""
    kinds = {READERS.get(suffix_of(path), "").rpartition(".")[2] for path in paths}
    for kind, names in _SETTINGS_OF.items():
        given = [name for name in names if getattr(options, name) is not None]
        if given and kind not in kinds and not ("jsonlines" in kinds and given == ["encoding"]):
            raise DataError(
                f"`{given[0]}` is set, but {paths[0].name} has no use for it",
                hint=f"remove data.{given[0]}: only "
                f"{'Excel files have sheets' if kind == 'excel' else 'text files have one'}",
            )


class Format(Protocol):
    """What a module in READERS offers; string columns hold cells exactly as written."""

    HAS_TYPES: bool
    """Whether the file itself says which columns are text, so that nothing is inferred."""

    @staticmethod
    def read(path: Path, options: ReadOptions) -> Table: ...

    @staticmethod
    def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]: ...


def read_table(paths: Sequence[Path], options: ReadOptions | None = None) -> Table:
    """Read files with the same columns into one table, typed by the cells of all of them."""
    assert paths
    return _read_files(paths, options or ReadOptions(), lambda format: format.read)


def read_sample(paths: Sequence[Path], options: ReadOptions, *, rows: int) -> Table:
    """Read the first rows of every file, `rows` of each, into one table, as `read_table` would."""

    def first_rows(format: Format) -> Callable[[Path, ReadOptions], Table]:
        return lambda path, options: next(iter(format.read_blocks(path, options, rows=rows)))

    return _read_files(paths, options, first_rows)


def _read_files(
    paths: Sequence[Path],
    options: ReadOptions,
    reader: Callable[[Format], Callable[[Path, ReadOptions], Table]],
) -> Table:
    """Read each file with what `reader` gives for its format, and lay them end to end, typed."""
    check_decimal(options.decimal, options.thousands)
    formats = [_format_of(path) for path in paths]
    raws = []
    for path, format in zip(paths, formats, strict=True):
        with reading(path, DataError):
            raws.append(reader(format)(path, options))
    has_types = all(format.HAS_TYPES for format in formats)
    names = raws[0].names
    for raw in raws[1:]:
        check_same_columns(raws[0], raw)
    origins = [origin for raw in raws for origin in raw.origins]
    parts = [dict(zip(raw.names, raw.arrow.columns, strict=True)) for raw in raws]
    raws.clear()
    columns = []
    for name in names:
        # Popping drops the text of a column as soon as its numbers exist.
        column = join_columns([part.pop(name) for part in parts])
        columns.append(_type_column(column, name, options, has_types=has_types))
    return Table.from_arrow(pa.Table.from_arrays(columns, names=names), *origins)


def read_blocks(
    path: Path | str, options: ReadOptions | None = None, *, rows: int = 65536
) -> Iterator[Table]:
    """Read a file, or CSV from standard input for `-`, `rows` rows at a time.

    A block's columns are typed by its own cells: name the columns that must not change type
    in `text_columns`. A file without rows gives one empty block.
    """
    path, options = Path(path), options or ReadOptions()
    check_decimal(options.decimal, options.thousands)
    format = _format_of(path)
    blocks = iter(format.read_blocks(path, options, rows=rows))
    while True:
        with reading(path, DataError):
            raw = next(blocks, None)
        if raw is None:
            return
        columns = [
            _type_column(column, name, options, has_types=format.HAS_TYPES)
            for name, column in zip(raw.names, raw.arrow.columns, strict=True)
        ]
        arrow = pa.Table.from_arrays(columns, names=raw.names)
        yield Table(arrow=arrow, origins=raw.origins, row_ids=raw.row_ids)


def read_text_table(content: bytes, path: Path, options: ReadOptions) -> Table:
    """Read bytes in memory as the CSV or TSV file `path` that messages call them."""
    check_decimal(options.decimal, options.thousands)
    raw: Table = import_module(READERS[".csv"]).read_bytes(content, path, options)
    columns = [
        _type_column(column, name, options, has_types=False)
        for name, column in zip(raw.names, raw.arrow.columns, strict=True)
    ]
    return replace(raw, arrow=pa.Table.from_arrays(columns, names=raw.names))


def suffix_of(path: Path) -> str:
    """Return the lower-case suffix that decides the format, `.csv.gz` included."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def looks_headerless(names: Sequence[str]) -> bool:
    """Tell whether column names are all numbers, as when a first data row was taken for them."""
    return all(name.lstrip("+-").replace(".", "", 1).isdigit() for name in names)


def _format_of(path: Path) -> Format:
    if path == STDIN:
        return _load(READERS[".csv"])
    if _is_folder(path):
        return _load(FOLDER_READER)
    suffix = suffix_of(path)
    if not suffix:
        _check_readable(path)
    if suffix not in READERS:
        known = ", ".join(known for known in READERS if not known.endswith(".gz"))
        raise DataError(
            f"{path.name}: cannot tell the format from the suffix {suffix!r}",
            hint=f"known suffixes are {known}; text files may add .gz",
        )
    _check_readable(path)
    return _load(READERS[suffix])


def _is_folder(path: Path) -> bool:
    with reading(path, DataError):
        return path.is_dir()


def _load(module: str) -> Format:
    return import_module(module)  # type: ignore[return-value]  # a test checks every module


def _check_readable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise DataError(
                f"{path} is a device, not a file", hint="copy what it gives into a file"
            )
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            # It may wait for ever, and gives its bytes once, while files are read more than once.
            raise DataError(f"{path} is a pipe, not a file", hint="copy what it gives into a file")
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except FileNotFoundError as error:
        raise _not_found(path) from error
    except OSError as error:
        raise refusal(error, path, "cannot be read", DataError) from error
    if is_empty:
        raise DataError(f"{path} is empty")


def _not_found(path: Path) -> DataError:
    if not path.parent.is_dir():
        return DataError(f"no such file: {path}", hint=f"there is no folder {path.parent}")
    beside: list[str] = []
    with suppress(PermissionError):
        beside = [other.name for other in path.parent.iterdir()]
    near = get_close_matches(path.name, beside, n=1, cutoff=0.7)
    return DataError(
        f"no such file: {path}", hint=f"did you mean {path.parent / near[0]}?" if near else None
    )


def check_same_columns(first: Table, other: Table) -> None:
    """Raise DataError for a table that has other columns than the first one."""
    missing = [name for name in first.names if name not in other.names]
    extra = [name for name in other.names if name not in first.names]
    if not missing and not extra:
        return
    name = (missing or extra)[0]
    first_name, other_name = first.origins[0].path.name, other.origins[0].path.name
    has, lacks = (first_name, other_name) if missing else (other_name, first_name)
    raise DataError(
        f"{lacks} has no column {name!r}, which {has} has",
        hint="files read together need the same columns",
    )


def type_frame(table: Table, options: ReadOptions) -> Table:
    """Treat a table from memory, whose columns have their types, as a file that says its types."""
    columns = [
        _type_column(column, name, options, has_types=True)
        for name, column in zip(table.names, table.arrow.columns, strict=True)
    ]
    return replace(table, arrow=pa.Table.from_arrays(columns, names=table.names))


def _type_column(
    column: pa.ChunkedArray, name: str, options: ReadOptions, *, has_types: bool
) -> pa.ChunkedArray:
    if is_array_column(column) or (options.as_written and not has_types):
        return column
    if name in options.text_columns:
        return mark_missing(to_text(column), options.missing_values)
    column = mark_missing(column, options.missing_values)
    if has_types or not pa.types.is_string(column.type):
        return column
    typed = infer_column(column, decimal=options.decimal, thousands=options.thousands)
    # Now that -1.0 is a number it can be told to be the marker -1.
    return column if typed is column else mark_missing(typed, options.missing_values)
