"""Every text that dlcli can show is in every catalogue, with the same places to fill."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import languages
import message_templates

ADD = "run `python scripts/languages.py`, and give what it lists a msgstr in dlcli.po"
TEMPLATES = message_templates.extract()
CATALOGUES = {
    language: languages.read_catalogue(path) for language, path in languages.catalogues().items()
}

DROPPED = {"{article}", "{plural}"}
"""Places for endings and articles, which a language may have none of."""


def test_there_is_a_chinese_catalogue():
    assert "zh" in CATALOGUES


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_message_is_translated(language):
    left = languages.missing(TEMPLATES, CATALOGUES[language])
    assert not left, f"{ADD} of {language}: {left[:20]}"


@pytest.mark.parametrize("language", CATALOGUES)
def test_no_message_stays_that_the_source_no_longer_has(language):
    known = {template.skeleton for template in TEMPLATES}
    old = [
        entry.source
        for entry in CATALOGUES[language]
        if not entry.context and message_templates.skeleton_of(entry.source) not in known
    ]
    assert not old, f"{ADD}: {old[:20]}"


@pytest.mark.parametrize("language", CATALOGUES)
def test_translations_have_the_places_of_their_message(language):
    for entry in CATALOGUES[language]:
        given = set(message_templates.placeholders_of(entry.source))
        filled = message_templates.placeholders_of(entry.target)
        assert set(filled) <= given, entry
        assert given - set(filled) <= DROPPED, entry
        assert len(filled) == len(set(filled)), entry


@pytest.mark.parametrize("language", CATALOGUES)
def test_the_compiled_catalogue_is_the_written_one(language):
    path = languages.catalogues()[language].with_suffix(".mo")
    compiled = languages.compile_catalogue(CATALOGUES[language], language=language)
    assert path.read_bytes() == compiled, ADD


def test_the_template_file_is_the_one_of_today():
    listed = languages.read_catalogue(languages.TEMPLATES)
    assert {entry.source for entry in listed} == {template.text for template in TEMPLATES}, ADD


def test_catalogues_are_written_as_they_are_read(tmp_path):
    path = tmp_path / "dlcli.po"
    entries = [
        languages.Entry(
            context="", source='a "b"\n\\c\t{d!r}', target="甲\n{d!r}", places=("x.py",)
        ),
        languages.Entry(context="word", source="row", target="行"),
    ]
    path.write_text(languages.format_catalogue(entries, language="zh"), encoding="utf-8")
    assert languages.read_catalogue(path) == entries


SOURCE = '''
"""A docstring is no message."""
WORDS = {"met": "well done"}

def tell(count, name, rows):
    raise DataError(
        f"column {name!r} has {count} cell{'s' * (count != 1)}" + (", all" if rows else ""),
        hint="leave it out",
    )
    print(spoken("Data"), spoken(WORDS[name]), re.compile("no message"), "word")
    return counted(rows, "row")
'''


@pytest.fixture
def extracted(tmp_path):
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "catalog.json").write_text('{"Lambda": {"refused": "it runs code"}}')
    (tmp_path / "module.py").write_text(SOURCE)
    found = message_templates.extract(tmp_path)
    return {each.text for each in found if each.path == "dlcli/module.py"}, found


def test_messages_are_found_with_each_of_their_choices(extracted):
    texts, found = extracted
    assert texts == {
        "column {name!r} has {count} cell",
        "column {name!r} has {count} cells",
        "column {name!r} has {count} cell, all",
        "column {name!r} has {count} cells, all",
        "leave it out",
        "Data",
        "well done",
        "{number} row",
        "{number} rows",
    }
    assert "it runs code" in {each.text for each in found}


def test_a_translation_stays_when_a_variable_is_renamed(extracted):
    _, found = extracted
    old = languages.Entry(
        context="", source="column {c!r} has {n} cell", target="列 {c!r} 有 {n} 个"
    )
    merged = {entry.source: entry.target for entry in languages.merge(found, [old])}
    assert merged["column {name!r} has {count} cell"] == "列 {name!r} 有 {count} 个"
    assert "leave it out" in languages.missing(found, [old])
