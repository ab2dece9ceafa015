"""Cells to values: what counts as a number, a date or a boolean, and what does not."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.data.cells import (
    infer_column,
    join_columns,
    mark_missing,
    parse_booleans,
    parse_dates,
    parse_numbers,
    to_text,
)


def texts(*cells: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(cells, pa.string())])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-2", None], pa.int64()),
        (["1", "2.5"], pa.float64()),
        (["1", "2.0", "3"], pa.float64()),
        (["+1", "-.5", "5.", "1e3", " 7 ", "\t8"], pa.float64()),
        (["0", "-0", "10"], pa.int64()),
        (["0.5", "007.5"], pa.float64()),
        (["00123", "5"], pa.string()),
        (["5", "00123"], pa.string()),
        (["1.5", "012"], pa.string()),
        (["0x1F", "3"], pa.string()),
        (["3", "0x1F"], pa.string()),
        (["9223372036854775807"], pa.int64()),
        (["9223372036854775809", "1"], pa.string()),
        (["1.5", "9007199254740993"], pa.string()),
        (["1.5", "9007199254740992"], pa.float64()),
        (["1", "nan"], pa.string()),
        (["1", "inf"], pa.string()),
        (["1", "1e999"], pa.string()),
        (["1", " "], pa.string()),
        (["1", "abc"], pa.string()),
        (["1_000"], pa.string()),
        (["٣"], pa.string()),
        (["true", "False", None], pa.bool_()),
        (["true", "yes"], pa.string()),
        (["2020-02-29", None], pa.date32()),
        (["2020-02-29", "2020-02-30"], pa.string()),
        (["2020-01-02 03:04", "2020-01-02T03:04:05.5"], pa.timestamp("us")),
        (["2020-01-02", "2020-01-02 03:04:05"], pa.timestamp("us")),
        (["2020-01-02T03:04:05Z", "2020-01-02T03:04:05+02:00"], pa.timestamp("us", "UTC")),
        (["2020-01-02T03:04:05Z", "2020-01-02T03:04:05"], pa.string()),
        (["03:04"], pa.string()),
        ([None, None], pa.string()),
        ([], pa.string()),
    ],
)
def test_a_column_has_the_type_of_all_its_cells(
    cells: list[str | None], expected: pa.DataType
) -> None:
    column = texts(*cells)
    inferred = infer_column(column)
    assert inferred.type == expected
    assert inferred.null_count == column.null_count
    if expected == pa.string():
        assert inferred.equals(column)


def test_one_late_cell_decides() -> None:
    chunks = [pa.array(["1.5"] * 1000)] * 50 + [pa.array(["abc"])]
    column = pa.chunked_array(chunks)
    assert infer_column(column).type == pa.string()
    values, bad = parse_numbers(column)
    assert bad.tolist() == [50_000]
    assert values[0] == 1.5
    assert math.isnan(values[-1])


def test_unreadable_numbers_are_told_from_missing_ones() -> None:
    values, bad = parse_numbers(texts("1", None, "x", "007", "nan", "inf", "1e999", " 2 ", "+3"))
    np.testing.assert_array_equal(values, [1, np.nan, np.nan, 7, np.nan, np.nan, np.nan, 2, 3])
    assert bad.tolist() == [2, 4, 5, 6]


def test_real_infinities_are_passed_on() -> None:
    values, bad = parse_numbers(pa.chunked_array([pa.array([1.0, math.inf, None])]))
    np.testing.assert_array_equal(values, [1, np.inf, np.nan])
    assert bad.tolist() == []


@pytest.mark.parametrize(
    ("decimal", "thousands", "cell", "value"),
    [
        (",", None, "1,5", 1.5),
        (",", None, "1.5", None),
        (",", ".", "1.234.567,5", 1234567.5),
        (".", ",", "1,234", 1234.0),
        (".", ",", "-1,234.5e2", -123450.0),
        (".", ",", "1,23", None),
        (".", ",", "1234", 1234.0),
        (".", None, "1,234", None),
        (".", " ", "12 345.6", 12345.6),
        (".", "'", "1'000", 1000.0),
    ],
)
def test_number_separators_are_asked_for_and_checked(
    decimal: str, thousands: str | None, cell: str, value: float | None
) -> None:
    values, bad = parse_numbers(texts(cell), decimal=decimal, thousands=thousands)
    inferred = infer_column(texts(cell), decimal=decimal, thousands=thousands)
    if value is None:
        assert bad.tolist() == [0]
        assert inferred.type == pa.string()
    else:
        assert values.tolist() == [value]
        assert inferred.to_pylist() == [value]


def test_dates_are_read_by_iso_or_by_format() -> None:
    dates, bad = parse_dates(texts("2020-01-02", None, "2.1.2020", "2020-01-02T03:00+02:00"))
    assert dates.astype(str).tolist() == [
        "2020-01-02T00:00:00.000000",
        "NaT",
        "NaT",
        "2020-01-02T01:00:00.000000",
    ]
    assert bad.tolist() == [2]
    dates, bad = parse_dates(texts("2.1.2020", "31.2.2020", "2.1.2020 x"), "%d.%m.%Y")
    assert dates[0] == np.datetime64("2020-01-02")
    assert bad.tolist() == [1, 2]


def test_booleans_are_read_from_words_and_typed_columns() -> None:
    values, bad = parse_booleans(texts("true", "FALSE", None, "yes"))
    np.testing.assert_array_equal(values, [1, 0, np.nan, np.nan])
    assert bad.tolist() == [3]
    values, bad = parse_booleans(pa.chunked_array([pa.array([True, None])]))
    np.testing.assert_array_equal(values, [1, np.nan])


def test_a_marker_covers_its_text_and_its_number() -> None:
    assert mark_missing(texts("unknown", "a"), ["unknown"]).to_pylist() == [None, "a"]
    numbers = pa.chunked_array([pa.array([-1.0, 2.0, None])])
    assert mark_missing(numbers, ["-1", "x"]).to_pylist() == [None, 2.0, None]
    integers = pa.chunked_array([pa.array([-1, 2])])
    assert mark_missing(integers, ["-1.0"]).to_pylist() == [None, 2]
    assert mark_missing(integers, ["-1.5"]).to_pylist() == [-1, 2]


def test_text_of_typed_cells_keeps_identifiers() -> None:
    floats = pa.chunked_array([pa.array([12345678901.0, 1.5, None, math.inf, -0.5])])
    assert to_text(floats).to_pylist() == ["12345678901", "1.5", None, "inf", "-0.5"]
    times = pa.chunked_array([pa.array([0, 1_500_000], pa.timestamp("us"))])
    assert to_text(times).to_pylist() == ["1970-01-01 00:00:00", "1970-01-01 00:00:01.500000"]


def test_joined_columns_take_the_narrowest_common_type() -> None:
    ints, floats = pa.chunked_array([[1, 2]]), pa.chunked_array([[0.5]])
    assert join_columns([ints, floats]).to_pylist() == [1.0, 2.0, 0.5]
    assert join_columns([ints, texts("x")]).to_pylist() == ["1", "2", "x"]
    assert join_columns([ints, texts(None)]).to_pylist() == [1, 2, None]
    assert join_columns([pa.chunked_array([[2**60]]), floats]).to_pylist() == [str(2**60), "0.5"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_float_survives_being_written(values: list[float]) -> None:
    column = texts(*(repr(value) for value in values))
    assert parse_numbers(column)[0].tolist() == values
    assert infer_column(column).to_pylist() == values


@given(st.lists(st.text(max_size=8), min_size=1))
def test_parsing_never_fails_and_calls_each_cell_good_or_bad(cells: list[str]) -> None:
    values, bad = parse_numbers(texts(*cells))
    assert np.isnan(values[bad]).all()
    assert np.isfinite(np.delete(values, bad)).all()
    infer_column(texts(*cells))
    parse_dates(texts(*cells))
