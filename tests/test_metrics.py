"""The scores equal scikit-learn's, and undefined ones are None."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from dlcli.metrics import (
    MOST_CONFUSED,
    STRUCTURES,
    best_threshold,
    calibration_error,
    classification_metrics,
    regression_metrics,
)
from dlcli.spec.figures import CLASSIFICATION_METRICS, REGRESSION_METRICS, undefined_reasons
from dlcli.spec.thresholds import FIGURES as THRESHOLD_FIGURES

RNG = np.random.default_rng(7)
WEIGHTS = [None, RNG.uniform(0, 3, 200)]


@pytest.mark.parametrize("weights", WEIGHTS, ids=["plain", "weighted"])
def test_regression_equals_scikit_learn(weights: np.ndarray | None) -> None:
    actual = RNG.normal(5, 2, 200)
    predicted = actual + RNG.normal(0, 1, 200)
    scores = regression_metrics(actual, predicted.astype(np.float32), weights)
    predicted = predicted.astype(np.float32).astype(np.float64)
    squared = reference.mean_squared_error(actual, predicted, sample_weight=weights)
    assert tuple(scores) == REGRESSION_METRICS
    assert list(scores.values()) == pytest.approx(
        [
            squared,
            np.sqrt(squared),
            reference.mean_absolute_error(actual, predicted, sample_weight=weights),
            reference.r2_score(actual, predicted, sample_weight=weights),
            100
            * reference.mean_absolute_percentage_error(actual, predicted, sample_weight=weights),
        ],
        rel=1e-12,
    )


def probabilities(num_classes: int, rows: int = 200) -> np.ndarray:
    raw = RNG.uniform(0, 1, (rows, num_classes)).round(1) + 0.05  # rounded: many ties
    return raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("weights", WEIGHTS, ids=["plain", "weighted"])
@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_classification_equals_scikit_learn(num_classes: int, weights: np.ndarray | None) -> None:
    codes, shares = RNG.integers(0, num_classes, 200), probabilities(num_classes)
    scores = classification_metrics(codes, shares, tuple("abcde"[:num_classes]), weights)
    chosen, options = shares.argmax(axis=1), {"sample_weight": weights}
    if num_classes == 2:  # an even share is the second class, as in predictions
        chosen = (shares[:, 1] >= shares[:, 0]).astype(int)
    average = {"average": "binary" if num_classes == 2 else "macro", "zero_division": 0}
    judged = shares[:, 1] if num_classes == 2 else shares
    area = reference.roc_auc_score(
        codes, judged, multi_class="ovr", average="macro", **(options if num_classes == 2 else {})
    )
    expected = {
        "Accuracy": reference.accuracy_score(codes, chosen, **options),
        "LogLoss": reference.log_loss(codes, shares, **options),
        "Precision": reference.precision_score(codes, chosen, **average, **options),
        "Recall": reference.recall_score(codes, chosen, **average, **options),
        "F1Score": reference.f1_score(codes, chosen, **average, **options),
        "BalancedAccuracy": reference.balanced_accuracy_score(codes, chosen, **options),
    }
    if num_classes == 2 or weights is None:
        expected["AUC"] = area
    else:
        expected["AUC"] = np.mean(
            [
                reference.roc_auc_score(codes == c, shares[:, c], **options)
                for c in range(num_classes)
            ]
        )
    if num_classes == 2:
        expected["AveragePrecision"] = reference.average_precision_score(codes, judged, **options)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    assert set(scores) <= {*CLASSIFICATION_METRICS, *STRUCTURES}
    matrix = reference.confusion_matrix(codes, chosen, **options)
    np.testing.assert_allclose(scores["ConfusionMatrix"], matrix)
    each = reference.precision_recall_fscore_support(codes, chosen, zero_division=0, **options)
    received = np.array([list(row.values()) for row in scores["Classes"].values()])
    np.testing.assert_allclose(received, np.transpose(each))


def test_the_confusions_of_very_many_classes_are_not_kept() -> None:
    for num_classes in (MOST_CONFUSED, MOST_CONFUSED + 1):
        classes = tuple(f"class {at}" for at in range(num_classes))
        scores = classification_metrics(np.arange(num_classes), np.eye(num_classes), classes)
        assert (scores["ConfusionMatrix"] is None) == (num_classes > MOST_CONFUSED)
        assert scores["Accuracy"] == 1.0


def test_perfect_and_impossible_predictions_stay_finite() -> None:
    scores = classification_metrics(
        np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]), ("no", "yes")
    )
    assert scores["LogLoss"] == pytest.approx(
        reference.log_loss([0, 1], [[1.0, 0.0], [1.0, 0.0]]), rel=1e-9
    )
    assert scores["Classes"]["yes"] == {
        "Precision": 0.0,
        "Recall": 0.0,
        "F1Score": 0.0,
        "Support": 1.0,
    }


def test_undefined_scores_are_none_and_say_why() -> None:
    scores = regression_metrics(np.zeros(4), np.arange(4))
    assert scores["R2Score"] is None and scores["MeanAbsolutePercentageError"] is None
    assert undefined_reasons(scores) == {
        "R2Score": "every target value is the same",
        "MeanAbsolutePercentageError": "a target value is 0",
    }
    one_class = classification_metrics(np.zeros(5, int), probabilities(2, 5), ("no", "yes"))
    assert one_class["AUC"] is None and one_class["AveragePrecision"] is None
    assert set(undefined_reasons(one_class)) == {"AUC", "AveragePrecision"}
    absent = classification_metrics(np.array([0, 1, 1]), probabilities(3, 3), ("a", "b", "c"))
    assert absent["AUC"] is None and absent["BalancedAccuracy"] is not None


def test_constant_target_whose_mean_rounds_has_no_r2() -> None:
    assert regression_metrics(np.full(3, 0.1), np.arange(3))["R2Score"] is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_figures_are_json_even_where_predictions_are_not_numbers(bad: float) -> None:
    scores = regression_metrics(np.array([1.0, 2.0]), np.array([1.0, bad]))
    classes = classification_metrics(
        np.array([0, 1]), np.array([[0.5, 0.5], [bad, bad]]), ("no", "yes")
    )
    json.dumps([scores, classes], allow_nan=False)
    assert scores["MeanSquaredError"] is None and classes["LogLoss"] is None


def test_no_rows_give_no_scores() -> None:
    scores = regression_metrics(np.zeros(0), np.zeros(0))
    assert set(scores.values()) == {None}
    empty = classification_metrics(np.zeros(0, int), np.zeros((0, 2)), ("no", "yes"))
    assert set(empty.values()) == {None}


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="different numbers of rows"):
        regression_metrics(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match=r"probabilities are \[3, 2\], expected \[3, 4\]"):
        classification_metrics(np.zeros(3, int), np.zeros((3, 2)), tuple("abcd"))


@pytest.mark.parametrize("weights", WEIGHTS, ids=["plain", "weighted"])
@pytest.mark.parametrize("figure", THRESHOLD_FIGURES)
def test_no_threshold_is_better_than_the_best_one(figure: str, weights: np.ndarray | None) -> None:
    codes = (RNG.uniform(size=200) < 0.1).astype(int)
    scores = np.clip(0.3 * codes + RNG.uniform(0, 0.6, 200), 0, 1)
    both = np.stack([1 - scores, scores], axis=1)

    def value(threshold: float) -> float:
        found = classification_metrics(codes, both, ("no", "yes"), weights, threshold=threshold)
        return float(found[figure])

    best = best_threshold(figure, codes, scores, weights)
    assert best is not None and 0 < best < 1
    assert value(best) >= max(map(value, np.linspace(0.001, 0.999, 500))) - 1e-12


def test_a_threshold_lies_between_the_scores_that_it_parts() -> None:
    assert best_threshold("F1Score", np.array([0, 0, 1]), np.array([0.1, 0.2, 0.3])) == 0.25
    assert best_threshold("F1Score", np.zeros(3), np.array([0.1, 0.2, 0.3])) is None


def test_a_threshold_moves_the_decision_and_not_the_ranking() -> None:
    codes, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.2, 0.4])
    both = np.stack([1 - scores, scores], axis=1)
    even, low = (
        classification_metrics(codes, both, ("no", "yes"), threshold=at) for at in (0.5, 0.15)
    )
    assert (even["Recall"], low["Recall"], low["Precision"]) == (0, 1, pytest.approx(2 / 3))
    assert even["AUC"] == low["AUC"] and even["AveragePrecision"] == low["AveragePrecision"]


def test_probabilities_that_are_right_as_often_as_they_say_have_no_calibration_error() -> None:
    sure = np.repeat([0.6, 0.8], 50)
    shares = np.stack([sure, 1 - sure], axis=1)
    codes = np.array([0] * 30 + [1] * 20 + [0] * 40 + [1] * 10)
    assert calibration_error(codes, shares) == pytest.approx(0)
    assert calibration_error(1 - codes, shares) == pytest.approx(0.4)
    weights = np.where(codes == 0, 1.0, 0.0)
    assert calibration_error(codes, shares, weights) == pytest.approx((30 * 0.4 + 40 * 0.2) / 70)
