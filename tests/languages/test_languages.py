"""Which language is spoken, and what every golden error is in Chinese."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.cli.streams import shows_language
from dlcli.errors import ExitCode
from dlcli.languages import (
    VARIABLE,
    asked_by,
    forget_language,
    spoken,
    spoken_each,
    take_language,
    translated,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "errors"
CASES = sorted(path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*.txt"))

ENGLISH = re.compile(
    r"\b(the|of|is|are|and|not|with|from|for|or|no|has|have|than|that|this|a|an|it|in|be|as|on|at"
    r"|but|by|its|to|there|expected|needs|got|received|more|does|do|takes|gives)\b"
)
QUOTED = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|\{.*\}|\[[^\]]*\]|\([^)]*\)|\S*[/.\\_:-]\S*")

OF_LIBRARIES = ("invalid Zip archive", "Parquet magic bytes")
"""What other programs say is passed on as they say it."""


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv(VARIABLE, "zh")
    forget_language()
    yield
    monkeypatch.undo()
    forget_language()


@pytest.mark.parametrize("case", CASES)
def test_golden_errors_are_told_in_chinese(case, chinese):
    lines = (GOLDEN / case).read_text(encoding="utf-8").splitlines()[1:-1]
    told = translated("\n".join(lines)).splitlines()
    assert len(told) == len(lines)
    for line, new in zip(lines, told, strict=True):
        if line.startswith("Usage") or re.match(r"\s*\d*\s*\|", line):
            assert new == line
            continue
        rest = QUOTED.sub("", new)
        assert not ENGLISH.search(rest) or any(text in new for text in OF_LIBRARIES), new
        assert re.findall(r"'[^' ]*'", line) == [] or "'" in new


@pytest.mark.parametrize(
    "case",
    [
        "configs/ten_mistakes.txt",
        "configs/yaml_bad_indent.txt",
        "commands/no_config.txt",
        "commands/no_command_like_that.txt",
        "commands/no_option_like_that.txt",
        "commands/option_without_value.txt",
        "data/column_unknown_input.txt",
        "commands/explain_unknown.txt",
    ],
)
def test_the_command_line_tells_in_chinese_what_it_tells_in_english(case, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, "en")
    expected = (GOLDEN / case).read_text(encoding="utf-8").splitlines()
    for path in GOLDEN.glob("*/*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    arguments = expected[0].removeprefix("$ dlcli ").split()
    outcome = CliRunner().invoke(app, ["--lang", "zh", *arguments], prog_name="dlcli")
    assert f"exit {outcome.exit_code}" == expected[-1]
    assert re.search("[\u4e00-\u9fff]", outcome.stderr)
    assert not outcome.stdout
    behind = CliRunner().invoke(app, [*arguments, "--lang=zh"], prog_name="dlcli")
    assert behind.stderr == outcome.stderr
    forget_language()


def test_json_stays_in_english(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, "en")
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "nowhere.yaml", "--json"]
    english = CliRunner().invoke(app, arguments, prog_name="dlcli")
    chinese = CliRunner().invoke(app, [*arguments, "--lang", "zh"], prog_name="dlcli")
    assert chinese.stdout == english.stdout
    assert "没有这个文件" in chinese.stderr
    forget_language()


def test_an_unknown_language_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "en")
    outcome = CliRunner().invoke(app, ["--lang", "fr", "doctor"], prog_name="dlcli")
    assert outcome.exit_code == ExitCode.USAGE
    assert outcome.stderr == (
        "error: --lang fr: there are no messages in this language\nhint: the languages are en, zh\n"
    )


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "de_DE", "LC_ALL": "zh_TW.utf8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "DLCLI_LANG": "en"}, "en"),
        ({"LC_ALL": "C", "DLCLI_LANG": "zh"}, "zh"),
        ({"LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"DLCLI_LANG": ""}, "en"),
    ],
)
def test_the_environment_asks_for_a_language(environment, language):
    assert asked_by(environment) == language


@pytest.mark.parametrize(
    ("line", "named", "rest"),
    [
        ("train a.yaml", None, "train a.yaml"),
        ("--lang zh train a.yaml", "zh", "train a.yaml"),
        ("train a.yaml --lang=zh --quiet", "zh", "train a.yaml --quiet"),
        ("train a.yaml --lang", None, "train a.yaml --lang"),
        ("train -- --lang zh", None, "train -- --lang zh"),
        ("--lang zh train --lang en", "en", "train"),
    ],
)
def test_the_option_stands_anywhere(line, named, rest):
    assert take_language(line.split()) == (named, rest.split())


def test_texts_stay_in_english(monkeypatch):
    monkeypatch.setenv(VARIABLE, "en")
    forget_language()
    assert spoken("Training") == "Training"
    assert spoken_each("rows", "mean") == ["rows", "mean"]
    assert translated("1 row") == "1 row"
    forget_language()


def test_headings_are_spoken(chinese):
    assert spoken_each("Training", "rows") == ["训练", "行数"]


def test_a_stream_without_chinese_letters_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert not shows_language("zh")
    assert shows_language("en")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="gb18030"))
    assert shows_language("zh")


def test_english_reads_no_catalogue():
    code = "import sys, dlcli.cli, dlcli.console; print([m for m in sys.modules if 'matching' in m or m == 'gettext'])"
    environment = {**os.environ, VARIABLE: "en"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "dlcli.languages.matching" not in found.stdout
