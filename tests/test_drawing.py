"""Charts are drawn with letters that their fonts have."""

import importlib

import pytest

from dlcli.drawing import (
    font_families,
    has_wide_letters,
    new_figure,
    save_figure,
)


@pytest.mark.parametrize(
    ("text", "is_wide"), [("age", False), ("Größe", False), ("抗压强度 MPa", True), ("", False)]
)
def test_chinese_letters_are_noticed(text, is_wide):
    assert has_wide_letters(text) == is_wide


def test_a_chart_with_chinese_names_has_a_font_for_them(tmp_path):
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.barh(["水泥", "water"], [1, 2])
    axes.set_xlabel("抗压强度")
    assert save_figure(figure, tmp_path, "图", "svg").name == "图.svg"
    families = font_families()
    assert axes.xaxis.label.get_fontfamily() == families
    assert {tuple(tick.get_fontfamily()) for tick in axes.get_yticklabels()} == {tuple(families)}
    fonts = importlib.import_module("matplotlib.font_manager")
    properties = fonts.FontProperties(family=families)
    drawn = importlib.import_module("matplotlib.ft2font")
    found = [drawn.FT2Font(path) for path in fonts.fontManager._find_fonts_by_props(properties)]
    if len(families) > 1:
        assert any(font.get_char_index(ord("泥")) for font in found)


def test_other_charts_keep_their_font(tmp_path):
    figure = new_figure(3, 2)
    figure.subplots().set_xlabel("age")
    save_figure(figure, tmp_path, "age", "svg")
    assert "CJK" not in (tmp_path / "age.svg").read_text(encoding="utf-8")
