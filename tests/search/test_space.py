import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.search.space import Space, Variable

VARIABLES = (
    Variable(name="x", kind="number", low=-3.0, high=0.1),
    Variable(name="n", kind="integer", low=2, high=9),
    Variable(name="c", kind="category", choices=(0, 2), labels=("a", "b", "c")),
    Variable(name="one", kind="number", low=5.0, high=5.0),
)


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=20))
def test_points_stay_within_bounds_and_come_back_from_their_units(units):
    space = Space(columns=(), variables=VARIABLES, fixed={})
    points = space.decode(np.array(units))
    assert (points[:, 0] >= -3.0).all()
    assert (points[:, 0] <= 0.1).all()
    assert set(points[:, 1]) <= set(range(2, 10))
    assert set(points[:, 2]) <= {0, 2}
    again = space.decode(space.encode(points))
    assert again == pytest.approx(points, abs=1e-12)
