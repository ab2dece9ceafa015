"""The help of every command in Chinese: all of it translated, and as wide as the terminal."""

import re
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dlcli.cli import COMMANDS, app
from dlcli.cli.help import help_texts, wrap_cells
from dlcli.terminal_text import cell_width

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import languages

HAN = re.compile("[\u4e00-\u9fff]")
NAMES = [command.__name__.replace("_", "-") for command in COMMANDS]


def help_of(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--help"], prog_name="dlcli")
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("language", languages.catalogues())
def test_every_text_of_help_is_in_the_catalogue(language) -> None:
    known = {entry.source for entry in languages.read_catalogue(languages.catalogues()[language])}
    texts = {text.replace("{", "{{").replace("}", "}}") for text in help_texts(get_command(app))}
    assert len(texts) > 100
    assert texts <= known


@pytest.mark.parametrize("name", [*NAMES, "runs", "runs best"])
def test_help_is_chinese_and_fits_the_terminal(name) -> None:
    text = help_of("--lang", "zh", *name.split())
    assert text.startswith("用法: dlcli ") and "选项:" in text
    lines = text.splitlines()
    assert max(cell_width(line) for line in lines[2:]) <= 80
    # What is left of prose in English is what is typed: two words of it in a row are none.
    options = [re.sub("<.*?>", "", line) for line in lines if re.match("  -", line)]
    assert options and not [line for line in options if re.search("[a-z]{3,} [a-z]{3,}", line)]
    assert HAN.search(lines[2])


def test_the_list_of_commands_has_a_line_for_each() -> None:
    lines = help_of("--lang", "zh").splitlines()
    listed = lines[lines.index("命令:") + 1 :]
    assert [line.split()[0] for line in listed if line.strip()] == [*NAMES, "runs"]
    assert all(HAN.search(line) for line in listed if line.strip())


def test_english_help_stays_as_it_was() -> None:
    before = help_of("export")
    help_of("export", "--lang", "zh")
    assert help_of("export") == before
    assert not HAN.search(before)


def test_lines_break_between_chinese_letters_and_words() -> None:
    text = "用 one 个 YAML 文件（`imports`）。"
    for width in (8, 12, 20):
        lines = wrap_cells(text, width).splitlines()
        assert all(cell_width(line) <= max(width, cell_width("`imports`）。")) for line in lines)
        assert not any(line[0] in "），。" for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
