"""The `data` section: its kinds, and settings that contradict each other."""

from typing import Any

import pytest

from dlcli.spec.data import SCALE, ConstantPolicy, RobustScale, ZcaScale
from dlcli.spec.problems import Problems


def data(**settings: Any) -> dict[str, Any]:
    return {"data": {"source": "plants.csv", "target": "height", **settings}}


def test_defaults_are_those_of_keras_and_scikit_learn(build) -> None:
    spec = build().data
    assert (spec.scale, spec.missing, spec.split.test, spec.split.validation) == (
        "none",
        "error",
        0.2,
        0,
    )
    assert spec.split.shuffle


def test_one_target_and_a_list_of_targets(build) -> None:
    assert build().data.target_names == ("height",)
    spec = build(**data(target=["height", "width"]), layers=[{"Dense": 2}])
    assert spec.data.target_names == ("height", "width")


def test_constant_policy_keeps_numbers_as_written(build) -> None:
    policy = build(**data(missing={"constant": 0})).data.missing
    assert policy == ConstantPolicy(constant=0)
    assert isinstance(policy.constant, int)


def test_a_scale_with_a_number_of_its_own(build) -> None:
    spec = build(**data(scale={"robust": 3}, columns={"photo": {"scale": {"zca": 0.1}}}))
    assert spec.data.scale == RobustScale(robust=3)
    assert spec.data.columns["photo"].scale == ZcaScale(zca=0.1)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ({"robust": 0}, "robust: expected a number above 0, got 0"),
        ({"robst": 3}, "unknown key 'robst' in scale"),
        ({"zcaa": 3}, "unknown key 'zcaa' in scale"),
    ],
)
def test_mistakes_in_a_scale_are_told_of_the_one_that_was_meant(
    complaints, scale: dict[str, Any], message: str
) -> None:
    assert complaints(**data(scale=scale)) == [message]


def test_a_scale_has_one_number_of_its_own() -> None:
    problems = Problems()
    SCALE.check({"robust": 3, "quantile": 3}, ("scale",), problems)
    (problem,) = problems.found
    assert (problem.message, problem.hint) == ("unknown key 'quantile' in scale", "leave it out")


@pytest.mark.parametrize(
    "split",
    [
        {"test": 0.2, "validation": 0.1},
        {"test": 100, "validation": 50},
        {"test": "test.csv", "validation": "validation.xlsx"},
        {"test": 0.3, "validation": "test"},
        {"test": "dataset:iris-original"},
        {"test": 0, "validation": 0.5},
        {"stratify": True},
        {"group": "bed"},
        {"time": "sown", "shuffle": False},
        {"shuffle": False},
    ],
)
def test_splits_that_make_sense(complaints, split: dict[str, Any]) -> None:
    assert complaints(**data(split=split)) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": {"test": 1.0}}, "test: 1.0 takes every row, and none is left to train on"),
        ({"split": {"test": 2.5}}, ("test: 2.5 is neither a fraction below 1 nor a whole number of "
         "rows")),
        ({"split": {"test": -1}}, "test: expected a number of at least 0, got -1"),
        ({"split": {"test": 0.6, "validation": 0.5}},
         "test and validation take 110% of the rows, and none is left to train on"),
        ({"split": {"stratify": True, "time": "sown"}},
         "a split cannot follow both stratify and time"),
        ({"inputs": ["age", "height"]}, "column 'height' stands under both target and inputs"),
        ({"drop": "height"}, "column 'height' stands under both target and drop"),
        ({"inputs": ["age", "age"]}, "column 'age' stands twice"),
        ({"separator": ";;"}, "separator: expected one character, got ';;'"),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands are both ','"),
        ({"encoding": "rot13"}, "unknown text encoding 'rot13'"),
        ({"columns": {"age": {"type": "number", "categories": ["a"]}}},
         "categories is a setting of category columns, and this is a number column"),
        ({"columns": {"age": {"parts": ["year"], "vocabulary": 5}}},
         "vocabulary is a setting of text columns, and this is a date column"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other(
    complaints, settings: dict[str, Any], message: str
) -> None:
    assert complaints(**data(**settings)) == [message]


def test_indicators_of_missing_cells_need_cells_that_are_filled(build, complaints) -> None:
    assert build(**data(missing="median", missing_indicator=True)).data.missing_indicator
    own = {"width": {"missing": "mean"}}
    assert build(**data(missing_indicator=True, columns=own)).data.missing_indicator
    (message,) = complaints(**data(missing_indicator=True))
    assert "no policy fills any" in message
    own = {"width": {"missing": "drop", "missing_indicator": True}}
    (message,) = complaints(**data(missing="median", columns=own))
    assert "the policy of this column is missing: drop" in message
