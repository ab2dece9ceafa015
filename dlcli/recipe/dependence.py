"""Whether a target depends on a column of many categories, or such a column only looks like it."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dlcli.data.cells import mark_missing, parse_numbers, to_text
from dlcli.data.table import Table
from dlcli.recipe.signal import mean_ranks
from dlcli.recipe.targets import TargetPlan

CERTAIN = 3.0
"""Deviations above its mean from which a statistic is no chance; of a normal one, 1 in 700."""

Codes = NDArray[np.int64]


def depends_on(
    target: TargetPlan,
    name: str,
    table: Table,
    *,
    decimal: str = ".",
    thousands: str | None = None,
) -> bool:
    """Tell whether a target differs more between the categories of a column than by chance.

    Both statistics are as large as their degrees of freedom on average, and of twice that variance,
    where nothing depends on the category.
    """
    markers = [str(each) for each in target.settings.get("missing_values", ())]
    column = mark_missing(table.column(target.name), markers)
    groups = _codes(to_text(table.column(name)))
    if target.task == "number":
        values, _ = parse_numbers(column, decimal=decimal, thousands=thousands)
        known = np.isfinite(values)
        statistic, freedom = kruskal_wallis(groups[known], values[known])
    else:
        known = column.is_valid().to_numpy()
        statistic, freedom = pearson(groups[known], _codes(to_text(column))[known])
    return statistic > freedom + CERTAIN * math.sqrt(2 * freedom)


def kruskal_wallis(groups: Codes, values: NDArray[np.float64]) -> tuple[float, int]:
    """Return how far the mean ranks of groups are apart, and the degrees of freedom.

    H of W. H. Kruskal, W. A. Wallis, Use of ranks in one-criterion variance analysis, JASA 47, 1952.
    """
    _, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    ranks = mean_ranks(values)
    sums = np.bincount(groups, ranks - ranks.mean())
    return float((np.square(sums) / sizes).sum() / ranks.var(ddof=1)), len(sizes) - 1


def pearson(groups: Codes, classes: Codes) -> tuple[float, int]:
    """Return how far the shares of classes differ between groups, and the degrees of freedom.

    Chi-squared of K. Pearson, On the criterion that a given system of deviations ..., 1900.
    """
    _, groups, rows = np.unique(groups, return_inverse=True, return_counts=True)
    _, classes, columns = np.unique(classes, return_inverse=True, return_counts=True)
    counts = np.bincount(groups * len(columns) + classes, minlength=len(rows) * len(columns))
    squares = np.square(counts.reshape(len(rows), len(columns)), dtype=np.float64)
    statistic = len(groups) * ((squares / columns).sum(axis=1) / rows).sum() - len(groups)
    return float(statistic), (len(rows) - 1) * (len(columns) - 1)


def _codes(texts: pa.ChunkedArray) -> Codes:
    """Return a number for each text; missing ones have one of their own."""
    encoded = pc.dictionary_encode(texts.combine_chunks(), null_encoding="encode")
    return np.asarray(encoded.indices, np.int64)
