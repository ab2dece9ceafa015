"""A number of epochs chosen on the validation part, and a training on all rows for as many."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.bundle.score import Scorer
from dlcli.commands.refitting import _last_within
from dlcli.commands.summarize import run_text
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.runs import RunFolder, load_json

CONFIG = """
name: again
seed: 5
data:
  source: {source}
  target: compressive_strength
  split: {{test: 200, validation: 200}}
  scale: standard
  target_scale: standard
layers: [EnsembleDense: {{units: 64, activation: relu, members: 2}}, EnsembleDense: 1]
optimizer: {{Adam: 0.05}}
batch_size: 64
epochs: 40
baselines: [linear]
callbacks: [EarlyStopping: {{patience: 4, restore_best_weights: true}}]
refit: true
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, concrete_csv: Path) -> Path:
    path = tmp_path_factory.mktemp("refit") / "again.yaml"
    path.write_text(CONFIG.format(source=concrete_csv), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(config: Path) -> RunFolder:
    return train(config, TrainOptions(out=config.parent / "run"), QuietDisplay()).run


def epochs_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_all_rows_train_for_the_epochs_that_were_best(run: RunFolder) -> None:
    chosen = epochs_of(run.selection)
    losses = [float(row["val_loss"]) for row in chosen]
    best = int(np.argmin(losses)) + 1
    assert best < len(losses) == best + 4  # the patience of EarlyStopping
    record = run.load_manifest()["refit"]
    assert record == {"epochs": best, "chosen_of": len(losses), "rows": 830}
    again = epochs_of(run.history)
    assert len(again) == best
    assert "val_loss" not in again[0]
    assert f"on all 830 training and validation rows, for the {best} epochs" in run_text(run)


def test_the_network_is_the_one_that_a_plain_training_of_all_rows_gives(
    run: RunFolder, config: Path, tmp_path: Path
) -> None:
    # A validation part of its own changes neither the test rows nor the order of the others.
    best = run.load_manifest()["refit"]["epochs"]
    first = train(
        config, TrainOptions(out=tmp_path / "a", overrides=("refit=false",)), QuietDisplay()
    )
    chosen, plain = epochs_of(run.selection), epochs_of(first.run.history)
    assert chosen == plain
    metrics, before = load_json(run.metrics)["parts"], load_json(first.run.metrics)["parts"]
    # What judges the choice did not see these rows; the network that is kept did.
    assert metrics["validation"]["targets"] == before["validation"]["targets"]
    assert metrics["test"]["targets"] != before["test"]["targets"]
    assert best == len(epochs_of(run.history))


def test_the_same_config_refits_to_the_same_network(run: RunFolder, tmp_path: Path) -> None:
    again = train(run.config, TrainOptions(out=tmp_path / "run"), QuietDisplay()).run
    assert again.onnx.read_bytes() == run.onnx.read_bytes()
    assert again.selection.read_bytes() == run.selection.read_bytes()


def test_the_written_network_is_the_refitted_one(run: RunFolder) -> None:
    tested = epochs_of(run.predictions)
    figures = load_json(run.metrics)["parts"]["test"]["targets"]["compressive_strength"]
    actual, predicted = (
        np.array([float(row[name]) for row in tested])
        for name in ("compressive_strength", "predicted_compressive_strength")
    )
    error = float(np.sqrt(np.mean((actual - predicted) ** 2)))
    assert error == pytest.approx(figures["RootMeanSquaredError"], rel=1e-6)
    assert Scorer.open(run.onnx).outputs
    # Baselines saw as many rows, so that none of them is judged by the validation part.
    assert set(load_json(run.metrics)["baselines"]["linear"]) == {"test"}


class _StopsInEpoch(QuietDisplay):
    """Asks for an end after some epochs of one of the trainings."""

    def __init__(self, training: int, epochs: int) -> None:
        self.trainings, self.epochs = 0, 0
        self.training, self.at = training, epochs

    def on_start(self, *, epochs: int) -> None:
        self.trainings += 1
        self.epochs = 0

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        self.epochs += 1

    def should_stop(self) -> bool:
        return self.trainings == self.training and self.epochs >= self.at


@pytest.mark.parametrize("training", [1, 2])
def test_what_was_cut_off_goes_on_where_it_was(
    training: int, run: RunFolder, config: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    # A call of several epochs would pass the end that is asked for.
    monkeypatch.setattr("dlcli.training.epochs.MAX_EPOCHS_PER_CALL", 1)
    out = tmp_path / "run"
    cut = train(config, TrainOptions(out=out), _StopsInEpoch(training, 2))
    assert cut.interrupted
    assert (cut.manifest["refit"] is None) == (training == 1)
    resumed = train(config, TrainOptions(out=out, resume=True), QuietDisplay()).run
    assert resumed.load_manifest()["refit"] == run.load_manifest()["refit"]
    assert resumed.onnx.read_bytes() == run.onnx.read_bytes()
    assert epochs_of(resumed.selection) == epochs_of(run.selection)
    assert resumed.calibration.read_bytes() == run.calibration.read_bytes()


def test_a_refit_of_all_epochs_chooses_none(config: Path, tmp_path: Path) -> None:
    overrides = ("callbacks=[]", "epochs=6", "refit={epochs: all}")
    run = train(config, TrainOptions(out=tmp_path / "run", overrides=overrides), QuietDisplay()).run
    assert run.load_manifest()["refit"] == {"epochs": 6, "chosen_of": None, "rows": 830}
    assert len(epochs_of(run.selection)) == len(epochs_of(run.history)) == 6
    assert "on all 830 training and validation rows, for all 6 epochs" in run_text(run)
    written = run.config.read_text(encoding="utf-8")
    assert "refit: {epochs: all" in written


@pytest.mark.parametrize(("tolerance", "epochs"), [(0.0, 3), (0.1, 5), (0.35, 6), (9.0, 7)])
def test_a_later_epoch_may_be_nearly_as_good(tolerance: float, epochs: int) -> None:
    losses = (5.0, 2.0, 1.0, 1.2, 1.1, 1.3, 1.5)
    assert _last_within(tolerance, [{"val_loss": loss} for loss in losses]) == epochs
    assert _last_within(tolerance, [{"val_loss": -loss} for loss in losses]) == 1


def test_a_tolerance_takes_the_last_epoch_that_is_near_the_best(
    config: Path, tmp_path: Path
) -> None:
    overrides = ("callbacks=[]", "epochs=12", "refit={tolerance: 100}")
    run = train(config, TrainOptions(out=tmp_path / "run", overrides=overrides), QuietDisplay()).run
    assert run.load_manifest()["refit"] == {"epochs": 12, "chosen_of": 12, "rows": 830}


def test_a_shortened_schedule_has_ended_with_the_refit(config: Path, tmp_path: Path) -> None:
    rate = "{CosineDecay: {initial_learning_rate: 0.05, decay_steps: 10 epochs}}"
    chosen = ("callbacks=[]", "epochs=10", f"optimizer={{Adam: {{learning_rate: {rate}}}}}")
    ended = {}
    for schedule in ("keep", "shorten"):
        overrides = (*chosen, f"refit={{schedule: {schedule}}}")
        options = TrainOptions(out=tmp_path / schedule, overrides=overrides)
        run = train(config, options, QuietDisplay()).run
        epochs = run.load_manifest()["refit"]["epochs"]
        assert epochs < 10, "the data should be such that the best epoch is not the last"
        ended[schedule] = float(epochs_of(run.history)[-1]["learning_rate"])
        first = [float(row["learning_rate"]) for row in epochs_of(run.selection)]
        assert first[-1] < 0.001 < first[0]
    assert ended["shorten"] < 0.001 < ended["keep"]


def test_without_early_stopping_the_lowest_loss_chooses(config: Path, tmp_path: Path) -> None:
    options = TrainOptions(out=tmp_path / "run", overrides=("callbacks=[]", "epochs=12"))
    run = train(config, options, QuietDisplay()).run
    losses = [float(row["val_loss"]) for row in epochs_of(run.selection)]
    assert len(losses) == 12
    assert run.load_manifest()["refit"]["epochs"] == int(np.argmin(losses)) + 1
