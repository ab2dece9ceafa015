"""Charts and tables of single commands in Chinese; charts in English where no font has its letters."""

import re
from pathlib import Path

import pytest

from dlcli import drawing
from dlcli.commands.export import export
from dlcli.commands.importance import ImportanceOptions, importance
from dlcli.commands.optimize import OptimizeOptions, optimize
from dlcli.commands.reproduce import Reproduced
from dlcli.comparison.reproduction import Deviation, Reproduction
from dlcli.console import write_blocks
from dlcli.data.profile import profile_table
from dlcli.data.readers import read_table
from dlcli.diagram import draw_network
from dlcli.drawing import PLAIN_FONT, draw_pictures
from dlcli.languages import speaking
from dlcli.plots.rates import draw_rates
from dlcli.plots.runs import run_pictures
from dlcli.plots.tables import table_pictures
from dlcli.report.record import load_record

HAN = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def font(monkeypatch):
    """Take a font for one with Chinese letters, which not every machine has."""
    monkeypatch.setattr(drawing, "_wide_font", lambda: [PLAIN_FONT])


@pytest.fixture
def no_font(monkeypatch):
    monkeypatch.setattr(drawing, "_wide_font", list)


def texts_of(path: Path) -> set[str]:
    """The texts of an SVG file whose letters are not outlines."""
    return set(re.findall(r"<text[^>]*>([^<]+)</text>", path.read_text(encoding="utf-8")))


def drawn(run, concrete_csv: Path, folder: Path) -> set[str]:
    """Every text in the charts of a run, of its data, of its inputs and of its learning rates."""
    table = read_table([concrete_csv])
    pictures = [*run_pictures(load_record(run)), *table_pictures(table, profile_table(table))]
    with speaking("zh"):
        paths = [*draw_pictures(pictures, folder, suffix="svg", force=True)]
        options = ImportanceOptions(repeats=1, curves=1, rows=40, plot=folder, force=True)
        paths += importance(str(run.path), options).plots
        rates = folder / "rates.svg"
        draw_rates([0.1, 1], [3, 2], [3, 2], {"steepest": 0.2, "tenth": 0.1}, rates, title="net")
    return set().union(*map(texts_of, [*paths, rates]))


LABELS = {
    "轮次": "epoch",
    "预测": "predicted",
    "预测减实际": "predicted less actual",
    "行数": "rows",
    "每个批次的损失": "loss of each batch",
    "学习率": "learning rate",
}


def test_charts_are_labelled_in_chinese(font, trained_run, concrete_csv, tmp_path) -> None:
    found = drawn(trained_run, concrete_csv, tmp_path)
    labels = {text for text in found if HAN.search(text)}
    assert set(LABELS) - {"轮次"} <= labels and len(labels) > len(LABELS)
    prose = {text for text in found - labels if re.search("[a-z]{2,} [a-z]{2,}", text)}
    assert prose == set()
    assert "实际 compressive_strength" in labels


def test_without_a_font_charts_stay_in_english(
    no_font, trained_run, concrete_csv, tmp_path
) -> None:
    found = drawn(trained_run, concrete_csv, tmp_path)
    assert not any(map(HAN.search, found))
    assert set(LABELS.values()) <= found


def test_boxes_of_a_network_say_what_is_in_them(font, monkeypatch, tmp_path) -> None:
    written: list[str] = []
    write = drawing.importlib.import_module("dlcli.diagram")._write

    def keep(axes, x, y, text, size, **rest):
        written.append(text)
        write(axes, x, y, text, size, **rest)

    monkeypatch.setattr("dlcli.diagram._write", keep)
    layer = {"name": "a", "layer": "InputLayer", "output_shape": [None, 8], "activation": None}
    dense = {"name": "b", "layer": "Dense", "output_shape": [None, 1], "activation": "relu"}
    layers = [
        {**layer, "num_parameters": 0, "inputs": []},
        {**dense, "num_parameters": 9, "inputs": ["a"]},
    ]
    with speaking("zh"):
        draw_network(layers, tmp_path / "network.svg", title="net")
    assert "输入 · 行数 × 8" in written
    assert "行数 × 1 · 9 个参数" in written
    assert "Dense · relu · “b”" in written


def columns_of(text: str) -> list[str]:
    """The heads of the tables in a text."""
    lines = text.splitlines()
    rules = [place for place, line in enumerate(lines) if re.fullmatch("[- ]+", line)]
    return [head for place in rules for head in re.split("  +", lines[place - 1].strip())]


def test_importance_is_told_in_chinese(trained_run) -> None:
    with speaking("zh"):
        text = importance(str(trained_run.path), ImportanceOptions(repeats=2, rows=40)).to_text()
    assert text.startswith(f"{trained_run.path}，评估于测试集，40 行，重复 2 次")
    heads = columns_of(text)
    assert heads[:4] == ["打乱的输入", "增量 RMSE", "95 % 区间", "重复"]
    assert all(map(HAN.search, heads))
    assert re.search(r"\d 到 \d", text) and " to " not in text


@pytest.mark.parametrize("pareto", [False, True])
def test_an_optimum_is_told_in_chinese(trained_run, pareto) -> None:
    options = OptimizeOptions(
        maximize=("compressive_strength",),
        minimize=("cement",) if pareto else (),
        conditions=("cement + water <= 500",),
        fixed=("age=28",),
        pareto=pareto,
        points=2,
        seed=1,
    )
    with speaking("zh"):
        text = optimize(str(trained_run.path), options).to_text()
    assert "最大化 compressive_strength" in text
    inputs = {"cement", "water", "age", "compressive_strength", "fly_ash", "superplasticizer"}
    inputs |= {"blast_furnace_slag", "coarse_aggregate", "fine_aggregate"}
    assert all(map(HAN.search, set(columns_of(text)) - inputs))
    if not pareto:
        assert "固定" in text and "剩余空间" in text


def test_a_reproduction_is_told_in_chinese(trained_run, capsys) -> None:
    moved = Deviation(where="epoch 2", figure="loss", before=1.0, after=1.1)
    found = Reproduction(
        verdict="differs",
        tolerance=1e-4,
        epochs=3,
        first=moved,
        largest=moved,
        same_files=(),
        changes=(("packages.keras", "3.1", "3.2"),),
        causes=("other versions compute in another order",),
    )
    told = Reproduced(run=trained_run, again=None, reproduction=found, warnings=())
    with speaking("zh"):
        write_blocks(told.to_blocks())
    text = capsys.readouterr().out
    assert "有差异" in text and "可能的原因" in text
    assert all(map(HAN.search, columns_of(text))) and "第 2 轮" in text


def test_an_export_is_told_in_chinese(trained_run, tmp_path) -> None:
    with speaking("zh"):
        text = export(str(trained_run.path), "onnx", tmp_path / "run.onnx").to_text()
    assert "\n接受\n" in text and "\n给出\n" in text
    assert "  cement              数值，缺失时为 NaN\n" in text
    assert "206 行上与运行比较：最大差异" in text
