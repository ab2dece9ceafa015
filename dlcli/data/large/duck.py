"""DuckDB under a memory limit, which spills into a folder that is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dlcli.errors import UsageError

FEWEST_BYTES = 128 * 2**20
"""Below this DuckDB cannot sort; it is what it gets however small the memory budget is."""


def check_duckdb(why: str) -> None:
    """Raise UsageError where DuckDB is not installed; `why` says what needs it."""
    if find_spec("duckdb") is None:
        raise UsageError(
            f"{why}, which takes DuckDB",
            hint="pip install 'dlcli[big]', or give more memory with --memory-budget",
        )


@contextmanager
def open_duckdb(folder: Path, *, memory_bytes: int) -> Iterator[Any]:
    """Open a database in memory that takes so many bytes at most, and `folder` for the rest."""
    duckdb = import_module("duckdb")
    limit = max(memory_bytes, FEWEST_BYTES)
    settings = {
        "memory_limit": f"{limit // 2**20}MiB",
        "temp_directory": str(folder),
        # Sums in one order, whatever else this machine does: the same data give the same bits.
        "threads": 1,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=settings)
    try:
        yield connection
    finally:
        connection.close()
