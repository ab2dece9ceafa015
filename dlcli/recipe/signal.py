"""How much of its target a table tells: what decides how closely a network may follow single rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlcli.data.cells import mark_missing, parse_dates, parse_numbers, to_text
from dlcli.data.profile import TableProfile
from dlcli.data.table import Table
from dlcli.recipe.columns import InputPlan
from dlcli.recipe.targets import TargetPlan

MOST_ROWS = 1000
"""Rows that are looked at; more take long and tell little more."""
FEWEST_ROWS = 30
MOST_COLUMNS = 200
MOST_CATEGORIES = 20
"""Of a column: the rarer ones are one."""
NEIGHBOURS = 10
FARTHEST = 3.0
"""Deviations from the mean beyond which all values are alike."""
RIDGE = 1.0

Features = NDArray[np.float64]


def estimate_signal(
    profile: TableProfile,
    table: Table,
    inputs: Sequence[InputPlan],
    targets: Sequence[TargetPlan],
    *,
    decimal: str = ".",
    thousands: str | None = None,
) -> float:
    """Return the share of the targets' variance that simple models tell of rows left out, 0 to 1.

    The best one of the mean of the nearest rows, by ranks, a ridge regression, and one on the tenths
    of every column, which bends and steps; of several targets, all of them numbers, the least. 0
    where the rows are too few to say.
    """
    inputs = inputs[:MOST_COLUMNS]
    rows = np.linspace(0, table.num_rows - 1, min(table.num_rows, MOST_ROWS)).astype(np.int64)
    names = [each.name for each in inputs] + [each.name for each in targets]
    seen = table.select(names).take(rows)

    def numbers_of(plan: InputPlan | TargetPlan) -> NDArray[np.float64]:
        markers = [str(each) for each in plan.settings.get("missing_values", ())]
        column = mark_missing(seen.column(plan.name), markers)
        known = profile.column(plan.name)
        if known.type == "date":
            dates, _ = parse_dates(column, known.date_format)
            return np.where(np.isnat(dates), np.nan, dates.astype(np.float64))
        values, _ = parse_numbers(column, decimal=decimal, thousands=thousands)
        return np.where(np.isfinite(values), values, np.nan)

    def names_of(plan: InputPlan) -> Features:
        texts = to_text(seen.column(plan.name)).to_pylist()
        return _one_hot(np.array(["" if each is None else each for each in texts]))

    plain, ranked = [], []
    for plan in inputs:
        if plan.is_number:
            values = numbers_of(plan)
            plain.append(_standard(values[:, None]))
            ranked.append(_standard(mean_ranks(values)[:, None]))
        else:
            ranked.append(_standard(names_of(plan)))
    features = np.hstack(ranked), np.hstack([*plain, *ranked])
    return min(_share(*features, numbers_of(each)) for each in targets)


def _share(near: Features, all_features: Features, target: NDArray[np.float64]) -> float:
    known = ~np.isnan(target)
    near, all_features, target = near[known], all_features[known], target[known]
    centred = target - target.mean() if len(target) else target
    whole = float(np.square(centred).sum())
    if len(target) < FEWEST_ROWS or whole == 0:
        return 0.0
    off = min(
        _off_by_neighbours(near, centred),
        _off_by_ridge(all_features, centred),
        _off_by_ridge(np.hstack([near, _tenths(near)]), centred),
    )
    return max(0.0, 1 - off / whole)


def _off_by_neighbours(features: Features, target: NDArray[np.float64]) -> float:
    """Return the sum of squares by which rows differ from the mean of the rows nearest to them."""
    squares = np.square(features).sum(axis=1)
    distances = squares[:, None] + squares - 2 * features @ features.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return float(np.square(target - target[nearest].mean(axis=1)).sum())


def _off_by_ridge(features: Features, target: NDArray[np.float64]) -> float:
    """Return the sum of squares of a ridge regression's errors on rows that are left out in turn.

    By the diagonal of the inverse, as in Golub, Heath and Wahba 1979: as many rows as there are
    here take no longer for many features.
    """
    given = np.hstack([features, np.ones((len(features), 1))])
    inverse = np.linalg.inv(given @ given.T + RIDGE * np.eye(len(given)))
    return float(np.square(inverse @ target / np.diag(inverse)).sum())


def _tenths(features: Features) -> Features:
    """Return, for every column, in which tenth of its values a row is: a column of 0 and 1 each."""
    found = []
    for column in features.T:
        edges = np.unique(np.quantile(column, np.linspace(0.1, 0.9, 9)))
        tenth = np.searchsorted(edges, column, side="right")
        found.append(tenth[:, None] == np.arange(len(edges) + 1))
    return np.asarray(np.hstack(found), np.float64)


def _standard(values: Features) -> Features:
    """Return columns of mean 0 and deviation 1, clipped, and 0 where nothing is known."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / count
    off = np.where(known, values - mean, 0)
    deviation = np.sqrt(np.square(off).sum(axis=0) / count)
    return np.clip(off / np.where(deviation > 0, deviation, 1), -FARTHEST, FARTHEST)


def mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean rank of each value; NaN has none."""
    distinct, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - counts / 2
    ranks[np.isnan(distinct)] = np.nan
    return np.asarray(ranks[places], np.float64)


def _one_hot(names: NDArray[np.str_]) -> Features:
    distinct, counts = np.unique(names, return_counts=True)
    frequent = distinct[np.argsort(-counts, kind="stable")][:MOST_CATEGORIES]
    return np.asarray(names[:, None] == frequent[None, :], np.float64)
