"""Intervals are those of a plain bootstrap, cover what they say, and pair the rows."""

import time

import numpy as np
import pytest

from dlcli import intervals
from dlcli.intervals import (
    CLASSIFICATION_INTERVALS,
    REGRESSION_INTERVALS,
    classification_differences,
    classification_intervals,
    regression_differences,
    regression_intervals,
)
from dlcli.metrics import classification_metrics, regression_metrics


def numbers(rows: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    actual = random.normal(50, 10, rows)
    return actual, actual + random.normal(0, 3, rows)


def classes(rows: int, num_classes: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = random.integers(0, num_classes, rows)
    logits = random.normal(0, 1, (rows, num_classes)).round(1)
    logits[np.arange(rows), codes] += 1.0
    shares = np.exp(logits)
    return codes, shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_every_resample_scores_as_its_rows_do(weighted: bool) -> None:
    actual, predicted = numbers(40)
    weights = np.random.default_rng(2).uniform(0.5, 2, 40) if weighted else None
    draws = intervals._draw(40, seed=3)
    samples = intervals._regression_samples(actual, predicted, weights, draws)
    for place in (0, 17, 999):
        rows = np.repeat(np.arange(40), draws.counts[place].astype(int))
        own = None if weights is None else weights[rows]
        expected = regression_metrics(actual[rows], predicted[rows], own)
        assert {name: values[place] for name, values in samples.items()} == pytest.approx(expected)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_every_resample_of_classes_scores_as_its_rows_do(num_classes: int, weighted: bool) -> None:
    codes, shares = classes(60, num_classes)
    names = tuple("abcd"[:num_classes])
    weights = np.random.default_rng(2).uniform(0.5, 2, 60) if weighted else None
    draws = intervals._draw(60, seed=3)
    samples = intervals._classification_samples(codes, shares, weights, draws)
    assert set(samples) == set(CLASSIFICATION_INTERVALS)
    for place in (0, 17, 999):
        rows = np.repeat(np.arange(60), draws.counts[place].astype(int))
        own = None if weights is None else weights[rows]
        scores = classification_metrics(codes[rows], shares[rows], names, own)
        expected = {name: scores[name] for name in CLASSIFICATION_INTERVALS}
        assert {name: values[place] for name, values in samples.items()} == pytest.approx(expected)


def test_about_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    found = [
        regression_intervals(*numbers(200, seed=seed), seed=seed)["RootMeanSquaredError"]
        for seed in range(150)
    ]
    held = np.mean([each.low <= 3.0 <= each.high for each in found if each is not None])
    assert 0.88 <= held <= 0.99


def test_groups_of_rows_give_the_width_that_single_rows_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actual, predicted = numbers(3000)
    grouped = regression_intervals(actual, predicted, seed=1)
    monkeypatch.setattr(intervals, "MOST_UNITS", 3000)
    single = regression_intervals(actual, predicted, seed=1)
    for name in REGRESSION_INTERVALS:
        one, other = grouped[name], single[name]
        assert one is not None
        assert other is not None
        assert one.high - one.low == pytest.approx(other.high - other.low, rel=0.15)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_area_of_many_rows_has_the_interval_of_ranked_ones(
    num_classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes, shares = classes(900, num_classes)
    ranked = classification_intervals(codes, shares, seed=1)["AUC"]
    monkeypatch.setattr(intervals, "MOST_RANKED", 0)
    projected = classification_intervals(codes, shares, seed=1)["AUC"]
    assert ranked is not None
    assert projected is not None
    near = (ranked.high - ranked.low) / 20
    assert (projected.low, projected.high) == pytest.approx((ranked.low, ranked.high), abs=near)


def test_the_same_rows_narrow_the_difference_of_two_predictions() -> None:
    actual, predicted = numbers(300)
    better = actual + (predicted - actual) * 0.95
    difference = regression_differences(actual, (better, predicted), seed=1)["MeanAbsoluteError"]
    alone = regression_intervals(actual, better, seed=1)["MeanAbsoluteError"]
    assert difference is not None
    assert alone is not None
    assert difference.is_certain
    assert difference.low < difference.value < difference.high < 0
    assert difference.high - difference.low < (alone.high - alone.low) / 5


def test_a_prediction_does_not_differ_from_itself() -> None:
    codes, shares = classes(80, 3)
    found = classification_differences(codes, (shares, shares), seed=1)
    assert set(found) == set(CLASSIFICATION_INTERVALS)
    assert all(
        each is not None and each.low == each.value == each.high == 0 for each in found.values()
    )
    assert not any(each is not None and each.is_certain for each in found.values())


def test_the_same_seed_gives_the_same_interval() -> None:
    one, two, other = (regression_intervals(*numbers(50), seed=seed) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_what_is_not_defined_has_no_interval() -> None:
    constant = regression_intervals(np.zeros(20), np.arange(20.0), seed=1)
    assert constant["R2Score"] is None
    assert constant["MeanAbsolutePercentageError"] is None
    assert constant["MeanAbsoluteError"] is not None
    one_class = classification_intervals(np.zeros(20, int), classes(20, 2)[1], seed=1)
    assert one_class["AUC"] is None
    assert one_class["Accuracy"] is not None
    assert set(regression_intervals(np.zeros(0), np.zeros(0), seed=1).values()) == {None}


def test_predictions_without_a_mistake_have_no_interval() -> None:
    codes = np.arange(30) % 3
    found = classification_intervals(codes, np.eye(3)[codes], seed=1)
    assert found["Accuracy"] is None
    assert found["BalancedAccuracy"] is None


def test_a_class_in_few_resamples_gives_no_interval() -> None:
    codes, shares = classes(30, 2)
    codes[:] = 0
    codes[0] = 1
    assert classification_intervals(codes, shares, seed=1)["AUC"] is None


def test_many_rows_and_classes_cost_little() -> None:
    codes, shares = classes(50_000, 40)
    started = time.process_time()
    found = classification_intervals(codes, shares, seed=1)
    assert found["F1Score"] is not None
    assert time.process_time() - started < 5
