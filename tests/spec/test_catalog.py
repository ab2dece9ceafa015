"""The catalogue of the Keras vocabulary, and that it says what the installed Keras does."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dlcli.spec import catalog
from dlcli.spec.catalog import Argument, Entry

SCRIPTS = Path(__file__).parents[2] / "scripts"

# Why an entry cannot be made from its required arguments alone.
NOT_MADE = {
    "Discretization": "needs either num_bins or bin_boundaries",
    "OrbaxCheckpoint": "needs the package orbax-checkpoint",
}
PLAIN_TYPES = {"integer", "number", "boolean", "text", "list", "mapping", "any", "null", "steps"}


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield importlib.import_module("generate_catalog")
    finally:
        sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def generated(generator: ModuleType) -> dict[str, Any]:
    built: dict[str, Any] = generator.build_catalog()
    return built


def every_entry() -> list[Entry]:
    found = [catalog.find(kind, name) for kind in catalog.KINDS for name in catalog.names(kind)]
    return [entry for entry in found if entry is not None]


def usable_classes() -> list[Entry]:
    return [
        entry
        for entry in every_entry()
        if entry.path and not entry.refused and entry.kind != "activation"
    ]


def make(kind: str, name: str, arguments: dict[str, Any]) -> Any:
    """Construct a component the way a config would describe it."""
    entry = catalog.find(kind, name)
    assert entry is not None
    assert entry.path is not None
    module, _, attribute = entry.path.rpartition(".")
    thing = getattr(importlib.import_module(module), attribute)
    if kind == "activation":
        return thing
    types = {argument.name: argument.type for argument in entry.arguments}
    return thing(**{key: make_value(value, types[key]) for key, value in arguments.items()})


def make_value(value: Any, type_name: str) -> Any:
    for word in type_name.split(" | "):
        if word.startswith("list[") and isinstance(value, list):
            return [make_value(item, word[5:-1]) for item in value]
        if word in catalog.KINDS and isinstance(value, str):
            return make(word, value, {})
        if word in catalog.KINDS and isinstance(value, dict):
            ((name, arguments),) = value.items()
            if not isinstance(arguments, dict):
                entry = catalog.find(word, name)
                assert entry is not None
                arguments = {entry.arguments[0].name: arguments}
            return make(word, name, arguments)
    return value


def required_examples(entry: Entry) -> dict[str, Any]:
    return {item.name: item.example for item in entry.arguments if item.required}


def test_catalog_is_what_the_installed_keras_gives(
    generator: ModuleType, generated: dict[str, Any]
) -> None:
    committed = Path(catalog.__file__).with_name("catalog.json").read_text(encoding="utf-8")
    assert generator.format_catalog(generated) == committed, (
        "run `python scripts/generate_catalog.py`"
    )
    assert json.loads(committed) == generated


def test_every_table_row_describes_something(
    generator: ModuleType, generated: dict[str, Any]
) -> None:
    assert generator.RULES.keys() <= set(generator.rule_keys(generated))
    for kind, described in generator.DESCRIPTIONS.items():
        assert described.keys() == generated[kind].keys()
    for kind, refused in generator.REFUSED.items():
        assert refused.keys() <= generated[kind].keys()


def test_every_entry_and_argument_has_a_description() -> None:
    for entry in every_entry():
        assert entry.description.endswith("."), entry.name
        for argument in entry.arguments:
            assert argument.description.endswith("."), (entry.name, argument.name)


def test_types_keep_to_the_type_language() -> None:
    for entry in every_entry():
        for argument in entry.arguments:
            for word in argument.type.split(" | "):
                inner = word.removeprefix("list[").removeprefix("mapping[").removesuffix("]")
                known = inner in PLAIN_TYPES or inner in catalog.KINDS
                assert known or (word[0] == word[-1] == '"'), (entry.name, argument)


def test_defaults_fit_their_types() -> None:
    for entry in every_entry():
        for argument in entry.arguments:
            if not argument.required:
                words = argument.type.split(" | ")
                assert any(fits(argument.default, word) for word in words), (entry.name, argument)
                assert is_within(argument.default, argument), (entry.name, argument)


def fits(value: Any, word: str) -> bool:
    if word.startswith("list["):
        return isinstance(value, list) and all(fits(item, word[5:-1]) for item in value)
    if isinstance(value, bool) or value is None:
        return word == {True: "boolean", False: "boolean", None: "null"}[value] or word == "any"
    if word.startswith('"'):
        return bool(value == word.strip('"'))
    numbers = (int, float)
    kinds: dict[str, Any] = {"integer": int, "number": numbers, "steps": numbers, "text": str}
    kinds |= {"list": list}
    return isinstance(value, kinds.get(word, (str, dict)))


def is_within(value: Any, argument: Argument) -> bool:
    if isinstance(value, list):
        return all(is_within(item, argument) for item in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return (
        (argument.minimum is None or value >= argument.minimum)
        and (argument.maximum is None or value <= argument.maximum)
        and (argument.exclusive_minimum is None or value > argument.exclusive_minimum)
        and (argument.exclusive_maximum is None or value < argument.exclusive_maximum)
    )


def test_keras_takes_each_entry_as_described(generated: dict[str, Any]) -> None:
    """Construct from the examples alone, then with every default, tuples given as lists."""
    for entry in usable_classes():
        if entry.name in NOT_MADE:
            with pytest.raises((ValueError, ImportError)):
                make(entry.kind, entry.name, required_examples(entry))
            continue
        defaults = {item.name: item.default for item in entry.arguments if not item.required}
        make(entry.kind, entry.name, required_examples(entry))
        make(entry.kind, entry.name, required_examples(entry) | defaults)


def test_keras_takes_every_quoted_word(generated: dict[str, Any]) -> None:
    for entry in usable_classes():
        for argument in entry.arguments:
            words = [word for word in argument.type.split(" | ") if word.startswith('"')]
            for word in [] if entry.name in NOT_MADE else words:
                make(
                    entry.kind,
                    entry.name,
                    required_examples(entry) | {argument.name: word.strip('"')},
                )


def test_find_knows_names_and_other_names() -> None:
    dense = catalog.find("layer", "Dense")
    assert dense is not None
    assert dense.path == "keras.layers.Dense"
    assert [item.name for item in dense.arguments[:3]] == ["units", "activation", "use_bias"]
    assert catalog.find("loss", "mse") == catalog.find("loss", "MeanSquaredError")
    assert catalog.find("optimizer", "adam") == catalog.find("optimizer", "Adam")
    assert catalog.find("activation", "swish") == catalog.find("activation", "silu")
    assert catalog.find("layer", "dense") is None
    assert catalog.find("loss", "Dense") is None


def test_first_argument_is_what_a_bare_value_stands_for() -> None:
    dense = catalog.find("layer", "Dense")
    assert dense is not None
    units = catalog.first_argument(dense)
    assert units is not None
    assert (units.name, units.type, units.required, units.minimum) == ("units", "integer", True, 1)
    assert catalog.argument(dense, "units") is units
    assert catalog.argument(dense, "unit") is None


def test_names_that_only_compile_understands_have_no_class() -> None:
    accuracy = catalog.find("metric", "acc")
    assert accuracy is not None
    assert (accuracy.name, accuracy.path, accuracy.arguments) == ("accuracy", None, ())
    crossentropy = catalog.find("loss", "ce")
    assert crossentropy is not None
    assert crossentropy.name == "crossentropy"


def test_what_carries_code_is_refused_and_bases_are_absent() -> None:
    for kind, name in (("layer", "Lambda"), ("callback", "LambdaCallback")):
        entry = catalog.find(kind, name)
        assert entry is not None
        assert "code" in str(entry.refused)
    for kind, name in (("layer", "Layer"), ("loss", "Loss"), ("callback", "Callback")):
        assert catalog.find(kind, name) is None


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        ("layer", "dense", "Dense"),
        ("layer", "Dens", "Dense"),
        ("layer", "conv_2d", "Conv2D"),
        ("layer", "relu", "ReLU"),
        ("callback", "early_stopping", "EarlyStopping"),
        ("optimizer", "ADAM", "Adam"),
        ("loss", "Mse", "mse"),
        ("loss", "mean-squared-error", "MeanSquaredError"),
        ("metric", "rmse", "RootMeanSquaredError"),
        ("layer", "Xylophone", None),
    ],
)
def test_suggestions(kind: str, written: str, meant: str | None) -> None:
    suggestion = catalog.suggest(kind, written)
    assert suggestion is None or catalog.find(kind, suggestion) is not None
    expected = meant if meant is None else catalog.find(kind, meant)
    assert (suggestion and catalog.find(kind, suggestion)) == expected


def test_habits_lead_to_names_that_exist() -> None:
    for kind, habits in catalog._HABITS.items():
        for habit, name in habits.items():
            assert catalog.find(kind, name) is not None, (habit, name)


def test_kinds_of_a_name() -> None:
    assert catalog.kinds_of("mse") == ("loss", "metric")
    assert catalog.kinds_of("relu") == ("activation",)
    assert catalog.kinds_of("nothing") == ()


def test_search_puts_names_before_descriptions() -> None:
    found = [entry.name for entry in catalog.search("dropout")]
    assert found[:2] == ["AlphaDropout", "Dropout"]
    assert "CosineDecay" in [entry.name for entry in catalog.search("warm-up")]


def test_arguments_can_be_keys() -> None:
    entry = catalog.find("layer", "Conv2D")
    assert entry is not None
    assert len({*entry.arguments}) == len(entry.arguments)


def test_looking_a_name_up_loads_no_framework() -> None:
    code = (
        "import sys; from dlcli.spec import catalog; catalog.find('layer', 'Dense'); "
        "catalog.suggest('layer', 'dens'); catalog.search('dropout'); "
        "print(sorted({'keras', 'tensorflow', 'numpy', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=SCRIPTS.parent,
    )
    assert done.stdout.strip() == "[]"
