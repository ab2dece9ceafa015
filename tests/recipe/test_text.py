"""YAML text that reads back as the value it was written for, with its comments in line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.recipe.text import flow, line, quote, say, write_blocks, write_key, write_list
from dlcli.spec.source import parse_source

# No config holds a NUL, which no file or column is called.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


def parse(text: str) -> Any:
    return parse_source(text, file=Path("any.yaml")).values


@given(TEXTS)
def test_quoted_text_reads_back_as_itself(text: str) -> None:
    assert parse(f"key: {quote(text)}") == {"key": text}
    assert parse(f"key: [{quote(text)}, {quote(text)}]") == {"key": [text, text]}


@given(TEXTS.filter(lambda key: key != "<<"), st.one_of(st.booleans(), st.integers(), TEXTS))
def test_mappings_read_back_as_themselves(key: str, value: object) -> None:
    assert parse(write_key("", key, flow({"of": [value], "and": True}))) == {
        key: {"of": [value], "and": True}
    }


def test_long_keys_are_written_in_full() -> None:
    key = "a long name" * 200
    assert parse(write_key("  ", key, flow([1]))) == {key: [1]}


@given(st.lists(TEXTS, max_size=30))
def test_lists_are_broken_into_lines(values: list[str]) -> None:
    text = write_list("  values: ", values)
    assert parse(f"data:\n{text}\n  next: 1") == {"data": {"values": values, "next": 1}}
    assert all(
        len(each) <= 100 + max(map(len, values), default=0) * 10 for each in text.split("\n")
    )


@pytest.mark.parametrize("text", ["mean", "a_b", "Solar radiation", "../a/b.csv", "km/h", "é"])
def test_ordinary_text_needs_no_quotes(text: str) -> None:
    assert quote(text) == text


@pytest.mark.parametrize(
    "text", ["on", "No", "y", "null", "1", "1e3", "-", "", "a: b", "a #b", " a"]
)
def test_text_that_a_reader_could_mistake_is_quoted(text: str) -> None:
    assert quote(text).startswith('"')


def test_comments_stand_in_one_column_or_above_their_line() -> None:
    long = "x" * 95
    text = write_blocks([[line("a: 1", "one"), line("bbb: 2", "two"), line("c: 3", long)]])
    assert text == f"a: 1    # one\nbbb: 2  # two\n# {long}\nc: 3\n"


def test_comments_stay_on_one_line() -> None:
    assert say("a\nb\x1b[1m") == "a\\x0ab\\x1b[1m"
    assert len(say("x" * 200)) == 60
