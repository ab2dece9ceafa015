"""Curves are those of scikit-learn; thinning keeps the worst rows."""

import numpy as np
import pytest
from sklearn import metrics as reference

from dlcli.report.curves import (
    MOST_POINTS,
    calibrate,
    histogram,
    precision_recall_curve,
    roc_curve,
    thin,
)
from dlcli.report.html.charts import calibration
from dlcli.report.tested import TestedTarget

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("decimals", [1, 6], ids=["ties", "distinct"])
def test_the_roc_curve_has_the_area_and_points_of_scikit_learn(decimals: int) -> None:
    positive = RNG.random(300) < 0.3
    scores = (positive * 0.4 + RNG.random(300)).round(decimals)
    rates, hits = roc_curve(positive, scores)
    expected = reference.roc_auc_score(positive, scores)
    assert np.trapezoid(hits, rates) == pytest.approx(expected, abs=0.01)
    assert (np.diff(hits) >= -1e-12).all()
    assert hits[-1] == 1
    false, true, _ = reference.roc_curve(positive, scores, drop_intermediate=False)
    for rate in (0.25, 0.5, 0.75):
        assert true[false <= rate].max() <= hits[np.searchsorted(rates, rate)] + 1e-9


def test_the_precision_at_a_recall_is_that_of_the_threshold_that_reaches_it() -> None:
    positive = np.array([True, False, True, True, False])
    recall, precision = precision_recall_curve(positive, np.array([0.9, 0.8, 0.7, 0.6, 0.1]))
    assert precision[recall <= 1 / 3] == pytest.approx(1.0)
    assert precision[np.searchsorted(recall, 0.5)] == pytest.approx(2 / 3)
    assert precision[-1] == pytest.approx(3 / 4)


def test_one_class_alone_has_no_curve() -> None:
    assert roc_curve(np.ones(5, bool), RNG.random(5)) is None
    assert precision_recall_curve(np.zeros(5, bool), RNG.random(5)) is None


def test_calibration_counts_what_happened() -> None:
    given = np.array([0.05, 0.05, 0.95, 1.0])
    found = calibrate(np.array([False, True, True, True]), given)
    assert found.rows.tolist() == [2, 2]
    assert found.predicted == pytest.approx([0.05, 0.975])
    assert found.happened == pytest.approx([0.5, 1.0])
    # Wilson's interval of 2 of 2.
    assert found.low[1] == pytest.approx(0.3424, abs=1e-3)
    assert found.high[1] == pytest.approx(1.0)


@pytest.mark.parametrize("values", [RNG.normal(0, 3, 500), np.array([2.0, 2.0]), np.arange(7.0)])
def test_a_histogram_holds_every_value(values: np.ndarray) -> None:
    edges, counts = histogram(values)
    assert counts.sum() == len(values)
    assert len(edges) == len(counts) + 1
    assert edges[0] <= values.min() <= values.max() <= edges[-1]


def test_thinning_keeps_the_worst_rows_and_says_how_many() -> None:
    losses = RNG.random(10_000)
    chosen = thin(losses)
    assert len(chosen) == MOST_POINTS == len(np.unique(chosen))
    assert set(np.argsort(-losses)[:200]) <= set(chosen.tolist())
    assert thin(losses[:50]).tolist() == list(range(50))


def test_calibration_of_several_classes_is_that_of_what_the_run_predicted() -> None:
    tested = TestedTarget(
        target="kind",
        rows=np.arange(4),
        actual=np.array([0, 1, 2, 1]),
        predicted=np.array([0, 1, 2, 2]),
        probabilities=np.array([[0.4, 0.5, 0.1]] + [[0.2, 0.4, 0.4]] * 3),
        classes=("a", "b", "c"),
    )
    (series,) = calibration(tested)["series"]
    assert series["values"] == [0.75]
