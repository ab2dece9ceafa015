"""Intervals hold the share that was asked for, whatever the errors are like."""

import json
from pathlib import Path

import numpy as np
import pytest

from dlcli.commands.prediction_columns import prediction_columns
from dlcli.conformal import (
    MOST_RESIDUALS,
    Calibration,
    calibrate,
    check_level,
    load_calibration,
    make_intervals,
    measure_coverage,
    rows_needed,
    spread_as_later,
    widest_level,
)
from dlcli.errors import RunError, UsageError
from dlcli.predictions import TargetPrediction

RANDOM = np.random.default_rng(11)


def predicted(values, spread=None) -> dict[str, TargetPrediction]:
    return {"y": TargetPrediction(target="y", values=np.asarray(values, float), spread=spread)}


def calibrated(errors, spread=None) -> Calibration:
    errors = np.asarray(errors, float)
    found = calibrate("validation", predicted(np.zeros_like(errors), spread), {"y": errors})
    assert found is not None
    return found


@pytest.mark.parametrize("draw", [RANDOM.normal, RANDOM.standard_exponential, RANDOM.standard_t])
@pytest.mark.parametrize(("rows", "level"), [(9, 0.9), (50, 0.8), (120, 0.9)])
def test_the_share_that_was_asked_for_is_held(draw, rows, level):
    held = []
    for _ in range(600):
        errors = draw(3, rows + 40) if draw == RANDOM.standard_t else draw(size=rows + 40)
        intervals = make_intervals(calibrated(errors[:rows]), level, what="run")
        low, high = intervals.ends(predicted(np.zeros(40))["y"])
        held.append(np.mean((errors[rows:] >= low) & (errors[rows:] <= high)))
    assert level - 0.015 < np.mean(held) < level + 1 / (rows + 1) + 0.015


def test_the_interval_reaches_to_the_error_at_its_place():
    low, high = make_intervals(calibrated(range(-9, 0)), 0.9, what="r").ends(predicted([5.0])["y"])
    assert (low.tolist(), high.tolist()) == ([-4.0], [14.0])
    low, high = make_intervals(calibrated(range(-9, 0)), 0.5, what="r").ends(predicted([5.0])["y"])
    assert (low.tolist(), high.tolist()) == ([0.0], [10.0])


@pytest.mark.parametrize(("level", "rows"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_a_level_needs_so_many_rows_and_not_one_less(level, rows):
    assert rows_needed(level) == rows
    make_intervals(calibrated(np.ones(rows)), level, what="run")
    assert widest_level(rows) == pytest.approx(level, abs=1e-4)
    if rows > 1:
        with pytest.raises(RunError, match=f"needs {rows} validation rows, and there were") as told:
            make_intervals(calibrated(np.ones(rows - 1)), level, what="run")
        assert f"{widest_level(rows - 1):.4g}" in told.value.message


@pytest.mark.parametrize(("level", "hint"), [(90, "0.9 gives"), (0, "0.9"), (1, "0.9"), (-1, "")])
def test_a_level_is_a_share_between_0_and_1(level, hint):
    with pytest.raises(UsageError, match="expected a share between 0 and 1") as told:
        check_level(level)
    assert hint in str(told.value.hint)


def test_where_members_disagree_intervals_are_wide():
    spread = RANDOM.uniform(0.1, 3, 500)
    errors = spread * RANDOM.normal(size=500)
    intervals = make_intervals(calibrated(errors, spread), 0.9, what="run")
    apart = predicted([0.0, 0.0], np.array([0.1, 3.0]))["y"]
    low, high = intervals.ends(apart)
    widths = high - low
    assert widths[1] > 1.8 * widths[0] > 0
    plain = make_intervals(calibrated(errors), 0.9, what="run").ends(predicted([0.0])["y"])
    assert widths[0] < plain[1] - plain[0] < widths[1]


def test_a_spread_that_tells_nothing_leaves_plain_intervals():
    errors, spread = RANDOM.normal(size=500), RANDOM.uniform(0.1, 3, 500)
    assert calibrated(errors, spread) == calibrated(errors)
    telling = calibrated(spread * errors, spread)
    assert telling.describe()["by_spread"] == {"y": True}
    rows = predicted(np.zeros(500), spread)["y"]
    low, high = make_intervals(telling, 0.9, what="run").ends(rows)
    start, end = make_intervals(calibrated(spread * errors), 0.9, what="run").ends(rows)
    assert np.mean(high - low) < np.mean(end - start)


def test_members_that_agree_everywhere_leave_plain_intervals():
    errors = RANDOM.normal(size=60)
    same = make_intervals(calibrated(errors, np.zeros(60)), 0.9, what="run")
    plain = make_intervals(calibrated(errors), 0.9, what="run")
    alike = predicted([1.0], np.zeros(1))["y"]
    np.testing.assert_allclose(same.ends(alike), plain.ends(predicted([1.0])["y"]))


def test_a_later_training_has_its_own_spread():
    difficulty = RANDOM.uniform(0.1, 3, 4000)
    errors = difficulty * RANDOM.normal(size=4000)
    # The members of the later network agree three times as well, and are no more often right.
    before, later = predicted(np.zeros(4000), difficulty), predicted(np.zeros(4000), difficulty / 3)
    as_now = spread_as_later(before, before=before, later=later)
    held = {}
    for name, read in (("as it was", before), ("as now", as_now)):
        found = calibrate("validation", read, {"y": errors})
        assert found is not None
        assert found.describe()["by_spread"] == {"y": True}
        coverage = measure_coverage(found, later, {"y": errors})
        held[name] = coverage["y"]["0.9"]["covered"]
    assert held["as it was"] < 0.8
    assert held["as now"] == pytest.approx(0.9, abs=0.001)


def test_members_that_never_differ_keep_their_spread():
    some, none = predicted([0.0, 0.0], np.ones(2)), predicted([0.0, 0.0], np.zeros(2))
    for before, later in ((some, none), (none, some)):
        found = spread_as_later(some, before=before, later=later)["y"]
        np.testing.assert_array_equal(found.spread, np.ones(2))
    single = predicted([0.0])
    assert spread_as_later(single, before=single, later=single)["y"].spread is None


def test_every_step_ahead_has_an_interval_of_its_own():
    errors = RANDOM.normal(size=(200, 3)) * [1.0, 2.0, 5.0]
    intervals = make_intervals(calibrated(errors), 0.9, what="run")
    ahead = predicted(np.zeros((4, 3)))
    low, high = intervals.ends(ahead["y"])
    assert low.shape == high.shape == (4, 3)
    assert (np.diff(high[0]) > 0).all()
    columns = dict(prediction_columns(ahead, intervals))
    assert list(columns) == ["predicted_y", "lower_y", "upper_y"]
    assert columns["upper_y"].shape == (4, 3)


def test_coverage_is_measured_by_level_and_by_weight():
    calibration = calibrated(range(1, 20))
    actual = {"y": np.array([0.0, 100.0])}
    even = measure_coverage(calibration, predicted([0, 0]), actual)["y"]
    assert list(even) == ["0.5", "0.8", "0.9", "0.95"]
    assert even["0.9"] == {"covered": 0.5, "width": 36.0}
    weighted = measure_coverage(calibration, predicted([0, 0]), actual, np.array([3.0, 1.0]))["y"]
    assert weighted["0.9"]["covered"] == 0.75
    assert list(measure_coverage(calibrated(range(9)), predicted([0, 0]), actual)["y"]) == [
        "0.5", "0.8", "0.9",
    ]  # fmt: skip


def test_classes_have_no_intervals():
    classes = TargetPrediction(target="k", probabilities=np.eye(2), classes=("a", "b"))
    assert calibrate("validation", {"k": classes}, {"k": np.array([0, 1])}) is None


def test_a_calibration_survives_json_exactly():
    calibration = calibrated(RANDOM.normal(size=30), RANDOM.uniform(1, 2, 30))
    state = json.loads(json.dumps(calibration.to_json()))
    assert load_calibration(state, Path("calibration.json")) == calibration


def test_many_residuals_are_thinned_out_without_moving_the_ends():
    errors = RANDOM.normal(size=5 * MOST_RESIDUALS)
    few = calibrated(errors)
    assert len(few.targets["y"].residuals[0]) == MOST_RESIDUALS
    (reach,) = few.targets["y"].reaches(0.9)
    assert reach == pytest.approx(np.quantile(np.abs(errors), 0.9), rel=2e-3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 9}, "this dlcli reads 1"),
        ({"targets": {"y": {"floor": None, "residuals": [["a"]]}}}, "expected a"),
        ({"targets": {"y": {"floor": None, "residuals": [[]]}}}, "holds no residuals"),
        ({"targets": {"y": {"floor": None, "residuals": []}}}, "holds no residuals"),
    ],
)
def test_a_changed_calibration_is_a_run_error(change, said):
    with pytest.raises(RunError, match=said):
        load_calibration({**calibrated([1.0]).to_json(), **change}, Path("calibration.json"))
