"""The memory of this machine, within the limit of the container that a process runs in."""

import ctypes
import os
import sys
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_STATM = Path("/proc/self/statm")


def total_bytes() -> int:
    """Return the memory that there is in all."""
    limit = _container_limit()
    return _machine_bytes().total if limit is None else min(limit, _machine_bytes().total)


def available_bytes() -> int:
    """Return the memory that can be had without swapping."""
    left = _container_left()
    return _machine_bytes().available if left is None else min(left, _machine_bytes().available)


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM; 0 where the system does not tell it."""
    if not _STATM.is_file():
        return 0
    pages = int(_STATM.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def show_bytes(count: float) -> str:
    """Show an amount of memory in a unit that leaves few digits."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if count >= 100 or unit == "bytes" else f"{count:.1f} {unit}"


class _Machine(ctypes.Structure):
    """What Windows tells in its MEMORYSTATUSEX, and the others in the two fields that count."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 5),
    )
    total: int
    available: int


def _machine_bytes() -> _Machine:
    found = _Machine(length=ctypes.sizeof(_Machine))
    if sys.platform == "win32":
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(found))
        return found
    found.total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # macOS tells no process what is free; what is not is found out when it is asked for.
    found.available = found.total
    if _MEMINFO.is_file():
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
        found.available = int(kilobytes) * 1024
    return found


def _container_limit() -> int | None:
    """Return the limit of this control group, None where there is none."""
    try:
        text = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        return None if text == "max" else int(text)
    except (OSError, ValueError):
        return None


def _container_left() -> int | None:
    """Return what is left of that limit; file caches count as free."""
    limit = _container_limit()
    if limit is None:
        return None
    try:
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        statistics = (_CGROUP / "memory.stat").read_text(encoding="ascii").split()
        cached = int(statistics[statistics.index("inactive_file") + 1])
    except (OSError, ValueError):
        return None
    return max(0, limit - used + cached)
