"""Differences name the key that changed and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.spec.differences import ABSENT, find_differences

LAYERS = [{"Dense": {"units": 64}}, {"Dropout": {"rate": 0.1}}, {"Dense": {"units": 1}}]


def _found(left, right):
    return [(item.key, item.left, item.right) for item in find_differences(left, right)]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"a": 3, "c": 4}, [("a", 1, 3), ("b", 2, ABSENT), ("c", ABSENT, 4)]),
        ({"m": ["a", "b"]}, {"m": ["a"]}, [("m", ["a", "b"], ["a"])]),
        ({"o": {"Adam": {"lr": 1}}}, {"o": {"Adam": {"lr": 2}}}, [("o.Adam.lr", 1, 2)]),
        (
            {"o": {"Adam": {"lr": 1}}}, {"o": {"SGD": {"lr": 1}}},
            [("o", {"Adam": {"lr": 1}}, {"SGD": {"lr": 1}})],
        ),
        ({"l": LAYERS}, {"l": [LAYERS[0], LAYERS[2]]}, [("l.1", LAYERS[1], ABSENT)]),
        (
            {"l": LAYERS}, {"l": [*LAYERS[:2], {"Dense": {"units": 8}}, LAYERS[2]]},
            [("l.2", ABSENT, {"Dense": {"units": 8}})],
        ),
        (
            {"l": LAYERS}, {"l": [{"Dense": {"units": 32}}, *LAYERS[1:]]},
            [("l.0.Dense.units", 64, 32)],
        ),
        ({"s": "a"}, {"s": {"a": 1}}, [("s", "a", {"a": 1})]),
    ],
)  # fmt: skip
def test_only_what_changed_is_told(left, right, expected):
    assert _found(left, right) == expected


def test_an_item_that_moves_others_keeps_their_own_places():
    right = [{"Input": {}}, {"Dense": {"units": 32}}, *LAYERS[1:]]
    put_in, changed = find_differences(LAYERS, right)
    assert (put_in.left, put_in.right_path) == (ABSENT, (0,))
    assert (changed.left_path, changed.right_path) == (
        (0, "Dense", "units"), (1, "Dense", "units"),
    )  # fmt: skip


_TREES = st.recursive(
    st.integers(0, 3) | st.booleans() | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=2), inner),
    max_leaves=12,
)


@given(_TREES, _TREES)
def test_equal_trees_have_no_differences_and_others_have_some(left, right):
    assert bool(_found(left, right)) == (left != right)
    assert _found(left, left) == []
