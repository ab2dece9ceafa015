"""The cells of large tables on disk: read and settled block by block, as a Parquet file."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dlcli.data.cells import to_text
from dlcli.data.columns.policies import Cells, CellsError, PlannedColumn, read_cells
from dlcli.data.columns.reading import (
    FALSE_WORDS,
    TRUE_WORDS,
    ReadColumn,
    distinct_texts,
    empty_missing,
)
from dlcli.data.readers import ReadOptions, check_same_columns, read_blocks
from dlcli.data.table import Origin, Table

_ROW = "row"
_NO_DATE = np.iinfo(np.int64).min
"""What a date is that cannot be read; as a float64 NaN is a number that cannot."""
_KINDS = {
    "number": pa.float64(),
    "boolean": pa.float64(),
    "date": pa.int64(),
    "category": pa.dictionary(pa.int32(), pa.string()),
}


@dataclass(frozen=True, kw_only=True)
class StoredCells:
    """The kept rows of large tables, with every policy settled, block by block on disk."""

    path: Path
    planned: tuple[PlannedColumn, ...]
    origins: tuple[Origin, ...]
    block_rows: tuple[int, ...]
    """Kept rows of every block; none is empty."""
    num_read: int
    dropped: dict[str, dict[str, int]]
    texts: dict[str, dict[str, int]]
    """How often a boolean column has which text."""

    @property
    def num_kept(self) -> int:
        return sum(self.block_rows)

    @property
    def num_blocks(self) -> int:
        return len(self.block_rows)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(plan.name for plan in self.planned)

    @cached_property
    def first_rows(self) -> NDArray[np.int64]:
        """Where each block begins among the kept rows."""
        return np.cumsum([0, *self.block_rows[:-1]], dtype=np.int64)

    def blocks(self, names: Sequence[str] | None = None) -> Iterator[Cells]:
        """Yield the blocks, with the columns `names` alone; the next one is read meanwhile."""
        with (
            pq.ParquetFile(self.path) as file,
            ThreadPoolExecutor(1, thread_name_prefix="cells") as executor,
        ):
            wanted = self.names if names is None else tuple(names)
            coming = executor.submit(self._read, file, 0, wanted)
            for index in range(self.num_blocks):
                cells = coming.result()
                if index + 1 < self.num_blocks:
                    coming = executor.submit(self._read, file, index + 1, wanted)
                else:
                    coming = Future()
                yield cells

    def rows(self) -> NDArray[np.int64]:
        """Return the positions of the kept rows in the rows of all files laid end to end."""
        if self.num_kept == self.num_read:
            return np.arange(self.num_read, dtype=np.int64)
        column = pq.read_table(self.path, columns=[_ROW]).column(_ROW)
        return np.asarray(column.to_numpy(), dtype=np.int64)

    def values(self, name: str) -> ReadColumn:
        """Return a column of all kept rows at once."""
        read = [cells.columns[name] for cells in self.blocks([name])]
        names = tuple(sorted({text for column in read for text in column.names}))
        places = {text: place for place, text in enumerate(names)}
        values = [
            np.array([*(places[text] for text in column.names), -1], dtype=np.int32)[column.values]
            if column.names
            else column.values
            for column in read
        ]
        return ReadColumn(
            values=np.concatenate(values),
            missing=np.concatenate([column.missing for column in read]),
            unreadable=np.concatenate([column.unreadable for column in read]),
            names=names,
        )

    def _read(self, file: Any, index: int, names: Sequence[str]) -> Cells:
        kinds = {plan.name: plan.settings.type for plan in self.planned}
        labels = {name: f"c{place}" for place, name in enumerate(self.names)}
        arrow = file.read_row_group(index, columns=[*(labels[name] for name in names), _ROW])
        row_ids = arrow.column(_ROW).to_numpy()
        columns = {name: arrow.column(labels[name]) for name in names}
        shown = {
            name: column.cast(pa.timestamp("us")) if kinds[name] == "date" else column
            for name, column in columns.items()
        }
        return Cells(
            table=Table(arrow=pa.table(shown), origins=self.origins, row_ids=row_ids),
            columns={name: _restored(column, kinds[name]) for name, column in columns.items()},
            kept=np.arange(arrow.num_rows, dtype=np.int64),
            dropped={},
        )


def store_cells(
    paths: Sequence[Path],
    options: ReadOptions,
    planned: Sequence[PlannedColumn],
    *,
    path: Path,
    rows: int,
    sample: Table,
) -> StoredCells:
    """Read files `rows` rows at a time, and write the kept cells of the planned columns to `path`.

    `sample` are first rows of the files, which have told what the columns are. Raises DataError for
    what no policy covers, and for files with other columns than the first.
    """
    # Of a column of numbers, "true" in a later row is no number, and so is a block of them.
    numbers = [
        plan.name
        for plan in planned
        if plan.settings.type == "number" and not pa.types.is_boolean(sample.column(plan.name).type)
    ]
    schema = pa.schema(
        [
            *((f"c{i}", _KINDS[plan.settings.type]) for i, plan in enumerate(planned)),
            (_ROW, pa.int64()),
        ]
    )
    texts = [f"c{i}" for i, plan in enumerate(planned) if plan.settings.type == "category"]
    tally = _Tally(planned)
    with pq.ParquetWriter(
        path,
        schema,
        use_dictionary=texts,
        compression={name: "lz4" if name in texts else "none" for name in schema.names},
        write_statistics=False,
    ) as writer:
        for block in _prefetched(_all_blocks(paths, options, rows)):
            try:
                cells = read_cells(_with_truths_as_text(block, numbers), planned)
            except CellsError as error:
                read = tally.num_read + block.num_rows
                error.message += f"\nin the first {read:,} rows; those after them were not read"
                raise
            row_ids = tally.take(block, cells)
            if len(cells.kept):
                arrays = [
                    *(_stored(cells.columns[p.name].take(cells.kept), p) for p in planned),
                    pa.array(row_ids),
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return StoredCells(
        path=path,
        planned=tuple(planned),
        origins=tuple(tally.origins),
        block_rows=tuple(tally.block_rows),
        num_read=tally.num_read,
        dropped=tally.dropped,
        texts={name: dict(counts) for name, counts in tally.texts.items()},
    )


def _with_truths_as_text(block: Table, names: Sequence[str]) -> Table:
    """Return the block with those of the columns as text that hold true and false."""
    for name in names:
        column = block.column(name)
        if pa.types.is_boolean(column.type):
            block = block.with_column(name, to_text(column))
    return block


class _Tally:
    """What is known of the blocks so far."""

    def __init__(self, planned: Sequence[PlannedColumn]) -> None:
        self.origins: list[Origin] = []
        self.block_rows: list[int] = []
        self.num_read = 0
        self.dropped: dict[str, dict[str, int]] = {}
        self.texts: dict[str, Counter[str]] = {
            plan.name: Counter() for plan in planned if plan.settings.type == "boolean"
        }
        self._settings = {plan.name: plan.settings for plan in planned}

    def take(self, block: Table, cells: Cells) -> NDArray[np.int64]:
        """Count a block; return where its kept rows stand among the rows of all files."""
        (origin,) = block.origins
        if self.origins and self.origins[-1].path == origin.path:
            before = self.origins.pop()
            origin = replace(before, num_rows=before.num_rows + origin.num_rows)
        self.origins.append(origin)
        for name, reasons in cells.dropped.items():
            dropped = self.dropped.setdefault(name, {})
            for reason, count in reasons.items():
                dropped[reason] = dropped.get(reason, 0) + count
        for name, counts in self.texts.items():
            column = empty_missing(block.column(name), self._settings[name].missing_values)
            for each in to_text(column).value_counts().to_pylist():
                text = each["values"]
                if text is not None and text.strip().casefold() in TRUE_WORDS | FALSE_WORDS:
                    counts[text] += each["counts"]
        row_ids = cells.kept + self.num_read
        self.num_read += block.num_rows
        if len(cells.kept):
            self.block_rows.append(len(cells.kept))
        return row_ids


def _all_blocks(paths: Sequence[Path], options: ReadOptions, rows: int) -> Iterator[Table]:
    first = None
    for path in paths:
        for block in read_blocks(path, options, rows=rows):
            first = first or block.slice(0, 0)
            check_same_columns(first, block)
            yield block


def _prefetched(blocks: Iterator[Table]) -> Iterator[Table]:
    """Yield blocks while a thread parses the one that follows."""
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as executor:
        coming = executor.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = executor.submit(next, blocks, None)
            yield block


def _stored(read: ReadColumn, plan: PlannedColumn) -> pa.Array:
    if plan.settings.type == "category":
        codes = pa.array(read.values, mask=read.missing)
        return pa.DictionaryArray.from_arrays(codes, pa.array(read.names, pa.string()))
    nothing = _NO_DATE if plan.settings.type == "date" else np.nan
    values = (
        np.where(read.unreadable, nothing, read.values) if read.unreadable.any() else read.values
    )
    return pa.array(values, _KINDS[plan.settings.type], mask=read.missing & ~read.unreadable)


def _restored(column: pa.ChunkedArray, kind: str) -> ReadColumn:
    empty = column.is_null().to_numpy() if column.null_count else np.zeros(len(column), dtype=bool)
    if kind == "category":
        codes, names = distinct_texts(column.cast(pa.string()))
        return ReadColumn(values=codes, missing=empty, unreadable=np.zeros_like(empty), names=names)
    if kind == "date":
        dates = column.fill_null(_NO_DATE).to_numpy()
        nothing = dates == _NO_DATE
        return ReadColumn(values=dates, missing=nothing, unreadable=nothing & ~empty)
    values = column.to_numpy(zero_copy_only=False)
    nothing = np.isnan(values)
    return ReadColumn(values=values, missing=nothing, unreadable=nothing & ~empty)
