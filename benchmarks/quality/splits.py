"""Which rows judge, which train, and which the recipe was chosen on.

Half of each table, drawn once, is the choosing half: the recipe may be chosen on it and on nothing
else. Test parts come from the other half alone, so that no row that judges a tool has ever had a
say in the recipe.
"""
# ruff: noqa: TID253 - pandas belongs to the benchmark, not to what it measures

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

HALVES_SEED = 20_240
TEST_SHARE = 0.1

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Positions in a table."""

    train: Rows
    test: Rows


def choosing_half(num_rows: int) -> Rows:
    """Return the rows that the recipe may be chosen on, in their order."""
    return np.sort(np.random.default_rng(HALVES_SEED).permutation(num_rows)[: num_rows // 2])


def random_split(target: pd.Series, number: int, *, is_classes: bool) -> Split:
    """Return the random 90/10 split of that number; classes keep their shares where they can."""
    count = len(target)
    judging = np.setdiff1d(np.arange(count), choosing_half(count))
    test = _draw(target.to_numpy()[judging], max(1, round(TEST_SHARE * count)), number, is_classes)
    judged = np.sort(judging[test])
    return Split(train=np.setdiff1d(np.arange(count), judged), test=judged)


def folds(target: pd.Series, count: int, *, is_classes: bool) -> list[Split]:
    """Return the folds of a cross-validation of a choosing half, which the target is of."""
    order = np.random.default_rng(HALVES_SEED + 1).permutation(len(target))
    if is_classes:
        # Dealt out class by class, so that every fold has its share of each.
        codes = np.unique(target.to_numpy(), return_inverse=True)[1]
        order = order[np.argsort(codes[order], kind="stable")]
    parts = [np.sort(order[start::count]) for start in range(count)]
    return [Split(train=np.setdiff1d(order, part), test=part) for part in parts]


def _draw(labels: NDArray[Any], count: int, seed: int, is_classes: bool) -> Rows:
    random = np.random.default_rng(seed)
    if not is_classes:
        return random.permutation(len(labels))[:count]
    order = random.permutation(len(labels))
    codes = np.unique(labels, return_inverse=True)[1]
    by_class = order[np.argsort(codes[order], kind="stable")]
    # Every (rows / count)-th of the rows sorted by class, from a random one on.
    places = (np.arange(count) + random.uniform()) * len(labels) / count
    return by_class[places.astype(np.int64)]
