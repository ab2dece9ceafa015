"""Networks as scikit-learn estimators."""

import os
import pickle
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_regression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

import dlcli
import dlcli.sklearn
from dlcli.errors import RunError
from dlcli.sklearn import EstimatorError, NetworkClassifier, NetworkRegressor
from dlcli.spec.experiment import RunSpec

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "scikit-learn.md").read_text(encoding="utf-8")

WEIGHTS_ARE_NO_COPIES = (
    "sample_weight is not equivalent to removing/repeating samples: scikit-learn marks its own "
    "estimators that learn in batches alike (SGDClassifier, SGDRegressor; its issue 16298)"
)
EXPECTED_FAILURES = {"check_sample_weight_equivalence_on_dense_data": WEIGHTS_ARE_NO_COPIES}

SMALL = {
    "layers": None,
    "optimizer": {"Adam": {"learning_rate": 0.05}},
    "batch_size": 512,
    "epochs": 40,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [NetworkRegressor, NetworkClassifier])
def test_every_check_of_scikit_learn_is_passed(kind) -> None:
    results = check_estimator(
        kind(**SMALL), expected_failed_checks=EXPECTED_FAILURES, on_skip=None, on_fail=None
    )
    failed = [
        (each["check_name"], repr(each["exception"])[:300])
        for each in results
        if each["status"] == "failed"
    ]
    assert failed == []
    expected = {each["check_name"] for each in results if each["status"] == "xfail"}
    assert expected == set(EXPECTED_FAILURES)
    skipped = {each["check_name"] for each in results if each["status"] == "skipped"}
    # SciPy asks for a variable before it is imported: the next test sets it.
    assert skipped <= {"check_array_api_input"}


ARRAY_API = """
from sklearn.utils.estimator_checks import check_array_api_input
from dlcli.sklearn import NetworkClassifier, NetworkRegressor
for kind in (NetworkRegressor, NetworkClassifier):
    check_array_api_input(
        kind.__name__, kind(epochs=2), array_namespace="numpy", expect_only_array_outputs=False
    )
print("passed")
"""


@pytest.mark.slow
def test_the_check_that_needs_a_variable_of_scipys_is_passed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ARRAY_API],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )
    assert done.stdout == "passed\n"


@pytest.fixture(scope="module")
def iris() -> tuple[pd.DataFrame, pd.Series]:
    frame = load_iris(as_frame=True)
    return frame.data, pd.Series(frame.target_names[frame.target], name="species")


@pytest.fixture(scope="module")
def flowers(iris) -> NetworkClassifier:
    return NetworkClassifier(**SMALL).fit(*iris)


def test_frames_give_names_and_classes_their_own(flowers, iris) -> None:
    data, species = iris
    assert flowers.feature_names_in_.tolist() == list(data.columns)
    assert flowers.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert flowers.score(data, species) > 0.9
    assert flowers.n_iter_ == 40 and len(flowers.history_["loss"]) == 40
    np.testing.assert_array_equal(flowers.predict(pl.from_pandas(data)), flowers.predict(data))
    with pytest.raises(ValueError, match="feature names should match"):
        flowers.predict(data.rename(columns={data.columns[0]: "other"}))


def test_it_works_where_estimators_do(iris) -> None:
    data, species = iris
    pipeline = make_pipeline(MinMaxScaler(), NetworkClassifier(**SMALL))
    assert cross_val_score(pipeline, data, species, cv=3).mean() > 0.85
    grid = GridSearchCV(
        NetworkClassifier(**SMALL), {"optimizer": ["Adam", {"Adam": 0.05}]}, cv=2
    ).fit(data, species)
    assert grid.best_params_ == {"optimizer": {"Adam": 0.05}}
    calibrated = CalibratedClassifierCV(NetworkClassifier(**SMALL), cv=2).fit(data, species)
    assert calibrated.predict_proba(data).shape == (len(data), 3)


def test_pickles_hold_the_run_and_predict_the_same(flowers, iris, tmp_path: Path) -> None:
    data, species = iris
    content = pickle.dumps(flowers)
    assert flowers._run.content in content
    again = pickle.loads(content)
    np.testing.assert_array_equal(again.predict_proba(data), flowers.predict_proba(data))
    flowers.save(tmp_path / "flowers.zip")
    opened = dlcli.sklearn.load(tmp_path / "flowers.zip")
    np.testing.assert_array_equal(opened.predict(data), flowers.predict(data))
    assert opened.get_params()["epochs"] == 40 and opened.get_params()["batch_size"] == 512
    run = flowers.to_run(tmp_path / "run")
    assert isinstance(run, dlcli.Run)
    np.testing.assert_array_equal(run.predict(data), flowers.predict(data))
    refitted = clone(opened).fit(data, species)
    np.testing.assert_allclose(refitted.predict_proba(data), flowers.predict_proba(data), atol=1e-6)


def test_a_run_of_the_command_line_becomes_an_estimator(
    trained_run, tmp_path: Path, concrete_csv: Path
) -> None:
    estimator = dlcli.sklearn.load(trained_run.path)
    assert isinstance(estimator, NetworkRegressor)
    frame = pd.read_csv(concrete_csv)
    inputs = frame[estimator.feature_names_in_]
    run = dlcli.load(trained_run.path)
    np.testing.assert_allclose(estimator.predict(inputs), run.predict(frame), rtol=1e-6)
    assert estimator.score(inputs, frame["compressive_strength"]) == pytest.approx(
        r2_score(frame["compressive_strength"], run.predict(frame))
    )
    with pytest.raises(RunError, match="there is no such run"):
        dlcli.sklearn.load(tmp_path / "nothing")
    with pytest.raises(RunError, match=f"^{concrete_csv} is no whole zip file"):
        dlcli.sklearn.load(concrete_csv)


def test_a_second_training_of_a_shape_is_the_first_one_again() -> None:
    first = make_regression(60, 3, random_state=1)
    other = make_regression(60, 3, random_state=2)
    small = {
        **SMALL,
        "epochs": 5,
        "seed": 3,
        "layers": ["Dropout: 0.1", {"Dense": 4}, {"Dense": 1}],
    }
    small["layers"] = [{"Dropout": 0.1}, {"Dense": 4}, {"Dense": 1}]
    before = NetworkRegressor(**small).fit(*first).predict(first[0])
    between = NetworkRegressor(**small).fit(*other).predict(first[0])
    after = NetworkRegressor(**small).fit(*first).predict(first[0])
    np.testing.assert_array_equal(before, after)
    assert not np.allclose(before, between)


def test_a_kept_network_learns_what_a_new_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    data, y = make_regression(60, 3, random_state=1)
    settings = {**SMALL, "epochs": 5, "seed": 8}
    settings["layers"] = [{"Dropout": 0.2}, {"Dense": 5}, {"BatchNormalization": {}}, {"Dense": 1}]
    NetworkRegressor(**settings).fit(data, y)
    kept = NetworkRegressor(**settings).fit(data, y)
    monkeypatch.setattr("dlcli.training.restarting.may_restart", lambda job: False)
    monkeypatch.setattr("dlcli.training.fit.may_restart", lambda job: False)
    new = NetworkRegressor(**settings).fit(data, y)
    np.testing.assert_allclose(kept.predict(data), new.predict(data), rtol=1e-5)
    # The run that is written when it is asked for holds the weights of its own training.
    NetworkRegressor(**settings).fit(data, -y)
    again = pickle.loads(pickle.dumps(kept))
    np.testing.assert_array_equal(again.predict(data), kept.predict(data))


def test_weights_decide_what_is_learnt() -> None:
    data = np.linspace(0, 1, 40).reshape(-1, 1)
    y = np.where(np.arange(40) % 2, 10.0, 0.0)
    for favoured, expected in ((0, 0.0), (1, 10.0)):
        weights = np.where(np.arange(40) % 2 == favoured, 1.0, 1e-3)
        fitted = NetworkRegressor(**SMALL).fit(data, y, sample_weight=weights)
        assert fitted.predict(data).mean() == pytest.approx(expected, abs=1.5)
    weights = (np.arange(40) % 2).astype(float)
    weighted = NetworkRegressor(**SMALL).fit(data, y + data[:, 0], sample_weight=weights)
    alone = NetworkRegressor(**SMALL).fit(data[1::2], (y + data[:, 0])[1::2])
    np.testing.assert_allclose(weighted.predict(data), alone.predict(data), rtol=1e-4)


def test_tables_of_every_kind_of_column_go_in() -> None:
    frame = pd.DataFrame(
        {"size": [1.0, 2.0, None, 4.0] * 6, "colour": ["red", "blue", "blue", "red"] * 6}
    )
    y = np.where(frame["colour"] == "red", 5.0, 1.0)
    with pytest.raises(ValueError, match="column 'size' has 6 missing cells"):
        NetworkRegressor(**SMALL).fit(frame, y)
    fitted = NetworkRegressor(**SMALL, data={"missing": "median"}).fit(frame, y)
    assert fitted.score(frame, y) > 0.9
    dropping = NetworkRegressor(**SMALL, data={"missing": "drop"}).fit(frame, y)
    with pytest.raises(EstimatorError, match="row 2 has no prediction"):
        dropping.predict(frame)


def test_callbacks_and_validation_are_those_of_a_config() -> None:
    data, y = make_regression(80, 3, random_state=0)
    early = {"EarlyStopping": {"patience": 2, "min_delta": 1e6}}
    fitted = NetworkRegressor(**{**SMALL, "callbacks": [early]}, validation=0.2).fit(data, y)
    assert fitted.n_iter_ == 3 and "val_loss" in fitted.history_


@pytest.fixture(scope="module")
def line() -> tuple[pd.DataFrame, pd.Series]:
    """Seventy rows of y = 3a - b and some noise."""
    random = np.random.default_rng(5)
    data = pd.DataFrame({"a": random.normal(size=70), "b": random.uniform(0, 9, 70)})
    return data, pd.Series(3 * data["a"] - data["b"] + random.normal(0, 0.1, 70), name="height")


def test_a_refit_trains_on_all_rows_and_can_be_searched_for(line) -> None:
    # Without a rate worth the name the first epoch stays the best one.
    settings = {**SMALL, "epochs": 4, "optimizer": {"Adam": 1e-30}, "validation": 0.2}
    chosen = NetworkRegressor(**settings, refit=True).fit(*line)
    assert chosen.n_iter_ == 1 and "val_loss" not in chosen.history_
    whole = chosen.set_params(refit={"epochs": "all"}).fit(*line)
    assert whole.n_iter_ == 4
    grid = GridSearchCV(
        NetworkRegressor(**{**settings, "optimizer": {"Adam": 0.05}, "epochs": 25}),
        {"refit": [False, {"epochs": "all"}], "target_scale": ["standard"]},
        cv=2,
    ).fit(*line)
    assert grid.best_score_ > 0.5 and grid.best_estimator_.n_iter_ == 25


def test_intervals_are_made_from_the_rows_held_back(line) -> None:
    data, height = line
    fitted = NetworkRegressor(**SMALL, validation=0.4).fit(data, height)
    again = pickle.loads(pickle.dumps(fitted))
    for estimator in (fitted, again):
        found = estimator.predict(data, interval=0.8)
        assert found.shape == (70, 3)
        np.testing.assert_array_equal(found[:, 0], estimator.predict(data))
        covered = (found[:, 1] <= height) & (height <= found[:, 2])
        assert 0.7 < covered.mean() <= 1
    both = pd.DataFrame({"height": height, "depth": -height})
    two = NetworkRegressor(**SMALL, validation=0.4).fit(data, both)
    assert two.predict(data[:5], interval=0.8).shape == (5, 2, 3)
    with pytest.raises(EstimatorError, match="an interval of level 80: expected a share"):
        fitted.predict(data, interval=80)
    with pytest.raises(EstimatorError, match="needs 99 validation rows, and there were 28"):
        fitted.predict(data, interval=0.99)
    plain = NetworkRegressor(**{**SMALL, "epochs": 1}).fit(data, height)
    with pytest.raises(EstimatorError, match="this estimator was trained without a validation"):
        plain.predict(data, interval=0.8)


def test_an_ensemble_tells_how_far_its_members_are_apart(line, iris) -> None:
    data, height = line
    short = {**SMALL, "epochs": 3}
    fitted = NetworkRegressor(**short, ensemble=2, target_clip=True).fit(data, height)
    again = pickle.loads(pickle.dumps(fitted))
    for rows in (data, data[:1]):
        np.testing.assert_array_equal(again.predict(rows), fitted.predict(rows))
        spread = fitted.predict_spread(rows)
        assert spread.shape == (len(rows),) and (spread > 0).all()
    opened = clone(again).set_params(ensemble={"members": 2, "vary": "folds"})
    assert opened.fit(data, height).predict_spread(data).shape == (70,)
    flowers = NetworkClassifier(**short, ensemble=2).fit(*iris)
    assert flowers.predict_spread(iris[0]).shape == (150,)
    with pytest.raises(EstimatorError, match="this estimator has no members"):
        NetworkRegressor(**{**SMALL, "epochs": 1}).fit(data, height).predict_spread(data)


def test_probabilities_are_calibrated_where_asked(iris) -> None:
    plain = NetworkClassifier(**SMALL, validation=0.2).fit(*iris)
    cooled = clone(plain).set_params(calibrate="temperature").fit(*iris)
    assert not np.allclose(cooled.predict_proba(iris[0]), plain.predict_proba(iris[0]))
    np.testing.assert_array_equal(cooled.predict(iris[0]), plain.predict(iris[0]))


def test_targets_keep_their_names_which_layers_and_losses_go_by(line) -> None:
    data, height = line
    both = pd.DataFrame({"height": height, "a": height * 2})
    heads = {
        "blocks": {"body": [{"Dense": 8}, {"ReLU": {}}]},
        "layers": [
            {"body": {"name": "trunk"}},
            {"Dense": {"units": 1, "name": "height", "inputs": "trunk"}},
            {"Dense": {"units": 1, "name": "a_2", "inputs": "trunk"}},
        ],
        "loss_weights": {"height": 1, "a_2": 0},
    }
    # Dense starts with weights of its own, which a loss that counts nothing leaves alone.
    fitted = NetworkRegressor(**{**SMALL, **heads}).fit(data, both)
    scores = r2_score(both, fitted.predict(data), multioutput="raw_values")
    assert scores[0] > 0.8 > scores[1]
    single = NetworkRegressor(**{**SMALL, "epochs": 1}).fit(data, height)
    assert [info.name for info in single._run.bundle.preprocessing.targets] == ["height"]
    unnamed = NetworkRegressor(**{**SMALL, "epochs": 1}).fit(data.to_numpy(), height.to_numpy())
    assert [info.name for info in unnamed._run.bundle.preprocessing.targets] == ["target"]


def test_training_starts_from_a_run_with_frozen_layers(line, tmp_path: Path) -> None:
    data, height = line
    first = NetworkRegressor(**SMALL).fit(data, height)
    first.to_run(tmp_path / "first")
    short = {**SMALL, "epochs": 1, "optimizer": {"Adam": 1e-6}}
    onward = NetworkRegressor(**short, init_from=tmp_path / "first", freeze=["dense"])
    onward.fit(data, height)
    np.testing.assert_allclose(onward.predict(data), first.predict(data), atol=0.01)
    assert NetworkRegressor(**short).fit(data, height).score(data, height) < 0.5
    gone = NetworkRegressor(**short, init_from=tmp_path / "gone")
    with pytest.raises(EstimatorError, match=r"init_from: .*gone: there is no such run"):
        gone.fit(data, height)


def test_an_opened_run_takes_the_settings_of_its_targets(line, tmp_path: Path) -> None:
    settings = {"target_scale": "minmax", "target_clip": True, "loss_weights": None}
    fitted = NetworkRegressor(**{**SMALL, "epochs": 2}, **settings).fit(*line)
    fitted.save(tmp_path / "line.zip")
    opened = dlcli.sklearn.load(tmp_path / "line.zip")
    assert {name: opened.get_params()[name] for name in settings} == settings
    refitted = clone(opened).fit(*line)
    np.testing.assert_allclose(refitted.predict(line[0]), fitted.predict(line[0]), atol=1e-5)


def test_parameters_are_the_keys_that_a_single_training_has() -> None:
    own = {"scale", "target_scale", "target_clip", "validation", "threads"}
    others = {"name", "version", "extends", "imports", "baselines", "checks", "folds", "sweep"}
    others |= {"engine", "track", "origin"}
    taken = set(NetworkRegressor().get_params()) | set(NetworkClassifier().get_params())
    assert taken - own == {each.name for each in fields(RunSpec)} - others


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"refit": True}, "refit chooses the number of epochs on the validation part"),
        ({"ensemble": 1}, "ensemble: expected a whole number of at least 2, got 1"),
        ({"target_scale": "standart"}, "data.target_scale: .*did you mean 'standard'"),
        ({"loss_weights": {"y": 1}}, "loss_weights weighs outputs against each other"),
        ({"freeze": ["dense_7"]}, "dense_7"),
        ({"optimizer": "Adamm"}, "optimizer: unknown optimizer 'Adamm'.*did you mean 'Adam'"),
        ({"layers": [{"Dense": {"unit": 3}}]}, "Dense has no argument 'unit'"),
        ({"data": {"target": "y"}}, "'target' is what fit"),
        ({"data": 5}, "expected a mapping of keys, got int"),
        ({"layers": [{"Dense": 2}]}, "units"),
    ],
)
def test_mistakes_in_settings_are_told_with_their_key(settings, message) -> None:
    data, y = make_regression(20, 2, random_state=0)
    with pytest.raises(EstimatorError, match=f"(?s){message}"):
        NetworkRegressor(**{**SMALL, **settings}).fit(data, y)


def test_texts_are_no_numbers_to_predict() -> None:
    with pytest.raises(EstimatorError, match="predicts numbers, and y holds the text 'low'"):
        NetworkRegressor().fit([[1.0], [2.0]], ["low", "high"])


def test_class_weights_go_by_the_classes_own_values() -> None:
    data = np.arange(40.0).reshape(-1, 1) % 2
    y = np.array([3] * 30 + [7] * 10)
    heavy = NetworkClassifier(**SMALL, class_weight={3: 1, 7: 30}).fit(data, y)
    assert heavy.classes_.tolist() == [3, 7]
    assert (heavy.predict(data) == 7).all()


def test_without_scikit_learn_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from dlcli.errors import UsageError\n"
        "try:\n    import dlcli.sklearn\n"
        "except UsageError as error:\n    print(error, '|', error.hint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    expected = "dlcli.sklearn needs scikit-learn 1.6 or newer | pip install 'dlcli[sklearn]'\n"
    assert done.stdout == expected


@pytest.mark.slow
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("configs", "datasets"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    (tmp_path / "page.py").write_text(code, encoding="utf-8")
    runpy.run_path(str(tmp_path / "page.py"))
