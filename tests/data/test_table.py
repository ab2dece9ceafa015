"""Tables know where each row came from."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dlcli.data.table import Origin, Table, concat_tables
from dlcli.errors import DataError


def make_table(name: str, num_rows: int, *, sheet: str | None = None, first_row: int = 2) -> Table:
    origin = Origin(path=Path("data") / name, sheet=sheet, first_row=first_row, num_rows=num_rows)
    return Table.from_arrow(pa.table({"a": list(range(num_rows))}), origin)


def test_a_place_names_file_sheet_and_row() -> None:
    assert str(make_table("plant.xlsx", 20, sheet="Sheet1").locate(15)) == (
        "plant.xlsx, sheet Sheet1, row 17"
    )
    assert str(make_table("plant.csv", 3).locate(0)) == "plant.csv, row 2"


def test_rows_keep_their_place_when_others_are_dropped() -> None:
    table = make_table("a.csv", 10).filter(np.arange(10) % 2 == 1).take([4, 0])
    assert [table.locate(row).row for row in range(2)] == [11, 3]
    assert table.column("a").to_pylist() == [9, 1]


def test_concatenated_tables_locate_rows_in_their_own_file() -> None:
    first, second = make_table("a.csv", 3).take([2]), make_table("b.csv", 4).slice(1, 3)
    table = concat_tables([first, second])
    assert [str(table.locate(row)) for row in range(3)] == [
        "a.csv, row 4",
        "b.csv, row 3",
        "b.csv, row 4",
    ]


def test_an_unknown_column_suggests_the_nearest() -> None:
    table = Table.from_arrow(
        pa.table({"strength": [1], "age": [2]}), Origin(path=Path("a.csv"), first_row=2, num_rows=1)
    )
    with pytest.raises(DataError, match="no column 'strenght'") as caught:
        table.column("strenght")
    assert caught.value.hint == "did you mean 'strength'?"
    with pytest.raises(DataError) as caught:
        table.select(["age", "zzz"])
    assert caught.value.hint == "the columns are strength, age"


def test_with_column_replaces_or_appends() -> None:
    table = make_table("a.csv", 2)
    replaced = table.with_column("a", pa.array(["x", "y"])).with_column("b", pa.array([1, 2]))
    assert replaced.arrow.to_pydict() == {"a": ["x", "y"], "b": [1, 2]}
    assert table.names == ["a"]
