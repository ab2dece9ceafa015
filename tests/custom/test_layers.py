"""Layers that Keras lacks: their arithmetic, their shapes, saving, and the same in ONNX."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

from dlcli.bundle.onnx_layers.network import build_onnx
from dlcli.custom import (
    EnsembleDense,
    FeatureScale,
    PeriodicEmbedding,
    PiecewiseLinearEncoding,
)

ROWS, FEATURES = 7, 3
LAYERS = [
    FeatureScale(),
    PeriodicEmbedding(),
    PeriodicEmbedding(frequencies=4, units=None),
    PeriodicEmbedding(frequencies=4, units=3, phase=True, keep_numbers=True, activation=None),
    PeriodicEmbedding(frequencies=2, units=3, flatten=False),
    PiecewiseLinearEncoding(bins=5),
    PiecewiseLinearEncoding(bins=1),
    PiecewiseLinearEncoding(bins=4, units=2, keep_numbers=True),
    EnsembleDense(4, members=2, activation="tanh"),
    EnsembleDense(4, members=2, shared=True, use_bias=False),
    FeatureScale(members=2, initializer="random_normal"),
    PeriodicEmbedding(frequencies=2, units=3, phase=True, members=2),
    PeriodicEmbedding(frequencies=2, units=None, members=2, flatten=False),
    PiecewiseLinearEncoding(bins=3, units=2, keep_numbers=True, members=2),
]


def names(layer: keras.Layer) -> str:
    return f"{type(layer).__name__}-{layer.compute_output_shape((None, FEATURES))}"


@pytest.fixture
def numbers() -> Any:
    return np.random.default_rng(3).normal(size=(ROWS, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("layer", LAYERS, ids=names)
def test_layer_keeps_its_word_on_shape_saving_and_onnx(
    layer: keras.Layer, numbers: Any, tmp_path: Path
) -> None:
    inputs = keras.Input((FEATURES,), name="features")
    model = keras.Model(inputs, type(layer).from_config(layer.get_config())(inputs))
    given = np.asarray(model(numbers))
    assert given.shape[1:] == tuple(layer.compute_output_shape((None, FEATURES)))[1:]

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(numbers)), given)

    onnx = build_onnx(model, inputs=["features"], outputs=["out"])
    session = onnxruntime.InferenceSession(onnx.SerializeToString())
    (scored,) = session.run(None, {"features": numbers})
    np.testing.assert_allclose(scored, given, atol=1e-5)


def test_scale_starts_as_the_identity_and_is_one_weight_per_feature(numbers: Any) -> None:
    layer = FeatureScale()
    np.testing.assert_array_equal(np.asarray(layer(numbers)), numbers)
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(FEATURES,)]


def test_waves_are_sines_and_cosines_of_the_frequencies(numbers: Any) -> None:
    layer = PeriodicEmbedding(frequencies=2, units=None, flatten=False)
    given = np.asarray(layer(numbers))
    waves = 2 * np.pi * numbers[:, :, None] * np.asarray(layer.frequencies)
    np.testing.assert_allclose(given, np.concatenate([np.sin(waves), np.cos(waves)], -1), atol=1e-5)


def test_frequencies_spread_as_asked() -> None:
    layer = PeriodicEmbedding(frequencies=2000, sigma=0.3)
    layer.build((None, 5))
    assert np.std(np.asarray(layer.frequencies)) == pytest.approx(0.3, rel=0.05)


def test_bins_hold_equal_shares_of_a_normal_and_fill_one_by_one() -> None:
    layer = PiecewiseLinearEncoding(bins=4, flatten=False)
    edges = layer.edges
    sample = np.random.default_rng(0).normal(size=100_000)
    shares = np.histogram(sample, edges)[0] / len(sample)
    np.testing.assert_allclose(shares, 0.2, atol=0.01)
    middle = (edges[1] + edges[2]) / 2
    codes = np.asarray(layer(np.array([[middle]], np.float32)))[0, 0]
    np.testing.assert_allclose(codes, [1, 0.5, 0, 0], atol=1e-5)


def test_numbers_beyond_the_outer_bins_go_on_in_a_line() -> None:
    layer = PiecewiseLinearEncoding(bins=3, flatten=False)
    low, high = np.asarray(layer(np.array([[-9.0], [9.0]], np.float32)))[:, 0]
    assert low[0] < -1 and low[1:].tolist() == [0, 0]
    assert high[-1] > 2 and high[:-1].tolist() == [1, 1]


@pytest.mark.parametrize("layer", [PeriodicEmbedding, PiecewiseLinearEncoding])
def test_a_sequence_is_refused_with_its_shape(layer: type[keras.Layer]) -> None:
    with pytest.raises(ValueError, match=r"takes a tensor of shape \(rows, features\)"):
        layer()(np.zeros((2, 3, 4), np.float32))


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        (PeriodicEmbedding, {"frequencies": 0}),
        (PeriodicEmbedding, {"sigma": 0}),
        (PeriodicEmbedding, {"units": 0}),
        (PiecewiseLinearEncoding, {"bins": 0}),
        (PiecewiseLinearEncoding, {"members": 0}),
        (EnsembleDense, {"units": 0}),
        (EnsembleDense, {"units": 1, "members": 0}),
    ],
)
def test_arguments_out_of_range_are_refused(layer: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        layer(**arguments)
