"""The data part that every peer shares: pandas reads, scikit-learn splits and scales."""
# ruff: noqa: TID253 - the peers are scripts of their own

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

SCALERS = {"standard": StandardScaler, "minmax": MinMaxScaler}


@dataclass(frozen=True)
class Part:
    """Rows of one part: inputs [rows, features] and targets [rows, targets], float32."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a script trains, watches and judges with."""

    train: Part
    validation: Part | None
    test: Part | None


def read_arguments() -> tuple[dict[str, Any], int]:
    """Return the problem and the number of epochs that the command line names."""
    path, epochs = sys.argv[1:]
    return json.loads(Path(path).read_text(encoding="utf-8")), int(epochs)


def load_parts(problem: dict[str, Any]) -> Parts:
    """Read the table, split it, and scale it by its training part."""
    x, y = _read(problem)
    seed, rest = problem["seed"], (x, y)
    held: dict[str, tuple[Any, Any]] = {}
    if problem["test"]:
        rest, held["test"] = _split(rest, problem["test"], seed)
    if problem["validation"] == "test":
        held["validation"] = held["test"]
    elif problem["validation"]:
        share = problem["validation"] * len(x) / len(rest[0])
        rest, held["validation"] = _split(rest, share, seed)
    scale_x = _scaler(problem["scale"], rest[0])
    scale_y = _scaler(problem["target_scale"], rest[1])
    parts = {
        name: Part(scale_x(part[0]), scale_y(part[1]))
        for name, part in {"train": rest, **held}.items()
    }
    return Parts(train=parts["train"], validation=parts.get("validation"), test=parts.get("test"))


class EpochClock:
    """Times epochs after the first one, which traces and compiles in some tools."""

    def __init__(self) -> None:
        self._first_ended: float | None = None
        self._last_ended = 0.0
        self._epochs = 0

    def tick(self) -> None:
        """Note that an epoch has ended."""
        self._last_ended = time.perf_counter()
        self._epochs += 1
        if self._first_ended is None:
            self._first_ended = self._last_ended

    @property
    def epochs(self) -> int:
        return self._epochs

    @property
    def epoch_seconds(self) -> float:
        """The mean over all epochs but the first; there must be two."""
        assert self._first_ended is not None
        return (self._last_ended - self._first_ended) / (self._epochs - 1)


def report(*, rows: int, parameters: int, epochs: int, epoch_seconds: float, loss: float) -> None:
    """Print what the benchmark reads."""
    values = {
        "rows": rows,
        "parameters": parameters,
        "epochs": epochs,
        "epoch_seconds": epoch_seconds,
        "loss": loss,
    }
    sys.stdout.write(json.dumps(values) + "\n")


def _read(problem: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    source = problem["source"]
    if source.endswith(".xls"):
        table = pd.read_excel(source, engine="calamine")
    elif source.endswith(".xlsx"):
        table = pd.read_excel(source)
    else:
        table = pd.read_csv(source, sep=problem["separator"])
    targets = list(problem["targets"])
    inputs = list(problem["inputs"]) or [name for name in table.columns if name not in targets]
    return table[inputs].to_numpy(np.float64), table[targets].to_numpy(np.float64)


def _split(rows: tuple[Any, Any], size: float, seed: int) -> tuple[Any, Any]:
    x_rest, x_held, y_rest, y_held = train_test_split(*rows, test_size=size, random_state=seed)
    return (x_rest, y_rest), (x_held, y_held)


def _scaler(name: str, values: NDArray[Any]) -> Any:
    if name == "none":
        return lambda array: array.astype(np.float32)
    scaler = SCALERS[name]().fit(values)
    return lambda array: scaler.transform(array).astype(np.float32)
