"""How much a table tells of its target, as `init` asks it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from dlcli.data.profile import profile_table
from dlcli.data.table import Origin, Table
from dlcli.recipe.columns import plan_input
from dlcli.recipe.signal import estimate_signal
from dlcli.recipe.strong import choose_strong
from dlcli.recipe.targets import plan_target

ROWS = 400
RANDOM = np.random.default_rng(0)
X = RANDOM.uniform(-1, 1, ROWS)
NOISE = RANDOM.normal(0, 1, ROWS)


def signal_of(**columns: Any) -> float:
    arrow = pa.table(columns)
    origin = Origin(path=Path("t.csv"), first_row=2, num_rows=arrow.num_rows)
    table = Table.from_arrow(arrow, origin)
    profile = profile_table(table)
    inputs = [plan_input(each, table.num_rows) for each in profile.columns if each.name != "y"]
    used = [each for each in inputs if each.is_input]
    return estimate_signal(profile, table, used, [plan_target(profile, table, "y")])


def test_the_less_the_noise_the_more_it_tells() -> None:
    curve = np.sin(4 * X)
    shares = [signal_of(x=X, y=curve + noise * NOISE) for noise in (0.05, 0.5, 2.0)]
    assert shares[0] > 0.95
    assert shares == sorted(shares, reverse=True)
    assert shares[2] < 0.3


def test_steps_are_told_among_columns_that_tell_nothing() -> None:
    others = {f"other{number}": RANDOM.uniform(-1, 1, ROWS) for number in range(8)}
    steps = np.floor(2.5 * X) % 2 + (others["other0"] > 0.4)
    assert signal_of(x=X, **others, y=steps + 0.05 * NOISE) > 0.6


def test_noise_alone_tells_nothing() -> None:
    assert signal_of(x=X, y=NOISE) == pytest.approx(0, abs=0.05)


def test_it_is_what_a_ridge_regression_tells_of_rows_left_out() -> None:
    z = RANDOM.normal(0, 1, ROWS).clip(-2, 2)
    y = 3 * X - z + 0.5 * NOISE
    # Neighbours in two dimensions tell less of a plane than the plane itself.
    share = signal_of(x=X, z=z, y=y)

    def standard(values: Any) -> Any:
        return (values - values.mean()) / values.std()

    given = np.stack(
        [standard(each) for column in (X, z) for each in (column, column.argsort().argsort())], 1
    )
    left_out = cross_val_predict(Ridge(alpha=1.0), given, y, cv=LeaveOneOut())
    expected = 1 - np.square(y - left_out).sum() / np.square(y - y.mean()).sum()
    assert share == pytest.approx(expected, abs=2e-3)


def test_categories_dates_and_missing_cells_count() -> None:
    names = RANDOM.choice(["red", "green", "blue"], ROWS)
    of_names = (names == "red") * 2.0 + (names == "blue")
    assert signal_of(colour=names, y=of_names + 0.1 * NOISE) > 0.95
    days = np.datetime64("2020-01-01") + np.arange(ROWS)
    assert signal_of(day=days, y=np.arange(ROWS) + 5 * NOISE) > 0.95
    gaps = np.where(RANDOM.uniform(size=ROWS) < 0.2, np.nan, X)
    holey = pa.array(gaps, from_pandas=True)
    assert 0.5 < signal_of(x=holey, y=5 * X + 0.1 * NOISE) < 0.99


def test_a_table_of_few_rows_tells_nothing_for_sure() -> None:
    assert signal_of(x=X[:20], y=X[:20]) == 0


def test_a_clean_table_of_numbers_may_be_followed_row_by_row() -> None:
    clean, noisy = choose_strong(1000, 8, 0.9), choose_strong(1000, 8, 0.4)
    assert clean.sigma > noisy.sigma
    assert clean.dropout < noisy.dropout
    assert clean.huber and not noisy.huber
    # As for classes, of which no error is measured.
    assert choose_strong(1000, 8, None) == replace(noisy, validation=0.1)
    few = choose_strong(30, 4, 0.0)
    assert few.steps < choose_strong(30, 4, 0.9).steps == choose_strong(30, 4, None).steps
