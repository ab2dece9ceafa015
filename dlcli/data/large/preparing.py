"""A large table to encoded rows: its cells stored, fitted, encoded and put in the order of its split."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from dlcli.clock import Clock
from dlcli.data.advice import dataset_warnings, numbered_inputs
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.policies import Cells, PlannedColumn
from dlcli.data.counting import CellCounts, add_counts, join_counts
from dlcli.data.dataset import Dataset, as_part, check_any_left, split_record
from dlcli.data.fitting import read_options
from dlcli.data.large.cells import StoredCells, store_cells
from dlcli.data.large.deciding import LargeTable, check_disk
from dlcli.data.large.duck import open_duckdb
from dlcli.data.large.fitting import count_passes, fit_large
from dlcli.data.large.prepared import PreparedTable
from dlcli.data.large.statistics import Statistics
from dlcli.data.large.stored import RowWriter, StoredRows
from dlcli.data.parts import split_cells
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.readers import ReadOptions, read_sample
from dlcli.data.reading_progress import ReadingProgress, ShareProgress
from dlcli.data.roles import unknown_column
from dlcli.data.sources import SourceFile, fingerprints, named_by
from dlcli.data.split import Rows, split_kind
from dlcli.data.table import Table
from dlcli.errors import RunError
from dlcli.memory import show_bytes

MOST_BLOCK_ROWS = 65536
FEWEST_BLOCK_ROWS = 256
MOST_BUCKET_BYTES = 32 * 2**20
_BYTES_OF_CELL = 60
"""Its text, its Arrow and NumPy values, of the block that is read and the one that is written."""


@dataclass(frozen=True, kw_only=True)
class _Encoded:
    """The rows of some files, encoded, with those of a part after those of another."""

    cells: StoredCells
    parts: dict[str, StoredRows]
    counts: dict[str, CellCounts]
    numbered: list[str]
    """Inputs that only number the rows, as far as the first block shows."""


def prepare_large(
    large: LargeTable,
    *,
    folder: Path,
    seed: int,
    on_stage: Callable[[str], None] = lambda text: None,
) -> Dataset:
    """Read, clean, split and encode a large table within its memory budget; raises DlcliError.

    The encoded rows stand in `folder`, which is made anew and must stay for the training.
    """
    return prepare_table(large, folder=folder, seed=seed, on_stage=on_stage).open()


def prepare_table(
    large: LargeTable,
    *,
    folder: Path,
    seed: int,
    on_stage: Callable[[str], None] = lambda text: None,
) -> PreparedTable:
    """Do what `prepare_large` does, without reading any of it into memory."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    every_path = [*large.paths, *(path for own in large.files.values() for path in own)]
    try:
        check_disk(large, folder)
        prepared = _prepare(large, folder, seed, on_stage)
        return replace(prepared, sources=_fingerprints(every_path, large, on_stage))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fingerprints(
    paths: Sequence[Path], large: LargeTable, on_stage: Callable[[str], None]
) -> tuple[SourceFile, ...]:
    on_stage("fingerprinting the data")
    taken = ReadingProgress(paths)
    progress = ShareProgress("fingerprinting the data", on_stage)

    def take(num_bytes: int) -> None:
        taken.take(num_bytes)
        progress.at(taken.share or 0.0)

    return fingerprints(paths, large.stamps, take)


def _prepare(
    large: LargeTable, folder: Path, seed: int, on_stage: Callable[[str], None]
) -> PreparedTable:
    spec = large.spec
    split_seed = seed if spec.split.seed is None else spec.split.seed
    clock = Clock()
    with named_by("data.source"):
        cells = _store(large, large.paths, _options_of(large), large.planned, folder, on_stage)
    clock.lap("read")
    columns = _split_columns(large, cells)
    split = split_cells(spec.split, large.planned, columns, seed=split_seed)
    del columns
    on_stage("fitting the columns")
    preprocessing = _fit(large, cells, split.train, folder, on_stage)
    clock.lap("fit")
    rows = {"train": split.train, "validation": split.validation, "test": split.test}
    is_drawn = split.kind in ("random", "stratified") and len(split.train) < cells.num_kept
    del split
    in_table = cells.rows()
    recorded = {name: in_table[each] for name, each in rows.items() if len(each)}
    del in_table
    if large.shuffles and not is_drawn:
        # Blocks of an epoch are stretches of this order, which therefore must be a random one.
        rows["train"] = np.random.default_rng(split_seed).permutation(rows["train"])
        is_drawn = True
    encoded = [_encode(cells, preprocessing, rows, large, folder, on_stage)]
    del rows
    for name, paths in large.files.items():
        with named_by(f"data.split.{name}"):
            own = _store_own(large, paths, preprocessing, folder, on_stage)
        own_rows = {name: np.arange(own.num_kept, dtype=np.int64)}
        recorded[name] = own.rows()
        encoded.append(_encode(own, preprocessing, own_rows, large, folder, on_stage))
    clock.lap("encode")
    stored = {name: rows for each in encoded for name, rows in each.parts.items()}
    sizes = {name: rows.num_rows for name, rows in stored.items()}
    return PreparedTable(
        parts=stored,
        sample_seed=None if is_drawn else split_seed,
        budget_bytes=large.budget_bytes,
        watches_test=spec.split.validation == "test",
        preprocessing=preprocessing,
        counts=join_counts(
            [each.cells for each in encoded],
            {name: counts for each in encoded for name, counts in each.counts.items()},
            sizes,
        ),
        sources=(),
        split_record=split_record(
            split_kind(spec.split), recorded, seed=split_seed, files=large.files
        ),
        warnings=dataset_warnings(
            preprocessing,
            constant=_constant(preprocessing),
            numbered=encoded[0].numbered,
            sizes=sizes,
            roles=large.roles,
            columns=spec.columns,
        ),
        disk_record={
            "reason": large.reason,
            "needed_bytes": large.needed_bytes,
            "budget_bytes": large.budget_bytes,
            "seconds": {stage: round(seconds, 4) for stage, seconds in clock.laps.items()},
        },
    )


def _options_of(large: LargeTable) -> ReadOptions:
    """Return how blocks are read: what is text in the first rows stays text in all of them."""
    texts = {
        plan.name
        for plan in large.planned
        if plan.settings.type == "category"
        and pa.types.is_string(large.sample.column(plan.name).type)
    }
    return replace(read_options(large.spec), text_columns=frozenset(texts))


def _store(
    large: LargeTable,
    paths: Sequence[Path],
    options: ReadOptions,
    planned: Sequence[PlannedColumn],
    folder: Path,
    on_stage: Callable[[str], None],
) -> StoredCells:
    progress = ReadingProgress(paths, on_stage)
    fitting = large.budget_bytes // 16 // (_BYTES_OF_CELL * len(large.sample.names))
    cells = store_cells(
        paths,
        replace(options, on_bytes=progress.take),
        planned,
        path=folder / f"cells-{paths[0].stem}.parquet",
        rows=min(MOST_BLOCK_ROWS, max(FEWEST_BLOCK_ROWS, fitting)),
        sample=large.sample,
    )
    check_any_left(cells, paths[0])
    return cells


def _store_own(
    large: LargeTable,
    paths: Sequence[Path],
    preprocessing: Preprocessing,
    folder: Path,
    on_stage: Callable[[str], None],
) -> StoredCells:
    """Store the cells of a part's own files, which may lack columns that only drop rows."""
    table = read_sample(paths[:1], preprocessing.read_options, rows=1)
    planned = []
    for plan in large.planned:
        if plan.name not in table.names and plan.role in ("input", "target"):
            where = "an input of the network" if plan.role == "input" else "a target"
            raise unknown_column(table, plan.name, where=where)
        if plan.name in table.names and plan.role != "split":
            planned.append(plan)
    return _store(large, paths, preprocessing.read_options, planned, folder, on_stage)


def _split_columns(large: LargeTable, cells: StoredCells) -> Cells:
    """Return the columns that the split follows, of all kept rows."""
    split = large.spec.split
    names = {name for name in (split.group, split.time, split.stratify) if isinstance(name, str)}
    if split.stratify is True:
        names |= {plan.name for plan in large.planned if plan.role == "target"}
    nothing = pa.nulls(cells.num_kept)  # What a message shows of a cell that is missing.
    table = Table(
        arrow=pa.table(dict.fromkeys(names, nothing)),
        origins=cells.origins,
        row_ids=cells.rows() if names else np.zeros(0, dtype=np.int64),
    )
    return Cells(
        table=table,
        columns={name: cells.values(name) for name in names},
        kept=np.arange(cells.num_kept, dtype=np.int64),
        dropped={},
    )


def _fit(
    large: LargeTable,
    cells: StoredCells,
    train: Rows,
    folder: Path,
    on_stage: Callable[[str], None],
) -> Preprocessing:
    is_train = np.zeros(cells.num_kept, dtype=bool)
    is_train[train] = True
    with open_duckdb(folder / "sorting", memory_bytes=large.budget_bytes // 2) as connection:
        statistics = Statistics(
            connection,
            cells,
            is_train,
            passes=count_passes(large.planned),
            on_share=ShareProgress("fitting the columns", on_stage).at,
        )
        return fit_large(large.spec, cells, large.sample, statistics)


def _encode(
    cells: StoredCells,
    preprocessing: Preprocessing,
    rows: dict[str, Rows],
    large: LargeTable,
    folder: Path,
    on_stage: Callable[[str], None],
) -> _Encoded:
    """Encode the kept rows, put them in the order of `rows`, and remove their cells."""
    bounds = np.cumsum([0, *(len(each) for each in rows.values())])
    order = np.concatenate(list(rows.values()))
    places = np.empty_like(order)
    places[order] = np.arange(len(order), dtype=np.int64)
    in_table = cells.rows()[order]
    del order
    row_bytes = _row_bytes(preprocessing)
    _check_room(folder, cells.num_kept * row_bytes)
    bucket_bytes = min(MOST_BUCKET_BYTES, large.budget_bytes // 8)
    writer = RowWriter(
        folder / f"rows-{'-'.join(rows)}",
        num_rows=cells.num_kept,
        bucket_rows=max(1, bucket_bytes // row_bytes),
    )
    counts: dict[str, CellCounts] = {name: {} for name in rows}
    numbered: list[str] = []
    on_stage("encoding the data")
    encoding = ShareProgress("encoding the data", on_stage)
    for index, (block, first) in enumerate(
        zip(cells.blocks(), cells.first_rows.tolist(), strict=True)
    ):
        encoding.at(first / cells.num_kept)
        numbered = numbered_inputs(preprocessing, block) if index == 0 else numbered
        own = places[first : first + block.num_kept]
        writer.write(as_part(preprocessing.encode(block, block.kept)), own)
        part = np.searchsorted(bounds[1:], own, side="right")
        for place, name in enumerate(rows):
            counted = preprocessing.count(block, np.flatnonzero(part == place))
            counts[name] = add_counts(counts[name], counted)
    on_stage("ordering the data")
    stored = writer.finish(in_table, ShareProgress("ordering the data", on_stage).at)
    cells.path.unlink()
    return _Encoded(
        cells=cells,
        parts={
            name: stored.stretch(int(start), int(stop))
            for name, start, stop in zip(rows, bounds[:-1], bounds[1:], strict=True)
            if stop > start
        },
        counts=counts,
        numbered=numbered,
    )


def _row_bytes(preprocessing: Preprocessing) -> int:
    specs = preprocessing.input_specs.values()
    inputs = sum(math.prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in specs)
    return inputs + 12 * len(preprocessing.target_columns) + 12  # a weight, and the place


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RunError(
            f"the encoded rows take {show_bytes(needed)} in {folder.parent}, and "
            f"{show_bytes(free)} are free there",
            hint="`encode: ordinal` keeps categories narrow; or choose another disk with --out",
        )


def _constant(preprocessing: Preprocessing) -> list[str]:
    """Return the inputs that hold one value in every training row, none of which is missing."""
    names = []
    for column in preprocessing.input_columns:
        is_one = isinstance(column, NumberInput) and column.minimum == column.maximum
        if isinstance(column, CategoryInput):
            is_one = len(column.categories) == 1
        if is_one and getattr(column, "fill", None) is None:
            names.append(column.settings.name)
    return names
