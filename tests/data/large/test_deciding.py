"""Which data are read from disk, which cannot be, and what is said of either."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlcli.data.large import deciding
from dlcli.data.large.deciding import check_disk, decide
from dlcli.errors import DataError, RunError, SpecError, UsageError
from dlcli.spec.merging import merge_values
from dlcli.spec.run import RunSpec, build_spec

BUDGET = 10_000


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    rows = (f"{row % 7},{row % 5}.5,word{row % 3} and others,{row % 2}" for row in range(2000))
    path.write_text("a,b,text,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def spec_of(source: Path, data: dict[str, Any] | None = None, **top: Any) -> RunSpec:
    values = {
        "name": "t",
        "data": {"source": str(source), "target": "y", "drop": ["text"], **(data or {})},
        "layers": [{"Dense": 1}],
        "epochs": 1,
    }
    return build_spec(merge_values({**values, **top}))


def test_small_data_stay_in_memory(table: Path) -> None:
    assert decide(spec_of(table), budget_bytes=None).large is None
    decision = decide(spec_of(table), budget_bytes=10**7)
    assert decision.large is None
    assert decision.warning is None


def test_data_over_the_memory_budget_are_read_from_disk(table: Path) -> None:
    large = decide(spec_of(table), budget_bytes=BUDGET).large
    assert large is not None
    text = table.stat().st_size
    assert 2000 * 4 * 22 <= large.needed_bytes - text <= 2100 * 4 * 22
    assert large.budget_bytes == BUDGET
    assert large.reason.startswith("the data take about ")
    assert large.reason.endswith("over the memory budget of 10.0 KB")


def test_without_a_budget_what_is_free_decides(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "available_bytes", lambda: 100_000)
    large = decide(spec_of(table), budget_bytes=None).large
    assert large is not None
    assert large.reason.endswith("in memory, and 100 KB are free")


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"window": {"time": "a", "length": 3}},
        {"layers": ["Flatten", {"Dense": 1}]},
        "windows need the rows around theirs",
    ),
    ({}, {"folds": 3}, "folds read the table anew for every network"),
    (
        {},
        {"ensemble": {"members": 2, "vary": "folds"}},
        "members that leave a fold out draw their rows in memory",
    ),
    (
        {"split": {"validation": 0.2}},
        {"refit": True},
        "refit joins the validation part to the training part in memory",
    ),
    ({}, {"engine": "ray"}, "workers of a Ray cluster hold their rows in memory"),
    (
        {"drop": [], "columns": {"text": {"type": "text"}}},
        {"layers": [{"Embedding": {"input_dim": 9, "output_dim": 4}}, "Flatten", {"Dense": 1}]},
        "column 'text' is a text column, which is read into memory",
    ),
]


@pytest.mark.parametrize(("data", "top", "why"), REFUSED)
def test_what_cannot_be_read_from_disk_is_read_into_memory_with_a_warning(
    table: Path, data: dict[str, Any], top: dict[str, Any], why: str
) -> None:
    decision = decide(spec_of(table, data, **top), budget_bytes=BUDGET)
    assert decision.large is None
    assert decision.warning is not None
    assert decision.warning.endswith(f"and are read into memory all the same: {why}")


@pytest.mark.parametrize(("data", "top", "why"), REFUSED)
def test_what_fits_neither_way_is_refused_at_its_key(
    table: Path,
    data: dict[str, Any],
    top: dict[str, Any],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deciding, "available_bytes", lambda: 100_000)
    with pytest.raises(SpecError, match="larger data are read from disk, but") as caught:
        decide(spec_of(table, data, **top), budget_bytes=None)
    assert why in caught.value.message
    keys = ("window", "folds", "ensemble", "refit", "engine", "columns")
    (key,) = [key for key in keys if key in data or key in top]
    assert key in caught.value.message.partition(":")[0]
    assert ("leave `" in caught.value.message) == (key in top)


def test_workbooks_are_no_files_to_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"x" * 100_000)
    monkeypatch.setattr(deciding, "available_bytes", lambda: BUDGET)
    with pytest.raises(SpecError, match="only CSV, TSV, JSON Lines and Parquet files"):
        decide(spec_of(path), budget_bytes=None)


def test_a_missing_duckdb_is_one_line(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlcli.data.large.duck.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="which takes DuckDB") as caught:
        decide(spec_of(table), budget_bytes=BUDGET)
    assert "\n" not in caught.value.message
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("pip install 'dlcli[big]'")


def test_a_full_disk_is_told_before_anything_is_written(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = decide(spec_of(table), budget_bytes=BUDGET).large
    assert large is not None
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(RunError, match="are free there") as caught:
        check_disk(large, tmp_path / "rows")
    assert "--out" in (caught.value.hint or "")


def test_an_order_that_does_not_fit_is_told_before_anything_is_read(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "available_bytes", lambda: 50_000)
    with pytest.raises(DataError, match=r"split of about 2,0\d\d rows takes 8\d\.\d KB") as caught:
        decide(spec_of(table), budget_bytes=None)
    assert "40 bytes a row, and 50.0 KB are free" in caught.value.message


def test_parquet_is_judged_by_its_rows_and_not_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "zeros.parquet"
    nothing = np.zeros(10_000)
    pq.write_table(pa.table({"a": nothing, "y": nothing, "text": nothing}), path)
    assert path.stat().st_size < 10_000
    large = decide(spec_of(path), budget_bytes=500_000).large
    assert large is not None
    assert large.needed_bytes == 10_000 * 3 * 22


def test_compressed_text_is_judged_by_what_it_holds(table: Path) -> None:
    packed = table.with_name("table.csv.gz")
    packed.write_bytes(gzip.compress(table.read_bytes()))
    found = [decide(spec_of(path), budget_bytes=BUDGET).large for path in (table, packed)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[1].needed_bytes == found[0].needed_bytes


def test_missing_files_are_told_by_their_reader(tmp_path: Path) -> None:
    assert decide(spec_of(tmp_path / "none.csv"), budget_bytes=BUDGET).large is None
