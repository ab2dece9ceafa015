"""Reports and tables in Chinese, with the names that are the user's left as they are."""

import re

import pytest

from dlcli.commands.evaluate import stored_evaluation
from dlcli.commands.summarize import run_text
from dlcli.languages import speaking
from dlcli.report.card import model_card
from dlcli.report.html.page import build_report
from dlcli.report.markdown import markdown_report
from dlcli.report.record import load_record
from dlcli.terminal_text import cell_width

TITLES = ("指标", "训练", "数据", "网络", "配置", "版本与哈希")


@pytest.fixture(scope="module")
def page(trained_run):
    with speaking("zh"):
        return build_report(load_record(trained_run))


def test_a_report_has_chinese_headings(page):
    assert '<html lang="zh">' in page
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert set(TITLES) <= set(headings)
    assert not [heading for heading in headings if heading.isascii()]


def test_the_script_of_a_report_has_its_words(page):
    (words,) = re.findall(r'<script type="application/json" id="words">(.*?)</script>', page)
    assert '"reset zoom": "重置缩放"' in words


def test_names_of_columns_stay(page):
    assert "blast_furnace_slag" in page
    assert "compressive_strength" in page


def test_an_english_report_has_no_word_of_chinese(trained_run):
    text = build_report(load_record(trained_run))
    assert not re.search("[\u4e00-\u9fff]", text)
    assert 'id="words"' not in text


def test_a_run_is_described_in_chinese(trained_run):
    with speaking("zh"):
        text = run_text(trained_run)
        evaluated = stored_evaluation(trained_run).to_text()
    assert text.startswith("运行        ")
    assert "个参数" in text
    assert "，206 行" in evaluated
    assert "RootMeanSquaredError" in evaluated


def test_tables_stay_aligned(trained_run):
    with speaking("zh"):
        lines = stored_evaluation(trained_run).to_text().splitlines()
    rule = next(place for place, line in enumerate(lines) if line.startswith("---"))
    ends = {cell_width(line) for line in (lines[rule - 1], lines[rule], lines[rule + 1])}
    assert len(ends) == 1


def test_a_verdict_is_a_chinese_sentence(trained_run):
    with speaking("zh"):
        text = markdown_report(load_record(trained_run), None)
    sentence = re.search(r"\*\*(.*)\*\*", text)
    assert sentence is not None
    assert "206 个测试行上的 RMSE 为" in sentence[1]
    assert "对比 linear" in sentence[1]


def test_a_card_stays_in_english(trained_run):
    with speaking("zh"):
        text = model_card(load_record(trained_run))
    assert not re.search("[\u4e00-\u9fff]", text)
