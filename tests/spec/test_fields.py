"""The kinds of values: what they take, what they say, what their schema takes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dlcli.spec.containers import ListOf, MapOf, OneOf
from dlcli.spec.data import SCALE
from dlcli.spec.fields import (
    INVALID,
    Anything,
    Boolean,
    Choice,
    Field,
    Integer,
    Null,
    Number,
    Text,
)
from dlcli.spec.problems import Problems

NAMES = OneOf((Text("a name"), ListOf(Text("a name"), 1)))
KINDS: list[Field] = [
    Anything(),
    Null(),
    Text(),
    Text("a letter", most=1),
    Boolean(),
    Number(),
    Number(minimum=0, exclusive_maximum=1),
    Integer(minimum=1, maximum=10),
    Choice(("a", "b")),
    ListOf(Integer()),
    ListOf(Text(), 1),
    MapOf(Number()),
    NAMES,
    OneOf((Integer(), Null())),
    SCALE,
]


def check(kind: Field, value: object) -> tuple[Any, list[str], list[str | None]]:
    problems = Problems()
    parsed = kind.check(value, ("key",), problems)
    assert (parsed is INVALID) == bool(problems)
    return parsed, [p.message for p in problems.found], [p.hint for p in problems.found]


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Integer(minimum=1), 0, "key: expected a whole number of at least 1, got 0"),
        (Integer(minimum=0, maximum=9), 10, "key: expected a whole number from 0 to 9, got 10"),
        (Number(exclusive_minimum=0), 0, "key: expected a number above 0, got 0"),
        (
            Number(minimum=0, exclusive_maximum=1),
            1,
            "key: expected a number of at least 0 and below 1, got 1",
        ),
        (Number(), True, "key: expected a number, got true"),
        (Text(), "", "key: expected text, got ''"),
        (Text(), None, "key: expected text, got nothing"),
        (Boolean(), 1, "key: expected true or false, got 1"),
        (Choice(("a", "b", "c")), "d", "key: expected a, b or c, got 'd'"),
        (ListOf(Integer()), {"a": 1}, "key: expected a list (a whole number each), got a mapping (a)"),
        (NAMES, 5, "key: expected a name or a list (a name each), got 5"),
        (MapOf(Number()), [1], ("key: expected a mapping from names to values (a number each), "
         "got a list of 1")),
    ],
)  # fmt: skip
def test_message_tells_what_was_expected_and_what_came(
    kind: Field, value: object, message: str
) -> None:
    assert check(kind, value)[1] == [message]


@pytest.mark.parametrize(
    ("kind", "value", "hint"),
    [
        (Integer(), 1000.0, "write 1000"),
        (Integer(), 0.5, None),
        (Integer(), "5", "write it without quotes"),
        (Integer(minimum=1), 0.0, None),
        (Number(), "0,2", "write 0.2"),
        (Number(), "20%", "write 0.2"),
        (Number(), "1_000", "write 1000"),
        (Number(), "fast", None),
        (Number(), float("nan"), "it must be finite"),
        (Integer(), 2**70, "it is too large to compute with"),
        (Text(), 5, "quotes make it text: '5'"),
        (Text(), True, "quotes make it text: 'true'"),
        (NAMES, 5, "quotes make it text: '5'"),
        (Boolean(), "yes", "write true or false"),
        (Choice(("standard", "minmax")), "Min-Max", "did you mean 'minmax'?"),
        (ListOf(Text()), "mae", "in brackets it is a list: [mae]"),
        (ListOf(MapOf(Text())), {"a": "b"}, "begin every item with '- '"),
        (OneOf((Number(), Null())), "0.5", "write it without quotes"),
        (OneOf((Choice(("error", "drop")), MapOf(Number()))), "dorp", "did you mean 'drop'?"),
    ],
)
def test_hint_tells_what_to_write(kind: Field, value: object, hint: str | None) -> None:
    assert check(kind, value)[2] == [hint]


def test_lists_become_tuples() -> None:
    assert check(ListOf(Integer()), [1, 2])[0] == (1, 2)


def test_as_float_makes_whole_numbers_floats() -> None:
    parsed, _, _ = check(Number(as_float=True), 1)
    assert isinstance(parsed, float)
    assert isinstance(check(Number(), 1)[0], int)


def test_every_bad_item_of_a_list_is_reported_at_its_place() -> None:
    problems = Problems()
    ListOf(Integer()).check([1, "a", None], ("sizes",), problems)
    assert [problem.path for problem in problems.found] == [("sizes", 1), ("sizes", 2)]


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just("a")
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2)
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.expectation)
@settings(max_examples=25, deadline=None)
@given(value=values)
def test_schema_takes_all_that_the_check_takes(kind: Field, value: object) -> None:
    parsed, _, _ = check(kind, value)
    if parsed is not INVALID:
        assert Draft202012Validator(kind.schema()).is_valid(value)
    if kind.accepts(value) is False:
        assert parsed is INVALID
