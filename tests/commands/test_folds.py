"""`folds` of a training: figures, the file of predictions, what is refused, going on."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import KFold
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands import folding
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import DataError, Interrupted
from dlcli.intervals import student_quantile
from dlcli.runs import RunFolder
from dlcli.spec.figures import possible_range

CONFIG = """\
seed: 3
data: {source: t.csv, target: y, scale: standard, split: {test: 0.2}}
layers: [{Dense: {units: 8, activation: relu}}, Dense: 1]
metrics: [mae]
batch_size: 16
epochs: 5
folds: 4
"""
ROWS = 60


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    random = np.random.default_rng(1)
    lines = []
    for x in random.normal(0, 1, ROWS):
        kind = "rare" if len(lines) in (3, 40) else ("odd" if x > 0 else "even")
        lines.append(f"{x:.4f},{3 * x + 1:.4f},{kind}")
    (folder / "t.csv").write_text("\n".join(["x,y,kind", *lines]) + "\n", encoding="utf-8")
    path = folder / "c.yaml"
    path.write_text(CONFIG.replace("target: y", "target: y, drop: [kind]"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(config, tmp_path_factory) -> RunFolder:
    out = tmp_path_factory.mktemp("runs") / "run"
    return train(config, TrainOptions(out=out), QuietDisplay()).run


def test_every_row_outside_the_test_part_is_predicted_once_by_a_network_that_did_not_see_it(run):
    with run.out_of_fold.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "fold", "y", "predicted_y"]
    numbers = [int(row["row"]) for row in rows]
    assert numbers == sorted(set(numbers))
    with run.predictions.open(encoding="utf-8", newline="") as file:
        tested = {int(row["row"]) for row in csv.DictReader(file)}
    assert set(numbers) == set(range(1, ROWS + 1)) - tested
    pool = np.array(numbers)
    for number, (_, held_out) in enumerate(KFold(4, shuffle=True, random_state=3).split(pool), 1):
        own = [int(row["row"]) for row in rows if int(row["fold"]) == number]
        assert own == pool[held_out].tolist()


def test_the_record_has_each_folds_figures_and_what_they_have_together(run):
    folds = run.load_metrics()["folds"]
    assert (folds["n_splits"], folds["n_repeats"], folds["kind"]) == (4, 1, "random")
    single = [each["targets"]["y"]["RootMeanSquaredError"] for each in folds["folds"]]
    together = folds["targets"]["y"]["RootMeanSquaredError"]
    assert together["mean"] == pytest.approx(np.mean(single))
    assert together["deviation"] == pytest.approx(np.std(single, ddof=1))
    # Nadeau and Bengio: 12 rows held out of 48, so a third of the 36 that train.
    reach = 3.182446 * np.std(single, ddof=1) * np.sqrt(1 / 4 + 12 / 36)
    assert together["high"] - together["mean"] == pytest.approx(reach, rel=1e-4)
    with run.out_of_fold.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["fold"] == "2"]
    errors = [float(row["predicted_y"]) - float(row["y"]) for row in rows]
    assert together["low"] >= 0
    for name, figure in folds["targets"]["y"].items():
        lowest, highest = possible_range(name)
        assert lowest <= figure["low"] <= figure["mean"] <= figure["high"] <= highest, name
    assert single[1] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-5)
    assert folds["keras"].keys() == {"loss", "mae"}


def test_summary_and_report_show_the_folds(run):
    result = CliRunner().invoke(app, ["summarize", str(run.path)])
    assert "4 folds" in result.stdout
    assert "4 folds" in run.report.read_text(encoding="utf-8")


def test_the_runs_own_network_is_the_one_without_folds(config, run, tmp_path):
    text = config.read_text(encoding="utf-8").replace("folds: 4\n", "")
    plain = config.with_name("plain.yaml")
    plain.write_text(text, encoding="utf-8")
    other = train(plain, TrainOptions(out=tmp_path / "run"), QuietDisplay()).run
    assert other.history.read_text() == run.history.read_text()
    assert not other.out_of_fold.exists()


def test_more_folds_than_the_smallest_class_has_rows_are_refused_before_anything_runs(
    config, tmp_path
):
    text = config.read_text(encoding="utf-8")
    text = (
        text.replace("target: y, drop: [kind]", "target: kind")
        .replace("Dense: 1]", "Dense: {units: 3, activation: softmax}]")
        .replace("metrics: [mae]", "metrics: [accuracy]")
    )
    text = text.replace("split: {test: 0.2}", "split: {test: 0}").replace(
        "folds: 4", "folds: {n_splits: 4, stratify: true}"
    )
    classes = config.with_name("classes.yaml")
    classes.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        train(classes, TrainOptions(out=tmp_path / "run"), QuietDisplay())
    assert "`folds: 4` are too many for this table: the class 'rare' has 2 rows" in (
        caught.value.message
    )
    assert list(tmp_path.iterdir()) == []
    checked = CliRunner().invoke(app, ["validate", str(classes), "--data"])
    assert "the class 'rare' has 2 rows" in checked.output


def test_a_training_that_was_stopped_between_folds_goes_on_with_the_missing_ones(
    config, run, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    judged = []
    real = folding._judge

    def judge(*arguments):
        if len(judged) == 2:
            raise KeyboardInterrupt
        judged.append(real(*arguments))
        return judged[-1]

    with monkeypatch.context() as patch:
        patch.setattr(folding, "_judge", judge)
        with pytest.raises(Interrupted):
            train(config, TrainOptions(out=out), QuietDisplay())
    trained = []
    engine = folding.load_judge("local")

    def counted(job, watcher, **options):
        trained.append(job)
        return engine(job, watcher, **options)

    monkeypatch.setattr(folding, "load_judge", lambda name: counted)
    went_on = train(config, TrainOptions(out=out, resume=True), QuietDisplay()).run
    assert len(trained) == 2
    assert went_on.out_of_fold.read_text() == run.out_of_fold.read_text()
    then, now = (json.loads(each.metrics.read_text())["folds"] for each in (run, went_on))
    assert now["targets"] == then["targets"]


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.7062), (3, 3.18245), (9, 2.26216), (99, 1.98422)]
)
def test_quantiles_of_students_t(freedom, expected):
    assert student_quantile(0.975, freedom) == pytest.approx(expected, rel=1e-5)
