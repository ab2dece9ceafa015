"""Encoded rows on disk: one file of plain numbers for each array, written in any order of rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.dataset import Part

_PLACE = "place"
_TAKEN_FROM = 65536
"""Rows that are read at once for some of them."""

Key = tuple[str, str]
"""`inputs`, `targets`, `scaled_targets` or `sample_weight`, and the name of the array there."""


@dataclass(frozen=True, kw_only=True)
class StoredArray:
    """Where rows of one array stand, one after the other."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    """Of one row."""

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows from `start` on, before `stop`."""
        count = (stop - start) * self.row_bytes // self.dtype.itemsize
        offset = start * self.row_bytes
        flat = np.fromfile(self.path, self.dtype, count=count, offset=offset)
        return flat.reshape(stop - start, *self.shape)

    def mapped(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows that are read as they are used."""
        shape = (stop - start, *self.shape)
        if not shape[0]:
            return np.empty(shape, self.dtype)
        return np.memmap(self.path, self.dtype, "r", offset=start * self.row_bytes, shape=shape)


@dataclass(frozen=True, kw_only=True)
class StoredRows:
    """A stretch of encoded rows on disk."""

    arrays: Mapping[Key, StoredArray]
    rows: NDArray[np.int64]
    """Their positions in the table as read."""
    first: int = 0
    """Where the stretch begins in the files."""

    @property
    def num_rows(self) -> int:
        return len(self.rows)

    @property
    def row_bytes(self) -> int:
        return sum(array.row_bytes for array in self.arrays.values())

    @property
    def input_bytes(self) -> int:
        """Of the inputs of all rows."""
        of_row = sum(a.row_bytes for (kind, _), a in self.arrays.items() if kind == "inputs")
        return of_row * self.num_rows

    def stretch(self, start: int, stop: int) -> "StoredRows":
        """Return the rows from `start` on, before `stop`."""
        return StoredRows(arrays=self.arrays, rows=self.rows[start:stop], first=self.first + start)

    def read(self, start: int, stop: int) -> Part:
        """Read rows into memory."""
        first, last = self.first + start, self.first + stop
        found = {key: array.read(first, last) for key, array in self.arrays.items()}
        return _as_part(found, self.rows[start:stop])

    def take(self, rows: NDArray[np.int64]) -> Part:
        """Read single rows, in ascending order, into memory."""
        found = {key: [array.read(0, 0)] for key, array in self.arrays.items()}
        for start in range(0, self.num_rows, _TAKEN_FROM):
            stop = min(start + _TAKEN_FROM, self.num_rows)
            first, last = np.searchsorted(rows, (start, stop))
            if first == last:
                continue
            for key, array in self.arrays.items():
                read = array.read(self.first + start, self.first + stop)
                found[key].append(read[rows[first:last] - start])
        joined = {key: np.concatenate(pieces) for key, pieces in found.items()}
        return _as_part(joined, self.rows[rows])

    def mapped(self) -> Part:
        """Return all rows, whose inputs stay on disk until they are used."""
        first, last = self.first, self.first + self.num_rows
        found = {
            key: array.mapped(first, last) if key[0] == "inputs" else array.read(first, last)
            for key, array in self.arrays.items()
        }
        return _as_part(found, self.rows)


class RowWriter:
    """Writes encoded rows, each to its own place, through buckets that are sorted at the end.

    Rows of a block go to places all over the files. Written there one by one, every row would cost
    a page of the disk; so they are appended to the bucket of `bucket_rows` places that theirs is
    in, and `finish` sorts one bucket after the other.
    """

    def __init__(self, folder: Path, *, num_rows: int, bucket_rows: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._num_rows = num_rows
        self._bucket_rows = bucket_rows
        self._filled = np.arange(0, num_rows, bucket_rows, dtype=np.int64)
        """Where the next row of each bucket goes."""
        self._arrays: dict[Key, StoredArray] = {}

    def write(self, part: Part, places: NDArray[np.int64]) -> None:
        """Write rows to their places [rows], of which every one is written to once."""
        found = {**_arrays_of(part), (_PLACE, ""): places}
        if not self._arrays:
            self._arrays = {key: self._create(key, array) for key, array in found.items()}
        buckets = places // self._bucket_rows
        order = np.argsort(buckets, kind="stable")
        bounds = np.flatnonzero(np.diff(buckets[order])) + 1
        stretches = [rows for rows in np.split(order, bounds) if len(rows)]
        for key, array in found.items():
            stored = self._arrays[key]
            with stored.path.open("r+b", buffering=0) as file:
                for rows in stretches:
                    file.seek(int(self._filled[buckets[rows[0]]]) * stored.row_bytes)
                    file.write(np.ascontiguousarray(array[rows]).data.cast("B"))
        for rows in stretches:
            self._filled[buckets[rows[0]]] += len(rows)

    def finish(
        self,
        rows: NDArray[np.int64],
        on_share: Callable[[float], None] = lambda share: None,
    ) -> StoredRows:
        """Sort every bucket; `rows` says which row of the table stands at each place.

        `on_share` is told which share of them is sorted.
        """
        places = self._arrays.pop((_PLACE, ""))
        for start in range(0, self._num_rows, self._bucket_rows):
            on_share(start / self._num_rows)
            stop = min(start + self._bucket_rows, self._num_rows)
            order = np.argsort(places.read(start, stop))
            for stored in self._arrays.values():
                with stored.path.open("r+b", buffering=0) as file:
                    file.seek(start * stored.row_bytes)
                    file.write(stored.read(start, stop)[order].data.cast("B"))
        places.path.unlink()
        return StoredRows(arrays=self._arrays, rows=rows)

    def _create(self, key: Key, array: NDArray[Any]) -> StoredArray:
        path = self._folder / f"{len(list(self._folder.iterdir()))}.raw"
        path.touch()
        return StoredArray(path=path, dtype=array.dtype, shape=array.shape[1:])


def _arrays_of(part: Part) -> dict[Key, NDArray[Any]]:
    found: dict[Key, NDArray[Any]] = {}
    for kind in ("inputs", "targets", "scaled_targets"):
        found |= {(kind, name): array for name, array in getattr(part, kind).items()}
    if part.sample_weight is not None:
        found["sample_weight", ""] = part.sample_weight
    return found


def _as_part(found: Mapping[Key, NDArray[Any]], rows: NDArray[np.int64]) -> Part:
    def of(kind: str) -> dict[str, NDArray[Any]]:
        return {name: array for (each, name), array in found.items() if each == kind}

    return Part(
        inputs=of("inputs"),
        targets=of("targets"),
        scaled_targets=of("scaled_targets"),
        sample_weight=found.get(("sample_weight", "")),
        rows=rows,
    )
