"""dlcli as a newcomer runs it: `init` on the training rows, its config untouched, then `train`."""

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.quality.peers import LEVEL, Task
from dlcli.commands.init import init
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.recipe.config import Preset
from dlcli.spec.source import parse_source

NAME = "dlcli"


def default_version(task: Task) -> str:
    """Return a hash of the config that `init` writes for the training rows, without its comments."""
    with TemporaryDirectory() as scratch:
        config = _write_config(task, Path(scratch), preset=None)
        values = parse_source(config.read_text(encoding="utf-8"), file=config).values
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]


def measure_default(task: Task, *, preset: Preset | None = None) -> dict[str, float]:
    """Return the figures of the config that `init` writes for the training rows.

    `data.split.test` alone is set, to the rows that judge; `preset` is for the choice of recipes.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = _write_config(task, folder, preset=preset)
        task.test.to_csv(folder / "test.csv", index=False)
        options = TrainOptions(
            overrides=(f"data.split.test={folder / 'test.csv'}",), out=folder / "run"
        )
        metrics = train(config, options, QuietDisplay()).metrics
    return _figures(metrics, task)


def _write_config(task: Task, folder: Path, *, preset: Preset | None) -> Path:
    task.train.to_csv(folder / "train.csv", index=False)
    return init(folder / "train.csv", (task.target,), folder / "train.yaml", preset=preset)


def _figures(metrics: dict[str, Any], task: Task) -> dict[str, float]:
    (name,) = metrics["parts"]["test"]["targets"]
    scores = metrics["parts"]["test"]["targets"][name]
    if metrics["parts"]["test"]["rows"] != len(task.test):
        raise ValueError(f"{name}: not every test row was predicted")
    if task.is_classes:
        return {key: scores[key] for key in ("LogLoss", "Accuracy", "CalibrationError")}
    figures = {key: scores[key] for key in ("RootMeanSquaredError", "MeanAbsoluteError")}
    return figures | metrics.get("coverage", {}).get("targets", {}).get(name, {}).get(
        f"{LEVEL:g}", {}
    )
