import numpy as np
import pytest

from dlcli.training.rate_curve import read_curve

RATES = np.logspace(-6, 1, 141)
PLACES = np.log10(RATES)


def _losses(noise=0.0):
    """Flat up to 1e-4, steepest at 1e-3, lowest near 1e-1, and away from there."""
    falls = 1 / (1 + np.exp(-4 * (PLACES + 3)))
    rises = np.where(PLACES > -0.7, np.exp(6 * (PLACES + 0.7)) - 1, 0.0)
    return 2 - falls + rises + np.random.default_rng(0).normal(0, noise, len(RATES))


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_steepest_descent_and_a_tenth_of_the_lowest_are_found(noise):
    curve = read_curve(RATES, _losses(noise))
    assert np.log10(curve.steepest) == pytest.approx(-3, abs=0.35)
    assert -2.6 < np.log10(curve.tenth) < -1.6
    assert curve.suggestion == pytest.approx(min(curve.steepest, curve.tenth), rel=0.05)
    assert not curve.is_at_edge


def test_what_comes_after_the_loss_diverged_is_not_read():
    curve = read_curve(RATES, _losses())
    assert curve.rates[-1] < 1
    assert len(curve.rates) == len(curve.losses) == len(curve.smoothed)


def test_a_loss_that_does_not_fall_suggests_nothing():
    curve = read_curve(RATES, np.full(len(RATES), 0.7))
    assert curve.steepest is curve.tenth is curve.suggestion is None


def test_a_loss_that_still_falls_at_the_end_says_so():
    assert read_curve(RATES, 2 - 0.1 * (PLACES + 6)).is_at_edge
