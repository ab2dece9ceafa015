"""Runs as servers meet them, and an application that is asked without a socket."""

import asyncio
import csv
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from PIL import Image

from dlcli.commands.served_run import ServedRun
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.runs import RunFolder
from dlcli.serving.app import Limits, build_app
from dlcli.serving.counters import Counters

REPOSITORY = Path(__file__).parents[2]


def _train(folder: Path, values: dict[str, Any], *overrides: str) -> RunFolder:
    config = folder / f"{values['name']}.yaml"
    config.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    options = TrainOptions(overrides=overrides, out=folder / "run")
    return train(config, options, QuietDisplay()).run


@pytest.fixture(scope="session")
def mixed_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Every kind of column that a row can hold, with policies, and two targets."""
    folder = tmp_path_factory.mktemp("mixed")
    random = np.random.default_rng(1)
    rows = 80
    columns: dict[str, Any] = {
        "size": random.uniform(0, 10, rows).round(2).astype(str),
        "age": random.integers(1, 90, rows).astype(str),
        "colour": random.choice(["red", "green", "蓝"], rows),
        "new": random.choice(["yes", "no"], rows),
        "day": [f"2024-{month:02d}-11" for month in random.integers(1, 13, rows)],
        "note": random.choice(["good thing", "bad thing"], rows),
        "price": random.normal(50, 9, rows).round(2),
        "sold": random.choice(["ja", "nein"], rows),
    }
    columns["size"][::9] = ""
    columns["age"][::11] = ""
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    own = {
        "size": {"missing": "median"},
        "age": {"missing": "drop"},
        "note": {"type": "text", "length": 3},
    }
    layers = [
        {"Embedding": {"input_dim": 8, "output_dim": 2, "inputs": "note"}},
        {"GlobalAveragePooling1D": {"name": "words"}},
        {"Concatenate": {"inputs": ["features", "words"]}},
        {"Dense": {"units": 4, "activation": "relu", "name": "trunk"}},
        {"Dense": {"units": 1, "name": "price"}},
        {"Dense": {"units": 1, "activation": "sigmoid", "name": "sold", "inputs": "trunk"}},
    ]
    data = {"source": "table.csv", "target": ["price", "sold"], "columns": own, "scale": "standard"}
    data["split"] = {"test": 0.2, "validation": 0.3}
    return _train(folder, {"name": "mixed", "data": data, "layers": layers, "epochs": 2})


@pytest.fixture(scope="session")
def sequence_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Monthly passengers, for one epoch."""
    folder = tmp_path_factory.mktemp("sequence")
    overrides = ("epochs=1", "layers=[Flatten, {Dense: 1}]", "callbacks=[]")
    options = TrainOptions(overrides=overrides, out=folder / "run")
    return train(REPOSITORY / "configs" / "airpassengers.yaml", options, QuietDisplay()).run


@pytest.fixture(scope="session")
def image_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Dark and light squares."""
    folder = tmp_path_factory.mktemp("images")
    for label, level in (("dark", 40), ("light", 210)):
        (folder / "squares" / label).mkdir(parents=True)
        for number in range(6):
            square = Image.new("L", (6, 6), level + number)
            square.save(folder / "squares" / label / f"{number}.png")
    layers = ["Flatten", {"Dense": {"units": 1, "activation": "sigmoid"}}]
    data = {"source": "squares", "target": "class"}
    return _train(folder, {"name": "squares", "data": data, "layers": layers, "epochs": 1})


@pytest.fixture(scope="session")
def pictured_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Squares beside a number, whose price both decide."""
    folder = tmp_path_factory.mktemp("pictured")
    random = np.random.default_rng(2)
    lines = ["photo,size,price"]
    for number in range(40):
        level, size = int(random.integers(0, 255)), random.uniform(0, 10)
        Image.new("L", (6, 6), level).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{size:.2f},{level / 10 + size:.2f}")
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    layers = [
        {"Flatten": {"inputs": "photo", "name": "pixels"}},
        {"Concatenate": {"inputs": ["features", "pixels"]}},
        {"Dense": 1},
    ]
    columns = {"photo": {"type": "image"}}
    data = {"source": "table.csv", "target": "price", "columns": columns, "scale": "standard"}
    data["split"] = {"test": 0.2, "validation": 0.3}
    return _train(folder, {"name": "pictured", "data": data, "layers": layers, "epochs": 3})


class Asked:
    """An application and its counts; every call is a request of its own."""

    def __init__(self, run: RunFolder, *, token: str | None = None, most_bytes: int = 1 << 20):
        self.served = ServedRun.open(run)
        self.counters = Counters()
        limits = Limits(most_bytes=most_bytes, token=token)
        self.app = build_app(self.served, counters=self.counters, limits=limits)

    async def send(self, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        """Send requests at the same time."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://served") as client:
            calls = [client.request(method, path, **rest) for method, path, rest in requests]
            return list(await asyncio.gather(*calls))

    def get(self, path: str, **rest: Any) -> httpx.Response:
        return asyncio.run(self.send(("GET", path, rest)))[0]

    def post(self, *, query: str = "", **rest: Any) -> httpx.Response:
        return asyncio.run(self.send(("POST", f"/predict{query}", rest)))[0]

    def post_text(self, text: str | bytes, kind: str = "text/csv", **headers: str):
        return self.post(content=text, headers={"content-type": kind, **headers})


@pytest.fixture(scope="session")
def ask_run() -> type[Asked]:
    """Give what opens a run for requests."""
    return Asked


@pytest.fixture(scope="session")
def concrete(trained_run: RunFolder) -> Asked:
    return Asked(trained_run)


@pytest.fixture(scope="session")
def mixed(mixed_run: RunFolder) -> Asked:
    return Asked(mixed_run)
