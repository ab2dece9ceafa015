"""Upgrading changes the words that must change, and no other byte of the file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import SpecError
from dlcli.spec.source import parse_source
from dlcli.spec.upgrading import RENAMED, upgrade_text

FILE = Path("net.yaml")


def upgraded(text):
    found = upgrade_text(text, file=FILE)
    return found.text, [(each.line, each.text) for each in found.changes]


def test_keys_are_renamed_where_they_stand_and_the_version_is_said():
    text = (
        "# a net\n\nrandom_state: 7  # random_state: 7\n"
        'data: {file: a.csv, "labels": file, split: {test_size: 0.2}}\n'
    )
    new, changes = upgraded(text)
    assert new == (
        "# a net\n\nversion: 1\nseed: 7  # random_state: 7\n"
        'data: {source: a.csv, "target": file, split: {test: 0.2}}\n'
    )
    assert changes == [
        (3, "version: 1 added"),
        (4, "random_state is called seed"),
        (5, "file is called source"),
        (5, "labels is called target"),
        (5, "test_size is called test"),
    ]
    assert upgraded(new) == (new, [])


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("epochs: 3", "version: 1\nepochs: 3"),
        ("a: 1\r\nb: 2\r\n", "version: 1\r\na: 1\r\nb: 2\r\n"),
        ("---\n# c\n  a: 1\n", "---\n# c\n  version: 1\n  a: 1\n"),
        ("{a: 1, random_state: 3}\n", "{version: 1, a: 1, seed: 3}\n"),
        ("{ # c\n  random_state: 3}\n", "{ # c\n  version: 1, seed: 3}\n"),
        ("? a\n: 1\n", "version: 1\n? a\n: 1\n"),
        ('data: {"fil\\u0065": 1}\n', "version: 1\ndata: {source: 1}\n"),
    ],
)
def test_every_way_to_write_a_config_is_kept(text, new):
    assert upgraded(text)[0] == new


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 2\na: 1\n", "net.yaml:1:10: this config is written for version 2"),
        ("data: {file: a, source: b}\n", "'file' is called 'source', and 'source' stands here"),
        ("data: {file: a, path: b}\n", "'path' is called 'source', and 'file' stands here too"),
        ("- a\n", "expected a config, a mapping of keys"),
        ("", "expected a config, a mapping of keys"),
        ("&a {b: 1}\n", "cannot be changed in place"),
        ("a: [\n", "net.yaml:"),
    ],
)
def test_what_cannot_be_upgraded_is_told(text, message):
    with pytest.raises(SpecError) as caught:
        upgraded(text)
    assert message in str(caught.value)


COMMENTS = st.sampled_from(["", "  # file: path", " # labels, seed"])
KEYS = {
    (): ["random_state", "num_epochs", "seed", "epochs", "file", "layers"],
    ("data",): ["file", "labels", "features", "drop", "random_state", "'path'"],
    ("data", "split"): ["test_size", "random_state", "test", "labels", "validation"],
}


@st.composite
def configs(draw):
    lines = draw(st.lists(st.sampled_from(["# file: a", "", "---"]), max_size=2, unique=True))
    lines = [line for line in lines if line != "---"] + ["---"] * ("---" in lines)
    data = [("data",), ("data", "split")]
    for path in draw(st.sampled_from([[()], [(), data[0]], [(), *data], data])):
        indentation = "  " * len(path)
        if path:
            lines.append(f"{indentation[2:]}{path[-1]}:{draw(COMMENTS)}")
        keys = draw(st.lists(st.sampled_from(KEYS[path]), min_size=1, unique=True))
        lines += [f"{indentation}{key}:   file{draw(COMMENTS)}" for key in keys]
        lines += draw(st.lists(st.sampled_from(["", "# random_state: 3"]), max_size=1))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join(lines) + draw(st.sampled_from(["", end]))


@given(configs())
def test_every_other_line_stays_as_it_is(text):
    try:
        new, changes = upgraded(text)
    except SpecError as error:
        assert "stands here too" in str(error)
        return
    changed = {line for line, _ in changes}
    old_lines, new_lines = text.splitlines(True), new.splitlines(True)
    added = changes[0][0] - 1
    assert new_lines.pop(added).rstrip() == "version: 1"
    for number, (old, line) in enumerate(zip(old_lines, new_lines, strict=True)):
        is_changed = number + 1 + (number >= added) in changed
        assert (old != line) == is_changed
        assert old.partition(":")[2] == line.partition(":")[2]
    assert upgraded(new) == (new, [])
    before, after = (parse_source(each, file=FILE).places for each in (text, new))
    goals = {(*path[:-1], RENAMED[path]) if path in RENAMED else path for path in before}
    assert set(after) == goals | {("version",)}
