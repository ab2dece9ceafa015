"""Runs whose rows are read from disk train, stop, go on and are judged like any other."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.commands import evaluate_files
from dlcli.commands.evaluate import evaluate
from dlcli.commands.find_lr import RateOptions, find_lr
from dlcli.commands.predict import predict
from dlcli.commands.reproduce import ReproduceOptions, reproduce
from dlcli.commands.summarize import run_text
from dlcli.commands.train import TrainedRun, TrainOptions, train
from dlcli.commands.validate import validate
from dlcli.console import QuietDisplay
from dlcli.data.large import deciding
from dlcli.data.readers import read_blocks
from dlcli.errors import Interrupted
from dlcli.runs import RunFolder

ROWS = 3000
BUDGET = 60_000

CONFIG = """\
name: large
seed: 3
data:
  source: table.csv
  target: y
  split: {test: 0.2, validation: 0.1}
  scale: standard
  target_scale: standard
  missing: median
layers:
  - Dense: {units: 8, activation: relu}
  - Dropout: 0.1
  - Dense: 1
metrics: [mae]
optimizer: {Adam: 0.01}
batch_size: 32
epochs: 6
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    random = np.random.default_rng(0)
    lines = ["a,b,job,y"]
    for row in range(ROWS):
        a, b = random.normal(), "" if row % 50 == 0 else int(random.integers(0, 100))
        job = random.integers(0, 3)
        lines.append(f"{a:.4f},{b},{'xyz'[job]},{2 * a + job + random.normal() / 10:.4f}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "large.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def trained(config: Path, out: Path, *overrides: str, **options: Any) -> TrainedRun:
    given = {"memory_budget_bytes": BUDGET, **options}
    return train(config, TrainOptions(overrides=overrides, out=out, **given), QuietDisplay())


def weights_of(run: RunFolder) -> list[np.ndarray]:
    from dlcli.model.keras_import import load_keras

    keras: Any = load_keras("tensorflow")
    weights: list[np.ndarray] = keras.models.load_model(run.model).get_weights()
    return weights


@pytest.fixture(scope="module")
def run(config: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return trained(config, tmp_path_factory.mktemp("runs") / "large")


def test_a_run_says_that_and_why_its_rows_were_read_from_disk(run: TrainedRun) -> None:
    record = run.manifest["data"]["from_disk"]
    assert record["budget_bytes"] == BUDGET
    assert record["needed_bytes"] > BUDGET
    assert run.manifest["training"]["blocks"] > 3
    assert run.manifest["data"]["split"]["sizes"]["train"] == 2100
    (line,) = [line for line in run_text(run.run).splitlines() if line.startswith("from disk")]
    assert "over the memory budget of 60.0 KB" in line
    assert line.endswith("figures are of 256 training rows of 2,100")
    assert "Read from disk: the data take about" in run.run.report.read_text(encoding="utf-8")
    assert not [path for path in run.run.path.iterdir() if path.is_dir()]


def test_it_learns_as_in_memory_and_is_judged_on_the_same_rows(
    run: TrainedRun, config: Path, tmp_path: Path
) -> None:
    whole = trained(config, tmp_path / "whole", memory_budget_bytes=None)
    assert "from_disk" not in whole.manifest["data"]
    assert whole.manifest["data"]["split"] == run.manifest["data"]["split"]
    assert whole.manifest["data"]["counts"] == run.manifest["data"]["counts"]
    assert run.metrics["parts"]["test"]["rows"] == 600
    errors = [
        each.metrics["parts"]["test"]["targets"]["y"]["RootMeanSquaredError"]
        for each in (run, whole)
    ]
    assert errors[0] < 0.5
    assert errors[0] == pytest.approx(errors[1], abs=0.15)
    rows = [
        [line.partition(",")[0] for line in each.run.predictions.read_text().splitlines()]
        for each in (run, whole)
    ]
    assert rows[0] == rows[1]
    assert set(run.metrics["baselines"]) == {"mean", "linear"}
    assert run.metrics["coverage"]["part"] == "test"


def test_the_same_seed_gives_the_same_weights(
    run: TrainedRun, config: Path, tmp_path: Path
) -> None:
    again = trained(config, tmp_path / "again")
    for one, other in zip(weights_of(run.run), weights_of(again.run), strict=True):
        np.testing.assert_array_equal(one, other)
    assert reproduce(
        str(run.run.path), ReproduceOptions(out=tmp_path / "third"), QuietDisplay()
    ).reproduction.is_reproduced


class StopsAfter(QuietDisplay):
    """Asks for an end after so many epochs."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.left = epochs

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        self.left -= 1

    def should_stop(self) -> bool:
        return self.left <= 0


def test_a_training_that_was_cut_off_goes_on(run: TrainedRun, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut"
    options = TrainOptions(out=out, memory_budget_bytes=BUDGET)
    cut = train(config, options, StopsAfter(2))
    assert cut.interrupted
    assert not (out / "rows").exists()
    done = train(
        config, TrainOptions(out=out, memory_budget_bytes=BUDGET, resume=True), QuietDisplay()
    )
    assert done.manifest["training"]["went_on_after"] == 2
    for one, other in zip(weights_of(run.run), weights_of(done.run), strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_is_left_of_a_training_that_fails(config: Path, tmp_path: Path) -> None:
    class Breaks(QuietDisplay):
        def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        train(config, TrainOptions(out=tmp_path / "run", memory_budget_bytes=BUDGET), Breaks())
    assert not list(tmp_path.rglob("*.raw"))


def test_its_run_evaluates_and_predicts(
    run: TrainedRun, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = config.parent / "table.csv"
    path = str(run.run.path)
    assert evaluate(path).rows == 600
    whole = evaluate(path, (table, table_of_half(table, tmp_path)))
    assert whole.rows == ROWS * 3 // 2
    monkeypatch.setattr(evaluate_files, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(
        evaluate_files, "read_blocks", lambda file, options: read_blocks(file, options, rows=700)
    )
    blocks = evaluate(path, (table, table_of_half(table, tmp_path)))
    assert blocks.to_json()["counts"] == whole.to_json()["counts"]
    assert blocks.coverage == whole.coverage
    assert blocks.targets["y"] == pytest.approx(whole.targets["y"], rel=1e-6)
    predict(path, table, tmp_path / "out.csv")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == ROWS + 1


def table_of_half(table: Path, folder: Path) -> Path:
    """Return a file with the first half of the rows."""
    path = folder / "half.csv"
    lines = table.read_text(encoding="utf-8").splitlines()[: ROWS // 2 + 1]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_classes_with_weights_train_from_disk(config: Path, tmp_path: Path) -> None:
    done = trained(
        config,
        tmp_path / "classes",
        "data.target=job",
        "data.target_scale=none",
        "layers.2.Dense={units: 3, activation: softmax}",
        "class_weight=balanced",
        "metrics=[accuracy]",
        "epochs=2",
    )
    counts = json.loads(done.run.preprocessing.read_text())["table"]["targets"][0]["counts"]
    assert sum(counts) == done.manifest["data"]["split"]["sizes"]["train"]
    assert done.metrics["parts"]["test"]["targets"]["job"]["Accuracy"] > 0.3


def test_members_of_an_ensemble_train_from_disk(
    run: TrainedRun, config: Path, tmp_path: Path
) -> None:
    together = trained(config, tmp_path / "together", "ensemble=2")
    assert together.manifest["data"]["from_disk"]["budget_bytes"] == BUDGET
    assert together.manifest["training"]["blocks"] > 3
    (line,) = [line for line in run_text(together.run).splitlines() if "parameters of" in line]
    assert line.endswith("of 2 members")
    first = weights_of(together.run)[: len(weights_of(run.run))]
    for one, other in zip(first, weights_of(run.run), strict=True):
        np.testing.assert_array_equal(one, other)  # the first member has the run's own seed


def test_find_lr_tries_rates_on_a_sample_of_large_data(config: Path) -> None:
    options = RateOptions(steps=40, memory_budget_bytes=BUDGET)
    found = find_lr(config, options, QuietDisplay())
    assert found.suggestion is not None
    assert found.sampled == (256, 2100)
    assert "sample            256 of 2,100 training rows" in found.to_text()
    assert not (config.parent / "rows").exists()


def test_validate_reads_large_data_from_disk_too(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "available_bytes", lambda: ROWS * 50)
    (checked,) = validate((config,), with_data=True)
    assert checked.error is None
    assert checked.rows == {"train": 2100, "validation": 300, "test": 600}


def test_what_keeps_data_over_the_budget_in_memory_is_told(config: Path, tmp_path: Path) -> None:
    done = trained(config, tmp_path / "folds", "folds=2", "epochs=1")
    assert "from_disk" not in done.manifest["data"]
    (warning,) = [text for text in done.manifest["data"]["warnings"] if "budget" in text]
    assert warning.endswith("all the same: folds read the table anew for every network")


@pytest.mark.jax
def test_jax_trains_from_disk(config: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from dlcli.commands.train import TrainOptions, train\n"
        "from dlcli.console import QuietDisplay\n"
        f"options = TrainOptions(overrides=('epochs=1', 'shuffle=false'), backend='jax', "
        f"out=Path({str(tmp_path / 'jax')!r}), memory_budget_bytes={BUDGET})\n"
        f"run = train(Path({str(config)!r}), options, QuietDisplay()).run\n"
        "training = run.load_manifest()['training']\n"
        "print(training['path'], training['blocks'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    path, blocks = done.stdout.split()
    assert (path, int(blocks) > 3) == ("compiled", True)
