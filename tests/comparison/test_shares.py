from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from dlcli.comparison.shares import chance_share, median_move, moved_share
from dlcli.data.profile import profile_table
from dlcli.data.table import Origin, Table
from dlcli.report.run_profile import _column


def profile(values):
    arrow = pa.table({"a": values})
    origin = Origin(path=Path("a.csv"), first_row=2, num_rows=arrow.num_rows)
    table = Table.from_arrow(arrow, origin)
    return {**_column(profile_table(table).columns[0]), "rows": len(values)}


def test_the_share_of_moved_numbers_is_the_distance_of_kolmogorov_and_smirnov():
    numbers = np.random.default_rng(1).normal(size=(2, 4000))
    for shift in (0.0, 0.3, 1.0, 4.0):
        exact = stats.ks_2samp(numbers[0], numbers[1] + shift).statistic
        found = moved_share(profile(numbers[0]), profile(numbers[1] + shift))
        assert found == pytest.approx(exact, abs=0.06)


def test_one_cell_far_out_moves_next_to_nothing():
    numbers = np.random.default_rng(1).normal(size=1000)
    far = numbers.copy()
    far[0] = 1e6
    assert moved_share(profile(numbers), profile(numbers)) == 0
    assert moved_share(profile(numbers), profile(far)) == pytest.approx(0.0, abs=0.01)
    assert moved_share(profile(numbers), profile(far + 10)) == pytest.approx(1.0, abs=0.01)
    assert median_move(profile(far), profile(far + 10)) is not None


def test_categories_move_by_half_the_sum_of_their_differences():
    old = profile(["a"] * 50 + ["b"] * 30 + ["c"] * 20)
    new = profile(["a"] * 30 + ["b"] * 30 + ["d"] * 40)
    assert moved_share(old, new) == pytest.approx(0.4)
    assert moved_share(old, old) == pytest.approx(0.0)


def test_dates_move_like_numbers():
    days = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]")
    later = profile(days + np.timedelta64(366, "D"))
    assert moved_share(profile(days), later) == pytest.approx(1.0)
    assert median_move(profile(days), later) == "median 2020-07-02 -> 2021-07-03"


def test_columns_of_two_types_and_texts_tell_nothing():
    assert moved_share(profile([1.5, 2.5, 3.5]), profile(["a", "b", "b"])) is None


def test_chance_moves_small_columns_further():
    assert chance_share(50, 50) == pytest.approx(0.272)
    assert chance_share(10**6, 10**6) < 0.002
