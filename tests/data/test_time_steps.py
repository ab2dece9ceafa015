"""Steps of time columns: found, checked, continued, written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.data.time_steps import Step, duration_text, find_step, stamp_text


def moments(*texts):
    return np.array(texts, "datetime64[us]").astype(np.int64)


def texts(stamps):
    return [stamp_text(stamp, is_date=True) for stamp in stamps.tolist()]


DATES = {
    "1 month": ("1949-01-01", "1949-02-01", "1949-03-01"),
    "3 months": ("2020-01-15", "2020-04-15", "2020-07-15"),
    "1 year": ("2020-06-01", "2021-06-01", "2022-06-01"),
    "1 day": ("2020-02-27", "2020-02-28", "2020-02-29", "2020-03-01"),
    "7 days": ("2020-01-01", "2020-01-08", "2020-01-15"),
    "15 minutes": ("2020-01-01 10:00", "2020-01-01 10:15", "2020-01-01 10:30"),
    "1 hour": ("2020-01-31 23:00", "2020-02-01 00:00", "2020-02-01 01:00"),
}


@pytest.mark.parametrize("text", DATES)
def test_step_of_dates_is_found_and_holds_between_them(text):
    stamps = moments(*DATES[text])
    step = find_step([stamps], is_date=True)
    assert str(step) == text
    assert step.are_next(stamps).all()
    assert Step.from_json(step.to_json()) == step


def test_last_days_of_months_go_on_with_last_days():
    stamps = moments("2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30")
    step = find_step([stamps], is_date=True)
    assert step.are_next(stamps).all()
    assert texts(step.advance(stamps[-1], np.arange(1, 4))) == [
        "2020-05-31",
        "2020-06-30",
        "2020-07-31",
    ]


def test_a_missing_month_is_a_gap():
    stamps = moments("1949-01", "1949-02", "1949-04", "1949-05")
    step = find_step([stamps], is_date=True)
    assert step.are_next(stamps).tolist() == [True, False, True]


def test_steps_of_several_series_are_found_together():
    step = find_step([moments("2020-01-01"), moments("2020-01-01", "2020-01-02")], is_date=True)
    assert str(step) == "1 day"


def test_rounding_makes_no_gaps_between_numbers():
    stamps = np.arange(50) * 0.1
    step = find_step([stamps], is_date=False)
    assert str(step) == "0.1"
    assert step.are_next(stamps).all()
    assert step.advance(stamps[-1], np.array([1])) == pytest.approx([5.0])


def test_stamps_without_a_common_distance_have_no_step():
    assert find_step([np.array([0.0, 1.0, 3.0, 7.0, 15.0])], is_date=False) is None
    assert find_step([np.array([3.0])], is_date=False) is None


@given(
    first=st.integers(0, 10**15),
    months=st.integers(1, 24),
    count=st.integers(2, 30),
)
def test_continued_months_are_next_to_each_other(first, months, count):
    first -= first % 86_400_000_000
    day = np.array([first]).astype("datetime64[us]").astype("datetime64[M]")
    first = int(day.astype("datetime64[us]").astype(np.int64)[0])
    step = Step(months=months)
    stamps = step.advance(first, np.arange(count))
    assert step.are_next(stamps).all()
    assert find_step([stamps], is_date=True) == step


@given(first=st.integers(0, 10**15), amount=st.integers(1, 10**12), count=st.integers(3, 30))
def test_continued_dates_are_next_to_each_other(first, amount, count):
    step = Step(amount=float(amount))
    stamps = step.advance(first, np.arange(count))
    assert stamps.dtype == np.int64
    assert step.are_next(stamps).all()


def test_stamps_are_written_as_their_column_writes_them():
    (stamp,) = moments("1949-03-01 12:30:15")
    assert stamp_text(stamp, is_date=True) == "1949-03-01 12:30:15"
    assert stamp_text(stamp, is_date=True, format="%b %Y") == "Mar 1949"
    assert texts(moments("1949-03-01", "1949-03-01 12:30")) == ["1949-03-01", "1949-03-01 12:30"]
    assert stamp_text(7.0, is_date=False) == "7"
    assert stamp_text(7.25, is_date=False) == "7.25"


def test_durations_take_the_largest_unit_that_counts_them():
    assert duration_text(304 * 86_400e6) == "304 days"
    assert duration_text(86_400e6) == "1 day"
    assert duration_text(90e6) == "90 seconds"
