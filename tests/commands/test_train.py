import csv
import json

import numpy as np
import pytest

from dlcli.commands.evaluate import evaluate
from dlcli.commands.predict import predict
from dlcli.commands.summarize import run_text
from dlcli.commands.train import TrainOptions, train, train_all
from dlcli.console import QuietDisplay
from dlcli.errors import SpecError, UsageError

NET = """
data: {{source: {source}, target: compressive_strength}}
layers: [Dense: 1]
epochs: 1
"""


@pytest.fixture
def configs(tmp_path, concrete_csv, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = []
    for name in ("first", "second"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(NET.format(source=concrete_csv), encoding="utf-8")
        paths.append(path)
    return paths


def test_several_configs_train_in_one_process(configs):
    runs = [trained.run for trained in train_all(configs, TrainOptions(), QuietDisplay)]
    assert [run.path.as_posix() for run in runs] == ["runs/first/001", "runs/second/001"]


def test_a_mistake_in_one_config_is_told_before_any_trains(configs, tmp_path):
    configs[1].write_text("data: {}", encoding="utf-8")
    with pytest.raises(SpecError):
        list(train_all(configs, TrainOptions(), QuietDisplay))
    assert not (tmp_path / "runs").exists()


def test_two_backends_in_one_command_are_refused(configs):
    text = configs[1].read_text(encoding="utf-8")
    configs[1].write_text(text + "backend: jax\n", encoding="utf-8")
    with pytest.raises(UsageError, match="one backend a process"):
        list(train_all(configs, TrainOptions(), QuietDisplay))


def test_runs_are_numbered(configs):
    numbers = [
        trained.run.path.name
        for _ in range(2)
        for trained in train_all(configs[:1], TrainOptions(), QuietDisplay)
    ]
    assert numbers == ["001", "002"]


def test_watching_the_test_part_is_recorded_and_told(configs):
    options = TrainOptions(overrides=("data.split.validation=test",))
    (trained,) = train_all(configs[:1], options, QuietDisplay)
    assert trained.run.load_manifest()["data"]["validation_is_test"] is True
    assert "not an independent test" in run_text(trained.run)


def test_metrics_are_json_without_nan(trained_run):
    text = trained_run.metrics.read_text(encoding="utf-8")
    metrics = json.loads(text, parse_constant=pytest.fail)
    assert set(metrics["parts"]) == {"train", "validation", "test"}
    assert set(metrics["baselines"]) == {"mean", "linear"}


RARE = """
data: {{source: rare.csv, target: rare, split: {{test: 150, validation: 150, stratify: true}}}}
layers: [Dense: {{units: 1, activation: sigmoid}}]
{more}
epochs: 20
"""


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    """Write a config for 600 rows of which one in twelve is rare, and hard to tell."""
    folder = tmp_path_factory.mktemp("rare")
    random = np.random.default_rng(5)
    signal = random.normal(size=(600, 2))
    is_rare = signal.sum(axis=1) + random.normal(size=600) > 2.4
    with (folder / "rare.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "rare"])
        writer.writerows((*row, int(kind)) for row, kind in zip(signal, is_rare, strict=True))

    def write(name, more):
        (folder / f"{name}.yaml").write_text(RARE.format(more=more))
        options = TrainOptions(out=folder / name)
        return train(folder / f"{name}.yaml", options, QuietDisplay())

    return write


@pytest.fixture(scope="module")
def chosen(rare):
    return rare("chosen", "threshold: F1Score\nbaselines: [linear, boosting, knn]")


def test_a_threshold_is_chosen_on_the_validation_part_and_kept(chosen, rare):
    (threshold,) = chosen.metrics["thresholds"].values()
    assert threshold["chosen_by"] == "F1Score"
    even = rare("even", "threshold: 0.5")
    assert even.metrics["thresholds"]["rare"] == {"value": 0.5, "chosen_by": None}
    validation, at_even = (
        each.metrics["parts"]["validation"]["targets"]["rare"] for each in (chosen, even)
    )
    assert validation["F1Score"] >= at_even["F1Score"]
    assert validation["AUC"] == at_even["AUC"]


def test_a_temperature_is_chosen_on_the_validation_part_and_applied_to_new_rows(rare):
    plain, calibrated = rare("plain", ""), rare("calibrated", "calibrate: temperature")
    (temperature,) = calibrated.metrics["temperatures"].values()
    assert plain.metrics["temperatures"] == {}
    before, after = (
        each.metrics["parts"]["validation"]["targets"]["rare"] for each in (plain, calibrated)
    )
    assert after["LogLoss"] < before["LogLoss"]
    assert after["AUC"] == pytest.approx(before["AUC"])
    source = calibrated.run.path.parent / "rare.csv"
    evaluation = evaluate(str(calibrated.run.path), (source,))
    assert evaluation.temperatures == {"rare": temperature}
    assert f"logits divided by {temperature:.3g}" in run_text(calibrated.run)


def test_a_threshold_is_applied_to_new_rows(chosen, tmp_path):
    value = chosen.metrics["thresholds"]["rare"]["value"]
    source = chosen.run.path.parent / "rare.csv"
    predict(str(chosen.run.path), source, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert row["predicted_rare"] == str(int(float(row["probability_1"]) >= value))
    evaluation = evaluate(str(chosen.run.path), (source,))
    assert evaluation.thresholds == {"rare": {"value": value}}
    assert "threshold" in run_text(chosen.run)


def test_baselines_stand_beside_the_network_with_intervals(chosen, rare):
    assert set(chosen.metrics["baselines"]) == {"logistic", "boosting", "knn"}
    assert chosen.metrics["bootstrap"]["part"] == "test"
    own = chosen.metrics["parts"]["test"]["targets"]["rare"]
    for name, parts in chosen.metrics["baselines"].items():
        assert set(parts) == {"validation", "test"}
        difference = parts["test"]["differences"]["rare"]["Accuracy"]
        other = parts["test"]["targets"]["rare"]
        assert difference["value"] == pytest.approx(own["Accuracy"] - other["Accuracy"]), name
        assert difference["low"] <= difference["value"] <= difference["high"]
    again = rare("again", "threshold: F1Score\nbaselines: [linear, boosting, knn]")
    assert again.metrics["baselines"] == chosen.metrics["baselines"]
    text = run_text(chosen.run)
    assert "better by, 95 % sure" in text
    assert "boosting" in text


def test_a_run_without_baselines_has_none(rare):
    trained = rare("none", "baselines: []")
    assert trained.metrics["baselines"] == trained.metrics["left_out"] == {}
    assert "AveragePrecision" in run_text(trained.run)


@pytest.mark.parametrize(
    "more", ["", "callbacks: [ModelCheckpoint: {save_freq: 1000}]"], ids=["compiled", "keras"]
)
def test_every_epoch_has_its_learning_rate(rare, more, request):
    halved = "initial_learning_rate: 0.1, decay_steps: 2 epochs, decay_rate: 0.5, staircase: true"
    rate = f"optimizer: {{SGD: {{learning_rate: {{ExponentialDecay: {{{halved}}}}}}}}}"
    trained = rare(request.node.callspec.id, f"{rate}\n{more}")
    assert trained.manifest["training"]["path"] == request.node.callspec.id
    with trained.run.history.open(newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates[:5] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
    assert len(rates) == 20
