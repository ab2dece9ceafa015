"""Checks are read against the names that a run will have."""

from pathlib import Path

import pytest

from dlcli.errors import SpecError, UsageError
from dlcli.spec.checks import (
    FigureNames,
    TargetFigures,
    names_of_classes,
    opposite_check,
    parse_check,
    steps_of,
)
from dlcli.spec.figures import CLASSIFICATION_METRICS, REGRESSION_METRICS
from dlcli.spec.run import load_spec

NUMBER = TargetFigures(metrics=REGRESSION_METRICS)
CLASSES = TargetFigures(metrics=CLASSIFICATION_METRICS, classes=("Iris setosa", "other"))
ONE = FigureNames(
    parts=("train", "test"),
    targets={"height": NUMBER},
    baselines=("mean", "linear"),
    absent={"validation": "data.split.validation is 0"},
)
TWO = FigureNames(parts=("test",), targets={"a b": NUMBER, "kind": CLASSES}, baselines=())
KIND = FigureNames(parts=("test",), targets={"kind": CLASSES}, baselines=("majority",))


def _figures(text, names=ONE):
    return sorted(".".join(steps_of(figure)) for figure in parse_check(text, names).figures)


@pytest.mark.parametrize(
    ("text", "names", "figures"),
    [
        ("test.R2Score >= 0.85", ONE, ["test.height.R2Score"]),
        ("test.height.mae < 1", ONE, ["test.height.MeanAbsoluteError"]),
        ("test.loss < 1", ONE, ["test.loss"]),
        ("run.parameters <= 1000", ONE, ["run.parameters"]),
        ("test.mse <= previous", ONE,
         ["previous.test.height.MeanSquaredError", "test.height.MeanSquaredError"]),
        ("test.mse <= 1.02 * baseline.linear", ONE,
         ["baseline.linear.test.height.MeanSquaredError", "test.height.MeanSquaredError"]),
        ("test.mse - train.mse <= 3", ONE,
         ["test.height.MeanSquaredError", "train.height.MeanSquaredError"]),
        ("test.mse <= baseline.mean.train.mse", ONE,
         ["baseline.mean.train.height.MeanSquaredError", "test.height.MeanSquaredError"]),
        ("test.`a b`.R2Score > 0", TWO, ["test.a b.R2Score"]),
        ("0.8 <= test.kind.`Iris setosa`.Recall", TWO, ["test.kind.Iris setosa.Recall"]),
        ("test.other.Support > 3", KIND, ["test.kind.other.Support"]),
    ],
)  # fmt: skip
def test_a_figure_is_found_by_its_path(text, names, figures):
    assert _figures(text, names) == figures


@pytest.mark.parametrize(
    ("text", "names", "message", "hint"),
    [
        ("tset.R2Score >= 1", ONE, "there is no part 'tset'", "did you mean 'test'?"),
        ("validation.R2Score > 0", ONE, "there is no validation part", "split.validation is 0"),
        ("test.R2Scor >= 1", ONE, "'height' has no metric 'R2Scor'", "did you mean 'R2Score'?"),
        ("test.Accuracy > 0", ONE, "is a number, and Accuracy is a metric of classes", "choose"),
        ("test.mae > 0", KIND, "is a class, and mae is a metric of numbers", "choose from Acc"),
        ("test.hight.mae < 1", ONE, "there is no target 'hight'", "did you mean 'height'?"),
        ("test.R2Score > 0", TWO, "2 targets, and it names none", "e.g. test.`a b`.R2Score"),
        ("test.setosa.Recall > 0", KIND, "no target or class 'setosa'", "Iris setosa"),
        ("test.kind.oter.Recall > 0", KIND, "'kind' has no class 'oter'", "mean 'other'?"),
        ("test.other.AUC > 0", KIND, "AUC is not measured for single classes", "Precision"),
        ("test.height.x.Recall > 0", ONE, "'height' is a number and has no classes", None),
        ("test.mae < baseline.boosting", ONE, "there is no baseline 'boosting'", "mean, linear"),
        ("test.mae < baseline", ONE, "which baseline?", "baseline.NAME: mean, linear"),
        ("test > 0", ONE, "which figure of the test part?", "e.g. test.R2Score"),
        ("run.size < 1", ONE, "a run has no figure 'size'", "parameters, epochs, seconds"),
        ("previous < 1", ONE, "which figure does 'previous' stand for?", "previous.test.METRIC"),
        ("test.mae - test.mse < baseline.mean", ONE, "which figure does 'baseline.mean'", None),
        ("test.a.b.c.mae < 1", ONE, "expected PART.METRIC", None),
        ("test.mae", ONE, "expected a comparison with <=, >= or ==", None),
        ("1 < 2", ONE, "names no figure", None),
        ("test.mae <", ONE, "cannot be read", "figure names"),
    ],
)
def test_a_name_that_is_none_says_what_was_meant(text, names, message, hint):
    with pytest.raises(UsageError) as caught:
        parse_check(text, names)
    assert message in caught.value.message
    assert caught.value.message.startswith(f"check {text!r}")
    assert (hint or "") in (caught.value.hint or "")


CONFIG = """\
data: {source: plants.csv, target: TARGET}
layers: [Dense: {units: UNITS, activation: HEAD}]
epochs: 2
checks:
  - CHECK
"""


def _load(
    tmp_path: Path, check: str, *more: str, target="height", units="1", head="linear", before=""
):
    path = tmp_path / "plants.yaml"
    words = {"TARGET": target, "UNITS": units, "HEAD": head, "CHECK": check}
    text = CONFIG
    for word, value in words.items():
        text = text.replace(word, value)
    path.write_text(before + text)
    return load_spec(path, (), more)


@pytest.mark.parametrize(
    ("condition", "check"),
    [
        ("test.R2Score < 0.85", "test.R2Score >= 0.85"),
        ("test.mae >= 1.02 * previous", "test.mae < 1.02 * previous"),
        ("test.`a > b`.Recall <= 0.5", "test.`a > b`.Recall > 0.5"),
        ("test.mae>3", "test.mae<=3"),
    ],
)
def test_a_condition_to_fail_is_turned_round(condition, check):
    assert opposite_check(condition) == check


def test_a_check_is_judged_with_the_config_at_its_place(tmp_path):
    with pytest.raises(SpecError, match=r"plants\.yaml:5:5: check .*no metric 'R2Scor'"):
        _load(tmp_path, "test.R2Scor >= 0.85")


def test_checks_of_the_command_line_come_after_those_of_the_config(tmp_path):
    spec = _load(tmp_path, "test.R2Score > 0", "test.mae < 3")
    assert spec.checks == ("test.R2Score > 0", "test.mae < 3")
    with pytest.raises(SpecError, match=r"--check: check 'tst\.mae < 3': there is no part 'tst'"):
        _load(tmp_path, "test.R2Score > 0", "tst.mae < 3")


def test_classes_are_checked_once_the_data_has_told_them(tmp_path):
    head = {"target": "kind", "units": "2", "head": "softmax"}
    spec = _load(tmp_path, "test.tall.Recall > 0", **head)
    names = names_of_classes(spec, {"kind": ("small", "tall")})
    assert parse_check(spec.checks[0], names).figures
    with pytest.raises(UsageError, match="no target or class 'tall'"):
        parse_check(spec.checks[0], names_of_classes(spec, {"kind": ("a", "b")}))


def test_what_the_config_leaves_open_is_not_judged_yet(tmp_path):
    # Without a loss, one sigmoid unit may be a class or a share.
    for check in ("test.Accuracy > 0.5", "test.R2Score > 0", "test.mae < baseline.linear"):
        assert _load(tmp_path, check, head="sigmoid").checks == (check,)


WINDOWED = """\
data: {source: plants.csv, target: height, window: WINDOW}
layers: [LSTM: 4, Dense: 1]
loss: mse
epochs: 2
checks: [test.mae <= CHECK]
"""


@pytest.mark.parametrize(
    ("asked", "name", "hint"),
    [
        ("[mean, boosting]", "boosting", None),
        ("[mean]", "boosting", "ask for it: baselines: [mean, boosting]"),
        ("[]", "linear", "ask for it: baselines: [linear]"),
        ("[mean]", "boostin", "did you mean 'boosting'?"),
        ("[mean, tree]", "majority", "choose from mean, tree"),
        ("[mean]", "naive", "choose from mean"),
    ],
)
def test_a_check_may_name_every_baseline_that_the_config_asks_for(tmp_path, asked, name, hint):
    path = tmp_path / "plants.yaml"
    text = CONFIG.replace("TARGET", "height").replace("UNITS", "1").replace("HEAD", "linear")
    check = f"test.mae <= 1.02 * baseline.{name}"
    path.write_text(f"loss: mse\nbaselines: {asked}\n" + text.replace("CHECK", check))
    if hint is None:
        assert load_spec(path).checks == (check,)
        return
    with pytest.raises(SpecError, match=rf"baseline '{name}'") as caught:
        load_spec(path)
    assert hint in str(caught.value)


def test_classes_have_baselines_of_the_same_names_or_their_own(tmp_path):
    head = {"target": "kind", "units": "2", "head": "softmax"}
    asked = "loss: sparse_categorical_crossentropy\nbaselines: [mean, knn]\n"
    spec = _load(tmp_path, "test.Accuracy >= baseline.knn", **head, before=asked)
    assert names_of_classes(spec, {"kind": ("a", "b")}).baselines == ("majority", "knn")
    with pytest.raises(SpecError, match=r"the config asks for no baseline 'logistic'") as caught:
        _load(tmp_path, "test.Accuracy >= baseline.logistic", **head, before=asked)
    assert "baselines: [mean, knn, linear]" in str(caught.value)


@pytest.mark.parametrize(
    ("window", "name", "message"),
    [
        ("{length: 4}", "baseline.naive", None),
        ("{length: 12, season: 12}", "baseline.seasonal_naive", None),
        ("{length: 4}", "baseline.seasonal_naive", "data.window.season, at most 4"),
        ("{length: 1, offset: 0, lags: false}", "baseline.naive", "no baseline 'naive'"),
    ],
)
def test_windows_have_the_forecasts_that_repeat_the_past(tmp_path, window, name, message):
    path = tmp_path / "plants.yaml"
    path.write_text(WINDOWED.replace("WINDOW", window).replace("CHECK", name))
    if message is None:
        assert load_spec(path).checks == (f"test.mae <= {name}",)
        return
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert message in str(caught.value)
