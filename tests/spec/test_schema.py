"""The grammar as JSON Schema: it takes every good config and refuses what a schema can refuse."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dlcli.errors import SpecError
from dlcli.spec import catalog
from dlcli.spec.schema import build_schema
from dlcli.spec.source import read_source

REPOSITORY = Path(__file__).parents[2]
CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))
GOLDEN = REPOSITORY / "tests" / "golden" / "errors" / "configs"

# What two keys, two layers or a layer and a target say to each other.
ABOUT_SEVERAL_KEYS = {
    "image_rules", "image_windows",
    "callback_and_schedule", "callback_needs_averages", "class_weight_for_number",
    "data_column_settings", "data_marks", "data_split_followers", "data_split_sizes",
    "data_split_unshuffled", "data_split_watches_nothing", "data_two_roles", "freeze_everything",
    "freeze_unknown", "metric_twice",
    "monitor_unknown", "monitor_without_validation", "outputs_loss_incomplete", "outputs_unknown",
    "outputs_weights_for_one", "window_lags_of_the_answer", "window_lags_twice_said",
    "window_names_are_not_known", "window_output_misses_steps",
    "window_output_of_several_targets", "window_season_too_long", "window_split_by_another_time",
    "window_split_by_classes", "window_static_target",
}  # fmt: skip
ABOUT_GRAPH_AND_HEADS = {path.stem for path in GOLDEN.glob("*.yaml")} & {
    *(path.stem for path in GOLDEN.glob("graph_*.yaml")),
    *(path.stem for path in GOLDEN.glob("head_*.yaml")),
    *(path.stem for path in GOLDEN.glob("shape_*.yaml")),
    *("share_below", "share_unknown", "share_other_size", "share_wider_block"),
    *("block_cycle", "block_like_keras", "block_misfit", "block_takes_features"),
    *("block_two_inputs", "block_unknown", "block_unused", "block_argument"),
    *("metric_for_numbers", "metric_for_class_numbers", "ensemble_members", "refit_without_rows"),
}
# What the environment of the command holds.
ABOUT_ENVIRONMENT = {"variable_secret", "variable_unset"}
# A check is a text with a grammar of its own, over the figures that the whole config will give.
ABOUT_CHECKS = {path.stem for path in GOLDEN.glob("check_*.yaml")}
# What text means: paths, encodings, names of folders.
ABOUT_WORDS = {
    "callback_outside_run", "callback_own_file", "callback_suffix", "data_encoding",
    "data_split_text", "value_name_no_folder", "data_split_odd",
}  # fmt: skip
# What another file says.
ABOUT_OTHER_FILES = {
    "extends_missing", "extends_loop",
    "imports_argument", "imports_broken", "imports_missing", "imports_no_class",
    "imports_not_allowed", "imports_unknown_class",
}  # fmt: skip
NOT_JUDGED = (
    ABOUT_SEVERAL_KEYS
    | ABOUT_GRAPH_AND_HEADS
    | ABOUT_WORDS
    | ABOUT_CHECKS
    | ABOUT_ENVIRONMENT
    | ABOUT_OTHER_FILES
)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return build_schema()


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_shipped_config_is_taken(validator: Draft202012Validator, config: Path) -> None:
    errors = [error.message for error in validator.iter_errors(read_source(config).values)]
    assert errors == []


def read_values(path: Path) -> Any:
    try:
        return read_source(path).values
    except SpecError:
        return None


GOLDEN_CONFIGS = [
    path
    for path in sorted(GOLDEN.glob("*.yaml"))
    if path.stem not in {"base", "loop_b"} and read_values(path) is not None
]


@pytest.mark.parametrize("config", GOLDEN_CONFIGS, ids=lambda path: path.stem)
def test_golden_mistake_is_refused_where_a_schema_can(
    validator: Draft202012Validator, config: Path
) -> None:
    assert validator.is_valid(read_values(config)) == (config.stem in NOT_JUDGED)


def properties_in(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for item in node.values():
            yield from properties_in(item)
    elif isinstance(node, list):
        for item in node:
            yield from properties_in(item)


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    described = list(properties_in(schema))
    assert len(described) > 1000
    assert {name for name, node in described if not node.get("description")} == set()
    assert all(node.get("description") for node in schema["$defs"].values())


def test_every_kind_and_usable_name_is_there(schema: dict[str, Any]) -> None:
    assert set(catalog.KINDS) <= schema["$defs"].keys()
    layers = json.dumps(schema["$defs"]["layer"])
    assert '"Conv2D"' in layers
    assert '"Lambda"' not in layers


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", [{"Reshape": [-1, 1]}, {"Bidirectional": {"LSTM": 8}}, {"Dense": 1}]),
        ("layers", [{"Dense": {"units": 1, "inputs": ["a"]}}]),
        ("callbacks", ["ModelCheckpoint", {"CSVLogger": None}]),
        ("loss", {"height": "mse"}),
        ("metrics", {"height": ["mae"]}),
        ("optimizer", {"Adam": {"learning_rate": {"CosineDecay": [1]}}}),
    ],
)
def test_short_forms_are_judged_as_the_check_does(
    validator: Draft202012Validator, complaints, key: str, value: Any
) -> None:
    config = {
        "data": {"source": "a.csv", "target": "height"},
        "layers": [{"Dense": 1}],
        "epochs": 1,
        key: value,
    }
    own = [message for message in complaints(**config) if "named 'a'" not in message]
    assert validator.is_valid(config) == (own == [])


def test_a_config_that_extends_another_may_give_a_part_of_its_data(
    validator: Draft202012Validator,
) -> None:
    part = {"data": {"split": {"test": 0.3}}}
    assert validator.is_valid({"extends": "base.yaml", **part})
    assert not validator.is_valid({"layers": [{"Dense": 1}], "epochs": 1, **part})


OWN_CLASSES = {
    "layers": [{"Doubled": {"times": 3}}, {"Dense": {"units": 1, "kernel_initializer": "Tiny"}}],
    "loss": {"Pinball": {"quantile": 0.9}},
    "metrics": ["Hits", {"Misses": {"over": 2}}],
    "optimizer": {"Adam": {"learning_rate": {"Stairs": {"every": 5}}}},
    "callbacks": ["Bell", {"EarlyStopping": {"patience": 3}}],
}


@pytest.mark.parametrize("key", OWN_CLASSES)
def test_classes_of_ones_own_are_taken_where_a_config_imports_files(
    validator: Draft202012Validator, key: str
) -> None:
    data = {"source": "a.csv", "target": "height"}
    config = {"data": data, "layers": [{"Dense": 1}], "epochs": 1, key: OWN_CLASSES[key]}
    assert not validator.is_valid(config)
    assert not validator.is_valid({**config, "blocks": {"tower": ["Flatten"]}})
    assert validator.is_valid({**config, "imports": ["own.py"]})
    assert validator.is_valid({"extends": "base.yaml", key: OWN_CLASSES[key]})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", [{"Dense": {"unit": 1}}]),
        ("loss", 3),
        ("metrics", [{"MeanIoU": {"classes": 2}}]),
        ("optimizer", 3),
        ("callbacks", [{"EarlyStopping": {"patience": "long"}}]),
    ],
)
def test_keras_own_classes_are_judged_beside_ones_own(
    validator: Draft202012Validator, key: str, value: Any
) -> None:
    data = {"source": "a.csv", "target": "height"}
    config = {"data": data, "layers": [{"Dense": 1}], "epochs": 1, "imports": ["own.py"]}
    assert validator.is_valid(config)
    assert not validator.is_valid({**config, key: value})
