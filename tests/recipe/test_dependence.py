"""Columns of many categories: whether a target depends on them, as `init` asks it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import chi2_contingency, kruskal

from dlcli.data.profile import profile_table
from dlcli.data.table import Origin, Table
from dlcli.recipe.dependence import depends_on, kruskal_wallis, pearson
from dlcli.recipe.targets import plan_target

ROWS, SHOPS = 900, 200
RANDOM = np.random.default_rng(3)
SHOP = RANDOM.integers(0, SHOPS, ROWS)
EFFECT = RANDOM.normal(size=SHOPS)[SHOP]


def depends(target: Any, shop: Any = SHOP, **marks: Any) -> bool:
    arrow = pa.table({"shop": [f"s{number}" for number in shop], "y": target})
    origin = Origin(path=Path("t.csv"), first_row=2, num_rows=arrow.num_rows)
    table = Table.from_arrow(arrow, origin)
    return depends_on(plan_target(profile_table(table), table, "y"), "shop", table, **marks)


def test_the_statistics_are_those_of_kruskal_wallis_and_pearson() -> None:
    shops = np.unique(SHOP)
    values = np.round(EFFECT + RANDOM.normal(size=ROWS), 1)  # with ties
    expected = kruskal(*(values[shop == SHOP] for shop in shops)).statistic
    assert kruskal_wallis(SHOP, values) == (pytest.approx(expected), len(shops) - 1)

    classes = RANDOM.integers(0, 3, ROWS)
    counts = [np.bincount(classes[shop == SHOP], minlength=3) for shop in shops]
    expected = chi2_contingency(np.array(counts), correction=False)
    assert pearson(SHOP, classes) == (pytest.approx(expected.statistic), expected.dof)


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_what_categories_add_is_found_and_chance_is_not(kind: str) -> None:
    def as_target(values: Any) -> Any:
        return values if kind == "numbers" else np.where(values > 0, "high", "low").tolist()

    found = [depends(as_target(EFFECT + RANDOM.normal(size=ROWS))) for _ in range(10)]
    assert all(found)
    alone = [depends(as_target(RANDOM.normal(size=ROWS))) for _ in range(40)]
    assert sum(alone) <= 2


def test_rows_without_a_target_and_other_marks_do_not_matter() -> None:
    values = EFFECT + 0.5 * RANDOM.normal(size=ROWS)
    texts = [f"{value:.3f}".replace(".", ",") for value in values]
    texts[:5] = [None] * 5
    profiled = pa.table({"shop": [f"s{number}" for number in SHOP], "y": values})
    origin = Origin(path=Path("t.csv"), first_row=2, num_rows=ROWS)
    target = plan_target(
        profile_table(Table.from_arrow(profiled, origin)), Table.from_arrow(profiled, origin), "y"
    )
    written = Table.from_arrow(pa.table({"shop": profiled["shop"], "y": texts}), origin)
    assert depends_on(target, "shop", written, decimal=",")
