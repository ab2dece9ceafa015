"""Ensembles from the config to predictions: what is trained, judged, written and shown."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import dlcli
from dlcli.bundle.store import Bundle, open_scorer
from dlcli.cli import app
from dlcli.commands.export import export
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.data.readers import read_table
from dlcli.errors import RunError, UsageError
from dlcli.predictions import OutputReading, read_outputs
from dlcli.runs import RunFolder, load_json

MEMBERS = 4
TARGET = "compressive_strength"

PACKED = """
name: packed
seed: 3
data:
  source: {source}
  target: [compressive_strength]
  split: {{test: 200, validation: 100}}
  scale: {{robust: 3}}
  target_scale: standard
layers:
  - EnsembleDense: {{units: 16, members: 4, activation: silu}}
  - Dropout: 0.1
  - EnsembleDense: 1
metrics: [RootMeanSquaredError]
optimizer: {{Adam: 0.01}}
batch_size: 128
epochs: 6
callbacks: [EarlyStopping: {{patience: 3, restore_best_weights: true}}]
"""

KINDS = """
name: kinds
data: {source: kinds.csv, target: kind, split: {test: 60, validation: 60}, scale: standard}
layers:
  - EnsembleDense: {units: 8, members: 4, shared: true, activation: relu}
  - EnsembleDense: 3
loss: {SparseCategoricalCrossentropy: {from_logits: true}}
metrics: [accuracy]
class_weight: balanced
optimizer: {Adam: 0.01}
batch_size: 32
epochs: 5
"""


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def packed_run(tmp_path_factory: pytest.TempPathFactory, concrete_csv: Path) -> RunFolder:
    folder = tmp_path_factory.mktemp("packed")
    (folder / "packed.yaml").write_text(PACKED.format(source=concrete_csv), encoding="utf-8")
    return train(folder / "packed.yaml", TrainOptions(out=folder / "run"), QuietDisplay()).run


@pytest.fixture(scope="module")
def kinds_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(4)
    sizes = rng.uniform(0, 3, 300)
    kinds = np.array(["large", "middle", "small"])[np.minimum(sizes.astype(int), 2)]
    lines = [
        f"{s:.4f},{n:.4f},{k}" for s, n, k in zip(sizes, rng.normal(size=300), kinds, strict=True)
    ]
    (folder / "kinds.csv").write_text("\n".join(["size,noise,kind", *lines]), encoding="utf-8")
    (folder / "kinds.yaml").write_text(KINDS, encoding="utf-8")
    return train(folder / "kinds.yaml", TrainOptions(out=folder / "run"), QuietDisplay()).run


def outputs_of_keras(run: RunFolder, table: Path) -> tuple[Bundle, Any, Any]:
    """Return the bundle, the raw outputs of the loaded Keras model, and those of its ONNX file."""
    bundle = Bundle.load(run)
    read = read_table([table], bundle.preprocessing.read_options)
    inputs = bundle.preprocessing.apply(read, with_targets=False).inputs
    model = keras.models.load_model(run.model)
    (scored,) = open_scorer(run).predict(inputs).values()
    return bundle, np.asarray(model(inputs["features"]), np.float64), scored


def test_predictions_are_the_mean_of_the_members_in_the_targets_unit(
    packed_run: RunFolder, concrete_csv: Path, tmp_path: Path
) -> None:
    bundle, raw, scored = outputs_of_keras(packed_run, concrete_csv)
    assert raw.shape == (1030, MEMBERS, 1)
    np.testing.assert_allclose(scored, raw, atol=1e-4)
    each = bundle.preprocessing.restore_target(TARGET, raw[..., 0])
    out = tmp_path / "out.csv"
    arguments = ["predict", str(packed_run.path), "--data", str(concrete_csv), "--spread"]
    assert CliRunner().invoke(app, [*arguments, "--out", str(out)]).exit_code == 0
    predicted = rows_of(out)
    assert list(predicted[0])[-2:] == [f"predicted_{TARGET}", f"spread_{TARGET}"]
    means = [float(row[f"predicted_{TARGET}"]) for row in predicted]
    np.testing.assert_allclose(means, each.mean(axis=1), rtol=1e-4)
    spreads = [float(row[f"spread_{TARGET}"]) for row in predicted]
    np.testing.assert_allclose(spreads, each.std(axis=1), rtol=1e-3, atol=1e-4)
    assert min(spreads) > 0
    written = {row["row"]: row for row in rows_of(packed_run.predictions)}
    for row, values in written.items():
        assert float(values[f"predicted_{TARGET}"]) == pytest.approx(means[int(row) - 1], rel=1e-5)


def test_figures_and_what_is_watched_are_those_of_the_mean(packed_run: RunFolder) -> None:
    metrics = load_json(packed_run.metrics)["parts"]
    state = load_json(packed_run.preprocessing)["table"]["targets"][0]["scaler"]
    for part in ("validation", "test"):
        error = metrics[part]["targets"][TARGET]["RootMeanSquaredError"] / state["scale"]
        assert metrics[part]["keras"]["root_mean_squared_error"] == pytest.approx(error, rel=1e-4)
        assert metrics[part]["keras"]["loss"] == pytest.approx(error**2, rel=1e-4)
    watched = [float(row["val_loss"]) for row in rows_of(packed_run.history)]
    assert metrics["validation"]["keras"]["loss"] == pytest.approx(min(watched), rel=1e-3)


def test_the_record_tells_of_members(packed_run: RunFolder) -> None:
    assert packed_run.load_manifest()["members"] == MEMBERS
    assert packed_run.load_manifest()["training"]["path"] == "compiled"
    (output,) = load_json(packed_run.preprocessing)["outputs"]
    assert output["members"] == MEMBERS
    shown = CliRunner().invoke(app, ["summarize", str(packed_run.path)]).stdout
    assert "parameters of 4 members" in shown
    assert "(rows, 4, 16)" in CliRunner().invoke(app, ["summarize", str(packed_run.config)]).stdout


def test_probabilities_of_members_are_averaged(kinds_run: RunFolder, tmp_path: Path) -> None:
    table = kinds_run.path.parent / "kinds.csv"
    _, raw, scored = outputs_of_keras(kinds_run, table)
    np.testing.assert_allclose(scored, raw, atol=1e-4)
    exponents = np.exp(raw)
    each = exponents / exponents.sum(axis=-1, keepdims=True)
    run = dlcli.load(kinds_run.path)
    rows = rows_of(table)
    columns = {name: [float(row[name]) for row in rows] for name in ("size", "noise")}
    np.testing.assert_allclose(run.predict_proba(columns), each.mean(axis=1), atol=1e-5)
    chosen = each.mean(axis=1).argmax(axis=1)
    assert run.predict(columns).tolist() == [run.classes[code] for code in chosen]
    spread = each.std(axis=1)[np.arange(len(rows)), chosen]
    np.testing.assert_allclose(run.predict_spread(columns), spread, atol=1e-5)
    evaluated = run.evaluate({**columns, "kind": [row["kind"] for row in rows]})
    right = np.mean(
        [row["kind"] == run.classes[code] for row, code in zip(rows, chosen, strict=True)]
    )
    assert evaluated["targets"]["kind"]["Accuracy"] == pytest.approx(right)
    part = load_json(kinds_run.metrics)["parts"]["test"]
    assert part["keras"]["accuracy"] == pytest.approx(part["targets"]["kind"]["Accuracy"])


@pytest.mark.parametrize("kind", ["onnx", "saved_model"])
def test_files_of_other_runtimes_give_the_mean(
    kind: str, packed_run: RunFolder, tmp_path: Path
) -> None:
    # What is written is opened again, and held against the run.
    exported = export(str(packed_run.path), kind, tmp_path / f"packed.{kind}")
    assert exported.agreement is not None and exported.agreement.rows == 200
    assert exported.agreement.largest < 1e-3


def test_files_of_other_runtimes_give_mean_probabilities(
    kinds_run: RunFolder, tmp_path: Path
) -> None:
    for kind in ("onnx", "keras"):
        exported = export(str(kinds_run.path), kind, tmp_path / f"kinds.{kind}")
        assert exported.agreement is not None and exported.agreement.largest < 1e-3


def test_c_files_do_not_average_members(packed_run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="whose members C files do not average"):
        export(str(packed_run.path), "c", tmp_path / "packed.c")


def test_runs_of_members_are_compared_with_others(
    packed_run: RunFolder, trained_run: RunFolder
) -> None:
    result = CliRunner().invoke(app, ["compare", str(packed_run.path), str(trained_run.path)])
    assert result.exit_code == 0, result.output
    assert packed_run.report.is_file()


def test_spread_is_asked_of_ensembles_alone(trained_run: RunFolder, concrete_csv: Path) -> None:
    arguments = ["predict", str(trained_run.path), "--data", str(concrete_csv), "--spread"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "has no members whose predictions could be apart" in result.output
    with pytest.raises(UsageError, match="it is one network"):
        dlcli.load(trained_run.path).predict_spread(concrete_csv)


def test_outputs_of_other_members_are_refused(packed_run: RunFolder) -> None:
    preprocessing = Bundle.load(packed_run).preprocessing
    reading = OutputReading(output="y", targets=(TARGET,), task="regression", members=3)
    with pytest.raises(RunError, match=r"has the shape \[2, 4, 1\], and preprocessing.json says"):
        read_outputs({"y": np.zeros((2, 4, 1))}, (reading,), preprocessing)


STEPS = """
data:
  source: steps.csv
  target: level
  window: {time: day, length: 6, horizon: 3}
  split: {test: 20, validation: 20}
  scale: standard
  target_scale: standard
layers: [Flatten, EnsembleDense: {units: 5, members: 2, activation: tanh}, EnsembleDense: 3]
epochs: 2
"""


def test_several_steps_of_members_are_averaged(tmp_path: Path) -> None:
    level = np.sin(np.arange(120) / 5).round(4)
    lines = [f"{np.datetime64('2024-01-01') + day},{each}" for day, each in enumerate(level)]
    (tmp_path / "steps.csv").write_text("\n".join(["day,level", *lines]), encoding="utf-8")
    (tmp_path / "steps.yaml").write_text(STEPS, encoding="utf-8")
    run = train(tmp_path / "steps.yaml", TrainOptions(out=tmp_path / "run"), QuietDisplay()).run
    out = tmp_path / "out.csv"
    data = ["--data", str(tmp_path / "steps.csv"), "--out", str(out)]
    result = CliRunner().invoke(app, ["predict", str(run.path), *data, "--latest", "--spread"])
    assert result.exit_code == 0, result.output
    rows = rows_of(out)
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert all(float(row["spread_level"]) > 0 for row in rows)
    part = load_json(run.metrics)["parts"]["test"]
    scale = load_json(run.preprocessing)["table"]["targets"][0]["scaler"]["scale"]
    error = part["targets"]["level"]["MeanSquaredError"] / scale**2
    assert part["keras"]["loss"] == pytest.approx(error, rel=1e-4)


ON_JAX = """
import sys
import numpy as np
import dlcli
rng = np.random.default_rng(0)
size = 240
table = {
    "number": rng.normal(size=size),
    "colour": rng.choice(["red", "green", "blue"], size),
    "shape": rng.choice(["round", "long"], size),
}
table["kind"] = np.where(table["number"] + (table["colour"] == "red") > 0.5, "yes", "no")
config = {
    "backend": "jax",
    "data": {
        "source": "memory:", "target": "kind", "unseen": "ignore", "scale": {"robust": 3},
        "columns": {"colour": {"encode": "ordinal"}, "shape": {"encode": "ordinal"}},
        "split": {"test": 40, "validation": 40},
    },
    "layers": [
        {"CategoryEmbedding": {"units": 3, "inputs": ["colour", "shape"], "name": "looks"}},
        {"Concatenate": {"inputs": ["features", "looks"]}},
        {"EnsembleDense": {"units": 8, "members": 3, "activation": "relu"}},
        {"EnsembleDense": 2},
    ],
    "loss": {"SmoothedSparseCategoricalCrossentropy": {"from_logits": True}},
    "metrics": ["accuracy"], "class_weight": "balanced",
    "optimizer": {"Adam": 0.05}, "epochs": 6, "refit": True,
}
run = dlcli.train(config, table, out=sys.argv[1])
assert run.manifest["training"]["path"] == "compiled", run.manifest["training"]
assert run.manifest["onnx"]["written"] and run.manifest["onnx"]["writer"] == "dlcli"
assert run.manifest["refit"]["chosen_of"] == 6
part = run.metrics["parts"]["test"]
assert np.isclose(part["keras"]["accuracy"], part["targets"]["kind"]["Accuracy"])
assert part["targets"]["kind"]["Accuracy"] > 0.8, part["targets"]["kind"]
assert run.predict_spread(table).shape == (size,)
assert "tensorflow" not in sys.modules
"""


@pytest.mark.jax
def test_all_of_it_trains_on_jax(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    finished = subprocess.run(
        [sys.executable, "-c", ON_JAX, tmp_path / "run"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(dlcli.__file__).parents[1])},
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
