"""ZCA whitening: what it does to the training images, and its state."""

import json

import numpy as np
import pytest

from dlcli.data.whitening import Whitening, fit_whitening
from dlcli.errors import DataError


@pytest.fixture
def images() -> np.ndarray:
    """Images whose neighbouring pixels are alike."""
    noise = np.random.default_rng(0).normal(120, 30, (4000, 4, 4, 1))
    alike = noise + np.roll(noise, 1, axis=1) + np.roll(noise, 1, axis=2)
    return (alike / 3).clip(0, 255).astype(np.uint8)


def test_training_pixels_become_uncorrelated_with_variance_1(images):
    whitened = fit_whitening("image", images, epsilon=1e-6).apply(images)
    assert whitened.dtype == np.float32
    assert whitened.shape == images.shape
    covariance = np.cov(whitened.reshape(len(images), -1).T, bias=True)
    np.testing.assert_allclose(covariance, np.eye(16), atol=1e-3)
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-4)


def test_it_is_the_whitening_nearest_to_the_pixels(images):
    """ZCA's matrix is the symmetric root of the inverse covariance."""
    fitted = fit_whitening("image", images, epsilon=1e-6)
    pixels = images.reshape(len(images), -1) / fitted.spread
    values, directions = np.linalg.eigh(np.cov(pixels.T, bias=True))
    expected = directions @ np.diag((values + 1e-6) ** -0.5) @ directions.T
    np.testing.assert_allclose(fitted.matrix, expected, rtol=1e-4, atol=1e-4)


def test_the_units_of_pixels_do_not_matter(images):
    bytes_ = fit_whitening("image", images, epsilon=0.1).apply(images)
    shares = (images / 255).astype(np.float32)
    np.testing.assert_allclose(
        fit_whitening("image", shares, epsilon=0.1).apply(shares), bytes_, atol=1e-3
    )


def test_a_larger_epsilon_changes_less(images):
    strong = fit_whitening("image", images, epsilon=1e-6).apply(images)
    weak = fit_whitening("image", images, epsilon=10).apply(images)
    assert weak.std() < strong.std()


def test_pixels_that_never_change_are_0():
    images = np.random.default_rng(0).integers(0, 255, (50, 3, 3, 1)).astype(np.uint8)
    images[:, 0] = 7
    whitened = fit_whitening("image", images, epsilon=0.01).apply(images)
    np.testing.assert_allclose(whitened[:, 0], 0, atol=1e-5)


def test_state_survives_json_exactly(images):
    fitted = fit_whitening("image", images, epsilon=0.01)
    read = Whitening.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(read.matrix, fitted.matrix)
    np.testing.assert_array_equal(read.apply(images), fitted.apply(images))


def test_too_many_pixels_are_refused_with_the_figure():
    with pytest.raises(DataError, match=r"12,288; 3,072 are the most"):
        fit_whitening("image", np.zeros((2, 64, 64, 3), np.uint8), epsilon=0.01)
