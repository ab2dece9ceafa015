"""Splits against scikit-learn's, row for row."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from dlcli.data.split import split_rows
from dlcli.errors import DataError
from dlcli.spec.data import SplitSpec

NUM_ROWS = 173
RANDOM = np.random.default_rng(5)
LABELS = RANDOM.choice(["a", "b", "c"], NUM_ROWS, p=[0.6, 0.3, 0.1])
GROUPS = RANDOM.choice(list("uvwxyz"), NUM_ROWS)


def peer_split(test, validation, seed, labels=None, num_rows=NUM_ROWS):
    def cut(rows, size):
        stratify = None if labels is None else labels[rows]
        return train_test_split(rows, test_size=size, random_state=seed, stratify=stratify)

    rest, test_rows = cut(np.arange(num_rows), test)
    train, validation_rows = cut(rest, math.ceil(validation * num_rows))
    return train, validation_rows, test_rows


def assert_same(split, train, validation, test):
    np.testing.assert_array_equal(split.train, train)
    np.testing.assert_array_equal(split.validation, validation)
    np.testing.assert_array_equal(split.test, test)


@pytest.mark.parametrize("seed", [0, 7, 42, 2**32 - 1])
@pytest.mark.parametrize("num_rows", [10, 27, 1030])
def test_random_split_is_scikit_learns(seed, num_rows):
    split = split_rows(num_rows, SplitSpec(test=0.2, validation=0.1), seed)
    assert_same(split, *peer_split(0.2, 0.1, seed, num_rows=num_rows))


@pytest.mark.parametrize("seed", [0, 7, 42])
@pytest.mark.parametrize("labels", [LABELS, RANDOM.integers(0, 2, NUM_ROWS)])
def test_stratified_split_is_scikit_learns(seed, labels):
    spec = SplitSpec(test=0.2, validation=0.1, stratify=True)
    split = split_rows(NUM_ROWS, spec, seed, labels=labels)
    assert_same(split, *peer_split(0.2, 0.1, seed, labels))


@pytest.mark.parametrize("seed", [0, 7, 42])
def test_grouped_split_is_scikit_learns(seed):
    split = split_rows(NUM_ROWS, SplitSpec(test=0.3, group="g"), seed, groups=GROUPS)
    peer = GroupShuffleSplit(n_splits=1, test_size=0.3, random_state=seed)
    train, test = next(peer.split(GROUPS, groups=GROUPS))
    assert_same(split, train, [], test)


def test_groups_stay_together_with_a_validation_part():
    spec = SplitSpec(test=0.3, validation=20, group="g")
    split = split_rows(NUM_ROWS, spec, 1, groups=GROUPS)
    parts = [set(GROUPS[rows]) for rows in (split.train, split.validation, split.test)]
    assert sum(len(part) for part in parts) == len(set().union(*parts)) == 6
    assert len(split.validation) >= 20


def test_unshuffled_split_takes_the_last_rows():
    split = split_rows(10, SplitSpec(test=0.2, validation=0.2, shuffle=False), 7)
    assert_same(split, range(6), [6, 7], [8, 9])
    train, test = train_test_split(np.arange(10), test_size=0.2, shuffle=False)
    np.testing.assert_array_equal(split.test, test)
    assert train[-1] == split.validation[-1]


def test_time_split_takes_the_latest_rows():
    order = np.array([5, 1, 4, 1, 9, 2])
    split = split_rows(6, SplitSpec(test=2, validation=1, time="t"), 7, order=order)
    assert_same(split, [1, 3, 5], [2], [0, 4])
    assert split.kind == "time"


@given(
    num_rows=st.integers(10, 80),  # of fewer, the largest shares leave one row
    test=st.floats(0.01, 0.45) | st.integers(0, 3),
    validation=st.floats(0.01, 0.25) | st.integers(0, 2),
    seed=st.integers(0, 2**32 - 1),
    how=st.sampled_from(["random", "ordered", "time"]),
)
@settings(max_examples=80, deadline=None)
def test_parts_are_disjoint_and_complete(num_rows, test, validation, seed, how):
    spec = SplitSpec(
        test=test,
        validation=validation,
        shuffle=how != "ordered",
        time="t" if how == "time" else None,
    )
    order = np.arange(num_rows)[::-1] if how == "time" else None
    split = split_rows(num_rows, spec, seed, order=order)
    rows = np.concatenate([split.train, split.validation, split.test])
    np.testing.assert_array_equal(np.sort(rows), np.arange(num_rows))


def test_rows_can_be_counted():
    split = split_rows(30, SplitSpec(test=6, validation=3.0), 7)
    assert (len(split.train), len(split.validation), len(split.test)) == (21, 3, 6)
    train, test = train_test_split(np.arange(30), test_size=6, random_state=7)
    np.testing.assert_array_equal(split.test, test)
    assert set(split.train) < set(train)


def test_a_part_with_a_file_takes_no_rows():
    split = split_rows(30, SplitSpec(test="other.csv", validation="test"), 7)
    assert (len(split.train), len(split.validation), len(split.test)) == (30, 0, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test": 1.0}, "every row into the test part"),
        ({"test": 2.5}, "no whole number of rows"),
        ({"test": 30}, "leaves no row to train on: there are 30"),
        ({"test": 29}, "leaves 1 of 30 rows"),
        ({"test": 0.6, "validation": 0.5}, "leaves 0 of 30 rows"),
        ({"stratify": True, "group": "g"}, "`stratify` and `group` together"),
        ({"time": "t", "group": "g"}, "`group` and `time` together"),
        ({"stratify": True, "shuffle": False}, "`shuffle` is false"),
    ],
)
def test_impossible_splits_say_why(settings, message):
    with pytest.raises(DataError) as caught:
        split_rows(30, SplitSpec(**settings), 7)
    assert message in caught.value.message


def test_a_class_with_one_row_cannot_be_stratified():
    labels = np.array(["a"] * 20 + ["rare"])
    with pytest.raises(DataError, match=r"only one row .*'rare'"):
        split_rows(21, SplitSpec(stratify=True), 7, labels=labels)


def test_a_part_too_small_for_every_class_is_refused():
    labels = np.array(list("abcdefgh") * 4)
    with pytest.raises(DataError, match="part of 4 of 32 rows cannot hold 8 classes"):
        split_rows(32, SplitSpec(test=4, stratify=True), 7, labels=labels)


def test_one_group_cannot_be_split():
    with pytest.raises(DataError, match="1 group is too few"):
        split_rows(20, SplitSpec(group="g"), 7, groups=np.zeros(20))


def test_a_single_row_trains_where_nothing_is_split_off():
    split = split_rows(1, SplitSpec(test=0), 7)
    assert (split.train.tolist(), len(split.test), len(split.validation)) == ([0], 0, 0)
    with pytest.raises(DataError, match="leaves 0 of 1 rows"):
        split_rows(1, SplitSpec(test=0.5), 7)
