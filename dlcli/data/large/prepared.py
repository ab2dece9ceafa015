"""A large table whose rows are encoded: opened as a dataset, and kept for processes that share it."""

import hashlib
import json
import os
import shutil
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.data.dataset import Dataset, Part
from dlcli.data.large.stored import StoredArray, StoredRows
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.sources import SourceFile

if sys.platform != "win32":
    import fcntl

FEWEST_SAMPLED_ROWS = 256
MOST_SAMPLED_ROWS = 100_000
"""Training rows that baselines are fitted on and that the network's training figures are of."""

_RECORD = "prepared.json"


@dataclass(frozen=True, kw_only=True)
class PreparedTable:
    """Encoded rows on disk, and everything else that a training needs to know of their table."""

    parts: dict[str, StoredRows]
    sample_seed: int | None
    """What the sample of the training rows is drawn with; None where their order is random."""
    budget_bytes: int
    watches_test: bool
    preprocessing: Preprocessing
    counts: dict[str, Any]
    sources: tuple[SourceFile, ...]
    split_record: dict[str, Any]
    warnings: tuple[str, ...]
    disk_record: dict[str, Any]

    def open(self) -> Dataset:
        """Return the dataset, with a sample of the training rows in memory."""
        judged = {name: self._opened(rows) for name, rows in self.parts.items() if name != "train"}
        sample = self._sample()
        return Dataset(
            train=sample,
            validation=judged["test"] if self.watches_test else judged.get("validation"),
            test=judged.get("test"),
            validation_is_test=self.watches_test,
            preprocessing=self.preprocessing,
            counts=self.counts,
            sources=self.sources,
            split_record=self.split_record,
            image_files={},
            tables={},
            warnings=self.warnings,
            stored=self.parts["train"],
            disk_record={**self.disk_record, "sampled_train_rows": sample.num_rows},
        )

    def write(self, folder: Path) -> None:
        """Write what `read_prepared` reads into the folder that holds the rows."""
        for name, rows in self.parts.items():
            np.save(folder / f"{name}.npy", rows.rows, allow_pickle=False)
        record = {
            "parts": {name: _rows_to_json(rows, folder) for name, rows in self.parts.items()},
            "sample_seed": self.sample_seed,
            "budget_bytes": self.budget_bytes,
            "watches_test": self.watches_test,
            "preprocessing": self.preprocessing.to_json(),
            "counts": self.counts,
            "sources": [[str(s.path), s.sha256, s.num_bytes] for s in self.sources],
            "split_record": self.split_record,
            "warnings": list(self.warnings),
            "disk_record": self.disk_record,
        }
        (folder / _RECORD).write_text(json.dumps(record), encoding="utf-8")

    def _opened(self, rows: StoredRows) -> Part:
        """Return a part that is judged, whose inputs stay on disk where they are large."""
        is_small = rows.input_bytes <= self.budget_bytes // 8
        return rows.read(0, rows.num_rows) if is_small else rows.mapped()

    def _sample(self) -> Part:
        """Return training rows drawn at random; the first ones of an order that is random."""
        rows = self.parts["train"]
        most = max(FEWEST_SAMPLED_ROWS, self.budget_bytes // 8 // rows.row_bytes)
        count = min(MOST_SAMPLED_ROWS, most, rows.num_rows)
        if count == rows.num_rows or self.sample_seed is None:
            return rows.read(0, count)
        drawn = np.random.default_rng(self.sample_seed).choice(rows.num_rows, count, replace=False)
        return rows.take(np.sort(drawn))


def read_prepared(folder: Path) -> PreparedTable:
    """Read what `write` left in a folder, wherever that was then."""
    record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    sources = record.pop("sources")
    parts = {
        name: _rows_from_json(state, np.load(folder / f"{name}.npy", allow_pickle=False), folder)
        for name, state in record.pop("parts").items()
    }
    return PreparedTable(
        parts=parts,
        preprocessing=Preprocessing.from_json(record.pop("preprocessing")),
        sources=tuple(SourceFile(path=Path(p), sha256=s, num_bytes=n) for p, s, n in sources),
        warnings=tuple(record.pop("warnings")),
        **record,
    )


class SharedTable:
    """A prepared table that processes of this machine hold together: the first one prepares it.

    It stands in a folder of its own below `home`, and goes with the last process that lets it go.
    """

    def __init__(self, home: Path, key: str, prepare: Callable[[Path], PreparedTable]) -> None:
        """Open the table of this key; `prepare` makes it in a folder, while the others wait."""
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        home.mkdir(parents=True, exist_ok=True)
        self._folder = home / name
        self._users = home / f"{name}.users"
        with _locked(home / f"{name}.lock"):
            if not (self._folder / _RECORD).is_file():
                self._make(prepare)
            descriptor = _opened(self._users)
            _share(descriptor)
        self._let_go = weakref.finalize(self, os.close, descriptor)
        self.dataset = read_prepared(self._folder).open()

    def release(self) -> None:
        """Let the table go, and remove it where no other process holds it."""
        self._let_go()
        with _locked(self._users.with_suffix(".lock")):
            if not _is_shared(self._users):
                shutil.rmtree(self._folder, ignore_errors=True)

    def _make(self, prepare: Callable[[Path], PreparedTable]) -> None:
        for left in self._folder.parent.glob(f"{self._folder.name}.making-*"):
            shutil.rmtree(left, ignore_errors=True)  # of a process that was killed
        making = self._folder.with_name(f"{self._folder.name}.making-{os.getpid()}")
        try:
            prepare(making).write(making)
            making.rename(self._folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)


def _opened(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o644)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """While entered, let other processes wait that enter with the same file; not on Windows."""
    descriptor = _opened(path)
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _share(descriptor: int) -> None:
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_SH)


def _is_shared(path: Path) -> bool:
    """Tell whether a process shares a file; on Windows nobody knows."""
    if sys.platform == "win32":
        return True
    descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _rows_to_json(rows: StoredRows, folder: Path) -> dict[str, Any]:
    arrays = [
        {
            "key": list(key),
            "path": array.path.relative_to(folder).as_posix(),
            "dtype": array.dtype.str,
            "shape": list(array.shape),
        }
        for key, array in rows.arrays.items()
    ]
    return {"first": rows.first, "arrays": arrays}


def _rows_from_json(state: dict[str, Any], rows: Any, folder: Path) -> StoredRows:
    arrays = {
        (kind, name): StoredArray(
            path=folder / each["path"], dtype=np.dtype(each["dtype"]), shape=tuple(each["shape"])
        )
        for each in state["arrays"]
        for kind, name in [each["key"]]
    }
    return StoredRows(arrays=arrays, rows=rows, first=state["first"])
