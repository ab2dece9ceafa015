import json

import numpy as np
import pytest

from dlcli.commands.evaluate import evaluate
from dlcli.commands.importance import ImportanceOptions, importance
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import DataError, RunError, UsageError


@pytest.fixture(scope="module")
def linear(linear_run):
    return importance(str(linear_run.path), ImportanceOptions())


@pytest.fixture(scope="module")
def classes(classes_run):
    return importance(str(classes_run.path), ImportanceOptions())


def test_inputs_come_in_the_order_of_what_they_count(linear):
    y, z = linear.targets
    assert [item.inputs[0] for item in y.inputs][:4] == ["a", "b", "colour", "flag"]
    assert {item.inputs[0] for item in z.inputs[:2]} == {"a", "b"}
    certain = {item.inputs[0]: item.is_certain for item in y.inputs}
    assert certain == {
        "a": True, "b": True, "colour": True, "flag": True, "c": False, "day": False,
    }  # fmt: skip


def test_an_importance_is_what_shuffling_adds_to_the_error(linear, linear_run):
    # Shuffling a number with slope s and spread d gives errors of about s * d * sqrt(2).
    item = next(each for each in linear.targets[0].inputs if each.inputs == ("a",))
    assert item.increase == pytest.approx(3 * 10 / 12**0.5 * 2**0.5, rel=0.15)
    assert item.low < item.increase < item.high
    assert len(item.repeats) == 10
    stored = evaluate(str(linear_run.path)).targets["y"]["RootMeanSquaredError"]
    assert linear.targets[0].value == pytest.approx(stored, rel=1e-5)


def test_curves_have_the_slopes_of_the_function(linear):
    curves = {(curve.target, curve.input): curve for curve in linear.curves}
    a = curves["y", "a"]
    assert (a.values[0], a.values[-1]) == (0, 10)
    assert np.diff(a.mean) / np.diff(a.values) == pytest.approx(np.full(19, 3.0), abs=0.01)
    assert all(low < mean < high for low, mean, high in zip(a.low, a.mean, a.high, strict=True))
    colour = curves["y", "colour"]
    assert colour.values == ("blue", "green", "red")
    assert np.subtract(colour.mean[2], colour.mean[:2]) == pytest.approx([5, 5], abs=0.01)
    assert curves["y", "c"].values == tuple(range(10))
    assert ("y", "day") not in curves


def test_text_and_json_hold_everything(linear):
    text = linear.to_text()
    assert "on test part, 60 rows, 10 repeats" in text
    assert "increase of RMSE" in text
    assert "▁" in text
    assert "within chance" in text
    values = linear.to_json()
    json.dumps(values, allow_nan=False)
    assert set(values["targets"]) == {"y", "z"}
    assert len(values["targets"]["y"]["dependence"]) == 5


def test_the_same_seed_gives_the_same_figures(linear, linear_run):
    assert importance(str(linear_run.path), ImportanceOptions()).to_json() == linear.to_json()
    other = importance(str(linear_run.path), ImportanceOptions(seed=5, repeats=2))
    assert other.targets[0].inputs[0].increase != linear.targets[0].inputs[0].increase


def test_correlated_inputs_are_named_and_shuffled_together(classes):
    (target,) = classes.targets
    assert target.figure == "LogLoss"
    assert [pair.inputs for pair in classes.correlations] == [("size", "twin")]
    (group,) = target.groups
    assert group.inputs == ("size", "twin")
    assert group.increase > max(item.increase for item in target.inputs)
    assert "strongly correlated: size and twin (r = 1.00)" in classes.to_text()
    assert "size + twin together" in classes.to_text()


def test_every_class_has_its_curve(classes):
    labels = {curve.label for curve in classes.curves if curve.input == "size"}
    assert labels == {"small", "middle", "large"}
    total = np.sum([c.mean for c in classes.curves if c.input == "size"], axis=0)
    assert total == pytest.approx(np.ones(20), abs=1e-5)


def test_other_data_and_fewer_rows(linear_run):
    file = linear_run.path.parent / "linear.csv"
    found = importance(str(linear_run.path), ImportanceOptions(data=(file,), rows=100, repeats=1))
    assert (found.what, found.rows) == ("linear.csv", 100)
    assert "100 of 260 rows were looked at; --rows takes more" in found.warnings


def test_pictures_are_drawn_the_same_every_time(linear_run, tmp_path):
    drawn = [
        importance(str(linear_run.path), ImportanceOptions(plot=tmp_path / name, repeats=2)).plots
        for name in ("one", "two")
    ]
    names = ["importance-y.svg", "dependence-y.svg", "importance-z.svg", "dependence-z.svg"]
    assert [path.name for path in drawn[0]] == names
    for one, two in zip(*drawn, strict=True):
        assert one.read_bytes() == two.read_bytes()
    options = ImportanceOptions(plot=tmp_path / "three", repeats=1, curves=0, suffix="png")
    found = importance(str(linear_run.path), options)
    assert [path.read_bytes()[:4] for path in found.plots] == [b"\x89PNG"] * 2


def test_what_is_wrong_is_said(linear_run, tmp_path):
    run = str(linear_run.path)
    with pytest.raises(UsageError, match="--repeats: expected 1 or more, got 0"):
        importance(run, ImportanceOptions(repeats=0))
    unlabelled = tmp_path / "new.csv"
    unlabelled.write_text("a,b,c,colour,flag,day\n1,1,1,red,no,2024-01-01\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"new.csv has no column 'y' \(a target\)"):
        importance(run, ImportanceOptions(data=(unlabelled,)))
    (tmp_path / "file").write_text("", encoding="utf-8")
    options = ImportanceOptions(plot=tmp_path / "file" / "plots", repeats=1)
    with pytest.raises(UsageError, match="cannot be written"):
        importance(run, options)


def test_a_run_without_a_test_part_asks_for_data(concrete_config, tmp_path):
    overrides = ("epochs=1", "data.split={test: 0}", "callbacks=[]")
    options = TrainOptions(overrides=overrides, out=tmp_path / "run")
    run = train(concrete_config, options, QuietDisplay()).run
    with pytest.raises(RunError, match="it has no test part") as caught:
        importance(str(run.path), ImportanceOptions())
    assert "--data FILE" in str(caught.value.hint)


def test_data_that_do_not_fit_into_memory_are_not_begun_with(linear_run, monkeypatch):
    monkeypatch.setattr("dlcli.commands.importance.available_bytes", lambda: 1000)
    data = linear_run.path.parent / "linear.csv"
    with pytest.raises(
        DataError, match=r"linear\.csv: the data take about .* KB in memory"
    ) as told:
        importance(str(linear_run.path), ImportanceOptions(data=(data,)))
    assert "--rows" in (told.value.hint or "")
