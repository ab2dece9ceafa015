"""Room in this machine's memory, asked for before work that would not fit begins."""

import math
import os
from pathlib import Path

import numpy as np

from dlcli.data.preprocessing import Preprocessing
from dlcli.errors import DataError

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Return the memory that can be had without swapping, within the limit of the container."""
    found = [_machine_bytes(), _container_bytes()]
    return min(item for item in found if item is not None)


def show_bytes(count: float) -> str:
    """Show an amount of memory in a unit that leaves few digits."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if count >= 100 or unit == "bytes" else f"{count:.1f} {unit}"


def check_arrays_fit(preprocessing: Preprocessing, rows: int) -> None:
    """Raise DataError where the arrays of a table would not fit into memory."""
    specs = preprocessing.input_specs
    numbers = sum(math.prod(spec.shape) for spec in specs.values())
    row_bytes = sum(math.prod(s.shape) * np.dtype(s.dtype).itemsize for s in specs.values())
    targets = 12 * len(preprocessing.target_columns)  # float64 as measured, float32 as trained on
    needed, room = rows * (row_bytes + targets), available_bytes()
    if needed <= room:
        return
    widths = {
        column.settings.name: len(column.feature_names) for column in preprocessing.input_columns
    }
    widest = max(widths, key=lambda name: widths[name])
    hints = ["leave columns out with data.drop", "train on fewer rows"]
    if widths[widest] > numbers // 2:
        hints.insert(0, f"{widest!r} alone makes {widths[widest]:,} of them; `encode: ordinal` "
                     "and an Embedding layer need one")  # fmt: skip
    raise DataError(
        f"the arrays would take {show_bytes(needed)}, {rows:,} rows of {numbers:,} numbers, and "
        f"{show_bytes(room)} of memory are free",
        hint="; or ".join(hints),
    )


def _machine_bytes() -> int:
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return int(kilobytes) * 1024


def _container_bytes() -> int | None:
    """Return what is left of the limit of this control group; file caches count as free."""
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        if limit == "max":
            return None
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        statistics = (_CGROUP / "memory.stat").read_text(encoding="ascii").split()
        cached = int(statistics[statistics.index("inactive_file") + 1])
    except (OSError, ValueError):
        return None
    return max(0, int(limit) - used + cached)
