"""Runs of every kind that a report shows, trained for two epochs on tables of a few rows."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.runs import RunFolder

HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><img src=x onerror=\"document.title='owned'\">",
    "a \"quoted\" & 'single' name",
    "温度 °C",
    "a_very_long_column_name_without_any_place_to_break_it_" * 3,
)
"""Column names that a page must show and not obey."""

Trainer = Callable[..., RunFolder]


@pytest.fixture(scope="session")
def train_table(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """Give a function that trains on columns and returns the run."""

    def run(
        name: str,
        columns: dict[str, Any],
        target: Any,
        layers: list[Any],
        *overrides: str,
        out: Path | None = None,
        **settings: Any,
    ) -> RunFolder:
        folder = tmp_path_factory.mktemp(name)
        with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        data = {
            "source": "table.csv",
            "target": target,
            "split": {"test": 0.3, "validation": 0.2},
            "scale": "standard",
            **settings,
        }
        values = {"name": name, "seed": 1, "data": data, "layers": layers, "epochs": 2}
        config = folder / f"{name}.yaml"
        config.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
        options = TrainOptions(overrides=overrides, out=out or folder / "run")
        return train(config, options, QuietDisplay()).run

    return run


def table(rows: int = 80) -> dict[str, Any]:
    """Return two number columns, one with a gap, and a category."""
    random = np.random.default_rng(5)
    gaps = random.normal(0, 1, rows).round(3).astype(str)
    gaps[::9] = ""
    return {
        "x": random.normal(0, 1, rows).round(3),
        "gaps": gaps,
        "colour": random.choice(["red", "green"], rows),
    }


@pytest.fixture(scope="session")
def binary_run(train_table: Trainer) -> RunFolder:
    columns = table()
    columns["sold"] = np.where(columns["x"] > 0.4, "yes", "no")
    layers = [{"Dense": {"units": 1, "activation": "sigmoid"}}]
    return train_table("binary", columns, "sold", layers, missing="median")


@pytest.fixture(scope="session")
def multiclass_run(train_table: Trainer) -> RunFolder:
    columns = table(120)
    columns["kind"] = np.array(["low", "middle", "high"])[np.digitize(columns["x"], [-0.4, 0.4])]
    layers = [{"Dense": {"units": 3, "activation": "softmax"}}]
    return train_table("multiclass", columns, "kind", layers, missing="drop")


@pytest.fixture(scope="session")
def two_outputs_run(train_table: Trainer) -> RunFolder:
    columns = table()
    columns["y"] = columns["x"] * 2 + 1
    columns["sold"] = np.where(columns["x"] > 0, "yes", "no")
    layers = [
        {"Dense": {"units": 4, "activation": "relu", "name": "trunk"}},
        {"Dense": {"units": 1, "name": "y"}},
        {"Dense": {"units": 1, "activation": "sigmoid", "name": "sold", "inputs": "trunk"}},
    ]
    return train_table("two_outputs", columns, ["y", "sold"], layers, missing="mean")


@pytest.fixture(scope="session")
def hostile_run(train_table: Trainer) -> RunFolder:
    random = np.random.default_rng(5)
    columns: dict[str, Any] = {name: random.normal(0, 1, 60).round(3) for name in HOSTILE}
    columns["<b>cells</b>"] = random.choice(
        ["</script><script>document.title='owned'</script>", "红"], 60
    )
    columns["</title>目标"] = random.choice(["<i>no</i>", "</script>", "是"], 60)
    layers = [{"Dense": {"units": 3, "activation": "softmax"}}]
    return train_table("hostile", columns, "</title>目标", layers)


@pytest.fixture(scope="session")
def wide_run(train_table: Trainer) -> RunFolder:
    """100 input columns and 200 classes."""
    random = np.random.default_rng(5)
    columns: dict[str, Any] = {f"column_{at:03d}": random.normal(0, 1, 600) for at in range(100)}
    columns["code"] = [f"class {at % 200}" for at in range(600)]
    layers = [{"Dense": {"units": 200, "activation": "softmax"}}]
    split = {"test": 200, "validation": 200, "stratify": True}
    return train_table("wide", columns, "code", layers, split=split)
