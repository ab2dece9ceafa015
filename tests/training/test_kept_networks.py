"""Compiled networks that are taken over train as if they had been compiled anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.commands.trials import TrialWork
from dlcli.data.dataset import prepare_dataset
from dlcli.engines import load_judge
from dlcli.spec.run import load_spec, resolve_objectives
from dlcli.training.job import JudgedNetwork, TrainingJob
from dlcli.training.kept_networks import KeptNetworks, key_of

CONFIG = """\
seed: 4
data: {source: t.csv, target: y, split: {validation: 0.3}}
layers:
  - Dense: {units: 8, activation: relu}
  - BatchNormalization
  - Dropout: 0.2
  - Dense: 1
metrics: [mae]
optimizer: {Adam: {learning_rate: 0.01}}
batch_size: 16
epochs: 12
callbacks:
  - ReduceLROnPlateau: {patience: 2}
  - EarlyStopping: {patience: 4, restore_best_weights: true}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    random = np.random.default_rng(0)
    rows = [f"{x:.4f},{np.sin(x):.4f}" for x in random.uniform(-3, 3, 90)]
    (folder / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    path = folder / "c.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


class Silent:
    def on_stage(self, text: str) -> None: ...

    def on_start(self, *, epochs: int) -> None: ...

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None: ...

    def should_stop(self) -> bool:
        return False


@pytest.fixture(scope="module")
def judge(config, tmp_path_factory) -> Any:
    """Judge the config with overrides, its table read once for each seed of the split."""
    folder = tmp_path_factory.mktemp("jobs")
    datasets = {
        seed: prepare_dataset(load_spec(config).data, folder=Path(), seed=seed) for seed in (4, 5)
    }

    def judged(networks: KeptNetworks, *overrides: str, split_seed: int = 4) -> JudgedNetwork:
        spec = load_spec(config, overrides)
        job = TrainingJob(
            spec=spec,
            dataset=datasets[split_seed],
            objectives=resolve_objectives(spec, {"y": None}),
            folder=folder,
        )
        return load_judge("local")(job, Silent(), parts=("validation",), networks=networks)

    return judged


def test_a_network_of_the_same_shape_trains_to_the_very_same_figures(judge):
    others = ("optimizer.Adam.learning_rate=0.02", "seed=5")
    fresh = judge(KeptNetworks(), *others)
    networks = KeptNetworks()
    first = judge(networks)
    second = judge(networks, *others)
    assert (fresh.reused, first.reused, second.reused) == (False, False, True)
    assert second.history == fresh.history
    assert second.evaluation == fresh.evaluation
    assert second.history != first.history
    # What is compiled once need not be compiled again.
    assert second.seconds["compile"] < 0.2 * fresh.seconds["compile"]
    assert judge(networks).history == first.history


def test_other_rows_of_the_same_shape_take_the_place_of_those_before(judge):
    fresh = judge(KeptNetworks(), split_seed=5)
    networks = KeptNetworks()
    first = judge(networks)
    second = judge(networks, split_seed=5)
    assert (first.reused, second.reused) == (False, True)
    assert second.history == fresh.history != first.history
    assert second.evaluation == fresh.evaluation


@pytest.mark.parametrize(
    ("override", "is_same"),
    [
        ("seed=9", True),
        ("epochs=7", True),
        ("optimizer.Adam.learning_rate=0.02", True),
        ("layers.0.Dense.units=9", False),
        ("layers.2.Dropout=0.3", False),
        ("batch_size=8", False),
        ("optimizer.Adam.beta_1=0.8", False),
        ("optimizer=SGD", False),
        ("loss=mae", False),
        ("callbacks.1.EarlyStopping.patience=3", False),
    ],
)
def test_what_is_compiled_in_is_compiled_anew(config, tmp_path, override, is_same):
    key = keys_of(config, tmp_path)
    assert (key(override) == key()) == is_same


def test_a_schedule_is_compiled_in(config, tmp_path):
    rate = (
        "optimizer.Adam.learning_rate={CosineDecay: {initial_learning_rate: 0.1, decay_steps: %d}}"
    )
    key = keys_of(config, tmp_path)
    assert key("callbacks=[]", rate % 9) != key("callbacks=[]", rate % 10)


def keys_of(config: Path, folder: Path) -> Callable[..., str]:
    """Return what makes the key of the config with overrides, over one reading of its data."""
    dataset = prepare_dataset(load_spec(config).data, folder=Path(), seed=4)

    def key(*overrides: str) -> str:
        spec = load_spec(config, overrides)
        objectives = resolve_objectives(spec, {"y": None})
        return key_of(TrainingJob(spec=spec, dataset=dataset, objectives=objectives, folder=folder))

    return key


def test_a_worker_takes_over_what_trials_before_have_compiled(config, tmp_path):
    swept = tmp_path / "config.yaml"
    text = config.read_text(encoding="utf-8").replace("t.csv", str(config.parent / "t.csv"))
    axes = "{optimizer.Adam.learning_rate: {log: [1e-3, 1e-1]}}"
    work = TrialWork(text=f"{text}sweep: {{axes: {axes}}}\n", file=str(swept))

    class Line:
        def tell(self, message: dict[str, Any]) -> None: ...

        def ask(self, message: dict[str, Any]) -> dict[str, Any]:
            return {}

        def is_stopped(self) -> bool:
            return False

    def trial(number: int, rate: float) -> dict[str, Any]:
        folder = tmp_path / f"{number}"
        point = {"optimizer.Adam.learning_rate": rate}
        return work.run({"point": point, "folder": str(folder), "rungs": []}, Line())

    done = [trial(number, rate) for number, rate in enumerate((0.01, 0.02, 0.03))]
    assert [each["state"] for each in done] == ["complete"] * 3
    assert [each["record"]["reused"] for each in done] == [False, True, True]
    # A trial's own config gives the trial's figure again.
    spec = load_spec(tmp_path / "2" / "config.yaml")
    assert spec.optimizer.arguments["learning_rate"] == 0.03
    job = TrainingJob(
        spec=spec,
        dataset=prepare_dataset(spec.data, folder=Path(), seed=spec.seed),
        objectives=resolve_objectives(spec, {"y": None}),
        folder=tmp_path,
    )
    again = load_judge("local")(job, Silent(), parts=("validation",), networks=KeptNetworks())
    assert again.evaluation["validation"]["loss"] == done[2]["figure"]
