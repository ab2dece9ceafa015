"""Figures of the training rows of stored cells, through DuckDB within bounded memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.columns.reading import ReadColumn
from dlcli.data.large.cells import StoredCells
from dlcli.data.scaling import Floats
from dlcli.errors import DataError

MOST_NAMES = 1_000_000
"""Distinct categories of a column: each is a feature or a row of an embedding."""

_FETCHED_ROWS = 2**18

Derive = Callable[[ReadColumn], Mapping[str, NDArray[Any]]]
"""The cells of a column to columns of numbers, NaN where there is none."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one column of numbers holds in the training rows; NaN where it holds none."""

    size: int
    """Cells that are not missing."""
    missing: int
    low: float
    high: float
    total: float
    average: float
    variance: float
    """Of the population."""


class Statistics:
    """Answers about the training rows of stored cells; each reads the columns that it is about."""

    def __init__(
        self,
        connection: Any,
        cells: StoredCells,
        is_train: NDArray[np.bool_],
        *,
        passes: int = 1,
        on_share: Callable[[float], None] = lambda share: None,
    ) -> None:
        """Take which of the kept rows are training rows [rows].

        `on_share` is told which share of about so many passes over them is done.
        """
        self._connection = connection
        self._cells = cells
        self._is_train = is_train
        self.num_rows = int(is_train.sum())
        self._on_share = on_share
        self._to_read = max(1, passes * cells.num_kept)
        self._read_rows = 0

    def figures(self, derived: Mapping[str, Derive]) -> dict[str, Figures]:
        """Return the figures of the columns that are derived from each of these."""
        if not derived:
            return {}
        labels, stream = self._derived(derived)
        figures = "count({0}), count(*) - count({0}), min({0}), max({0}), fsum({0}), favg({0}), "
        listed = ", ".join((figures + "var_pop({0})").format(label) for label in labels)
        with self._ask(f"SELECT {listed} FROM rows", stream) as answer:
            (found,) = answer.fetchall()
        return {
            name: _figures(*found[7 * place : 7 * place + 7])
            for place, name in enumerate(labels.values())
        }

    def ranked(self, name: str, derive: Derive, ranks: NDArray[np.int64]) -> Floats:
        """Return the numbers at `ranks`, from 0 and ascending, of one column in ascending order.

        They are exact: what does not fit into memory is sorted on disk.
        """
        _, stream = self._derived({name: derive})
        values = np.empty(len(ranks), dtype=np.float64)
        start = 0
        with self._ask("SELECT c0 FROM rows WHERE c0 IS NOT NULL ORDER BY c0", stream) as answer:
            for batch in answer.to_arrow_reader(_FETCHED_ROWS):
                first, stop = np.searchsorted(ranks, (start, start + batch.num_rows))
                values[first:stop] = batch.column(0).to_numpy()[ranks[first:stop] - start]
                start += batch.num_rows
        return values

    def commonest(self, name: str, derive: Derive) -> float:
        """Return the number that most cells of one column hold, the smallest of several."""
        _, stream = self._derived({name: derive})
        query = "SELECT c0 FROM rows WHERE c0 IS NOT NULL GROUP BY c0 ORDER BY count(*) DESC, c0 LIMIT 1"
        with self._ask(query, stream) as answer:
            return float(answer.fetchall()[0][0])

    def names(self, name: str) -> dict[str, int]:
        """Return how many cells hold which text; missing ones are left out. Raises DataError."""

        def batches() -> Iterator[pa.RecordBatch]:
            for read in self._read([name]):
                column = read[name]
                codes = pa.array(column.values, mask=column.missing)
                texts = pa.DictionaryArray.from_arrays(codes, pa.array(column.names, pa.string()))
                yield pa.record_batch([texts.cast(pa.string())], schema=schema)

        schema = pa.schema([("c0", pa.string())])
        stream = pa.RecordBatchReader.from_batches(schema, batches())
        query = (
            f"SELECT c0, count(*) FROM rows WHERE c0 IS NOT NULL GROUP BY c0 LIMIT {MOST_NAMES + 1}"
        )
        with self._ask(query, stream) as answer:
            found = answer.fetchall()
        if len(found) > MOST_NAMES:
            raise DataError(
                f"column {name!r} has more than {MOST_NAMES:,} different texts in the training part",
                hint="leave it out with `drop`, or say that it holds something else than categories",
            )
        return dict(found)

    def _read(self, names: Sequence[str]) -> Iterator[dict[str, ReadColumn]]:
        """Yield the training rows of the blocks."""
        firsts = self._cells.first_rows.tolist()
        for cells, first in zip(self._cells.blocks(names), firsts, strict=True):
            self._on_share(min(1.0, self._read_rows / self._to_read))
            self._read_rows += len(cells.kept)
            rows = np.flatnonzero(self._is_train[first : first + len(cells.kept)])
            yield {name: cells.columns[name].take(rows) for name in names}

    def _derived(self, derived: Mapping[str, Derive]) -> tuple[dict[str, str], Any]:
        """Return what the derived columns c0, c1, ... are called, and a stream of their rows."""

        def columns(read: dict[str, ReadColumn]) -> dict[str, NDArray[Any]]:
            found: dict[str, NDArray[Any]] = {}
            for name, derive in derived.items():
                found |= derive(read[name])
            return found

        blocks = self._read(list(derived))
        first = columns(next(blocks))
        schema = pa.schema([(f"c{place}", pa.float64()) for place in range(len(first))])

        def batches() -> Iterator[pa.RecordBatch]:
            yield _as_batch(first, schema)
            for read in blocks:
                yield _as_batch(columns(read), schema)

        labels = dict(zip(schema.names, first, strict=True))
        return labels, pa.RecordBatchReader.from_batches(schema, batches())

    @contextmanager
    def _ask(self, query: str, stream: Any) -> Iterator[Any]:
        # What is registered and half fetched belongs to a cursor, and goes with it.
        cursor = self._connection.cursor()
        try:
            cursor.register("rows", stream)
            yield cursor.sql(query)
        finally:
            cursor.close()


def _as_batch(columns: Mapping[str, NDArray[Any]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        pa.array(np.asarray(values, dtype=np.float64), mask=np.isnan(values))
        for values in columns.values()
    ]
    return pa.record_batch(arrays, schema=schema)


def _figures(
    size: int,
    missing: int,
    low: float | None,
    high: float | None,
    total: float | None,
    average: float | None,
    variance: float | None,
) -> Figures:
    known = [np.nan if each is None else each for each in (low, high, total, average, variance)]
    return Figures(
        size=size,
        missing=missing,
        low=known[0],
        high=known[1],
        total=known[2],
        average=known[3],
        variance=known[4],
    )
