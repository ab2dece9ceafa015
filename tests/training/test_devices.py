"""One network on two devices, in a process that has two; and what trains several networks, on JAX.

The tests run in a process of each backend, whose CPU stands for two devices.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.model.keras_import import load_keras

BACKEND = os.environ.get("DLCLI_TEST_DEVICES")
FLAGS = {
    "jax": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
    "tensorflow": "",
}
inside = pytest.mark.skipif(BACKEND is None, reason="in a process with two devices")
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="asked of JAX")
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="asked of TensorFlow")

if BACKEND == "tensorflow":
    load_keras("tensorflow")
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )

CONFIG = f"""\
name: shared
seed: 3
backend: {BACKEND}
data: {{source: t.csv, target: y, scale: standard, split: {{test: 0.2, validation: 0.2}}}}
layers: LAYERS
metrics: [mae]
optimizer: {{Adam: {{learning_rate: 0.01}}}}
batch_size: 16
epochs: 8
"""
PLAIN = "[{Dense: {units: 8, activation: relu, name: hidden}}, Dense: 1]"
RANDOM = (
    "[{Dense: {units: 8, activation: relu}}, BatchNormalization: {}, Dropout: 0.2, Dense: 1]\n"
    "callbacks: [EarlyStopping: {patience: 2, restore_best_weights: true}]"
)


@pytest.mark.slow
@pytest.mark.skipif(BACKEND is not None, reason="in a process without other devices")
@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.jax)])
def test_all_of_this_holds_where_there_are_two_devices(backend: str) -> None:
    pytest.importorskip(backend)
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__],
        env=os.environ | {"DLCLI_TEST_DEVICES": backend, "XLA_FLAGS": FLAGS[backend]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-4000:]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a config beside its table of `rows` rows, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    # Keras's own fit on TensorFlow tells of what it does with iterators.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")

    def written(layers: str = PLAIN, more: str = "", *, rows: int = 160) -> str:
        random = np.random.default_rng(1)
        lines = [f"{x:.4f},{3 * x + 1:.4f}" for x in random.normal(0, 1, rows)]
        Path("t.csv").write_text("\n".join(["x,y", *lines]) + "\n", encoding="utf-8")
        Path("c.yaml").write_text(CONFIG.replace("LAYERS", layers) + more, encoding="utf-8")
        return "c.yaml"

    return written


def _run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


def _history(run: str) -> list[dict[str, float]]:
    with Path(run, "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(value) for name, value in row.items()} for row in rows]


def _load(run: str, name: str) -> Any:
    return json.loads(Path(run, name).read_text(encoding="utf-8"))


def _close(config: str) -> None:
    _run("train", config, "--quiet", "--out", "two", "--devices", "all")
    _run("train", config, "--quiet", "--out", "one")
    two, one = _history("two"), _history("one")
    assert len(two) == len(one)
    for each, other in zip(two, one, strict=True):
        assert each == pytest.approx(other, rel=2e-4, abs=1e-6)
    figures = [_load(run, "metrics.json")["parts"]["test"]["keras"] for run in ("two", "one")]
    assert figures[0] == pytest.approx(figures[1], rel=2e-4)


@inside
@on_jax
@pytest.mark.parametrize("layers", [PLAIN, RANDOM])
def test_shards_of_rows_on_two_devices_train_what_one_trains(
    write: Any, layers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_keras("jax")
    import dlcli.training.epochs_jax as module

    placed = []
    real = module.to_devices
    monkeypatch.setattr(
        module, "to_devices", lambda *given: placed.append(real(*given)) or placed[-1]
    )
    _close(write(layers, rows=171))
    # 101 training rows: the last batch, of five, cannot be shared, nor can the rows be halved.
    shards = {tuple(each.data.shape for each in array.addressable_shards) for array in placed}
    assert ((51, 1), (51, 1)) in shards
    assert _load("two", "manifest.json")["training"]["path"] == "compiled"


@inside
@on_tensorflow
def test_mirrored_devices_train_what_one_trains(write: Any) -> None:
    stops = "callbacks: [EarlyStopping: {patience: 3, restore_best_weights: true}]\n"
    _close(write(PLAIN, stops))
    training = _load("two", "manifest.json")["training"]
    assert training["path"] == "keras"
    assert "MirroredStrategy" in training["reason"]


@inside
def test_more_devices_than_there_are_are_refused(write: Any) -> None:
    told = _run("train", write(), "--devices", "4", code=2)
    assert f"4 devices are to share every batch, and {BACKEND} finds 2: " in told


@inside
@on_jax
def test_what_acts_at_every_batch_is_refused_on_several_devices(write: Any) -> None:
    often = "callbacks: [ModelCheckpoint: {filepath: m.keras, save_freq: 3}]\n"
    told = _run("train", write(PLAIN, often), "--devices", "2", code=5)
    assert "several devices train compiled epochs alone, and callback ModelCheckpoint" in told
    told = _run("train", write(), "--devices", "2", "--memory-budget", "1KB", code=5)
    assert "the data are larger than the memory budget" in told


@inside
@on_jax
def test_a_sweep_on_jax_tries_its_points_and_refits_the_best(write: Any) -> None:
    axes = "{layers.hidden.units: [2, 8], optimizer.Adam.learning_rate: [0.001, 0.03]}"
    config = write(PLAIN, f"sweep: {{axes: {axes}, sampler: grid, workers: 0}}\n")
    found = json.loads(_run("sweep", config, "--json", "--quiet"))
    assert [trial["state"] for trial in found["trials"]] == ["complete"] * 4
    assert [trial["reused"] for trial in found["trials"]] == [False, True, False, True]
    reached = _load(found["best"]["run"], "metrics.json")["parts"]["validation"]["keras"]["loss"]
    assert reached == pytest.approx(found["best"]["figure"], rel=1e-5)


@inside
@on_jax
def test_folds_on_jax_predict_every_row_once(write: Any) -> None:
    _run("train", write(PLAIN, "folds: 3\n"), "--quiet", "--out", "run")
    folds = _load("run", "metrics.json")["folds"]
    assert len(folds["folds"]) == 3
    assert folds["targets"]["y"]["RootMeanSquaredError"]["deviation"] > 0
    with Path("run", "out_of_fold.csv").open(encoding="utf-8") as file:
        rows = [row["row"] for row in csv.DictReader(file)]
    assert len(rows) == len(set(rows)) == 128


@inside
@on_jax
def test_an_ensemble_on_jax_predicts_with_all_members(write: Any) -> None:
    _run("train", write(PLAIN, "ensemble: 2\n"), "--quiet", "--out", "run")
    _run(*("predict", "run", "--data", "t.csv", "--spread", "--out", "p.csv"))
    with Path("p.csv").open(encoding="utf-8") as file:
        spreads = [float(row["spread_y"]) for row in csv.DictReader(file)]
    assert min(spreads) >= 0
    assert max(spreads) > 0
