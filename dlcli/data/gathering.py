"""Rows gathered into windows: the tensors of a network that reads sequences."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from dlcli.data.windows import Windows
from dlcli.errors import DataError
from dlcli.memory import total_bytes

Arrays = Mapping[str, NDArray[Any]]

MEMORY_SHARE = 0.5
"""Of the machine's memory: windows that take more would leave no room to train."""


def gather_inputs(tensors: Arrays, windows: Windows, static: frozenset[str]) -> dict[str, Any]:
    """Gather tensors whose rows are those of the series, [rows, ...], into windows.

    A tensor becomes [windows, length, ...]; one of `static` [windows, ...], from the last rows.
    Raises DataError for more windows than the memory holds.
    """
    moving = {name: array for name, array in tensors.items() if name not in static}
    _check_memory(moving, windows)
    gathered = {name: array[windows.held] for name, array in moving.items()}
    return {name: gathered.get(name, array[windows.last]) for name, array in tensors.items()}


def gather_ahead(columns: Arrays, windows: Windows) -> dict[str, NDArray[Any]]:
    """Gather columns along the series, [rows], into what windows predict.

    Each becomes [windows], for a horizon above 1 [windows, horizon].
    """
    ahead = windows.predicted
    places = ahead[:, 0] if windows.spec.horizon == 1 else ahead
    return {name: values[places] for name, values in columns.items()}


def _check_memory(moving: Arrays, windows: Windows) -> None:
    per_row = sum(array[:1].nbytes for array in moving.values())
    needed = per_row * len(windows) * windows.spec.length
    memory = total_bytes()
    if needed > MEMORY_SHARE * memory:
        raise DataError(
            f"{len(windows):,} windows of {windows.spec.length:,} rows take {needed / 1e9:.1f} GB, "
            f"and this machine has {memory / 1e9:.1f} GB of memory",
            hint="a larger `data.window.stride` takes fewer windows; or shorten `length`, or name "
            "fewer `inputs`",
        )
