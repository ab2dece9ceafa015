"""Figures by DuckDB are those of NumPy over the same rows."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.data.columns.policies import PlannedColumn
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.large import statistics as module
from dlcli.data.large.cells import StoredCells, store_cells
from dlcli.data.large.duck import open_duckdb
from dlcli.data.large.fitting import _numbers
from dlcli.data.large.statistics import Statistics
from dlcli.data.readers import ReadOptions, read_sample
from dlcli.errors import DataError


@pytest.fixture
def numbers() -> np.ndarray:
    return np.random.default_rng(2).normal(1e6, 3, size=4000).round(3)


@pytest.fixture
def cells(tmp_path: Path, numbers: np.ndarray) -> StoredCells:
    lines = [f"{number},{'ab'[row % 2]}{row % 700}" for row, number in enumerate(numbers)]
    (tmp_path / "t.csv").write_text("x,name\n" + "\n".join(lines) + "\n", encoding="utf-8")
    planned = [
        PlannedColumn(settings=ColumnSettings(name="x", type="number"), role="input"),
        PlannedColumn(settings=ColumnSettings(name="name", type="category"), role="input"),
    ]
    options = ReadOptions(text_columns=frozenset({"name"}))
    files = [tmp_path / "t.csv"]
    return store_cells(
        files,
        options,
        planned,
        path=tmp_path / "cells.parquet",
        rows=256,
        sample=read_sample(files, options, rows=200),
    )


def derive(read: object) -> dict[str, np.ndarray]:
    return _numbers(read, name="x")  # type: ignore[arg-type]


def test_figures_ranks_and_names(tmp_path: Path, cells: StoredCells, numbers: np.ndarray) -> None:
    is_train = np.random.default_rng(1).random(4000) < 0.7
    kept = numbers[is_train]
    with open_duckdb(tmp_path / "sorting", memory_bytes=1) as connection:
        shares: list[float] = []
        asked = Statistics(connection, cells, is_train, passes=3, on_share=shares.append)
        figures = asked.figures({"x": derive})["x"]
        assert (figures.size, figures.missing) == (len(kept), 0)
        assert (figures.low, figures.high) == (kept.min(), kept.max())
        assert figures.average == pytest.approx(kept.mean(), rel=1e-14)
        assert figures.variance == pytest.approx(kept.var(), rel=1e-9)
        # The first of three passes is done.
        assert shares[0] == 0
        assert 0.25 < shares[-1] < 1 / 3
        assert shares == sorted(shares)
        ranks = np.array([0, 1, 1300, len(kept) - 1])
        assert np.array_equal(asked.ranked("x", derive, ranks), np.sort(kept)[ranks])
        values, counts = np.unique(kept, return_counts=True)
        assert asked.commonest("x", derive) == values[counts.argmax()]
        names = [f"{'ab'[row % 2]}{row % 700}" for row in np.flatnonzero(is_train)]
        assert asked.names("name") == {name: names.count(name) for name in set(names)}


def test_the_same_figures_twice_to_the_last_bit(tmp_path: Path, cells: StoredCells) -> None:
    found = []
    for _ in range(2):
        with open_duckdb(tmp_path / "sorting", memory_bytes=1) as connection:
            asked = Statistics(connection, cells, np.ones(4000, dtype=bool))
            found.append(asked.figures({"x": derive}))
    assert found[0] == found[1]


def test_more_categories_than_any_network_takes(
    tmp_path: Path, cells: StoredCells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 100)
    with (
        open_duckdb(tmp_path / "sorting", memory_bytes=1) as connection,
        pytest.raises(DataError, match="'name' has more than 100 different texts"),
    ):
        Statistics(connection, cells, np.ones(4000, dtype=bool)).names("name")
