"""The quality benchmark: rows that judge had no say in the recipe, and what stops goes on."""

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality.__main__ import make_task, of_today, read_options
from benchmarks.quality.choices import find_choices
from benchmarks.quality.choose import format_choice, parse_recipe
from benchmarks.quality.defaults import NAME, default_version
from benchmarks.quality.peers import PEERS, Task
from benchmarks.quality.records import Result, append_result, read_results
from benchmarks.quality.sets import SETS, find_sets
from benchmarks.quality.splits import choosing_half, folds, random_split
from benchmarks.quality.tables import (
    BOOSTING,
    CATBOOST,
    INTERVALS,
    KERAS,
    format_results,
    gather,
    interval_rows,
    make_bars,
    ranks,
)

TARGETS = {
    "numbers": (pd.Series(np.random.default_rng(0).normal(size=203)), False),
    "classes": (pd.Series(["a"] * 150 + ["b"] * 52 + ["c"]), True),
    "few": (pd.Series(range(20)), False),
}


@pytest.mark.parametrize("name", TARGETS)
def test_no_row_that_judges_is_one_that_the_recipe_was_chosen_on(name: str) -> None:
    target, is_classes = TARGETS[name]
    chosen_on = set(choosing_half(len(target)))
    tests = []
    for number in range(20):
        split = random_split(target, number, is_classes=is_classes)
        assert not chosen_on & set(split.test)
        assert sorted([*split.train, *split.test]) == list(range(len(target)))
        assert len(split.test) == round(0.1 * len(target))
        tests.append(tuple(split.test))
    assert len(set(tests)) > 15
    assert tests[3] == tuple(random_split(target, 3, is_classes=is_classes).test)
    half = target.iloc[choosing_half(len(target))]
    parts = folds(half, 4, is_classes=is_classes)
    assert sorted(row for fold in parts for row in fold.test) == list(range(len(half)))
    assert all(set(fold.train) == set(range(len(half))) - set(fold.test) for fold in parts)


def test_tables_to_choose_on_hold_no_row_that_judges(
    shared_datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCLI_DATASETS", str(shared_datasets))
    halves = {}
    for name in ("wine-red", "wine-white"):
        (whole,) = find_sets(name)
        table = whole.load()
        halves[name] = table.iloc[choosing_half(len(table))].reset_index(drop=True)
        (choice,) = find_choices(name)
        pd.testing.assert_frame_equal(choice.load(), halves[name])
    wines, repeated = (each.load() for each in find_choices("wines,wines-repeated"))
    red = (wines["colour"] == "red").to_numpy()
    for name, rows in (("wine-red", red), ("wine-white", ~red)):
        shown = wines[rows].drop(columns="colour").reset_index(drop=True)
        pd.testing.assert_frame_equal(shown, halves[name], check_like=True)
    assert wines.columns[-1] == "quality"
    inputs = list(wines.columns[:-1])
    both = [table.duplicated(inputs, keep=False) for table in (wines, repeated)]
    assert both[0].sum() == both[1].sum()
    assert 1.4 < both[1].mean() / both[0].mean() < 2


def test_noise_is_half_of_a_noisy_target(
    shared_datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCLI_DATASETS", str(shared_datasets))
    clean, noisy = (each.load()["Next_Tmax"] for each in find_choices("bias-tmax,bias-tmax-noisy"))
    assert noisy.var() / clean.var() == pytest.approx(2, rel=0.1)


def test_classes_keep_their_shares() -> None:
    target, _ = TARGETS["classes"]
    for number in range(5):
        test = target[random_split(target, number, is_classes=True).test]
        assert 13 <= (test == "a").sum() <= 17
    half = target.iloc[choosing_half(len(target))]
    for fold in folds(half, 4, is_classes=True):
        assert 4 <= (half.iloc[fold.test] == "b").sum() <= 8


def test_every_set_has_its_rows_and_its_target(
    shared_datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCLI_DATASETS", str(shared_datasets))
    rows = {each.name: each.load() for each in SETS if each.name not in ("ccpp", "bank")}
    for each in SETS:
        if each.name in rows:
            assert rows[each.name].columns[-1] == each.target
            assert rows[each.name][each.target].notna().all()
    assert len(rows["concrete"]) == 1030 and len(rows["bias-tmax"]) == 7752 - 2 - 27
    assert rows["advertising"].shape == (200, 4)
    assert set(rows["iris"]["target"]) == {"class setosa", "class versicolor", "class virginica"}


def result(tool: str, set_: str, split: int, **figures: float) -> Result:
    return Result(
        set=set_,
        split=split,
        tool=tool,
        version="1",
        train_rows=90,
        test_rows=10,
        seconds=1.5,
        figures=figures,
    )


def test_results_are_appended_and_a_line_cut_off_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert read_results(path) == []
    first = result(NAME, "iris", 0, LogLoss=0.1, Accuracy=0.9)
    append_result(path, first)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"set": "iris", "split": 1, "to')
    second = result(NAME, "iris", 2, LogLoss=0.2, Accuracy=0.8)
    append_result(path, second)
    assert read_results(path) == [first, second]
    append_result(path, result(NAME, "iris", 0, LogLoss=0.3, Accuracy=0.9))
    assert read_results(path)[0].figures["LogLoss"] == 0.3


def test_results_of_another_recipe_or_version_do_not_count() -> None:
    (iris,) = find_sets("iris")
    old = result(NAME, "iris", 0, LogLoss=0.1)
    own = replace(old, version=default_version(make_task(iris, 0)))
    peer = replace(old, tool="random forest", version=version("scikit-learn"))
    assert of_today([old, own, peer, replace(peer, version="0.1")], (iris,)) == [own, peer]


def rmse(tool: str, set_: str, values: list[float]) -> list[Result]:
    return [result(tool, set_, at, RootMeanSquaredError=value) for at, value in enumerate(values)]


RESULTS = [
    *rmse(NAME, "a", [1.0, 1.2]), *rmse(CATBOOST, "a", [2.0, 2.2]),
    *rmse(BOOSTING, "a", [3.0, 3.2, 9.0]), *rmse(KERAS, "a", [1.0, 1.0]),
    *rmse(NAME, "b", [5.0]), *rmse(CATBOOST, "b", [4.0]), *rmse(BOOSTING, "b", [4.5]),
    *rmse(KERAS, "b", [6.0]),
]  # fmt: skip


def test_tools_are_compared_over_the_splits_that_all_have_done() -> None:
    cells = gather(RESULTS)
    assert cells["a"][BOOSTING].values == (3.0, 3.2)
    assert cells["a"][NAME].mean == pytest.approx(1.1)
    assert cells["a"][NAME].error == pytest.approx(0.1)
    found = ranks(cells, [NAME, CATBOOST, BOOSTING, KERAS])
    assert found == {NAME: [2, 3], CATBOOST: [3, 1], BOOSTING: [4, 2], KERAS: [1, 4]}


def test_bars_say_what_was_reached_and_what_was_not_measured() -> None:
    bars = {bar.what: bar for bar in make_bars(RESULTS)}
    assert bars["mean rank against CatBoost's"].measured == "2.50 against 2.00"
    assert bars["mean rank against CatBoost's"].is_met is False
    assert bars[f"sets on which it is better than {BOOSTING}"].measured == "1 of 2"
    assert bars["worse than the plain Keras MLP, in standard errors, at most"].is_met
    assert bars["90 % intervals cover, on average"].is_met is None
    assert all(bar.is_met is None for bar in make_bars(rmse(NAME, "a", [1.0])))


def test_intervals_are_compared_split_by_split() -> None:
    results = [
        *(result(NAME, "a", at, covered=0.9, width=3.0) for at in range(3)),
        *(result(INTERVALS, "a", at, covered=0.8, width=4.0) for at in range(2)),
    ]
    assert interval_rows(results) == {"a": {NAME: (0.9, 3.0), INTERVALS: (0.8, 4.0)}}
    bars = {bar.what: bar for bar in make_bars(results)}
    assert bars["90 % intervals cover, on average"].is_met
    assert bars["their width against CatBoost's"].measured.startswith("0.750 times")


def test_tables_hold_every_set_and_the_best_in_bold() -> None:
    text = format_results(RESULTS, ["a", "b"])
    row = next(line for line in text.splitlines() if line.startswith("| a, RMSE"))
    assert "**1.00 ± 0**" in row and "1.10 ± 0.100" in row
    assert "## Bars" in text and "## Accuracy" not in text


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.package == "scikit-learn"],
                         ids=lambda peer: peer.name)  # fmt: skip
@pytest.mark.parametrize("is_classes", [False, True], ids=["numbers", "classes"])
def test_peers_take_numbers_gaps_categories_and_dates(peer, is_classes: bool) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=120)
    table = pd.DataFrame(
        {
            "x": np.where(np.arange(120) % 7 == 0, np.nan, x),
            "colour": random.choice(["red", "green"], 120),
            "day": [f"2024-{1 + at % 12:02d}-03" for at in range(120)],
            "y": np.where(x > 0, "yes", "no") if is_classes else 3 * x,
        }
    )
    table.loc[5, "colour"] = np.nan
    task = Task(train=table[:90], test=table[90:], target="y", is_classes=is_classes, seed=1)
    assert {"day.month", "x", "colour"} <= set(task.inputs()[0].columns)
    figures = peer.measure(task)
    if is_classes:
        assert figures["Accuracy"] > 0.7
    else:
        assert figures["RootMeanSquaredError"] < 3


def test_options_name_sets_and_tools(capsys: pytest.CaptureFixture[str]) -> None:
    options = read_options(["--sets", "iris,concrete", "--tools", "forest", "--splits", "2"])
    assert [each.name for each in options.sets] == ["iris", "concrete"]
    assert options.tools == ("random forest",)
    assert read_options([]).tools == ("dlcli", *(peer.name for peer in PEERS))
    for arguments in (["--sets", "titanic"], ["--tools", "oracle"], ["--splits", "0"]):
        with pytest.raises(SystemExit):
            read_options(arguments)
    assert "expected some of" in capsys.readouterr().err


def test_recipes_are_compared_with_the_first_one() -> None:
    assert parse_recipe("sigma=0.1,units=64x32,refits=false") == {
        "sigma": 0.1, "units": (64, 32), "refits": False,
    }  # fmt: skip
    with pytest.raises(ValueError, match="a recipe has no 'sgma'"):
        parse_recipe("sgma=0.1")
    results = {
        "|iris|0/2": {"LogLoss": 0.2, "seconds": 1.0},
        "sigma=0.1|iris|0/2": {"LogLoss": 0.1, "seconds": 3.0},
    }
    text = format_choice(json.loads(json.dumps(results)), ["", "sigma=0.1"], find_sets("iris"), 2)
    assert "| sigma=0.1 | 0.5000 | 0.500 | 3.00" in text
    assert "Intervals" not in text


def test_a_choice_tells_what_intervals_hold() -> None:
    figures = {"RootMeanSquaredError": 1.0, "seconds": 1.0}
    results = {
        "|concrete|0/2": {**figures, "covered": 0.8, "width": 4.0},
        "validation=0.2|concrete|0/2": {**figures, "covered": 0.9, "width": 6.0},
        "|concrete|1/2": {**figures, "covered": 0.6, "width": 1.0},
    }
    text = format_choice(results, ["", "validation=0.2"], find_sets("concrete"), 2)
    assert "| default        | 70.0%, 1.00 |" in text
    assert "| validation=0.2 | 90.0%, 1.50 |" in text
