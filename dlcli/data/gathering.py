"""Rows gathered into windows: the tensors of a network that reads sequences."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.windows import Windows
from dlcli.errors import DataError
from dlcli.memory import total_bytes

Arrays = Mapping[str, NDArray[Any]]

MEMORY_SHARE = 0.5
"""Of the machine's memory: windows that take more would leave no room to train."""

_CUT_BYTES = 16 * 2**20
"""Of windows that are cut at once: enough that telling how far it is costs nothing."""


def gather_inputs(
    tensors: Arrays,
    windows: Windows,
    static: frozenset[str],
    on_share: Callable[[float], None] = lambda share: None,
) -> dict[str, Any]:
    """Gather tensors whose rows are those of the series, [rows, ...], into windows.

    A tensor becomes [windows, length, ...]; one of `static` [windows, ...], from the last rows.
    `on_share` is told which share of them is cut. Raises DataError for more windows than the
    memory holds.
    """
    moving = {name: array for name, array in tensors.items() if name not in static}
    _check_memory(moving, windows)
    gathered: dict[str, NDArray[Any]] = {}

    def on_cut(share: float) -> None:
        on_share((len(gathered) + share) / len(moving))

    for name, array in moving.items():
        gathered[name] = _cut(array, windows, on_cut)
    return {name: gathered.get(name, array[windows.last]) for name, array in tensors.items()}


def _cut(array: NDArray[Any], windows: Windows, on_share: Callable[[float], None]) -> NDArray[Any]:
    """Return the rows of every window [windows, length, ...], a few windows at a time."""
    length = windows.spec.length
    cut = np.empty((len(windows), length, *array.shape[1:]), array.dtype)
    step = max(1, _CUT_BYTES // max(1, array[:1].nbytes * length))
    for start in range(0, len(windows), step):
        some = windows.take(slice(start, start + step))
        # All places are within the array; checking them would take a copy of what is cut.
        np.take(array, some.held, axis=0, out=cut[start : start + step], mode="clip")
        on_share(min(1.0, (start + step) / len(windows)))
    return cut


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
