"""Which axis matters, on trials whose figures are known functions of their values."""

import itertools

import pytest

from dlcli.spec.sweep import Axis
from dlcli.sweeps.explained import explained_shares
from dlcli.sweeps.trial import Trial, best_trial

UNITS = Axis(key="units", choices=(8, 16, 32))
RATE = Axis(key="rate", range="log", low=0.001, high=1.0)
SEED = Axis(key="seed", choices=(1, 2, 3, 4))


def trials(figure):
    points = itertools.product((8, 16, 32), (0.002, 0.02, 0.2, 0.9), (1, 2, 3, 4))
    return [
        Trial(
            number=number,
            state="complete",
            values={"units": units, "rate": rate, "seed": seed},
            figure=figure(units, rate, seed),
        )
        for number, (units, rate, seed) in enumerate(points)
    ]


def test_the_axis_that_decides_explains_nearly_all():
    found = explained_shares(trials(lambda u, r, s: u + 0.01 * s), (UNITS, RATE, SEED))
    assert next(iter(found)) == "units"
    assert found["units"] > 0.99
    assert found["rate"] == 0.0


def test_two_axes_share_what_each_explains_alone():
    found = explained_shares(trials(lambda u, r, s: u / 24 + 2 * (r > 0.1)), (UNITS, RATE, SEED))
    assert found["rate"] == pytest.approx(1 - found["units"], abs=0.1)
    assert found["rate"] > found["units"] > 0.05
    assert found["seed"] == 0.0


def test_one_trial_far_off_does_not_explain_everything():
    made = trials(lambda u, r, s: u + 0.01 * s + (1e9 if (u, r, s) == (8, 0.9, 4) else 0.0))
    found = explained_shares(made, (UNITS, RATE, SEED))
    # Left as it is, it would make the rate and the seed explain as much as the units.
    assert found["units"] > 0.4
    assert (found["rate"], found["seed"]) == (0.0, 0.0)


def test_few_trials_explain_nothing():
    assert explained_shares(trials(lambda u, r, s: u)[:3], (UNITS,)) == {}


def test_the_best_trial_is_the_first_of_equals_by_direction():
    made = trials(lambda u, r, s: float(u))
    assert best_trial(made, "minimize").number == 0
    assert best_trial(made, "maximize").number == 32
    assert best_trial([], "minimize") is None
