"""Where a training stands, on disk: the variables, the logs so far, and what callbacks remember."""

import io
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import RunError
from dlcli.runs import write_atomically

FORMAT = 1

SAVE_AFTER_SECONDS = 2.0
"""The least time between two saves; trainings shorter than this never save."""
COST_SHARE = 20
"""A state is saved when this many times what saving costs has passed: at most 5 % of the time."""

_DISK_BYTES_PER_SECOND = 200e6  # a guess, until a save was measured
_DAMAGES = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)

_REMEMBERED: dict[str, tuple[str, ...]] = {
    "EarlyStopping": ("best", "best_epoch", "wait", "stopped_epoch", "best_weights"),
    "ReduceLROnPlateau": ("best", "wait", "cooldown_counter"),
    "ModelCheckpoint": (
        *("best", "_current_epoch", "_last_batch_seen", "_batches_seen_since_last_saving"),
    ),
    "CSVLogger": ("keys",),
    "SwapEMAWeights": ("_ema_weights_in_model",),
}
"""What Keras's callbacks carry from one epoch to the next, by attribute; a test compares."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a training stands, beside the values of its variables."""

    epoch: int
    """Epochs that are done."""
    block: int = 0
    """Blocks of the coming epoch that are done, where data are streamed."""
    blocks: int | None = None
    """Blocks of an epoch where data are streamed."""
    stopped: bool = False
    """Whether a callback has ended the training."""
    uses_xla: bool
    history: list[dict[str, Any]]
    rates: list[float] = field(default_factory=list)
    """The learning rate of every epoch's last weight update; empty where there is none."""


class Keeper:
    """Saves the state of one training when that is due, and gives back what was saved before."""

    def __init__(
        self, path: Path | None, *, now: Callable[[], float] = time.monotonic, resumes: bool = False
    ) -> None:
        self.path = path
        self.saves = 0
        self.seconds = 0.0
        self._now = now
        self._last = now()
        self._cost = 0.0
        self._saved: dict[str, Any] | None = None
        self._arrays: dict[str, NDArray[Any]] = {}
        if resumes and path is not None and path.is_file():
            self._saved, self._arrays = _read(path)

    @cached_property
    def progress(self) -> Progress | None:
        """Where the training stood that is gone on with."""
        if self._saved is None:
            return None
        names = ("epoch", "block", "blocks", "stopped", "uses_xla")
        return Progress(
            history=_unpack_history(self._saved["history"], self._arrays),
            rates=self._arrays["rates"].tolist(),
            **{name: self._saved[name] for name in names},
        )

    def start(self, model: Any) -> None:
        """Take the time from here on, as the first epoch begins."""
        self._last = self._now()
        if self._cost == 0.0:
            variables = [*model.variables, *model.optimizer.variables]
            self._cost = sum(_num_bytes(each) for each in variables) / _DISK_BYTES_PER_SECOND

    def is_due(self) -> bool:
        """Tell whether saving costs little beside the time since it was last done."""
        if self.path is None:
            return False
        return self._now() - self._last >= max(SAVE_AFTER_SECONDS, COST_SHARE * self._cost)

    def save(self, model: Any, callbacks: Sequence[Any], progress: Progress) -> None:
        """Write where the training stands; a reader finds this state or the one before."""
        if self.path is None:
            return
        began = self._now()
        arrays: dict[str, NDArray[Any]] = {}
        record = {
            "format": FORMAT,
            "epoch": progress.epoch,
            "block": progress.block,
            "blocks": progress.blocks,
            "stopped": progress.stopped,
            "uses_xla": progress.uses_xla,
            "variables": _pack_variables(model, arrays, measured=progress.block > 0),
            "history": _pack_history(progress.history, arrays),
            "callbacks": [
                _pack_callback(callback, f"callback/{place}", arrays)
                for place, callback in enumerate(callbacks)
            ],
        }
        arrays["rates"] = np.array(progress.rates, dtype=np.float64)
        arrays["record"] = np.frombuffer(json.dumps(record).encode(), dtype=np.uint8)
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        write_atomically(self.path, content.getvalue())
        self._last = self._now()
        self._cost = self._last - began
        self.saves += 1
        self.seconds += self._cost

    def restore_model(self, model: Any) -> None:
        """Give a built and compiled model the values that were saved; raises RunError."""
        assert self._saved is not None
        recorded = self._saved["variables"]
        variables = _variables(model, measured=self._saved["block"] > 0)
        shapes = [list(variable.shape) for variable in variables]
        if shapes != [shape for _, shape in recorded]:
            raise RunError(
                f"{self.path}: this state belongs to another network: "
                f"{_first_difference(recorded, variables)}",
                hint="train again without --resume",
            )
        for place, variable in enumerate(variables):
            value = self._arrays[f"variable/{place}"]
            dtype = np.asarray(variable.numpy()).dtype
            variable.assign(value if value.dtype == dtype else value.view(dtype))

    def prepare_callbacks(self, callbacks: Sequence[Any]) -> None:
        """Let callbacks that write go on in the files that they have; before training begins."""
        assert self._saved is not None
        for callback, state in zip(callbacks, self._saved["callbacks"], strict=True):
            size = state.get("file_bytes")
            if size is not None and Path(callback.filename).is_file():
                with Path(callback.filename).open("r+b") as file:
                    file.truncate(size)
                callback.append = True

    def restore_callbacks(self, callbacks: Sequence[Any]) -> None:
        """Give callbacks back what they knew, after they have seen the training begin."""
        assert self._saved is not None
        for callback, state in zip(callbacks, self._saved["callbacks"], strict=True):
            if state["type"] != type(callback).__name__:
                raise RunError(f"{self.path}: this state belongs to a run with other callbacks")
            for name, value in state["values"].items():
                setattr(callback, name, value)
            for name, keys in state["arrays"].items():
                setattr(callback, name, [self._arrays[key] for key in keys])


def _variables(model: Any, *, measured: bool) -> list[Any]:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    within = model.metrics_variables if measured else []
    return [*model.variables, *model.optimizer.variables, *within]


def _pack_variables(
    model: Any, arrays: dict[str, NDArray[Any]], *, measured: bool
) -> list[tuple[str, list[int]]]:
    """Put the values under their places; metrics count within an epoch only."""
    listed = _variables(model, measured=measured)
    for place, variable in enumerate(listed):
        value = np.asarray(variable.numpy())
        # NumPy has no bfloat16 of its own and would write it as bytes without a type.
        plain = value.dtype.kind in "biufc"
        arrays[f"variable/{place}"] = value if plain else value.view(f"u{value.itemsize}")
    return [(variable.path, list(variable.shape)) for variable in listed]


def _pack_history(
    history: list[dict[str, Any]], arrays: dict[str, NDArray[Any]]
) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for logs in history for name in logs))
    packed = []
    for place, name in enumerate(names):
        epochs = [epoch for epoch, logs in enumerate(history) if name in logs]
        arrays[f"history/{place}"] = np.stack(
            [np.asarray(history[epoch][name]) for epoch in epochs]
        )
        first, is_whole = epochs[0], epochs == list(range(epochs[0], len(history)))
        packed.append({"name": name, "epochs": first if is_whole else epochs})
    return packed


def _unpack_history(
    packed: list[dict[str, Any]], arrays: dict[str, NDArray[Any]]
) -> list[dict[str, Any]]:
    columns = [arrays[f"history/{place}"] for place in range(len(packed))]
    places = [
        range(entry["epochs"], entry["epochs"] + len(column))
        if isinstance(entry["epochs"], int)
        else entry["epochs"]
        for entry, column in zip(packed, columns, strict=True)
    ]
    history: list[dict[str, Any]] = [{} for _ in range(max((p[-1] + 1 for p in places), default=0))]
    for entry, column, epochs in zip(packed, columns, places, strict=True):
        values = column.tolist() if column.ndim == 1 else list(column)
        for epoch, value in zip(epochs, values, strict=True):
            history[epoch][entry["name"]] = value
    return history


def _pack_callback(callback: Any, prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    kind = type(callback).__name__
    packed: dict[str, Any] = {"type": kind, "values": {}, "arrays": {}}
    for name in _REMEMBERED.get(kind, ()):
        value = getattr(callback, name)
        if name == "best_weights" and value is not None:
            keys = [f"{prefix}/{name}/{place}" for place in range(len(value))]
            arrays.update(zip(keys, map(np.asarray, value), strict=True))
            packed["arrays"][name] = keys
        else:
            packed["values"][name] = value.item() if isinstance(value, np.generic) else value
    if kind == "CSVLogger":
        path = Path(callback.filename)
        packed["file_bytes"] = path.stat().st_size if path.is_file() else None
    return packed


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        content = io.BytesIO(path.read_bytes())
        with np.load(content, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        record = json.loads(arrays.pop("record").tobytes())
        found = record["format"]
    except _DAMAGES:
        raise RunError(
            f"{path} is not whole: it was cut off or changed since it was written",
            hint="bring it back from a copy, or train again without --resume",
        ) from None
    if found != FORMAT:
        raise RunError(
            f"{path}: format {found!r}; this dlcli reads {FORMAT}",
            hint="go on with the dlcli that began the training",
        )
    return record, arrays


def _first_difference(recorded: list[tuple[str, list[int]]], variables: list[Any]) -> str:
    for (path, shape), variable in zip(recorded, variables, strict=False):
        if shape != list(variable.shape):
            return f"{path} has shape {shape} there and {list(variable.shape)} here"
    return f"it holds {len(recorded)} variables, the network has {len(variables)}"


def _num_bytes(variable: Any) -> int:
    return int(np.prod(variable.shape, dtype=np.int64)) * 4
