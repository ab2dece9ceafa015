import functools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import UsageError
from dlcli.search.values import compute
from dlcli.spec.arithmetic import (
    Names,
    linear_form,
    parse_comparisons,
    parse_expression,
)

NAMES = Names(
    numbers=("a", "b", "water / cement", "µ", "kind=good"),
    refused={"colour": "holds no numbers to compute with"},
)
COLUMNS = {
    "a": np.array([1.0, 2.0]),
    "b": np.array([4.0, 0.0]),
    "water / cement": np.array([0.5, 0.6]),
    "µ": np.array([7.0, 8.0]),
    "kind=good": np.array([0.2, 0.9]),
}


def _expression(text):
    return parse_expression(text, NAMES, option="--minimize")


def _holds(text):
    """Tell for each point whether a condition holds."""
    comparisons = parse_comparisons(text, NAMES, option="--subject-to")
    return [
        all(
            abs(excess[i]) < 1e-9 if each.is_equality else excess[i] <= 1e-9
            for each in comparisons
            for excess in [compute(each.excess, COLUMNS) + np.zeros(2)]
        )
        for i in range(2)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", [1, 2]),
        ("2*a - b/4 + 1", [2, 5]),
        ("-a ** 2", [-1, -4]),
        ("+a", [1, 2]),
        ("water / cement", [0.5, 0.6]),
        ("`water / cement` * 2", [1.0, 1.2]),
        ('"water / cement" + 0', [0.5, 0.6]),
        ("'kind=good' * 10", [2, 9]),
        ("µ + 1", [8, 9]),
        ("a * 0 + 1e2", [100, 100]),
    ],
)
def test_arithmetic_gives_what_it_says(text, expected):
    assert compute(_expression(text), COLUMNS).ravel() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <= 1", [True, False]),
        ("a > b", [False, True]),
        ("0.5 <= a <= 1.5", [True, False]),
        ("a + b == 5", [True, False]),
        ("a = 2", [False, True]),
        ("`kind=good` = 0.9", [False, True]),
    ],
)
def test_a_condition_holds_where_it_says(text, expected):
    assert _holds(text) == expected


def test_what_is_not_defined_is_no_number():
    assert not np.isfinite(compute(_expression("a / b"), COLUMNS)[1])
    assert not np.isfinite(compute(_expression("(a - b) ** 0.5"), COLUMNS)[0])


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "--minimize '': expected an expression, got nothing", None),
        ("a +", "--minimize 'a +' cannot be read", "back quotes"),
        ("c", "--minimize 'c': the run has no column 'c'", "choose from a, b"),
        ("coluor", "the run has no column 'coluor'", "did you mean 'colour'?"),
        ("colour", "--minimize 'colour': 'colour' holds no numbers to compute with", None),
        ("water / cement + 1", "the run has no column 'water'", "`water / cement`"),
        ("a <= 1", "expected a quantity, got a comparison", "--subject-to 'a <= 1'"),
        ("print(a)", "`print(a)` is not allowed here", "only numbers, column names"),
        ("a.real", "`a.real` is not allowed here", "only numbers"),
        ("a[0]", "`a[0]` is not allowed here", "only numbers"),
        ("a if b else a", "`a if b else a` is not allowed here", "only numbers"),
        ("a and b", "`a and b` is not allowed here", "only numbers"),
        ("[a]", "`[a]` is not allowed here", "only numbers"),
        ("a @ b", "`a @ b` is not allowed here", "only numbers"),
        ("1 + 2", "--minimize '1 + 2': names no column, so nothing can change it", None),
        ("True", "expected a number that fits, got True", None),
        ("1j", "expected a number that fits, got 1j", None),
        ("1" * 400, "expected a number that fits, got 111", None),
        ("a+" * 300 + "a", "601 characters; at most 500 are read", None),
    ],
)
def test_what_cannot_be_read_says_why(text, message, hint):
    with pytest.raises(UsageError) as caught:
        _expression(text)
    assert message in caught.value.message
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["a", "a + 1", "a != 1", "a in b", "a is b"])
def test_a_condition_needs_a_comparison(text):
    with pytest.raises(UsageError, match="expected a comparison with <=, >= or =="):
        parse_comparisons(text, NAMES, option="--subject-to")


@pytest.mark.parametrize("text", ["-" * 400 + "a", "(" * 220 + "a" + ")" * 220, "9**9**9**9"])
def test_what_is_nested_or_huge_ends_at_once(text):
    try:
        compute(_expression(text), COLUMNS)
    except UsageError as error:
        assert error.message.startswith("--minimize")


_PIECES = st.sampled_from(
    ["a", "b", "1", "2.5", "+", "-", "*", "/", "**", "(", ")", "<=", "==", "=", "`a`", "'b'", ".",
     ",", "[", "]", "{", "}", ":", ":=", "lambda", "__import__", "exec", "open", "\\", "\n", "\0",
     "f'", "{a}", "'", '"', "`", " ", "await", "yield", "µ", "1_0", "0x1f", "1e999"]
)  # fmt: skip


@given(text=st.lists(_PIECES, max_size=12).map("".join) | st.text(max_size=40))
def test_no_text_ever_runs_or_breaks_the_parser(text):
    events = []
    _listen()

    def watch(event, arguments):
        if event in ("exec", "import", "open", "os.system"):
            events.append(event)

    for parse in (parse_expression, parse_comparisons):
        _watched.append(watch)
        try:
            parsed = parse(text, NAMES, option="--minimize")
        except UsageError:
            continue
        finally:
            _watched.pop()
        for each in parsed if isinstance(parsed, tuple) else ():
            compute(each.excess, COLUMNS)
    assert events == []


_watched = []


@functools.cache
def _listen():
    # An audit hook stays for the rest of the process, and costs at each of its events: it is set as
    # late as can be, and only passes on to whoever listens.
    sys.addaudithook(lambda *event: [watch(*event) for watch in _watched or ()])


_NUMBERS = st.floats(-10, 10).map(lambda number: (repr(number), number))


def _join(parts):
    (left, x), symbol, (right, y) = parts
    if symbol == "/" and y == 0:
        symbol = "+"
    value = {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else 0}[symbol]
    return f"({left} {symbol} {right})", value


@given(
    st.recursive(
        _NUMBERS, lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(_join)
    ).filter(lambda pair: len(pair[0]) <= 480 and abs(pair[1]) < 1e100)
)
def test_arithmetic_is_pythons_own(pair):
    text, value = pair
    assert compute(_expression(f"0 * a + {text}"), COLUMNS)[0] == pytest.approx(
        value, rel=1e-12, abs=1e-300
    )


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2*(a - b)/4 + 3", {"a": 0.5, "b": -0.5, "": 3.0}),
        ("a*2 + 2**3", {"a": 2.0, "": 8.0}),
        ("a*b", None),
        ("1/a", None),
        ("a**2", None),
    ],
)
def test_linear_arithmetic_is_known(text, form):
    found = linear_form(_expression(text))
    if form is None:
        assert found is None
    else:
        assert found is not None
        assert {name: value for name, value in found.items() if value} == form
