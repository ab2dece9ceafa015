"""Keras objects by name: their arguments, their short forms, what is refused."""

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.spec import catalog
from dlcli.spec.catalog import Argument, Entry
from dlcli.spec.components import Component, ComponentSpec
from dlcli.spec.fields import INVALID
from dlcli.spec.problems import Problem, Problems
from dlcli.spec.training import MetricField


def check(kind: str, value: object) -> tuple[Any, list[Problem]]:
    problems = Problems()
    parsed = Component(kind).check(value, ("key",), problems)
    assert (parsed is INVALID) == bool(problems)
    return parsed, problems.found


@pytest.mark.parametrize(
    ("kind", "value", "name", "arguments"),
    [
        ("layer", "Flatten", "Flatten", {}),
        ("layer", {"Flatten": None}, "Flatten", {}),
        ("layer", {"Dense": 64}, "Dense", {"units": 64}),
        ("layer", {"Dense": {"units": 64}}, "Dense", {"units": 64}),
        ("optimizer", {"Adam": 0.01}, "Adam", {"learning_rate": 0.01}),
        ("loss", "mse", "MeanSquaredError", {}),
        ("regularizer", {"l2": 0.1}, "L2", {"l2": 0.1}),
    ],
)
def test_short_forms(kind: str, value: object, name: str, arguments: dict[str, Any]) -> None:
    spec, _ = check(kind, value)
    assert (spec.name, spec.arguments) == (name, arguments)


def test_layer_may_be_the_first_argument_itself() -> None:
    spec, _ = check("layer", {"Bidirectional": {"LSTM": 32}})
    assert spec.arguments["layer"] == ComponentSpec(
        kind="layer", name="LSTM", arguments={"units": 32}
    )


def test_schedule_nests_in_the_optimizer() -> None:
    decay = {"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 0.9}
    spec, _ = check("optimizer", {"SGD": {"learning_rate": {"ExponentialDecay": decay}}})
    assert spec.arguments["learning_rate"].kind == "schedule"


def test_numbers_become_floats_where_keras_takes_a_number() -> None:
    spec, _ = check("optimizer", {"SGD": {"learning_rate": 1, "momentum": 0}})
    assert [type(value) for value in spec.arguments.values()] == [float, float]
    spec, _ = check("layer", {"Dense": {"units": 3}})
    assert type(spec.arguments["units"]) is int


def test_alias_is_kept_for_logs_but_is_the_same_component() -> None:
    spec, _ = check("metric", "mae")
    assert spec.alias == "mae"
    assert spec == check("metric", "MeanAbsoluteError")[0]
    assert spec.to_yaml() == "mae"


@pytest.mark.parametrize("written", ["Accuracy", {"Accuracy": None}])
def test_plain_accuracy_is_the_one_that_fits_the_labels(written: object) -> None:
    assert MetricField("metric").check(written, (), Problems()).name == "accuracy"


@pytest.mark.parametrize(
    ("kind", "value", "message", "hint"),
    [
        ("layer", {"Dense": {"unit": 3}}, "Dense has no argument 'unit'", "did you mean 'units'?"),
        (
            "loss",
            {"SparseCategoricalCrossentropy": {"label_smoothing": 0.1}},
            "SparseCategoricalCrossentropy has no argument 'label_smoothing'",
            "SmoothedSparseCategoricalCrossentropy: 0.1 smooths labels that are whole numbers",
        ),
        ("optimizer", {"Adam": {"lr": 1}}, "Adam has no argument 'lr'",
         "did you mean 'learning_rate'?"),
        ("layer", "Conv2D", "Conv2D needs filters and kernel_size",
         "e.g. Conv2D: {filters: 32, kernel_size: 3}"),
        ("layer", {"Conv2D": {"filters": 3}}, "Conv2D needs kernel_size",
         "e.g. Conv2D: {filters: 32, kernel_size: 3}"),
        ("loss", "mes", "unknown loss 'mes'", "did you mean 'mse'?"),
        ("loss", "R2Score", "unknown loss 'R2Score'", "R2Score is a metric"),
        ("layer", "tanh", "unknown layer 'tanh'",
         "tanh is an activation; as a layer it is written Activation: tanh"),
        ("layer", 5, "key: expected a layer, got 5", "e.g. Dense: 64"),
        ("layer", {}, "expected one layer name, got an empty mapping", "e.g. Dense: 64"),
        ("layer", {"Dense": 64, "activation": "relu"},
         "expected one layer name, got a mapping (Dense, activation)",
         "all arguments stand below the name: Dense: {units: 64, activation: relu}"),
        ("layer", {"Dense": 64, "Dropout": 0.1},
         "expected one layer name, got a mapping (Dense, Dropout)",
         "begin 'Dropout' with a '- ' of its own"),
        ("optimizer", {"Adam": {"learning_rate": "1e-3"}},
         "learning_rate: expected a number above 0 or a schedule, got '1e-3'",
         "write it without quotes"),
        ("optimizer", {"GroupedAdamW": {"learning_rate_factors": {"bias": -1}}},
         "bias: expected a number of at least 0, got -1", None),
        ("optimizer", {"GroupedAdamW": {"learning_rate_factors": {"bias": "slow"}}},
         "bias: expected a number of at least 0, got 'slow'", None),
        ("layer", {"Dense": {"units": 1, "kernel_regularizer": 0.1}},
         "kernel_regularizer: expected a regularizer or nothing, got 0.1", "e.g. L2: 0.01"),
        ("layer", {"StringLookup": {"vocabulary": "words.txt"}},
         "vocabulary: a config cannot read other files, got 'words.txt'",
         "list the words themselves, e.g. [red, green]"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_what_to_write(
    kind: str, value: object, message: str, hint: str | None
) -> None:
    _, (problem,) = check(kind, value)
    assert (problem.message, problem.hint) == (message, hint)


def test_refused_names_are_never_suggested() -> None:
    for kind in catalog.KINDS:
        for name in catalog.names(kind):
            entry = catalog.find(kind, name)
            assert entry is not None
            if entry.refused:
                hint = check(kind, f"{name}x")[1][0].hint
                assert f"'{name}'" not in str(hint)


USABLE = [
    entry
    for kind in catalog.KINDS
    for name in catalog.names(kind)
    if (entry := catalog.find(kind, name)) is not None and not entry.refused
]
WORDS = st.sampled_from(["a", "x y", "on", "1", "null", "ä: b", "#", "", "- a", "{"])


def values_of(argument: Argument, depth: int) -> st.SearchStrategy[Any]:
    kinds = [values_of_word(word, argument, depth) for word in argument.type.split(" | ")]
    if argument.name == "dtype":
        return st.sampled_from(["float32", "float16"])
    if argument.name == "vocabulary":
        return st.none()
    return st.one_of(kinds)


def values_of_word(word: str, argument: Argument, depth: int) -> st.SearchStrategy[Any]:
    if word.startswith('"'):
        return st.just(word.strip('"'))
    if word.startswith("list["):
        return st.lists(values_of_word(word[5:-1], argument, depth), max_size=2)
    if word == "integer":
        least = -5 if argument.minimum is None else round(argument.minimum)
        most = 99 if argument.maximum is None else round(argument.maximum)
        return st.integers(least, most)
    if word == "steps":
        number = values_of_word("number", argument, depth)
        return st.one_of(number, st.integers(1, 99).map(lambda count: f"{count} epochs"))
    if word == "number":
        bounds = argument
        low, high = bounds.minimum, bounds.maximum
        low = bounds.exclusive_minimum if low is None else low
        high = bounds.exclusive_maximum if high is None else high
        return st.floats(
            low,
            high,
            allow_nan=False,
            allow_infinity=False,
            exclude_min=bounds.exclusive_minimum is not None,
            exclude_max=bounds.exclusive_maximum is not None,
        )
    if word in catalog.KINDS:
        nested = [entry for entry in USABLE if entry.kind == word]
        if depth == 0:
            nested = [entry for entry in nested if not any(a.required for a in entry.arguments)]
        if not nested:
            return st.nothing()  # as all schedules have arguments that are required
        return st.sampled_from(nested).flatmap(lambda entry: written(entry, depth - 1))
    simple: dict[str, st.SearchStrategy[Any]] = {
        "boolean": st.booleans(),
        "text": WORDS.filter(bool),
        "list": st.lists(st.integers(), max_size=2),
        "mapping": st.dictionaries(WORDS, st.integers(), max_size=2),
        "any": WORDS,
        "null": st.none(),
    }
    return simple[word]


def written(entry: Entry, depth: int = 1) -> st.SearchStrategy[Any]:
    """Generate the component as a config would write it, with all, some or no arguments."""
    required = {a.name: values_of(a, depth) for a in entry.arguments if a.required}
    if depth < 0:
        return st.just(entry.name)
    optional = {a.name: values_of(a, depth) for a in entry.arguments if not a.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: {entry.name: given})


# Optimizers that hold optimizers make values that are long to write down.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_component_is_read_and_written_back_the_same(data: st.DataObject) -> None:
    entry = data.draw(st.sampled_from(USABLE))
    value = data.draw(written(entry))
    spec, problems = check(entry.kind, value)
    assert problems == []
    text = yaml.safe_dump(spec.to_yaml())
    assert check(entry.kind, yaml.safe_load(text))[0] == spec
