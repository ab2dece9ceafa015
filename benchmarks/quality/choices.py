"""The tables that recipes are chosen on: the choosing half of each, and some made of these halves."""
# ruff: noqa: TID253 - pandas belongs to the benchmark, not to what it measures

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.quality.sets import SETS, QualitySet, find_named
from benchmarks.quality.splits import choosing_half

ROWS_OF_PART = 5_700
NOISE_SEED = 20_242
OUTLIER_SEED = 20_245
OUTLIER_SHARE = 0.003
OUTLIER_DEVIATIONS = 5
PART_SEED = 20_244
REPEATS_SEED = 20_243


def _half_of(each: QualitySet) -> QualitySet:
    def read() -> pd.DataFrame:
        table = each.load()
        return table.iloc[choosing_half(len(table))].reset_index(drop=True)

    return replace(each, read=read, drop=())


HALVES = {each.name: _half_of(each) for each in SETS}


def _both_wines() -> pd.DataFrame:
    tables = {"red": HALVES["wine-red"].load(), "white": HALVES["wine-white"].load()}
    # The colour first: the target stays the last column.
    joined = [table.assign(colour=colour) for colour, table in tables.items()]
    return pd.concat(joined, ignore_index=True)


def _as_repeated(table: pd.DataFrame) -> pd.DataFrame:
    """Return the half with as large a share of repeated rows as the whole table has, about.

    Of two equal rows both are in the half once in four times, but a single row once in two.
    """
    inputs = list(table.columns[:-1])
    is_repeated = table.duplicated(inputs, keep=False).to_numpy()
    is_kept = is_repeated | (np.random.default_rng(REPEATS_SEED).uniform(size=len(table)) < 0.5)
    return table[is_kept].reset_index(drop=True)


def _part_of_bank() -> pd.DataFrame:
    # The file follows the calendar.
    return HALVES["bank"].load().sample(ROWS_OF_PART, random_state=PART_SEED)


def _noise(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(NOISE_SEED).normal(size=count)


def _outliers(count: int) -> NDArray[np.float64]:
    random = np.random.default_rng(OUTLIER_SEED)
    is_off = random.uniform(size=count) < OUTLIER_SHARE
    return is_off * random.choice((-1, 1), count) * float(OUTLIER_DEVIATIONS)


def _half_moved(name: str, by: Callable[[int], NDArray[np.float64]]) -> Callable[[], pd.DataFrame]:
    """Return what reads a half with its target moved by so many deviations, row by row."""

    def read() -> pd.DataFrame:
        table, target = HALVES[name].load(), HALVES[name].target
        return table.assign(**{target: table[target] + table[target].std() * by(len(table))})

    return read


CHOICES = (
    *HALVES.values(),
    replace(HALVES["wine-white"], name="wines", read=_both_wines),
    replace(HALVES["wine-white"], name="wines-repeated", read=lambda: _as_repeated(_both_wines())),
    replace(HALVES["bank"], name="bank-part", read=_part_of_bank),
    *(
        replace(HALVES[name], name=f"{name}-noisy", read=_half_moved(name, _noise))
        for name in ("bias-tmax", "ccpp")
    ),
    *(
        replace(HALVES[name], name=f"{name}-outliers", read=_half_moved(name, _outliers))
        for name in ("concrete", "bias-tmax", "ccpp")
    ),
)
"""The made ones stand for tables that no half is: noisy numbers or classes of some thousand rows, and
numbers of which a few are far off.

Both wines joined have 3,248 rows, the part of bank marketing 5,700. In the noisy ones half of the
target's variance is noise; of those with outliers three rows in a thousand are five deviations off.
"""


def find_choices(names: str) -> tuple[QualitySet, ...]:
    """Return the tables with these names, divided by commas; raises ValueError."""
    return find_named(names, CHOICES)
