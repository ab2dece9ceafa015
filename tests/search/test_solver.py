import importlib

import numpy as np
import pytest

from dlcli.errors import UsageError
from dlcli.search import solver
from dlcli.search.front import is_undominated
from dlcli.search.solver import Axes, find_minimum, scatter

CONTINUOUS = Axes(levels=np.zeros(3, int), is_ordered=np.ones(3, bool))
NOTHING = np.zeros((0, 3))


def _rastrigin(units, tolerance):
    """Many valleys; the deepest is at 0.7 in every variable."""
    x = (units - 0.7) * 8
    return (x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum(axis=1)


def test_the_deepest_of_many_valleys_is_found():
    best = find_minimum(_rastrigin, CONTINUOUS, seed=1, start=NOTHING)
    assert best == pytest.approx(np.full((1, 3), 0.7), abs=1e-6)


def test_the_same_seed_gives_the_same_point():
    first, again = (
        find_minimum(_rastrigin, CONTINUOUS, seed=3, start=NOTHING, generations=5) for _ in range(2)
    )
    assert np.array_equal(first, again)


def test_the_result_is_never_worse_than_a_known_point():
    def needle(units, tolerance):
        return np.where(np.abs(units - 0.123456).max(axis=1) < 1e-9, -1.0, 0.0)

    known = np.full((1, 3), 0.123456)
    best = find_minimum(needle, CONTINUOUS, seed=1, start=known, generations=3)
    assert needle(best, 0.0)[0] == -1.0


def test_a_minimum_on_a_bound_is_met_exactly():
    best = find_minimum(lambda u, t: u @ [1.0, -1.0, 2.0], CONTINUOUS, seed=1, start=NOTHING)
    assert best.tolist() == [[0.0, 1.0, 0.0]]


def test_whole_numbers_and_categories_are_searched_too():
    axes = Axes(levels=np.array([11, 4, 0]), is_ordered=np.array([True, False, True]))

    def loss(units, tolerance):
        whole = np.clip(np.floor(units[:, 0] * 11), 0, 10)
        category = np.clip(np.floor(units[:, 1] * 4), 0, 3).astype(int)
        return (whole - 7) ** 2 + np.array([3.0, 1.0, 0.0, 2.0])[category] + units[:, 2]

    best = find_minimum(loss, axes, seed=2, start=np.zeros((0, 3)))
    assert loss(best, 0.0)[0] == 0.0


def test_scattered_points_fill_every_stratum():
    units = scatter(10, 2, np.random.default_rng(0))
    assert np.sort(np.floor(units * 10), axis=0).tolist() == [[i, i] for i in range(10)]


def test_only_points_that_nothing_beats_are_undominated():
    costs = np.array([[0.0, 2], [1, 1], [2, 0], [2, 2], [1, 1], [1, 2]])
    assert is_undominated(costs).tolist() == [True, True, True, False, False, False]


def test_without_scipy_one_line_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(solver.importlib, "import_module", missing)
    with pytest.raises(UsageError, match="optimize needs SciPy, which is not installed") as caught:
        solver.load_scipy("scipy.optimize")
    assert caught.value.hint == "pip install 'dlcli[optimize]'"
    assert importlib.import_module is missing
