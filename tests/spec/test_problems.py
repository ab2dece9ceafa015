"""Nearest names, and values as messages show them."""

from pathlib import Path

import pytest

from dlcli.errors import SpecError
from dlcli.spec.places import Place, Source, format_problem
from dlcli.spec.problems import Problems, closest, join_names, show_flow, show_value, suggest
from dlcli.spec.report import MAX_SHOWN, raise_problems

KEYS = ("epochs", "batch_size", "seed", "learning_rate")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("epoch", "epochs"),
        ("Epochs", "epochs"),
        ("batchsize", "batch_size"),
        ("batch-size", "batch_size"),
        ("learning rate", "learning_rate"),
        ("colour", None),
        ("", None),
    ],
)
def test_closest_name(name: str, near: str | None) -> None:
    assert closest(name, KEYS) == near


def test_without_a_near_name_the_choices_are_listed() -> None:
    assert suggest("colour", KEYS) == "choose from epochs, batch_size, seed, learning_rate"
    assert suggest("colour", []) == "there are none"


@pytest.mark.parametrize("name", ["\u0435pochs", "epochs\u200b", "epochs\xa0"])
def test_letter_that_only_looks_right_is_named(name: str) -> None:
    hint = suggest(name, KEYS)
    assert hint.startswith("did you mean 'epochs'?")
    assert "U+" in hint


def test_long_lists_of_names_are_cut_with_a_count() -> None:
    assert join_names(map(str, range(20)), most=3) == "0, 1, 2 and 17 more"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        (True, "true"),
        ({}, "an empty mapping"),
        ({"a": 1, "b": 2}, "a mapping (a, b)"),
        ([], "an empty list"),
        ([1], "a list of 1"),
        (0.001, "0.001"),
        ("x" * 100, "'" + "x" * 56 + "..."),
    ],
)
def test_values_are_shown_short(value: object, shown: str) -> None:
    assert show_value(value) == shown


def test_flow_is_yaml() -> None:
    assert (
        show_flow({"units": 3, "shape": [1, 2], "on": True})
        == "{units: 3, shape: [1, 2], on: true}"
    )


def test_problem_shows_its_line_with_a_caret() -> None:
    place = Place(file="a.yaml", line=10, column=3, length=4, text="  epoh: 5")
    assert format_problem("unknown key", place).splitlines() == [
        "a.yaml:10:3: unknown key",
        "   |",
        "10 |   epoh: 5",
        "   |   ^^^^",
    ]


def test_only_so_many_problems_are_told_at_once() -> None:
    problems = Problems()
    for number in range(MAX_SHOWN + 5):
        problems.add((str(number),), f"problem {number}")
    with pytest.raises(SpecError) as caught:
        raise_problems(problems, Source(values={}, places={}, file=Path("a.yaml")))
    told = caught.value.message.split("\nerror: ")
    assert len(told) == MAX_SHOWN + 1
    assert told[-1] == "a.yaml: and 5 more problems"


def test_same_problem_is_told_once() -> None:
    problems = Problems()
    for _ in range(2):
        problems.add(("a",), "bad")
    with pytest.raises(SpecError) as caught:
        raise_problems(problems, Source(values={}, places={}, file=Path("a.yaml")))
    assert caught.value.message == "a.yaml: bad"
