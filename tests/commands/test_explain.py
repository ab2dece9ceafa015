"""The reference of a name, as text and as plain values."""

import json

import pytest
import yaml

from dlcli.commands.explain import explain, explain_json, explain_kind, list_kind
from dlcli.errors import UsageError
from dlcli.spec import catalog


def test_a_layer_with_its_arguments_and_an_example() -> None:
    text = explain("Conv2D")
    assert text.startswith("Conv2D (layer)\n  Slides learned filters over an image.\n")
    assert "Also written: Convolution2D" in text
    assert "  filters: integer, at least 1; required\n" in text
    assert "  kernel_size: integer or list[integer], at least 1; required\n" in text
    assert '  padding: "valid" or "same"; default valid\n' in text
    assert "\n    - Conv2D: {filters: 32, kernel_size: 3, activation: relu}" in text


def test_an_optimizer_with_schedule_and_bounds() -> None:
    text = explain("Adam")
    assert "  learning_rate: number or schedule, above 0; default 0.001\n" in text
    assert "  beta_1: number, at least 0, below 1; default 0.9\n" in text
    assert "  optimizer: {Adam: {learning_rate: 0.001}}" in text


def test_a_callback_as_plain_values() -> None:
    (meaning,) = explain_json("EarlyStopping")["meanings"]
    assert (meaning["kind"], meaning["keras"]) == ("callback", "keras.callbacks.EarlyStopping")
    patience = next(item for item in meaning["arguments"] if item["name"] == "patience")
    assert patience == {
        "name": "patience",
        "type": "integer",
        "required": False,
        "default": 0,
        "minimum": 0,
        "description": "Epochs without improvement to wait for.",
    }
    json.dumps(meaning)


def test_a_name_with_two_meanings_shows_both() -> None:
    text = explain("mse")
    assert "MeanSquaredError (loss)" in text
    assert "MeanSquaredError (metric)" in text
    assert [item["kind"] for item in explain_json("mse")["meanings"]] == ["loss", "metric"]


def test_what_a_config_cannot_use_says_why() -> None:
    text = explain("Lambda")
    assert "Cannot be used in a config: it runs Python code" in text
    assert "Example" not in text


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        explain("early_stoping")
    assert caught.value.message == "nothing is called 'early_stoping'"
    assert caught.value.hint == "did you mean 'EarlyStopping'?"


def test_an_unknown_name_without_a_near_one_has_no_hint() -> None:
    with pytest.raises(UsageError) as caught:
        explain("zzzzzz")
    assert caught.value.hint is None


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_every_example_is_yaml_that_names_its_entry(kind: str) -> None:
    for name in list_kind(kind):
        for meaning in explain_json(name)["meanings"]:
            assert meaning["name"] in json.dumps(yaml.safe_load(meaning["example"]))


def test_a_kind_lists_its_usable_names() -> None:
    assert explain_kind("constraints").splitlines()[0].startswith("MaxNorm  ")
    assert "Lambda" not in list_kind("layer")
    with pytest.raises(UsageError, match="unknown kind 'gadget'"):
        list_kind("gadget")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epochs", "Passes over the training part"),
        ("data.missing", "What happens to missing cells"),
        ("vocabulary", "data.columns.NAME.vocabulary (key of a config)"),
        ("stratify", "Keep the shares of the classes"),
        ("refit", "  tolerance: How much worse than the best epoch"),
        ("refit.schedule", "Whether schedules of the learning rate"),
    ],
)
def test_keys_of_the_config_are_explained(name: str, text: str) -> None:
    assert text in explain(name)


def test_share_and_the_size_of_an_embedding_are_explained():
    assert "with the same weights" in explain("share")
    assert "its number of categories" in " ".join(explain("Embedding").split())
