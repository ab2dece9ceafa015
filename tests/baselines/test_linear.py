"""The baselines predict what scikit-learn's models of the same kind predict."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from dlcli.baselines import linear
from dlcli.baselines.linear import fit_classification_baselines, fit_regression_baselines

RNG = np.random.default_rng(11)
FEATURES = RNG.normal([0, 100, -5], [1, 30, 0.01], (300, 3)).astype(np.float32)
TARGET = FEATURES @ np.array([1.0, -0.2, 40.0]) + RNG.normal(0, 0.5, 300)


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.1, 2, 300)], ids=["plain", "weighted"])
def test_linear_equals_scikit_learn(weights: np.ndarray | None) -> None:
    fitted = fit_regression_baselines(FEATURES[:200], TARGET[:200], weights=_first(weights))
    peer = LinearRegression().fit(FEATURES[:200].astype(float), TARGET[:200], _first(weights))
    given = fitted["linear"].predict(FEATURES[200:], num_rows=100)
    np.testing.assert_allclose(given, peer.predict(FEATURES[200:].astype(float)), rtol=1e-8)


def _first(weights: np.ndarray | None) -> np.ndarray | None:
    return None if weights is None else weights[:200]


def test_mean_is_that_of_the_training_rows() -> None:
    fitted = fit_regression_baselines(None, TARGET)
    assert list(fitted) == ["mean"]
    np.testing.assert_allclose(fitted["mean"].predict(None, num_rows=2), [TARGET.mean()] * 2)


def test_repeated_and_constant_columns_do_no_harm() -> None:
    city = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 300)]
    wide = np.column_stack([FEATURES, city, FEATURES[:, :1], np.full(300, 1e6)])
    slim = np.column_stack([FEATURES, city[:, 1:]]).astype(float)
    fitted = fit_regression_baselines(wide[:200], TARGET[:200])["linear"]
    peer = LinearRegression().fit(slim[:200], TARGET[:200])
    given = fitted.predict(wide[200:], num_rows=100)
    np.testing.assert_allclose(given, peer.predict(slim[200:]), rtol=1e-6)


def test_more_columns_than_rows_still_fit() -> None:
    wide = RNG.normal(size=(10, 40))
    fitted = fit_regression_baselines(wide, TARGET[:10])["linear"]
    np.testing.assert_allclose(fitted.predict(wide, num_rows=10), TARGET[:10], rtol=1e-6)


@pytest.mark.parametrize("num_classes", [2, 4])
@pytest.mark.parametrize("weights", [None, RNG.uniform(0.1, 2, 300)], ids=["plain", "weighted"])
def test_logistic_equals_scikit_learn(num_classes: int, weights: np.ndarray | None) -> None:
    codes = np.digitize(TARGET, np.quantile(TARGET, np.linspace(0, 1, num_classes + 1)[1:-1]))
    fitted = fit_classification_baselines(FEATURES, codes, num_classes=num_classes, weights=weights)
    scaler = StandardScaler().fit(FEATURES.astype(float), sample_weight=weights)
    scaled = scaler.transform(FEATURES.astype(float))
    peer = LogisticRegression(tol=1e-10, max_iter=5000).fit(scaled, codes, weights)
    given = fitted["logistic"].predict(FEATURES, num_rows=300)
    np.testing.assert_allclose(given, peer.predict_proba(scaled), atol=2e-5)


def test_separable_classes_have_a_finite_answer() -> None:
    features = np.linspace(-1, 1, 40)[:, np.newaxis]
    codes = (features[:, 0] > 0).astype(int)
    fitted = fit_classification_baselines(features, codes, num_classes=2)["logistic"]
    given = fitted.predict(features, num_rows=40)
    assert np.isfinite(given).all() and (given.argmax(axis=1) == codes).all()


def test_majority_gives_the_shares_of_the_training_rows() -> None:
    codes = np.array([0, 0, 0, 1])
    fitted = fit_classification_baselines(None, codes, num_classes=3)
    assert list(fitted) == ["majority"]
    given = fitted["majority"].predict(None, num_rows=2)
    np.testing.assert_allclose(given, [[0.75, 0.25, 0.0]] * 2, atol=1e-12)


def test_one_class_has_no_logistic_model() -> None:
    fitted = fit_classification_baselines(FEATURES, np.zeros(300, int), num_classes=2)
    assert list(fitted) == ["majority"]


def test_work_out_of_proportion_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "MOST_WORK", 10)
    monkeypatch.setattr(linear, "MOST_LOGISTIC_WORK", 10)
    assert list(fit_regression_baselines(FEATURES, TARGET)) == ["mean"]
    codes = (TARGET > 0).astype(int)
    assert list(fit_classification_baselines(FEATURES, codes, num_classes=2)) == ["majority"]
