"""YAML text to values with places."""

import string
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlcli.errors import SpecError
from dlcli.spec.places import Source
from dlcli.spec.scalars import parse_scalar
from dlcli.spec.source import MAX_BYTES, parse_source, read_source

CONCRETE = Path(__file__).parents[2] / "configs" / "concrete.yaml"


def parse(text: str) -> Source:
    return parse_source(text, file=Path("a.yaml"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("12", 12),
        ("+12", 12),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", float("-inf")),
        ("true", True),
        ("~", None),
        ("", None),
        # Not so in YAML 1.1:
        ("on", "on"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2020-01-02", "2020-01-02"),
        ("0b1", "0b1"),
        ("1e", "1e"),
        ("٣", "٣"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse_scalar(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["9" * 250, "0x" + "f" * 250, "1." + "0" * 250])
def test_number_beyond_all_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        parse_scalar(text)


def test_quoted_scalars_stay_text() -> None:
    assert parse("a: '12'\nb: \"true\"\n").values == {"a": "12", "b": "true"}


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse("0: a\ntrue: b\nnull: c\n").values == {"0": "a", "true": "b", "null": "c"}


def test_places_of_keys_and_values() -> None:
    source = parse("data:\n  source: a.csv\nlayers:\n  - Dense: {units: 64}\n")
    value = source.place(("layers", 0, "Dense", "units"))
    assert (value.line, value.column, value.length) == (4, 20, 2)
    key = source.place(("data", "source"), on_key=True)
    assert (key.line, key.column, key.length) == (2, 3, 6)


def test_place_of_an_unknown_path_is_the_key_of_its_nearest_parent() -> None:
    source = parse("data:\n  split: {test: 0.2}\n")
    assert source.place(("data", "split", "seed")).text.lstrip().startswith("split")
    assert source.place(("data", "split", "seed")).column == 3


def test_alias_stands_for_a_copy_of_its_anchor() -> None:
    source = parse("a: &x {b: [1, 2]}\nc: *x\n")
    assert source.values == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}
    source.values["c"]["b"].append(3)
    assert source.values["a"] == {"b": [1, 2]}
    assert source.place(("c", "b", 1)).line == 1


def test_byte_order_marks_are_read(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        path = tmp_path / f"{encoding}.yaml"
        path.write_text("name: Gemüse\n", encoding=encoding)
        assert read_source(path).values == {"name": "Gemüse"}


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SpecError, match="1,000,001 bytes"):
        read_source(path)


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_source(tmp_path / ("x" * 300))


def test_tab_in_front_of_a_caret_keeps_the_caret_in_place() -> None:
    with pytest.raises(SpecError) as caught:
        parse("a: b\t*\nc: [\t*d]\n")
    line, caret = caught.value.message.splitlines()[2:4]
    assert line[caret.index("^")] == "*"


def test_long_line_is_cut_around_the_mistake() -> None:
    with pytest.raises(SpecError) as caught:
        parse("a: [" + "x, " * 200 + "*y]\n")
    _, _, line, caret = caught.value.message.splitlines()
    assert len(line) < 110
    assert line[caret.index("^") :].startswith("*y")


words = st.text(string.ascii_letters + string.digits + "äß中 '\"#-_", min_size=1, max_size=8)
scalars = st.one_of(
    words, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=12,
)


def write_block(value: object, indent: int = 0) -> str:
    """Write values as block YAML with quoted text, by rules simpler than any YAML library's."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{quote(k)}:{write_below(v, indent)}" for k, v in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{write_below(item, indent)}" for item in value)
    return f"{pad}{write_scalar(value)}\n"


def write_below(value: object, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + write_block(value, indent + 1)
    return f" {write_scalar(value)}\n"


def write_scalar(value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(words, trees, min_size=1, max_size=4))
def test_every_place_points_at_its_key_and_value(values: dict[str, object]) -> None:
    text = write_block(values)
    source = parse(text)
    assert source.values == values
    lines = text.splitlines()
    for path, place in source.places.items():
        if not path:
            continue
        value = source.values
        for key in path:
            value = value[key]
        if isinstance(path[-1], str):
            start = place.key.column - 1
            written = lines[place.key.line - 1][start : start + place.key.length]
            assert written == quote(path[-1])
        if not isinstance(value, dict | list):
            start = place.value.column - 1
            written = lines[place.value.line - 1][start : start + place.value.length]
            assert written == write_scalar(value)


@settings(max_examples=150, deadline=None)
@given(st.text())
@example("\ufeffa: [b")
@example("a: \u2028 b: c")
@example("a\r\nb: |\x85 c")
@example("? [\n")
@example("%YAML 9.9\n---\na")
@example("!<tag:x> a")
@example("&a [*a]")
def test_any_text_gives_values_or_a_spec_error(text: str) -> None:
    try:
        parse(text)
    except SpecError as error:
        assert error.message.startswith("a.yaml")


edits = st.tuples(st.integers(0, 700), st.integers(0, 3), st.text(max_size=3))


@settings(max_examples=100, deadline=None)
@given(st.lists(edits, min_size=1, max_size=4))
def test_a_mutated_config_gives_values_or_a_spec_error(changes: list[tuple[int, int, str]]) -> None:
    text = CONCRETE.read_text(encoding="utf-8")
    for position, removed, added in changes:
        text = text[:position] + added + text[position + removed :]
    test_any_text_gives_values_or_a_spec_error.hypothesis.inner_test(text)
