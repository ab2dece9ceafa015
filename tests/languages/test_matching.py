"""Finished messages come out in Chinese, with what the user wrote left as it is."""

import pytest

from dlcli.languages.matching import Translator, beside, load_translator, prose_words

CHINESE = load_translator("zh")

TOLD = {
    "net.yaml:9:5: unknown layer 'Dens'": "net.yaml:9:5: 未知的层 'Dens'",
    "did you mean 'Dense'?": "是不是想写 'Dense'？",
    "units: expected a whole number of at least 1, got 0": "units: 应为不小于 1 的整数，收到 0",
    "column 'age' is a number column: 'scale' is a setting of number columns": (
        "列 'age' 是数值列：'scale' 是用于数值列的设置"
    ),
    "1,030 rows": "1,030 行",
    "levels.csv, row 12 (place hill): 2024-05-05 to 2024-05-07, 2 days on": (
        "levels.csv，第 12 行（place hill）：2024-05-05 到 2024-05-07，相隔 2 天"
    ),
    "error: runs/a/001/model.onnx is missing\nhint: copy the run folder whole, or train again": (
        "错误：缺少 runs/a/001/model.onnx\n提示：请完整复制运行文件夹，或重新训练"
    ),
}


@pytest.mark.parametrize("text", TOLD)
def test_messages_are_translated(text):
    assert CHINESE.translated(text) == TOLD[text]


LEFT = [
    "age",
    "training",
    "Bank of America",
    "RootMeanSquaredError            4.19         16.31",
    "9 |   - Dens: 64 is not there",
    "nothing of this is said by any template whatsoever",
    "",
    "  \n ",
]


@pytest.mark.parametrize("text", LEFT)
def test_what_no_template_gives_stays(text):
    assert CHINESE.translated(text) == text


@pytest.mark.parametrize(
    "name",
    ["rows", "test", "1 row", "the test part", "水 温", "进水 温度1", "a: b; c", "{x}", "is not"],
)
def test_names_stay_as_they_are(name):
    told = CHINESE.translated(f"column {name!r} has no value in the training part")
    assert told == f"列 {name!r} 在训练集中没有值"


def test_single_words_are_translated_where_they_are_headings():
    assert CHINESE.spoken("Training") == "训练"
    assert CHINESE.spoken("no heading of ours") == "no heading of ours"


def test_the_template_that_gives_most_is_taken():
    messages = {"{a} of {b}": "{b} 的 {a}", "the mean of {b}": "{b} 的均值"}
    assert Translator(messages, {}, {}).translated("the mean of 3") == "3 的均值"


def test_braces_of_a_message_are_its_own():
    translator = Translator({"write {{a: {b}}} there": "那里写 {{a: {b}}}"}, {}, {})
    assert translator.translated("write {a: 5} there") == "那里写 {a: 5}"


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [("第 ", "3", "第 3"), ("收到", "'x'", "收到 'x'"), ("列 ", "甲", "列甲"), ("（", "a", "（a")],
)
def test_chinese_and_latin_stand_apart(left, right, both):
    assert beside(left, right) == both


def test_words_of_sentences_are_counted_outside_of_quotes():
    assert prose_words("there is `the code of it` for 'the one'") == 3


def test_a_long_message_takes_no_long_time():
    listed = "\n".join(f"  plants.csv, row {row}: 'it is, or not; so: be it'" for row in range(40))
    told = CHINESE.translated(f"column 'a' has 40 cells that are no numbers:\n{listed}")
    assert told.count("第") == 40
