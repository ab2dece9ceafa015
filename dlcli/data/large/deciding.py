"""Whether the files of a config are read from disk, block by block, instead of into memory."""

import gzip
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from dlcli.data.columns.policies import PlannedColumn
from dlcli.data.columns.settings import name_scale
from dlcli.data.fitting import read_options
from dlcli.data.large.duck import check_duckdb
from dlcli.data.parts import part_files
from dlcli.data.readers import READERS, check_options_apply, read_sample, suffix_of
from dlcli.data.reading_settings import with_registry
from dlcli.data.roles import Roles, plan_columns, resolve_roles
from dlcli.data.sources import Stamps, named_by, resolve_source, stamp_files
from dlcli.data.table import Table
from dlcli.errors import DataError, RunError
from dlcli.memory import available_bytes, show_bytes, total_bytes
from dlcli.spec.data import DataSpec
from dlcli.spec.engine import engine_name
from dlcli.spec.experiment import RunSpec
from dlcli.spec.problems import KeyPath, Problems
from dlcli.spec.report import raise_problems
from dlcli.spec.run import targets_as_classes

SAMPLE_ROWS = 100_000
"""First rows, of all files together, that tell the types of the columns."""
FEWEST_ROWS = 1000
FEWEST_OF_FILE = 200
_BYTES_OF_CELL = 120
"""Of a first row: its text, twice while columns are typed, and what it is typed as."""

STREAMED = ("delimited", "jsonlines", "parquet")
"""The formats whose files are read block by block."""
COLUMNS = ("number", "boolean", "date", "category")
"""The types of column that are fitted by figures."""

ORDER_BYTES = 40
"""Of a row: which part it is in and where, while the split is drawn."""

_LOOK_BYTES = 1 << 20
_INFLATED = 24
"""Memory over bytes of plain text: at most that of a digit and its separator in each cell."""
_UNPACKED = 5
"""Memory over bytes of workbooks and archives, which are not looked into before they are read."""
PLAIN = (".csv", ".tsv", ".txt", ".data", ".jsonl", ".ndjson")


@dataclass(frozen=True, kw_only=True)
class LargeTable:
    """Files that are read from disk, and what is known of them before."""

    spec: DataSpec
    paths: list[Path]
    files: dict[str, list[Path]]
    """The files of the parts that have their own."""
    stamps: Stamps
    sample: Table
    roles: Roles
    planned: tuple[PlannedColumn, ...]
    shuffles: bool
    """Whether every epoch takes the training rows in a new order."""
    needed_bytes: int
    """What reading them into memory would take, about."""
    budget_bytes: int
    disk_bytes: int
    """What reading them from disk takes there, about."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """How the data of a config are read."""

    large: LargeTable | None = None
    """None where they are read into memory."""
    warning: str | None = None
    """Why they are read into memory although they are over the memory budget."""


def decide(
    spec: RunSpec,
    *,
    budget_bytes: int | None,
    on_stage: Callable[[str], None] = lambda text: None,
) -> Decision:
    """Decide how the source of a config is read; raises DlcliError for what cannot be.

    Data are read from disk where the memory budget is asked for and they would take more of it,
    or where they would take more memory than is free.
    """
    limit = available_bytes() if budget_bytes is None else budget_bytes
    data = with_registry(spec.data)
    paths = resolve_source(data.source, folder=Path(), on_stage=on_stage)
    if _are_small(paths, limit):
        return Decision()
    needed = needed_bytes(paths)
    if needed <= limit:
        return Decision()
    size = f"the data take about {show_bytes(needed)} in memory"
    over = (
        f"{size}, and {show_bytes(limit)} are free"
        if budget_bytes is None
        else f"{size}, over the memory budget of {show_bytes(budget_bytes)}"
    )
    obstacle = _obstacle(spec, paths)
    if obstacle is None:
        large = _look(spec, data, paths, needed, budget_bytes, over)
        obstacle = _column_obstacle(large)
        if obstacle is None:
            check_duckdb(f"{over}: they are read from disk")
            return Decision(large=large)
    return _in_memory(spec, obstacle, needed, over)


def check_disk(large: LargeTable, folder: Path) -> None:
    """Raise RunError where the folder's disk has less room than the rows take there."""
    free = shutil.disk_usage(folder).free
    if free < large.disk_bytes:
        raise RunError(
            f"{large.reason}; read from disk they take about {show_bytes(large.disk_bytes)} in "
            f"{folder.parent} for the time of the training, and {show_bytes(free)} are free there",
            hint="choose a folder on another disk with --out, or leave columns out with data.drop",
        )


def _in_memory(spec: RunSpec, obstacle: tuple[KeyPath, str], needed: int, over: str) -> Decision:
    """Read into memory what cannot be read from disk, if it fits, and say so."""
    path, what = obstacle
    if needed <= available_bytes():
        return Decision(warning=f"{over}, and are read into memory all the same: {what}")
    problems = Problems()
    problems.add(
        path,
        f"{over}; larger data are read from disk, but {what}",
        hint="train on fewer rows or columns, or on a machine with more memory"
        if path[0] == "data"
        else f"leave `{path[0]}` out, or train on a machine with more memory",
        on_key=True,
    )
    assert spec.origin is not None
    raise_problems(problems, spec.origin)
    raise AssertionError("a problem was raised")


def _obstacle(spec: RunSpec, paths: Sequence[Path]) -> tuple[KeyPath, str] | None:
    """Return which key keeps data from being read from disk, and why."""
    source: KeyPath = ("data", "source")
    reasons: list[tuple[bool, KeyPath, str]] = [
        (spec.data.window is not None, ("data", "window"), "windows need the rows around theirs"),
        (spec.data.shape is not None, ("data", "shape"), "images are read into memory"),
        (
            name_scale(spec.data.scale)[0] == "zca",
            ("data", "scale"),
            "zca whitens images, which are read into memory",
        ),
        (spec.folds is not None, ("folds",), "folds read the table anew for every network"),
        (
            spec.ensemble is not None and spec.ensemble.vary == "folds",
            ("ensemble", "vary"),
            "members that leave a fold out draw their rows in memory",
        ),
        (
            bool(spec.refit),
            ("refit",),
            "refit joins the validation part to the training part in memory",
        ),
        (
            engine_name(spec.engine) == "ray",
            ("engine",),
            "workers of a Ray cluster hold their rows in memory",
        ),
        (
            spec.init_from is not None,
            ("init_from",),
            "init_from keeps the scaling of a run that was fitted on other rows",
        ),
        (
            not _are_streamed(paths),
            source,
            "only CSV, TSV, JSON Lines and Parquet files are read block by block",
        ),
    ]
    return next(((path, what) for applies, path, what in reasons if applies), None)


def _column_obstacle(large: LargeTable) -> tuple[KeyPath, str] | None:
    for plan in large.planned:
        kind = plan.settings.type
        if kind not in COLUMNS:
            article = "an" if kind == "image" else "a"
            return (
                ("data", "columns", plan.name),
                f"column {plan.name!r} is {article} {kind} column, which is read into memory",
            )
    return None


def _look(
    spec: RunSpec,
    data: DataSpec,
    paths: list[Path],
    needed: int,
    budget_bytes: int | None,
    over: str,
) -> LargeTable:
    """Read the first rows of every file, and settle what each column is."""
    budget = total_bytes() // 4 if budget_bytes is None else budget_bytes
    files = part_files(data.split, paths, folder=Path())
    every = [*paths, *(path for own in files.values() for path in own)]
    stamps = stamp_files(every)
    options = read_options(data)
    check_options_apply(paths, options)
    with named_by("data.source"):
        sample = read_sample(paths, options, rows=_sample_rows(paths, budget))
    roles = resolve_roles(data, sample)
    planned = plan_columns(data, sample, roles, class_targets=targets_as_classes(spec))
    num_rows = sum(_size_of(path)[0] for path in every)
    _check_order_fits(num_rows)
    row_bytes = 9 * len(planned) + 4 * len(roles.inputs) + 24 * len(roles.targets) + 24
    return LargeTable(
        spec=data,
        paths=paths,
        files=files,
        stamps=stamps,
        sample=sample,
        roles=roles,
        planned=planned,
        shuffles=spec.shuffle,
        needed_bytes=needed,
        budget_bytes=budget,
        disk_bytes=num_rows * row_bytes,
        reason=over,
    )


def _sample_rows(paths: Sequence[Path], budget_bytes: int) -> int:
    """Return how many first rows of each file are looked at, so that all of them stay small."""
    _, columns, _ = _size_of(paths[0])
    fitting = budget_bytes // (_BYTES_OF_CELL * max(1, columns))
    return max(FEWEST_OF_FILE, max(FEWEST_ROWS, min(SAMPLE_ROWS, fitting)) // len(paths))


def _check_order_fits(rows: int) -> None:
    """Raise DataError where the order of so many rows does not fit into memory."""
    needed, room = rows * ORDER_BYTES, available_bytes()
    if needed > room:
        raise DataError(
            f"the split of about {rows:,} rows takes {show_bytes(needed)} of memory, {ORDER_BYTES} bytes "
            f"a row, and {show_bytes(room)} are free",
            hint="train on fewer rows, or on a machine with more memory",
        )


def _are_streamed(paths: Sequence[Path]) -> bool:
    kinds = {READERS.get(suffix_of(path), "").rpartition(".")[2] for path in paths}
    return kinds <= set(STREAMED)


def _are_small(paths: Sequence[Path], limit: int) -> bool:
    """Tell of files of plain text, without looking into them, that they take less than `limit`."""
    are_plain = all(suffix_of(path) in PLAIN for path in paths)
    return are_plain and sum(map(_bytes_of, paths)) * _INFLATED <= limit


def _bytes_of(path: Path) -> int:
    """Return the size of a file; 0 where there is none, which its reader says better."""
    return path.stat().st_size if path.is_file() else 0


def needed_bytes(paths: Sequence[Path]) -> int:
    """Return about what files take in memory: their text, and their cells as columns and as arrays."""
    return sum(map(_needed_bytes, paths))


def _needed_bytes(path: Path) -> int:
    """Return about what a file takes in memory: its text, and its cells as columns and as arrays."""
    if not _are_streamed([path]):
        return _bytes_of(path) * _UNPACKED
    rows, columns, text = _size_of(path)
    return text + rows * columns * 22


def _size_of(path: Path) -> tuple[int, int, int]:
    """Return about how many rows and columns a file has, and the bytes of its text."""
    if not path.is_file():
        return 0, 0, 0
    if suffix_of(path) == ".parquet":
        try:
            metadata = pq.read_metadata(path)
        except (OSError, ValueError):
            return 0, 0, 0  # The reader says what is wrong with it.
        return metadata.num_rows, metadata.num_columns, 0
    with path.open("rb") as raw:
        stream = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
        try:
            look = stream.read(_LOOK_BYTES)
        except (OSError, EOFError):
            return 0, 0, 0
        # What was read of the file itself; compressed, some more of it than of its text.
        taken = max(1, min(raw.tell(), path.stat().st_size))
    share = path.stat().st_size / taken
    lines = look.count(b"\n") + (not look.endswith(b"\n"))
    first = look.partition(b"\n")[0]
    columns = 1 + max(first.count(mark) for mark in (b",", b";", b"\t", b"|"))
    return int(lines * share), columns, int(len(look) * share)
