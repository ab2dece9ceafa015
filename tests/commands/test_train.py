import json

import pytest

from dlcli.commands.train import TrainOptions, train_all
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
    from dlcli.commands.summarize import run_text

    options = TrainOptions(overrides=("data.split.validation=test",))
    (trained,) = train_all(configs[:1], options, QuietDisplay)
    assert trained.run.load_manifest()["data"]["validation_is_test"] is True
    assert "not an independent test" in run_text(trained.run)


def test_metrics_are_json_without_nan(trained_run):
    text = trained_run.metrics.read_text(encoding="utf-8")
    metrics = json.loads(text, parse_constant=pytest.fail)
    assert set(metrics["parts"]) == {"train", "validation", "test"}
    assert set(metrics["baselines"]) == {"mean", "linear"}
