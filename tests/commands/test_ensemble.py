"""`ensemble` of a training: one run of several networks, their mean and how far they are apart."""

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from dlcli.bundle.score import Scorer
from dlcli.cli import app
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import Interrupted, SpecError
from dlcli.runs import RunFolder
from dlcli.spec.run import load_spec
from dlcli.training import fit

CONFIG = """\
seed: 3
data:
  source: t.csv
  target: y
  drop: [kind]
  scale: standard
  target_scale: standard
  split: {test: 0.2, validation: 0.2, seed: 3}
layers: [{Dense: {units: 4, activation: relu}}, Dense: 1]
metrics: [mae]
batch_size: 16
epochs: 3
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ensemble")
    random = np.random.default_rng(1)
    kinds = ("even", "odd", "other")
    rows = [f"{x:.4f},{3 * x + 1:.4f},{kinds[int(x * 7) % 3]}" for x in random.normal(0, 1, 60)]
    (folder / "t.csv").write_text("\n".join(["x,y,kind", *rows]) + "\n", encoding="utf-8")
    path = folder / "c.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def run_of(config: Path, out: Path, *overrides: str, **options) -> RunFolder:
    asked = TrainOptions(out=out, overrides=overrides, **options)
    return train(config, asked, QuietDisplay()).run


@pytest.fixture(scope="module")
def run(config, tmp_path_factory) -> RunFolder:
    return run_of(config, tmp_path_factory.mktemp("runs") / "run", "ensemble=2")


def predicted(run: RunFolder) -> np.ndarray:
    with run.predictions.open(encoding="utf-8", newline="") as file:
        return np.array([float(row["predicted_y"]) for row in csv.DictReader(file)])


def test_the_run_predicts_the_mean_of_what_its_members_predict_alone(config, run, tmp_path):
    alone = [predicted(run_of(config, tmp_path / str(seed), f"seed={seed}")) for seed in (3, 4)]
    assert np.abs(alone[0] - alone[1]).max() > 0.1
    np.testing.assert_allclose(predicted(run), np.mean(alone, axis=0), rtol=1e-5, atol=1e-5)
    manifest = run.load_manifest()
    assert manifest["members"] == 2
    assert manifest["onnx"]["written"], manifest["onnx"]["reason"]
    figures = run.load_metrics()["parts"]["test"]
    errors = figures["targets"]["y"]["MeanSquaredError"]
    assert figures["keras"]["loss"] > 0
    assert errors == pytest.approx(np.mean((predicted(run) - _actual(run)) ** 2), rel=1e-5)


def _actual(run: RunFolder) -> np.ndarray:
    with run.predictions.open(encoding="utf-8", newline="") as file:
        return np.array([float(row["y"]) for row in csv.DictReader(file)])


def test_it_is_one_onnx_file_and_plain_keras_opens_its_network(run):
    rows = np.linspace(-2, 2, 7, dtype=np.float32)[:, None]
    (given,) = Scorer.open(run.onnx).predict({"features": rows}).values()
    assert given.shape == (7, 2, 1)
    model = keras.models.load_model(run.model)
    np.testing.assert_allclose(model(rows), given, rtol=1e-4, atol=1e-5)
    # Members lie in files of their own only while they train.
    assert not list(run.path.glob("member-*"))
    assert not run.resume.exists()


def test_predict_tells_how_far_the_members_are_apart_and_an_interval(config, run, tmp_path):
    out = tmp_path / "p.csv"
    data = str(config.with_name("t.csv"))
    arguments = ["predict", str(run.path), "--data", data, "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--spread", "--interval", "0.8"])
    assert result.exit_code == 0, result.output
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    spread = [float(row["spread_y"]) for row in rows]
    assert min(spread) >= 0 and max(spread) > 0.05
    lower = [name for name in rows[0] if name.startswith(("lower", "low"))]
    assert lower and all(float(row[lower[0]]) <= float(row["predicted_y"]) for row in rows)
    assert json.loads(run.metrics.read_text())["coverage"]["part"] == "test"


def test_members_may_leave_folds_out_and_classes_have_mean_probabilities(config, tmp_path):
    overrides = (
        "data.target=kind", "data.drop=[y]", "data.target_scale=none", "metrics=[accuracy]",
        "layers.1={Dense: {units: 3, activation: softmax}}",
        "ensemble={members: 2, vary: folds}", "data.split.validation=0",
    )  # fmt: skip
    run = run_of(config, tmp_path / "run", *overrides)
    manifest = run.load_manifest()
    assert (manifest["members"], manifest["epochs"]["done"]) == (2, 3)
    with run.history.open(encoding="utf-8", newline="") as file:
        assert "val_loss" in next(csv.reader(file))
    with run.predictions.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shares = [float(value) for name, value in row.items() if name.startswith("prob")]
            assert sum(shares) == pytest.approx(1, abs=1e-6)


def test_a_stopped_ensemble_goes_on_with_the_missing_members(config, run, tmp_path, monkeypatch):
    trained = []
    real = fit._train_network

    def network(job, *rest):
        if len(trained) == 1:
            raise KeyboardInterrupt
        trained.append(job)
        return real(job, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(fit, "_train_network", network)
        with pytest.raises(Interrupted):
            run_of(config, tmp_path / "run", "ensemble=2")
    again = []

    def counted(job, *rest):
        again.append(job.spec.seed)
        return real(job, *rest)

    monkeypatch.setattr(fit, "_train_network", counted)
    went_on = run_of(config, tmp_path / "run", "ensemble=2", resume=True)
    assert again == [4]
    np.testing.assert_array_equal(predicted(went_on), predicted(run))


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["ensemble=1"], "at least 2"),
        (["ensemble={member: 3}"], "did you mean 'members'?"),
        (["ensemble=2", "refit=true"], "ensemble and refit do not go together"),
        (
            ["ensemble=2", "layers=[{EnsembleDense: {units: 1, members: 3}}]"],
            "the network is an ensemble already",
        ),
    ],
)
def test_ensembles_that_cannot_be_are_refused(config, overrides, told):
    with pytest.raises(SpecError) as caught:
        load_spec(config, tuple(overrides))
    assert told in f"{caught.value.message}\n{caught.value.hint}"
