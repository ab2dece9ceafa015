"""What a profile says of a table, and how it is laid out."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data.profile import BARS, format_bars, format_profile, profile_table
from dlcli.data.readers import read_table
from dlcli.data.table import Origin, Table


def table_of(**columns: list[object]) -> Table:
    arrow = pa.table(columns)
    origin = Origin(path=Path("cells.csv"), first_row=2, num_rows=arrow.num_rows)
    return Table.from_arrow(arrow, origin)


def column_of(values: list[object], name: str = "x"):
    return profile_table(table_of(**{name: values})).column(name)


def test_figures_of_numbers_are_those_of_numpy() -> None:
    values = np.random.default_rng(3).gamma(2, 5, size=400).round(1)
    profile = column_of([None, *values.tolist()])
    assert (profile.type, profile.missing, profile.distinct) == ("number", 1, len(set(values)))
    assert (profile.minimum, profile.maximum) == (values.min(), values.max())
    assert profile.median == np.median(values)
    assert profile.mean == pytest.approx(values.mean())
    assert profile.deviation == pytest.approx(values.std())
    assert list(profile.histogram) == np.histogram(values, bins=12)[0].tolist()


def test_few_whole_numbers_have_a_bar_each() -> None:
    assert column_of([3, 4, 4, 6, 6, 6]).histogram == (1, 2, 0, 3)


def test_huge_numbers_neither_overflow_nor_leave_json() -> None:
    profile = profile_table(table_of(x=[-1.7e308, 0.0, 1.7e308, 1.6e308]))
    assert profile.columns[0].deviation is None
    assert sum(profile.columns[0].histogram) == 4
    json.dumps(profile.to_json(), allow_nan=False)


def test_repeated_rows_are_counted() -> None:
    rows = table_of(a=[1.0, -0.0, 0.0, None, None], b=["x", "y", "y", "z", "z"])
    assert profile_table(rows).duplicates == 2
    assert profile_table(table_of(a=[1, 2], b=[2, 1])).duplicates == 0


@pytest.mark.parametrize(
    ("values", "nature"),
    [
        ([None, None, None], "empty"),
        ([5, 5, 5], "constant"),
        (["no", "no", None], "constant"),
        (list(range(1, 31)), "row number"),
        ([7 + (i * 7) % 30 for i in range(30)], "identifier"),
        ([f"part {i}" for i in range(60)], "identifier"),
        ([f"this is the long text of the review number {i}" for i in range(60)], "text"),
        ([1.5, 2.5, 3.5], None),
        (["a", "b", "a"], None),
    ],
)
def test_columns_that_are_no_measurement_are_named(values: list[object], nature: str) -> None:
    profile = column_of(values)
    assert profile.nature == nature
    assert bool(profile.note) == (nature is not None)


def test_numbers_named_like_an_identifier_are_one_only_when_they_never_repeat() -> None:
    values = [i * i for i in range(40)]
    assert column_of(values, "customer_id").nature == "identifier"
    assert column_of(values, "area").nature is None
    assert column_of([*values, 0], "customer_id").nature is None


@pytest.mark.parametrize(
    ("values", "marker", "is_certain"),
    [
        ([*map(str, range(1, 40)), "?", "?"], ("?", 2), True),
        ([*map(str, range(1, 40)), "none"], ("none", 1), True),
        (["red", "blue", "red", "N/A"], ("N/A", 1), True),
        ([*range(40), -1], ("-1", 1), True),
        ([*range(40), *[-1] * 60], ("-1", 60), False),
        ([*range(40), -999], ("-999", 1), True),
        ([*range(60, 120), 0], ("0", 1), False),
        ([*range(40), 9999], ("9999", 1), False),
    ],
)
def test_cells_that_mean_missing_are_found(
    values: list[object], marker: tuple[str, int], is_certain: bool
) -> None:
    profile = column_of(values)
    (found,) = profile.markers
    assert (found.text, found.count) == marker
    assert found.is_certain == is_certain
    assert ("probably" if is_certain else "perhaps") in profile.note


@pytest.mark.parametrize(
    "values",
    [
        [-1, 1, -1, 1],
        [*range(-20, 20)],
        [0, 1, 2, 3] * 10,
        [*range(40)],
        ["none", "brick", "none", "stone"],
    ],
)
def test_ordinary_cells_are_not_taken_for_missing(values: list[object]) -> None:
    assert column_of(values).markers == ()


def test_first_unreadable_cell_is_named_with_its_place() -> None:
    profile = column_of([*map(str, range(30)), "12,5", "about 7"])
    assert (profile.type, profile.unreadable) == ("number", 2)
    assert "2 cells are no number, the first '12,5' in cells.csv, row 32" in profile.note


def test_dates_have_a_range_in_any_common_format() -> None:
    iso = column_of([f"2024-01-{day:02}" for day in range(1, 30)])
    assert (iso.type, iso.minimum, iso.maximum) == ("date", "2024-01-01", "2024-01-29")
    german = column_of([f"{day:02}.03.2024" for day in range(1, 30)])
    assert (german.type, german.date_format, german.minimum) == ("date", "%d.%m.%Y", "2024-03-01")


def test_categories_and_booleans_tell_their_most_frequent_values() -> None:
    assert column_of(["b", "a", "b", None]).top == (("b", 2), ("a", 1))
    assert column_of([True, True, False]).top == (("true", 2), ("false", 1))


def test_spellings_of_one_category_are_pointed_out() -> None:
    note = column_of(["Berlin", "berlin ", "Rome", "Rome"]).note
    assert note == "'Berlin' and 'berlin ' differ only in case or spaces"


def test_a_missing_header_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "plain.csv"
    file.write_text("5.1,red\n4.9,blue\n5.3,red\n")
    profile = profile_table(read_table([file]))
    assert not profile.has_header
    assert "needs `header`" in format_profile(profile)
    file.write_text("2019,country\n4.9,blue\n5.3,red\n")
    assert profile_table(read_table([file])).has_header


def test_long_text_columns_are_typed_as_short_ones_are() -> None:
    numbers = [str(i % 700) for i in range(50_000)]
    words = [f"w{i % 30}" for i in range(50_000)]
    names = [f"name {i}" for i in range(50_000)]
    mostly = [*numbers[:30_000], *["?"] * 20_000]
    profile = profile_table(table_of(a=numbers, b=words, c=names, d=mostly))
    kinds = {column.name: (column.type, column.nature) for column in profile.columns}
    assert kinds == {
        "a": ("number", None),
        "b": ("category", None),
        "c": ("category", "identifier"),
        "d": ("number", None),
    }


def test_bars_show_every_count_above_zero() -> None:
    assert format_bars((0, 1, 50, 100)) == " ▁▄█"
    assert format_bars(()) == ""
    assert len(BARS) == 9


def test_layout_of_a_small_table() -> None:
    text = format_profile(
        profile_table(table_of(size=[1.5, 2.5, 4.5, None], kind=["a", "a", "b", "a"]))
    )
    assert text == (
        "cells.csv, 4 rows, 2 columns, no repeated rows\n\n"
        "column        type      missing  distinct  min  median  max\n"
        "size          number          1         3  1.5     2.5  4.5  █   █      █\n"
        "kind          category        -         2  a 75%, b 25%"
    )


def test_names_are_cut_in_the_middle() -> None:
    ends = [f"{'a very long name of a column ' * 4}{end}" for end in ("(kg)", "(m)")]
    lines = format_profile(profile_table(table_of(**{end: [1.0, 2.0] for end in ends}))).split("\n")
    assert "(kg)  number" in lines[3]
    assert "(m)  number" in lines[4]


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=120), min_size=1, max_size=5, unique=True),
    cells=st.lists(st.one_of(st.none(), st.text(max_size=60)), min_size=0, max_size=8),
)
def test_any_cells_and_names_stay_on_their_line(names: list[str], cells: list[str | None]) -> None:
    text_column = pa.array(cells, pa.string())
    arrow = pa.Table.from_arrays([text_column] * len(names), names=names)
    origin = Origin(path=Path("any.csv"), first_row=2, num_rows=len(cells))
    text = format_profile(profile_table(Table.from_arrow(arrow, origin)))
    assert all(len(line) <= 100 for line in text.split("\n"))
    assert all(character.isprintable() for character in text.replace("\n", ""))


def test_every_public_data_set_has_a_profile(shared_datasets: Path) -> None:
    for file in sorted(shared_datasets.glob("*.[cx]*")):
        profile = profile_table(read_table([file]))
        text = format_profile(profile)
        assert len(profile.columns) > 1
        assert all(len(line) <= 100 for line in text.split("\n")), file.name
        json.dumps(profile.to_json(), allow_nan=False)
