"""How much more than its file a table may become: what small files of zeros would fill memory with."""

from pathlib import Path

from dlcli.errors import DataError

SMALL_BYTES = 32 << 20
"""What any machine has room for, whatever the file's size."""
MAX_RATIO = 200
"""Of text that is compressed; real sheets and tables stay below 50."""
SMALL_CELLS = 10_000_000
MAX_SPARSITY = 100
"""Cells for each one that the file holds."""


def is_bomb(unfolded: int, size: int, *, ratio: int = MAX_RATIO) -> bool:
    """Tell whether so many bytes are too many for a file of this size."""
    return unfolded > SMALL_BYTES and unfolded > ratio * max(size, 1)


def is_sparse(cells: int, filled: int) -> bool:
    """Tell whether a table of so many cells would be made of nothing but gaps."""
    return cells > SMALL_CELLS and cells > MAX_SPARSITY * max(filled, 1)


def bomb(path: Path | str, unfolded: int, size: int, *, hint: str) -> DataError:
    """Return the error for a file that unfolds to so many bytes."""
    name = path if isinstance(path, str) else path.name
    times = unfolded / max(size, 1)
    return DataError(
        f"{name} unpacks to {unfolded / 1e6:,.0f} MB or more, {times:,.0f} times its size",
        hint=hint,
    )
