"""Single columns: reading, filling, encoding, JSON state."""

import json
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data.columns.inputs import fit_input, input_from_json, own_tensor
from dlcli.data.columns.reading import read_column
from dlcli.data.columns.settings import ColumnSettings, column_hint, resolve_settings, yaml_text
from dlcli.data.columns.targets import ClassTarget, NumberTarget, fit_target
from dlcli.data.columns.text import TextInput, split_words
from dlcli.errors import DataError
from dlcli.spec.data import DATE_PARTS, ColumnSpec, ConstantPolicy, DataSpec


def read(kind, cells, **settings):
    column = pa.chunked_array([pa.array(cells)])
    return read_column(column, ColumnSettings(name="a", type=kind, **settings))


def fit(kind, cells, **settings):
    own = ColumnSettings(name="a", type=kind, **settings)
    return fit_input(own, read_column(pa.chunked_array([pa.array(cells)]), own))


def encode(column, cells):
    return column.encode(read_column(pa.chunked_array([pa.array(cells)]), column.settings))


def test_number_cells_are_told_apart():
    cells = read("number", ["1", None, " ", "-1.0", "abc", "NaN", "inf"], missing_values=("-1",))
    assert cells.missing.tolist() == [False, True, True, True, False, True, False]
    assert cells.unreadable.tolist() == [False, False, False, False, True, False, True]
    assert cells.values[0] == 1.0


def test_typed_infinities_are_unreadable_and_nan_is_missing():
    cells = read("number", [1.0, float("inf"), float("nan"), None])
    assert cells.missing.tolist() == [False, False, True, True]
    assert cells.unreadable.tolist() == [False, True, False, False]


def test_boolean_words_of_any_case():
    cells = read("boolean", ["Yes", "no", "TRUE", "0", "maybe", None, "Yes"])
    assert cells.values[[0, 1, 2, 3]].tolist() == [1, 0, 1, 0]
    assert cells.unreadable.tolist() == [False] * 4 + [True, False, False]
    assert cells.names == ("0", "Yes")


def test_dates_without_a_meaning_are_unreadable():
    cells = read("date", ["31/12/2020", "2020-12-31", None], format="%d/%m/%Y")
    assert cells.unreadable.tolist() == [False, True, False]
    assert cells.missing.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("mean", 3.0), ("median", 2.0), ("mode", 1.0), (ConstantPolicy(constant=-5), -5.0)],
)
def test_missing_numbers_are_filled(policy, expected):
    column = fit("number", [1.0, 1.0, None, 2.0, 3.0, 8.0], missing=policy)
    assert encode(column, [None, 4.0])[:, 0].tolist() == [expected, 4.0]


def test_statistics_ignore_missing_cells_and_scaling_follows_filling():
    column = fit("number", [0.0, None, 4.0], missing="mean", scale="standard")
    assert column.scaler.scale == pytest.approx(np.std([0, 2, 4]))
    assert (column.minimum, column.maximum) == (0.0, 4.0)


def test_a_number_column_without_numbers_cannot_be_filled():
    with pytest.raises(DataError, match="no value in the training part, so no median"):
        fit("number", [None, None], missing="median")


@pytest.mark.parametrize(
    ("kind", "policy", "cells"),
    [
        ("category", "mean", ["a", None]),
        ("category", "median", ["a", None]),
        ("boolean", "mean", [True, None]),
        ("text", "mode", ["a", None]),
        ("number", ConstantPolicy(constant="unknown"), [1.0, None]),
        ("boolean", ConstantPolicy(constant="perhaps"), [True, None]),
        ("date", ConstantPolicy(constant="soon"), [date(2020, 1, 1), None]),
    ],
)
def test_policies_that_a_type_cannot_follow(kind, policy, cells):
    with pytest.raises(DataError, match=f"column 'a' is a {kind} column") as caught:
        fit(kind, cells, missing=policy, missing_is_own=True)
    assert "columns: {a: {missing: " in caught.value.hint


def test_onehot_categories_are_sorted_and_named():
    column = fit("category", ["b", "a", "c", "a"])
    assert column.feature_names == ("a=a", "a=b", "a=c")
    assert encode(column, ["c", "a"]).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert own_tensor(column) is None


def test_numeric_categories_are_sorted_as_numbers():
    assert fit("category", [10, 9, 2]).categories == ("2", "9", "10")


def test_categories_match_across_the_types_of_files():
    column = fit("category", ["1", "2.50", "A"])
    assert encode(column, [2.5, 1.0]).argmax(axis=1).tolist() == [1, 0]
    assert encode(fit("category", [1, 2]), ["2.0", "1"]).argmax(axis=1).tolist() == [1, 0]


def test_codes_with_leading_zeros_stay_apart():
    column = fit("category", ["7", "007"])
    assert len(column.categories) == 2
    assert encode(column, ["007", "7"]).sum(axis=1).tolist() == [1, 1]
    assert (encode(column, ["007"]) != encode(column, ["7"])).any()


def test_an_unseen_category_sets_no_feature():
    column = fit("category", ["a", "b"], unseen="ignore")
    cells = read("category", ["z", "a"])
    assert column.unseen(cells).tolist() == [True, False]
    assert encode(column, ["z", "a"]).tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize(("unseen", "size"), [("error", 2), ("ignore", 3)])
def test_ordinal_codes_fit_an_embedding(unseen, size):
    column = fit("category", ["a", "b"], unseen=unseen, encode="ordinal")
    assert own_tensor(column).vocabulary_size == size
    assert own_tensor(column).shape == ()
    codes = encode(column, ["b", "a"])
    assert (codes.tolist(), codes.dtype) == ([1, 0], np.int32)
    if unseen == "ignore":
        assert encode(column, ["z"]).tolist() == [2]


def test_listed_categories_keep_their_order_and_need_not_occur():
    column = fit("category", ["low", "high"], categories=("low", "middle", "high"))
    assert column.feature_names == ("a=low", "a=middle", "a=high")


def test_a_constant_becomes_a_category_of_its_own():
    policy = ConstantPolicy(constant="unknown")
    column = fit("category", ["a", None], missing=policy)
    assert column.categories == ("a", "unknown")
    assert encode(column, [None]).tolist() == [[0, 1]]
    assert fit("category", ["a", "b"], missing=policy).categories == ("a", "b")
    with pytest.raises(DataError, match="not one of its `categories`"):
        fit("category", ["a", None], missing=policy, categories=("a", "b"))


def test_date_parts():
    moment = datetime(2024, 2, 29, 13, 7, 59)
    column = fit("date", [moment, datetime(1969, 12, 31, 23, 0, 1)], parts=DATE_PARTS)
    assert encode(column, [moment])[0].tolist() == [2024, 2, 29, 3, 60, 13, 7, 59]
    before_1970 = encode(column, [datetime(1969, 12, 31, 23, 0, 1)])[0]
    assert before_1970.tolist() == [1969, 12, 31, 2, 365, 23, 0, 1]
    assert column.feature_names[0] == "a.year"


@given(st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)), min_size=1))
@settings(max_examples=50, deadline=None)
def test_date_parts_are_those_of_the_calendar(moments):
    column = fit("date", moments, parts=DATE_PARTS)
    expected = [
        [m.year, m.month, m.day, m.weekday(), m.timetuple().tm_yday, m.hour, m.minute, m.second]
        for m in moments
    ]
    assert encode(column, moments).tolist() == expected


def test_a_missing_date_is_filled():
    dates = [date(2020, 1, 1), date(2020, 1, 3), None]
    column = fit("date", dates, missing="mean", parts=("day",))
    assert encode(column, [None])[0].tolist() == [2]
    constant = fit("date", dates, missing=ConstantPolicy(constant="2021-05-06"), parts=("month",))
    assert encode(constant, [None])[0].tolist() == [5]


def test_words_become_codes():
    texts = ["The cat, the dog!", "the end"]
    column = fit("text", texts, vocabulary=2, length=4)
    assert column.words == ("the", "cat")
    codes = encode(column, ["cat the unknown", "", "the the the the the"])
    assert codes.tolist() == [[3, 2, 1, 0], [0, 0, 0, 0], [2, 2, 2, 2]]
    assert codes.dtype == np.int32
    assert (own_tensor(column).shape, own_tensor(column).vocabulary_size) == ((4,), 4)


def test_padding_may_come_before_the_words():
    column = fit("text", ["the cat"], length=3, padding="pre")
    codes = encode(column, ["the cat", "cat", "", "the cat the cat"])
    assert codes.tolist() == [[0, 3, 2], [0, 0, 2], [0, 0, 0], [3, 2, 3]]
    assert TextInput.from_json(column.to_json()) == column


def test_case_is_kept_when_asked():
    assert split_words("Don't STOP me_now 42", lower=False) == ["Don't", "STOP", "me", "now", "42"]
    assert "The" in fit("text", ["The end"], lower=False).words


def test_number_targets_keep_their_unit():
    target = fit_target(
        ColumnSettings(name="y", type="number", scale="minmax"), read("number", [10.0, 20.0])
    )
    assert isinstance(target, NumberTarget)
    assert target.encode(read("number", [15.0])).tolist() == [15.0]
    assert target.scale(np.array([15.0])).tolist() == [0.5]


@pytest.mark.parametrize(
    ("kind", "cells", "classes"),
    [
        ("category", ["b", "a", "a"], ("a", "b")),
        ("category", [10, 9, 9], ("9", "10")),
        ("boolean", ["Yes", "no", "Yes"], ("no", "Yes")),
        ("boolean", [True, False, True], ("false", "true")),
    ],
)
def test_class_targets_keep_their_names(kind, cells, classes):
    target = fit_target(ColumnSettings(name="y", type=kind), read(kind, cells))
    assert isinstance(target, ClassTarget)
    assert target.classes == classes
    assert sum(target.counts) == 3
    codes = target.encode(read(kind, cells))
    assert codes.dtype == np.int32
    assert [classes[code].lower() for code in codes] == [str(cell).lower() for cell in cells]


@pytest.mark.parametrize(
    ("kind", "cells", "message"),
    [
        ("number", [3.0, 3.0], "is 3 in every training row"),
        ("category", ["a", "a"], "one class in the training part, 'a'"),
        ("boolean", [True, True], "one class in the training part, 'true'"),
        ("category", [n / 10 for n in range(99)], "such as 0.1: these are no classes"),
    ],
)
def test_targets_with_nothing_to_learn(kind, cells, message):
    with pytest.raises(DataError) as caught:
        fit_target(ColumnSettings(name="y", type=kind), read(kind, cells))
    assert message in caught.value.message


CELLS = {
    "number": st.floats(-1e9, 1e9),
    "category": st.text(max_size=5),
    "boolean": st.booleans(),
    "date": st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)),
    "text": st.text(max_size=30),
}


@pytest.mark.parametrize("kind", CELLS)
@given(data=st.data(), scale=st.sampled_from(["none", "standard", "quantile"]))
@settings(max_examples=25, deadline=None)
def test_json_keeps_a_column_exactly(kind, data, scale):
    cells = data.draw(st.lists(st.none() | CELLS[kind], min_size=1, max_size=20))
    constants = {"number": 0.1, "boolean": "false", "date": "2020-02-02"}
    own = ColumnSettings(
        name="a",
        type=kind,
        missing=ConstantPolicy(constant=constants.get(kind, "some words")),
        missing_is_own=True,
        scale=scale if kind in ("number", "date") else "none",
    )
    types = {"category": pa.string(), "text": pa.string(), "date": pa.timestamp("us")}
    column = pa.chunked_array([pa.array(cells, types.get(kind))])
    cells_read = read_column(column, own)
    try:
        fitted = fit_input(own, cells_read)
    except DataError as error:
        assert "no word" in error.message
        return
    again = input_from_json(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted
    assert again.encode(cells_read).tobytes() == fitted.encode(cells_read).tobytes()


@pytest.mark.parametrize(
    ("own", "kind", "message"),
    [
        (ColumnSpec(encode="onehot"), "number", "'encode' is a setting of category columns"),
        (ColumnSpec(format="%Y"), "category", "'format' is a setting of date columns"),
        (ColumnSpec(length=5), "boolean", "'length' is a setting of text columns"),
        (ColumnSpec(scale="standard"), "category", "'scale' is a setting of number columns"),
        (ColumnSpec(categories=("a", "a")), "category", "lists 'a' twice"),
    ],
)
def test_settings_of_another_type_are_refused(own, kind, message):
    spec = DataSpec(source="x.csv", target="y", columns={"a": own})
    with pytest.raises(DataError) as caught:
        resolve_settings(spec, "a", kind)
    assert message in caught.value.message


def test_own_settings_come_before_the_tables():
    own = ColumnSpec(missing="mode", missing_values=(), unreadable="drop", scale="none")
    spec = DataSpec(
        source="x.csv",
        target="y",
        missing="mean",
        missing_values=(-1,),
        scale="standard",
        columns={"a": own},
    )
    mine, others = (resolve_settings(spec, name, "number") for name in ("a", "b"))
    assert (mine.missing, mine.missing_values, mine.unreadable) == ("mode", (), "drop")
    assert (others.missing, others.missing_values, others.unreadable) == ("mean", ("-1",), "error")
    assert (mine.scale, others.scale) == ("none", "standard")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("age", "age"),
        ("-1", '"-1"'),
        (" x", '" x"'),
        ("true", '"true"'),
        (0, "0"),
        ("a: b", '"a: b"'),
    ],
)
def test_hints_are_valid_yaml(value, expected):
    assert yaml_text(value) == expected
    assert column_hint("a", missing=value) == f"columns: {{a: {{missing: {expected}}}}}"


@pytest.mark.parametrize(
    ("kind", "cells", "policy", "names", "values"),
    [
        ("number", [1.0, None, 3.0], "mean", ("a", "a=missing"), [[1, 0], [2, 1], [3, 0]]),
        ("boolean", [True, None, True], "mode", ("a", "a=missing"), [[1, 0], [1, 1], [1, 0]]),
        (
            "date",
            ["2020-01-05", None, "2020-01-07"],
            "mean",
            ("a.day", "a=missing"),
            [[5, 0], [6, 1], [7, 0]],
        ),
    ],
)
def test_an_indicator_tells_which_cells_were_missing(kind, cells, policy, names, values):
    parts = {"parts": ("day",)} if kind == "date" else {}
    column = fit(kind, cells, missing=policy, missing_indicator=True, **parts)
    assert column.feature_names == names
    again = input_from_json(json.loads(json.dumps(column.to_json())))
    assert encode(again, cells).tolist() == values
    assert encode(again, cells[:1]).tolist() == values[:1]
    whole = fit(kind, [cell for cell in cells if cell is not None], missing=policy,
                missing_indicator=True, **parts)  # fmt: skip
    assert whole.feature_names == names[:1]
    assert encode(whole, cells).shape == (3, 1)


def test_indicators_are_for_columns_that_are_filled_with_a_value():
    spec = DataSpec(
        source="t.csv",
        target="y",
        missing="median",
        missing_indicator=True,
        columns={"b": ColumnSpec(missing_indicator=False), "c": ColumnSpec(missing="drop")},
    )
    found = {name: resolve_settings(spec, name, "number").missing_indicator for name in "abc"}
    assert found == {"a": True, "b": False, "c": False}
    assert not resolve_settings(spec, "a", "category").missing_indicator
    assert not resolve_settings(spec, "a", "number", is_target=True).missing_indicator
    own = DataSpec(
        source="t.csv",
        target="y",
        missing="mode",
        columns={"a": ColumnSpec(missing_indicator=True)},
    )
    with pytest.raises(DataError, match="a setting of number, boolean and date columns") as caught:
        resolve_settings(own, "a", "category")
    assert "constant: missing" in caught.value.hint
    with pytest.raises(DataError, match="is a target"):
        resolve_settings(own, "a", "number", is_target=True)
