"""Baselines by the names in a config, scikit-learn's among them."""

import importlib.util

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from dlcli.baselines.fitting import fit_baselines
from dlcli.baselines.learners import check_installed
from dlcli.errors import UsageError

RNG = np.random.default_rng(3)
FEATURES = RNG.uniform(-1, 1, (200, 2)).astype(np.float32)
BOWL = (FEATURES**2).sum(axis=1).astype(np.float64)
EVERY = ("mean", "linear", "tree", "forest", "boosting", "knn")


def _errors(models, features, target):
    given = {
        name: model.predict(features, num_rows=len(features)) for name, model in models.items()
    }
    return {name: float(np.mean((each - target) ** 2)) for name, each in given.items()}


def test_every_named_baseline_is_fitted_and_curved_ones_beat_the_line():
    fitted = fit_baselines(EVERY, FEATURES[:150], BOWL[:150], seed=7)
    assert tuple(fitted.models) == EVERY and fitted.left_out == {}
    errors = _errors(fitted.models, FEATURES[150:], BOWL[150:])
    assert max(errors[name] for name in EVERY[2:]) < 0.5 * errors["linear"]


def test_a_forest_is_the_one_that_scikit_learn_grows_from_the_same_seed():
    weights = RNG.uniform(0.5, 2, 150)
    fitted = fit_baselines(["forest"], FEATURES[:150], BOWL[:150], weights=weights, seed=7)
    peer = RandomForestRegressor(random_state=7).fit(FEATURES[:150], BOWL[:150], weights)
    given = fitted.models["forest"].predict(FEATURES[150:], num_rows=50)
    np.testing.assert_array_equal(given, peer.predict(FEATURES[150:]))


def test_classes_that_no_row_has_get_no_probability():
    codes = np.where(FEATURES[:, 0] > 0, 2, 0)
    fitted = fit_baselines(EVERY, FEATURES, codes, num_classes=3, seed=7)
    assert list(fitted.models) == ["majority", "logistic", "tree", "forest", "boosting", "knn"]
    for name, model in fitted.models.items():
        given = model.predict(FEATURES, num_rows=200)
        assert given.shape == (200, 3), name
        np.testing.assert_allclose(given.sum(axis=1), 1)
        assert given[:, 1].max() < 0.05


def test_neighbours_of_a_few_rows_are_all_of_them():
    fitted = fit_baselines(["knn"], FEATURES[:3], BOWL[:3])
    given = fitted.models["knn"].predict(FEATURES[:1], num_rows=1)
    np.testing.assert_allclose(given, BOWL[:3].mean())


def test_what_cannot_be_fitted_is_left_out_with_its_reason():
    without = fit_baselines(["mean", "linear", "tree"], None, BOWL)
    assert list(without.models) == ["mean"]
    assert without.left_out == dict.fromkeys(
        ["linear", "tree"], "no input can be laid out as a table"
    )
    alike = fit_baselines(["linear"], FEATURES, np.zeros(200, int), num_classes=2)
    assert alike.left_out == {"logistic": "the training part has one class"}


def test_a_missing_scikit_learn_is_told_with_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else find(name)
    )
    check_installed(("mean", "linear"))
    with pytest.raises(UsageError, match="baselines: forest needs scikit-learn") as raised:
        check_installed(("mean", "forest"))
    assert "pip install 'dlcli[baselines]'" in raised.value.hint


def test_several_steps_are_predicted_side_by_side():
    steps = np.stack([BOWL, 2 * BOWL], axis=1)
    fitted = fit_baselines(EVERY, FEATURES, steps, seed=7)
    for name, model in fitted.models.items():
        given = model.predict(FEATURES, num_rows=200)
        assert given.shape == (200, 2), name
        np.testing.assert_allclose(given[:, 1], 2 * given[:, 0], rtol=0.2, atol=0.02)
