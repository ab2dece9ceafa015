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

Array = NDArray[np.float64]


def depends_on(
    target: TargetPlan,
    name: str,
    table: Table,
    *,
    decimal: str = ".",
    thousands: str | None = None,
) -> bool:
    """Tell whether a target differs more between the categories of a column than by chance.

    For numbers the statistic of Kruskal and Wallis 1952, for classes Pearson's chi-squared of 1900:
    where nothing depends on the category, as large as its degrees of freedom on average, and of
    twice that variance.
    """
    markers = [str(each) for each in target.settings.get("missing_values", ())]
    column = mark_missing(table.column(target.name), markers)
    if target.task == "number":
        values, _ = parse_numbers(column, decimal=decimal, thousands=thousands)
        known = np.isfinite(values)
    else:
        known = column.is_valid().to_numpy()
    groups = _codes(to_text(table.column(name)))[known]
    if target.task == "number":
        ranks = mean_ranks(values[known])[:, None]
        statistic = _between(groups, ranks, ranks.var(axis=0, ddof=1))
        freedom = _count(groups) - 1
    else:
        classes = _codes(to_text(column))[known]
        is_class = np.asarray(classes[:, None] == np.unique(classes), np.float64)
        statistic = _between(groups, is_class, is_class.mean(axis=0))
        freedom = (_count(groups) - 1) * (is_class.shape[1] - 1)
    return statistic > freedom + CERTAIN * math.sqrt(2 * freedom)


def _between(groups: NDArray[np.int64], values: Array, scale: Array) -> float:
    """Return the squares between the means of groups, of [rows, columns] in units of each scale."""
    _, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    sums = [np.bincount(places, column) for column in (values - values.mean(axis=0)).T]
    squares = np.array([(np.square(each) / sizes).sum() for each in sums])
    return float((squares / scale).sum())


def _count(groups: NDArray[np.int64]) -> int:
    return len(np.unique(groups))


def _codes(texts: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return a number for each text; missing ones have one of their own."""
    encoded = pc.dictionary_encode(texts.combine_chunks(), null_encoding="encode")
    return np.asarray(encoded.indices, np.int64)
