import numpy as np
import pytest

from dlcli.search.planes import find_planes, move_onto
from dlcli.search.space import Space, Variable
from dlcli.spec.arithmetic import Names, parse_comparisons

SPACE = Space(
    columns=(),
    variables=(
        Variable(name="a", kind="number", low=0, high=10),
        Variable(name="b", kind="number", low=5, high=100),
        Variable(name="n", kind="integer", low=0, high=4),
    ),
    fixed={"f": 3.0},
)
NAMES = Names(numbers=("a", "b", "n", "f", "y"), refused={})


def _moved(*texts):
    comparisons = [
        each for text in texts for each in parse_comparisons(text, NAMES, option="--subject-to")
    ]
    planes = find_planes(comparisons, SPACE)
    units = np.random.default_rng(0).random((50, 3))
    points = SPACE.decode(move_onto(planes, units, SPACE))
    assert np.array_equal(points[:, 2], SPACE.decode(units)[:, 2])
    return len(planes), points


def test_points_move_onto_an_equation_within_the_bounds():
    count, points = _moved("a + b + n + f == 40")
    assert count == 1
    assert points.sum(axis=1) + 3 == pytest.approx(np.full(50, 40.0), abs=1e-9)
    assert (points >= [0, 5, 0]).all()
    assert (points <= [10, 100, 4]).all()


def test_several_conditions_are_met_together():
    count, points = _moved("a + b = 30", "a >= 2*n", "b <= 28")
    assert count == 3
    assert points[:, 0] + points[:, 1] == pytest.approx(np.full(50, 30.0), abs=1e-9)
    assert (points[:, 0] >= 2 * points[:, 2] - 1e-9).all()
    assert (points[:, 1] <= 28 + 1e-9).all()


def test_predictions_products_and_whole_numbers_alone_are_left_to_the_search():
    assert _moved("y <= 3", "a * b <= 3", "n == 2", "f <= 5")[0] == 0


def test_what_cannot_be_met_ends_and_stays_within_the_bounds():
    _, points = _moved("a + b = 500", "a - b >= 0")
    assert (points >= [0, 5, 0]).all()
    assert (points <= [10, 100, 4]).all()
