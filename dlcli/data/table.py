"""A table in memory: Arrow columns, and for every row the file, sheet and row it came from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.lean_arrow import skip_pandas
from dlcli.errors import DataError

skip_pandas()


IMAGE_UNIT = "image"
"""What a row is called where it is nothing but the file of an image."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A stretch of consecutive rows of one file."""

    path: Path
    sheet: str | None = None
    first_row: int
    """Row number of the first data row, as people count: 2 below a header, else 1."""
    num_rows: int
    unit: str = "row"
    """What the file's rows are called: `row`, `line` for JSON Lines, or `image` for images alone."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a row stands in its file; its text is what error messages show."""

    path: Path
    sheet: str | None
    row: int
    unit: str = "row"

    def __str__(self) -> str:
        sheet = f", sheet {self.sheet}" if self.sheet is not None else ""
        return f"{self.path.name}{sheet}, {self.unit} {self.row}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Columns as read, in the file's order, under exactly the file's names."""

    arrow: pa.Table
    origins: tuple[Origin, ...]
    row_ids: NDArray[np.int64]
    """For each row its position in the rows of all `origins` laid end to end [rows]."""

    @classmethod
    def from_arrow(cls, arrow: pa.Table, *origins: Origin) -> "Table":
        """Wrap `arrow`, whose rows are exactly those of `origins`, in order."""
        assert sum(origin.num_rows for origin in origins) == arrow.num_rows
        row_ids = np.arange(arrow.num_rows, dtype=np.int64)
        return cls(arrow=arrow, origins=origins, row_ids=row_ids)

    @property
    def num_rows(self) -> int:
        return int(self.arrow.num_rows)

    @property
    def names(self) -> list[str]:
        return list(self.arrow.column_names)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return the column `name`; raises DataError naming the nearest one."""
        if name not in self._positions:
            raise missing_column(name, self.names)
        # By its name, Arrow would look at every column for each.
        return self.arrow.column(self._positions[name])

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.arrow.column_names)}

    def select(self, names: Sequence[str]) -> "Table":
        """Keep the columns `names`, in that order."""
        for name in names:
            self.column(name)
        return self._with(self.arrow.select(list(names)))

    def with_column(self, name: str, values: pa.ChunkedArray | pa.Array) -> "Table":
        """Replace the column `name`, or append it."""
        if name in self.arrow.column_names:
            return self._with(
                self.arrow.set_column(self.arrow.column_names.index(name), name, values)
            )
        return self._with(self.arrow.append_column(name, values))

    def take(self, indices: NDArray[np.int64] | Sequence[int]) -> "Table":
        """Return the rows at `indices`, in that order; they still know their origin."""
        positions = np.asarray(indices, dtype=np.int64)
        return Table(
            arrow=self.arrow.take(pa.array(positions)),
            origins=self.origins,
            row_ids=self.row_ids[positions],
        )

    def filter(self, keep: NDArray[np.bool_]) -> "Table":
        """Return the rows where `keep` [rows] is true."""
        return self.take(np.flatnonzero(keep))

    def slice(self, start: int, stop: int | None = None) -> "Table":
        """Return rows `start` to `stop` (not included) without copying them."""
        rows = range(self.num_rows)[start:stop]
        return Table(
            arrow=self.arrow.slice(rows.start, len(rows)),
            origins=self.origins,
            row_ids=self.row_ids[rows.start : rows.start + len(rows)],
        )

    def locate(self, row: int) -> Place:
        """Return where the row at index `row` of this table stands in its file."""
        position = int(self.row_ids[row])
        for origin in self.origins:
            if position < origin.num_rows:
                return Place(
                    path=origin.path,
                    sheet=origin.sheet,
                    row=origin.first_row + position,
                    unit=origin.unit,
                )
            position -= origin.num_rows
        raise AssertionError(f"row {row} has no origin")

    def _with(self, arrow: pa.Table) -> "Table":
        return Table(arrow=arrow, origins=self.origins, row_ids=self.row_ids)


def concat_tables(tables: Iterable[Table]) -> Table:
    """Lay tables with the same columns and types end to end."""
    parts = list(tables)
    offsets = np.cumsum([0, *(sum(o.num_rows for o in part.origins) for part in parts)])
    return Table(
        arrow=pa.concat_tables([part.arrow for part in parts]),
        origins=tuple(origin for part in parts for origin in part.origins),
        row_ids=np.concatenate(
            [part.row_ids + offset for part, offset in zip(parts, offsets, strict=False)]
        ),
    )


def repeated(names: Iterable[str]) -> str | None:
    """Return the first name that stands twice, or None."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def missing_column(name: str, names: Sequence[str]) -> DataError:
    """Build the error for a column that is not there, with the nearest name as its hint."""
    # Among very many names, looking for the nearest takes longer than reading them.
    near = get_close_matches(name, names, n=1, cutoff=0.7) if len(names) <= 1000 else []
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    listed = f"the columns are {', '.join(names[:20])}{more}"
    hint = f"did you mean {near[0]!r}?" if near else listed
    return DataError(f"no column {name!r}", hint=hint)
