"""Predict and train again and again in one process, and tell what memory and files it came to.

`python scripts/measure_endurance.py --predictions 10000 --trainings 1000` prints, for each, the
slope of the resident memory with its 95 % interval, and the number of open files at both ends.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import dlcli
from dlcli.memory import resident_bytes

WARM_UP = 0.2
"""Share of the calls that caches and the allocator's arenas may take to fill."""
SAMPLES = 200
CONFIG = {
    "name": "endured",
    "data": {"target": "y", "split": {"test": 0.2, "validation": 0.2}, "scale": "standard"},
    "layers": [{"Dense": {"units": 8, "activation": "relu"}}, {"Dense": 1}],
    "loss": "mse",
}


@dataclass(frozen=True, kw_only=True)
class Slope:
    """Growth of the resident memory by call, bytes, with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+,.0f} bytes a call ({self.low:+,.0f} to {self.high:+,.0f})"


def slope_of(calls: list[int], resident: list[int]) -> Slope:
    """Fit a line by least squares; the interval is Student's."""
    fitted = stats.linregress(calls, resident)
    width = float(stats.t.ppf(0.975, len(calls) - 2)) * float(fitted.stderr)
    mean = float(fitted.slope)
    return Slope(mean=mean, low=mean - width, high=mean + width)


def open_files() -> int:
    """Return the number of this process's open files."""
    return len(list(Path("/proc/self/fd").iterdir()))


def endure(name: str, call: Callable[[], object], count: int) -> None:
    """Call `count` times and print what it came to."""
    start, files = time.perf_counter(), 0
    calls: list[int] = []
    resident: list[int] = []
    every = max(1, count // SAMPLES)
    warm = int(WARM_UP * count)
    for index in range(count):
        call()
        if index == warm:
            files = open_files()
        if index >= warm and index % every == 0:
            gc.collect()
            calls.append(index)
            resident.append(resident_bytes())
    seconds = time.perf_counter() - start
    sys.stdout.write(
        f"{name}: {count:,} in {seconds:.0f} s; memory {slope_of(calls, resident)}, "
        f"{resident[0] / 1e6:.0f} MB to {resident[-1] / 1e6:.0f} MB; "
        f"open files {files} to {open_files()}\n"
    )
    sys.stdout.flush()


def main() -> None:
    """Measure what the options ask for."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--predictions", type=int, default=10_000)
    parser.add_argument("--trainings", type=int, default=1000)
    parser.add_argument(
        "--epochs", type=int, default=5, help="of each training; 300 are compiled by XLA"
    )
    options = parser.parse_args()
    config = CONFIG | {"epochs": options.epochs}
    numbers = np.random.default_rng(1).normal(size=(100, 3))
    table = pd.DataFrame(numbers, columns=["a", "b", "c"])
    table["y"] = numbers @ [1.0, -2.0, 0.5]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run = dlcli.train(config, table)
        if options.predictions:
            endure("predictions", lambda: run.predict(table), options.predictions)
        if options.trainings:
            endure("trainings", lambda: dlcli.train(config, table), options.trainings)
        os.chdir("/")


if __name__ == "__main__":
    main()
