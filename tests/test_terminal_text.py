"""Text in terminal cells: widths, padding, cutting, counts."""

import pytest

from dlcli.report import format_table
from dlcli.terminal_text import cell_width, counted, cut_middle, pad, printable


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1030, "1,030 rows")]
)
def test_one_is_singular(number: int, text: str) -> None:
    assert counted(number, "row") == text


def test_wide_and_combining_characters_count_as_a_terminal_shows_them() -> None:
    assert [cell_width(text) for text in ("abc", "価格", "e\u0301")] == [3, 4, 1]
    assert pad("価格", 6) == "価格  "
    assert pad("価格", 6, right=True) == "  価格"
    assert cell_width(cut_middle("水泥强度很高的混凝土", 9)) <= 9


def test_line_breaks_and_cursor_movements_are_shown_as_escapes() -> None:
    assert printable("a\nb\x1b[2J") == "a\\nb\\x1b[2J"


def test_columns_of_a_table_stand_below_each_other_in_any_script() -> None:
    table = format_table(["name", "value"], [["価格", "1.5"], ["a\nb", "20"]])
    assert table.splitlines() == [
        "name  value",
        "----  -----",
        "価格    1.5",
        "a\\nb     20",
    ]
