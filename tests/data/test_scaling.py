"""Scalers against scikit-learn's, their inverses, and their JSON state."""

import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.preprocessing import (
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from dlcli.data.scaling import SCALERS, Scaler, fit_scaler, normal_quantile
from dlcli.spec.data import ScaleName

# Steps small enough to overflow when scaled are refused later, by their cell.
NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 9))
RANDOM = np.random.default_rng(3)
SAMPLES = {
    "normal": RANDOM.normal(40, 12, 500),
    "many rows": RANDOM.exponential(3, 5000),
    "ties": RANDOM.integers(0, 6, 400).astype(float),
    "mostly zero": np.where(RANDOM.random(300) < 0.8, 0.0, RANDOM.random(300)),
    "few": np.array([1.0, 2.0, 4.0]),
    "large": RANDOM.normal(1e9, 5, 100),
}
PEERS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
    "quantile": lambda: QuantileTransformer(output_distribution="normal", subsample=None),
}


def scikit_learn(kind, train, values):
    peer = PEERS[kind]()
    if kind == "quantile":
        peer.n_quantiles = min(1000, len(train))
    return peer.fit(train[:, None]).transform(values[:, None])[:, 0]


def test_every_scale_has_a_scaler():
    assert set(SCALERS) == set(get_args(ScaleName)) - {"zca"}, "whitening is of whole images"


@pytest.mark.parametrize("kind", PEERS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_scaler_equals_scikit_learns(kind, sample):
    train = SAMPLES[sample]
    between = np.linspace(train.min() - 1, train.max() + 1, 77)
    values = np.concatenate([train, between])
    mine = fit_scaler(kind, train).apply(values)
    np.testing.assert_allclose(mine, scikit_learn(kind, train, values), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", PEERS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_restoring_undoes_scaling(kind, sample):
    train = SAMPLES[sample]
    scaler = fit_scaler(kind, train)
    restored = scaler.restore(scaler.apply(train))
    np.testing.assert_allclose(restored, train, rtol=1e-9, atol=1e-6)


def test_quantile_inverse_equals_scikit_learns():
    train = SAMPLES["many rows"]
    peer = QuantileTransformer(output_distribution="normal", subsample=None).fit(train[:, None])
    scaled = np.linspace(-6, 6, 101)
    expected = peer.inverse_transform(scaled[:, None])[:, 0]
    np.testing.assert_allclose(fit_scaler("quantile", train).restore(scaled), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", SCALERS)
def test_constant_column_is_shifted_at_most(kind):
    scaler = fit_scaler(kind, np.full(9, 0.1))
    scaled = scaler.apply(np.array([0.1, 1.1]))
    np.testing.assert_allclose(scaled[1] - scaled[0], 1.0)
    assert scaled[0] == (0.1 if kind == "none" else 0.0)


def test_restoring_keeps_the_shape():
    scaler = fit_scaler("quantile", SAMPLES["normal"])
    assert scaler.restore(np.zeros((4, 1))).shape == (4, 1)


@given(
    kind=st.sampled_from(sorted(SCALERS)),
    values=arrays(np.float64, st.integers(1, 30), elements=NUMBERS),
)
@settings(max_examples=60, deadline=None)
def test_json_keeps_a_scaler_exactly(kind, values):
    scaler = fit_scaler(kind, values)
    again = Scaler.from_json(json.loads(json.dumps(scaler.to_json())))
    assert again == scaler
    assert np.isfinite(again.apply(values)).all()


def test_normal_quantile_is_exact():
    edges = 10.0 ** -np.arange(1, 12)
    probabilities = np.concatenate([np.linspace(0.001, 0.999, 500), edges, 1 - edges[:6]])
    mine = normal_quantile(probabilities)
    np.testing.assert_allclose(mine, stats.norm.ppf(probabilities), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("sample", ["normal", "many rows", "few"])
def test_a_bound_bends_what_a_robust_scaler_gives(sample):
    train = SAMPLES[sample]
    values = np.linspace(train.min() - 50, train.max() + 50, 77)
    plain = fit_scaler("robust", train).apply(values)
    scaler = fit_scaler("robust", train, bound=3.0)
    bent = scaler.apply(values)
    np.testing.assert_allclose(bent, plain / np.sqrt(1 + (plain / 3) ** 2), rtol=1e-12)
    assert np.abs(bent).max() < 3
    assert np.all(np.diff(bent) > 0)
    np.testing.assert_allclose(scaler.restore(scaler.apply(train)), train, rtol=1e-6)
    assert Scaler.from_json(json.loads(json.dumps(scaler.to_json()))) == scaler


def test_a_bound_gives_the_ends_of_quantiles_their_ranks():
    train = np.array([0.0] * 60 + np.linspace(1, 40, 40).tolist())
    scaler = fit_scaler("quantile", train, bound=2.0)
    scaled = scaler.apply(np.array([-9.0, 0.0, 20.0, 40.0, 99.0]))
    assert scaled[1] == pytest.approx(stats.norm.ppf(0.3), abs=0.03)  # the middle of six tenths
    assert scaled[[0, 3, 4]].tolist() == [-2, 2, 2]
    # Between the ends nothing is another than without a bound.
    assert scaled[2] == fit_scaler("quantile", train).apply(np.array([20.0]))[0]
    assert Scaler.from_json(json.loads(json.dumps(scaler.to_json()))) == scaler
    constant = fit_scaler("quantile", np.full(5, 3.0), bound=2.0)
    assert constant.apply(np.array([3.0, 4.0])).tolist() == [0, 1]


def test_a_bound_keeps_few_values_beside_a_constant_apart():
    train = np.array([0.0] * 90 + [1000.0, 1500.0, 2000.0, 4000.0])
    scaled = fit_scaler("robust", train, bound=3.0).apply(train)
    assert scaled[0] == 0
    # By quartiles of 0 and 0 all four would lie within a millionth of 3.
    assert np.all(np.diff(scaled[-4:]) > 0.1)


def test_huge_numbers_stay_within_the_bound():
    scaler = fit_scaler("robust", SAMPLES["normal"], bound=3.0)
    np.testing.assert_allclose(scaler.apply(np.array([1e300, -1e300])), [3, -3])


def test_ties_have_one_place_in_a_normal_without_noise():
    """Equal numbers come out equal, in the middle of the probabilities that they take."""
    train = np.repeat([1.0, 2.0, 3.0], [30, 40, 30])
    low, middle, high = fit_scaler("quantile", train).apply(np.array([1.0, 2.0, 3.0]))
    assert middle == pytest.approx(0, abs=0.02)
    # The ends stay the ends, as they do in scikit-learn.
    assert low == pytest.approx(-5.2, abs=0.01) and high == pytest.approx(5.2, abs=0.01)
