"""A learning-rate range test of small networks, whose answers are known."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.find_lr import RateOptions, find_lr
from dlcli.console import QuietDisplay

CONFIG = """
data: {{source: line.csv, target: y, split: {{test: 0}}, scale: standard}}
layers: [Dense: {{units: 1{layer}}}]
loss: mse
optimizer: {optimizer}
batch_size: 16
epochs: 5
"""


@pytest.fixture
def config(tmp_path):
    random = np.random.default_rng(4)
    inputs = random.normal(size=(64, 2))
    with (tmp_path / "line.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "y"])
        writer.writerows((a, b, 3 * a - b) for a, b in inputs.tolist())

    def write(optimizer="{SGD: 0.01}", layer=""):
        path = tmp_path / "line.yaml"
        path.write_text(CONFIG.format(optimizer=optimizer, layer=layer))
        return path

    return write


def test_the_suggested_rate_learns_and_the_line_sets_it(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = find_lr(config(), RateOptions(plot=tmp_path / "rates.svg"), QuietDisplay())
    # Least squares of standardized inputs diverges under SGD from a rate of about 1 on.
    assert 1e-3 < found.suggestion < 0.5
    assert found.override == f"--set optimizer.SGD.learning_rate={found.suggestion:g}"
    assert found.now == 0.01
    assert found.path == "compiled"
    assert found.rates[0] == pytest.approx(1e-6)
    assert found.smoothed[-1] > min(found.smoothed)
    assert "<svg" in (tmp_path / "rates.svg").read_text()
    assert not (tmp_path / "runs").exists()


def test_keras_own_steps_give_the_losses_of_compiled_ones(config, monkeypatch):
    compiled = find_lr(config(), RateOptions(steps=40, highest=0.1), QuietDisplay())
    monkeypatch.setattr("dlcli.training.rate_test._CompiledSteps.make", lambda *_: None)
    plain = find_lr(config(), RateOptions(steps=40, highest=0.1), QuietDisplay())
    assert (compiled.path, plain.path) == ("compiled", "keras")
    np.testing.assert_allclose(compiled.losses, plain.losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "key", "now"),
    [
        ("adam", "optimizer.adam.learning_rate", 0.001),
        ("{LossScaleOptimizer: {inner_optimizer: {Adam: 0.1}}}",
         "optimizer.LossScaleOptimizer.inner_optimizer.Adam.learning_rate", 0.1),
        ("{Adam: {learning_rate: {CosineDecay: {initial_learning_rate: 0.2, decay_steps: 9}}}}",
         "optimizer.Adam.learning_rate.CosineDecay.initial_learning_rate", 0.2),
        ("{Lion: {}}", "optimizer.Lion.learning_rate", 0.001),
    ],
)  # fmt: skip
def test_every_optimizer_has_its_key(config, optimizer, key, now):
    found = find_lr(config(optimizer), RateOptions(steps=20), QuietDisplay())
    assert (found.key, found.now) == (key, now)


def test_the_command_prints_text_or_json(config):
    arguments = ["find-lr", str(config()), "--steps", "60", "--quiet"]
    text = CliRunner().invoke(app, arguments)
    assert text.exit_code == 0, text.output
    assert text.stdout.splitlines()[-1].startswith("--set optimizer.SGD.learning_rate=")
    values = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert values["set"] == text.stdout.splitlines()[-1]
    assert values["steps"]["asked"] == 60


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "1", "--to", "0.1"], "the rates must rise"),
        (["--plot", "rates.pdf"], ".svg or .png"),
    ],
)
def test_mistakes_cost_no_training(config, options, said):
    result = CliRunner().invoke(app, ["find-lr", str(config()), *options])
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_loss_that_is_never_finite_is_told(config):
    result = CliRunner().invoke(
        app, ["find-lr", str(config()), "--from", "1e30", "--to", "1e38", "--quiet"]
    )
    assert result.exit_code == 5
    assert "not finite" in result.stderr
