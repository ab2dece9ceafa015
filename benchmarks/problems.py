"""The problems of the training table: what the peers need to do the work of a config of ours."""

import csv
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dlcli.data.download import fetch

REPOSITORY = Path(__file__).resolve().parents[1]
SINE_ROWS = 1000


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A dense layer; it takes the layer before it unless `inputs` names another."""

    units: int
    activation: str = "linear"
    name: str = ""
    inputs: str = ""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One row of the table. dlcli trains `config`; the peers train what the other fields say.

    Every measurement compares the training rows and the parameters that the tools report, so a
    config that changes alone is noticed.
    """

    name: str
    config: Path
    find_source: Callable[[Path], Path]
    """Takes a folder to write generated data into; returns the table's file."""
    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    """Without names: every column but the targets."""
    separator: str = ","
    test: float | int = 0.2
    validation: float | str = 0
    """A fraction of all rows, or `test` for the test part."""
    seed: int = 1
    scale: str = "standard"
    target_scale: str = "none"
    layers: tuple[Layer, ...]
    loss: str = "mse"
    metrics: tuple[str, ...] = ()
    learning_rate: float = 1e-3
    batch_size: int = 32
    early_stopping: dict[str, Any] | None = None
    epochs: int
    """As published; the loop of dlcli is measured over so many."""
    whole_epochs: int
    """Epochs of the whole-process comparison, and of the peers' loops."""
    overrides: tuple[str, ...] = ()
    """What `--set` changes in the config."""
    is_generated: bool = False
    """Whether the config's source must be set to the file that `find_source` writes."""

    @property
    def outputs(self) -> tuple[int, ...]:
        """Indices of the output layers, in the order of the targets."""
        last = len(self.layers) - 1
        if len(self.targets) == 1:
            return (last,)
        names = [layer.name for layer in self.layers]
        return tuple(names.index(target) for target in self.targets)

    def describe(self, folder: Path) -> dict[str, Any]:
        """Return what a peer reads, as JSON values; writes generated data into `folder`."""
        values = asdict(replace(self, find_source=_nothing))
        for name in (
            "find_source",
            "config",
            "overrides",
            "is_generated",
            "epochs",
            "whole_epochs",
        ):
            del values[name]
        return {**values, "source": str(self.find_source(folder)), "outputs": list(self.outputs)}

    def settings(self, folder: Path, *, epochs: int) -> list[str]:
        """Return what `--set` changes in the config to train `epochs`."""
        source = [f"data.source={self.find_source(folder)}"] if self.is_generated else []
        return [f"epochs={epochs}", *self.overrides, *source]

    def can_be_perceptron(self) -> bool:
        """Tell whether scikit-learn's MLPRegressor can express the network and its loss."""
        *hidden, _ = self.layers
        chained = not any(layer.inputs for layer in self.layers) and len(self.outputs) == 1
        return chained and self.loss == "mse" and len({layer.activation for layer in hidden}) < 2


def _nothing(folder: Path) -> Path:
    return folder


def _public(name: str) -> Callable[[Path], Path]:
    return lambda folder: fetch(name)


def _bundled(name: str) -> Callable[[Path], Path]:
    return lambda folder: REPOSITORY / "datasets" / name


def write_sine(folder: Path) -> Path:
    """Write points of a sine over four periods."""
    path = folder / "sine.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y"])
        for row in range(SINE_ROWS):
            x = 4 * row / SINE_ROWS - 2
            writer.writerow([f"{x:.6f}", f"{math.sin(2 * math.pi * x):.6f}"])
    return path


def _hidden(count: int, units: int, activation: str = "relu") -> tuple[Layer, ...]:
    return (Layer(units=units, activation=activation),) * count


def _shipped(name: str) -> Path:
    return REPOSITORY / "configs" / f"{name}.yaml"


_CONCRETE = Problem(
    name="concrete-original, 1000 epochs",
    config=_shipped("concrete-original"),
    find_source=_public("concrete-original"),
    targets=("Concrete compressive strength(MPa, megapascals) ",),
    test=0.25,
    validation="test",
    layers=(*_hidden(2, 5), Layer(units=1)),
    metrics=("mae",),
    epochs=1000,
    whole_epochs=100,
)

PROBLEMS = (
    Problem(
        name="Advertising",
        config=_shipped("advertising"),
        find_source=_public("advertising"),
        inputs=("TV", "radio", "newspaper"),
        targets=("sales",),
        layers=(Layer(units=1),),
        metrics=("mae",),
        learning_rate=1e-2,
        epochs=2000,
        whole_epochs=2000,
    ),
    Problem(
        name="CCPP",
        config=_shipped("ccpp"),
        find_source=_public("ccpp"),
        inputs=("AT", "AP", "RH"),
        targets=("PE", "V"),
        scale="minmax",
        target_scale="minmax",
        layers=(
            Layer(units=10, activation="relu"),
            Layer(units=10, activation="relu", name="trunk"),
            Layer(units=1, name="PE"),
            Layer(units=10, activation="relu", inputs="trunk"),
            Layer(units=1, name="V"),
        ),
        metrics=("mae",),
        batch_size=128,
        epochs=1000,
        whole_epochs=1000,
    ),
    replace(_CONCRETE, name="concrete-original, 30 epochs", epochs=30, whole_epochs=30),
    _CONCRETE,
    Problem(
        name="wine quality",
        config=_shipped("wine-quality"),
        find_source=_public("wine-quality-red"),
        separator=";",
        targets=("quality",),
        validation=0.1,
        seed=7,
        layers=(*_hidden(3, 512), Layer(units=1)),
        loss="mae",
        batch_size=256,
        early_stopping={
            "monitor": "val_loss",
            "min_delta": 1e-3,
            "patience": 1000,
            "restore_best_weights": True,
        },
        epochs=100,
        whole_epochs=100,
        overrides=(
            "data.source=dataset:wine-quality-red",
            # It watches but never stops, so that every tool trains the same epochs.
            "callbacks.0.EarlyStopping.patience=1000",
        ),
    ),
    Problem(
        name="sine",
        config=REPOSITORY / "benchmarks" / "configs" / "sine.yaml",
        find_source=write_sine,
        targets=("y",),
        test=0,
        scale="none",
        layers=(*_hidden(5, 128), Layer(units=1)),
        epochs=2000,
        whole_epochs=60,
        is_generated=True,
    ),
    Problem(
        name="brazing",
        config=_shipped("brazing"),
        find_source=_bundled("brazing.csv"),
        inputs=("thickness_um", "temperature_c", "hold_min", "cooling_c_per_min"),
        targets=("stress_max_mpa",),
        test=6,
        scale="minmax",
        target_scale="minmax",
        layers=(
            Layer(units=4, activation="tanh"),
            Layer(units=3, activation="tanh"),
            Layer(units=1),
        ),
        learning_rate=1e-2,
        batch_size=27,
        early_stopping={
            "monitor": "loss",
            "min_delta": 1e-8,
            "patience": 500,
            "restore_best_weights": True,
        },
        epochs=10000,
        whole_epochs=200,
    ),
)


def find_problems(name: str | None) -> tuple[Problem, ...]:
    """Return the problems whose name contains `name`, or all; raises ValueError for none."""
    found = tuple(each for each in PROBLEMS if name is None or name.lower() in each.name.lower())
    if not found:
        raise ValueError(
            f"no problem is called {name!r}: expected one of {', '.join(p.name for p in PROBLEMS)}"
        )
    return found
