"""Column types: named in the config, or inferred from cells."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from dlcli.data.types import OTHER_DATE_FORMATS, check_not_in_doubt, column_type, infer_type
from dlcli.errors import DataError
from dlcli.spec.data import ColumnSpec, DataSpec


def column(*cells):
    return pa.chunked_array([pa.array(cells)])


NUMBERS = [str(n) for n in range(30)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, 2, None], "number"),
        ([1.5, 2.0], "number"),
        ([True, False], "boolean"),
        ([date(2020, 1, 2), None], "date"),
        (["1", "2.5", "-3e4"], "number"),
        ([*NUMBERS, "abc"], "number"),
        (["NaN", "1", "NaN", "NaN"], "number"),
        (["1", "2", "A", "B", "C"], "category"),
        (["00123", "00124"], "category"),
        (["2020-01-02", "2020-03-04", "soon"], "date"),
        (["yes", "no", "yes"], "boolean"),
        (["True", "False"], "boolean"),
        (["Y", "N"], "boolean"),
        (["N", "N"], "category"),
        (["f", "m"], "category"),
        (["red", "green", "red"], "category"),
        ([None, None], "number"),
    ],
)
def test_type_is_inferred_from_all_cells(cells, expected):
    inferred = infer_type(column(*cells))
    assert (inferred.type, inferred.doubt) == (expected, None)


def test_decimal_commas_are_numbers_where_the_config_says_so():
    cells = column("1,5", "2,25", "x")
    assert infer_type(cells, decimal=",").type == "number"
    assert infer_type(cells).type == "category"


@pytest.mark.parametrize(
    ("cells", "marks"),
    [
        (("1,5", "2,25"), 'decimal: ","'),
        (("1,500,000", "2,250.5"), 'thousands: ","'),
        (("1.500,5", "2,25"), 'decimal: ",", thousands: "."'),
    ],
)
def test_numbers_with_other_marks_are_no_categories_without_a_word(cells, marks):
    inferred = infer_type(column(*(cells * 20)))
    with pytest.raises(DataError, match="decimal comma or marks between") as caught:
        check_not_in_doubt("x", inferred, role="input")
    assert f"set `{marks}` under `data`" in caught.value.hint
    assert "columns: {x: {type: category}}" in caught.value.hint


def test_prose_is_text_in_doubt():
    texts = [f"the quick brown fox number {n} jumps" for n in range(30)]
    inferred = infer_type(column(*texts))
    assert inferred.type == "text"
    with pytest.raises(DataError, match="'review' holds free text") as caught:
        check_not_in_doubt("review", inferred, role="input")
    assert "columns: {review: {type: text}}" in caught.value.hint
    assert "drop: [review]" in caught.value.hint


def test_distinct_names_are_an_identifier_in_doubt():
    inferred = infer_type(column(*[f"customer {n}" for n in range(40)]))
    with pytest.raises(DataError, match="40 different texts in 40 rows: is it an identifier"):
        check_not_in_doubt("who", inferred, role="input")


def test_thousands_of_categories_are_in_doubt_even_when_repeated():
    inferred = infer_type(column(*[f"city {n % 2000}" for n in range(6000)]))
    assert inferred.doubt == "has 2000 different texts in 6000 rows: is it an identifier?"


@pytest.mark.parametrize("form", [form for form in OTHER_DATE_FORMATS if "%d" in form])
def test_other_dates_are_recognised_for_the_hint(form):
    days = [(date(2020, 1, 1) + timedelta(days=2 * each)).strftime(form) for each in range(144)]
    inferred = infer_type(column(*days))
    assert inferred.date_format == form
    with pytest.raises(DataError) as caught:
        check_not_in_doubt("day", inferred, role="input")
    assert f'columns: {{day: {{type: date, format: "{form}"}}}}' in caught.value.hint


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (ColumnSpec(type="text"), "text"),
        (ColumnSpec(encode="ordinal"), "category"),
        (ColumnSpec(categories=(1, 2)), "category"),
        (ColumnSpec(format="%d/%m/%Y"), "date"),
        (ColumnSpec(length=20), "text"),
        (ColumnSpec(missing="drop"), "number"),
        (ColumnSpec(missing_values=("1", "2", "3")), "category"),
    ],
)
def test_settings_say_the_type(own, expected):
    spec = DataSpec(source="x.csv", target="y", columns={"a": own})
    assert column_type(spec, "a", column("1", "2", "3", "b", "c")).type == expected


def test_missing_values_of_the_table_take_no_part():
    spec = DataSpec(source="x.csv", target="y", missing_values=("unknown", -1))
    cells = column("unknown", "unknown", "unknown", "7", "-1")
    assert column_type(spec, "a", cells).type == "number"
