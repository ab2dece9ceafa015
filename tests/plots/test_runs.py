"""Pictures of a run fit what it predicts; a single input has its fitted curve."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.plots.fit import fit_curve
from dlcli.runs import RunFolder


def draw(run: RunFolder, folder: Path, *options: str) -> set[str]:
    arguments = ["summarize", str(run.path), "--plots", str(folder), *options]
    result = CliRunner().invoke(app, arguments, prog_name="dlcli")
    assert result.exit_code == 0, result.output
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def sine_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("sine")
    inputs = np.linspace(0, 6, 90)
    rows = "".join(f"{x:.4f},{np.sin(x):.4f}\n" for x in inputs)
    (folder / "sine.csv").write_text(f"x,y\n{rows}")
    config = folder / "sine.yaml"
    config.write_text(
        "data: {source: sine.csv, target: y, split: {test: 0.2, validation: 0.1}, scale: standard}\n"
        "layers: [Dense: {units: 8, activation: tanh}, Dense: 1]\nepochs: 2\n"
    )
    return train(config, TrainOptions(out=folder / "run"), QuietDisplay()).run


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_single_input_has_its_curve_over_the_data(
    sine_run: RunFolder, tmp_path: Path, suffix: str
) -> None:
    names = draw(sine_run, tmp_path, "--format", suffix)
    stems = ("training", "predictions-y", "fit-y", "network")
    assert names == {f"{stem}.{suffix}" for stem in stems}


def test_the_curve_is_what_the_run_predicts(sine_run: RunFolder) -> None:
    curve = fit_curve(sine_run)
    assert curve is not None
    assert (curve.input, curve.target) == ("x", "y")
    assert {part: len(values) for part, (values, _) in curve.points.items()} == {
        "train": 63, "validation": 9, "test": 18,
    }  # fmt: skip
    for inputs, actual in curve.points.values():
        assert actual == pytest.approx(np.sin(inputs), abs=1e-3)
    rows = (sine_run.predictions).read_text().splitlines()[1:]
    row, _, predicted = map(float, rows[0].split(","))
    x = np.linspace(0, 6, 90)[int(row) - 1]
    assert np.interp(x, curve.inputs, curve.predicted) == pytest.approx(predicted, abs=1e-2)


def test_without_its_data_the_curve_stands_alone(sine_run: RunFolder, tmp_path: Path) -> None:
    data = sine_run.path.parent / "sine.csv"
    data.rename(tmp_path / "elsewhere.csv")
    try:
        curve = fit_curve(sine_run)
    finally:
        (tmp_path / "elsewhere.csv").rename(data)
    assert curve is not None
    assert curve.points == {}


def test_several_inputs_have_no_curve(trained_run: RunFolder) -> None:
    assert fit_curve(trained_run) is None


def test_classes_have_a_confusion_matrix_and_curves(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = "".join(f"{x:.3f},{'<a>' if x > 0 else 'b'}\n" for x in random.normal(size=60))
    (tmp_path / "two.csv").write_text(f"x,kind\n{rows}")
    config = tmp_path / "two.yaml"
    config.write_text(
        "data: {source: two.csv, target: kind, split: {test: 0.3}}\n"
        "layers: [Dense: {units: 1, activation: sigmoid}]\nepochs: 1\n"
    )
    run = train(config, TrainOptions(out=tmp_path / "run"), QuietDisplay()).run
    names = draw(run, tmp_path / "plots")
    assert names == {"training.svg", "confusion-kind.svg", "curves-kind.svg", "network.svg"}
    text = (tmp_path / "plots" / "confusion-kind.svg").read_text(encoding="utf-8")
    assert "&lt;a&gt;" in text
