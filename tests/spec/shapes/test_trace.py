"""Shapes followed through whole networks: what is judged, what is left alone, what is hinted."""

from typing import Any

import pytest

from dlcli.errors import SpecError
from dlcli.spec.run import RunSpec, resolve_network
from dlcli.spec.shapes.check import check_shapes
from dlcli.spec.shapes.tensor import Tensor

STEPS = {"Reshape": [6, 2]}
TEXT = {
    "source": "plants.csv",
    "target": "height",
    "inputs": ["note"],
    "columns": {"note": {"type": "text", "length": 50}},
}


def features(width: int) -> dict[str, Tensor]:
    return {"features": Tensor(shape=(None, width), origin="'features'")}


def told(spec: RunSpec, inputs: dict[str, Tensor]) -> list[str]:
    try:
        check_shapes(spec, inputs)
    except SpecError as error:
        return error.message.splitlines()
    return []


@pytest.mark.parametrize(
    "layers",
    [
        [STEPS, {"LSTM": {"units": 4, "return_sequences": True}}, {"GRU": 4}, {"Dense": 1}],
        [{"Reshape": [-1, 1]}, {"Conv1D": [4, 3]}, "Flatten", {"Dense": 1}],
        [{"Reshape": [-1, 1]}, {"MaxPooling1D": 99}, "GlobalMaxPooling1D", {"Dense": 1}],
        [{"Normalization": None}, {"Conv1D": [4, 3]}, {"Dense": 1}],
    ],
)
def test_networks_that_may_fit_are_not_judged_before_the_data_is_read(
    complaints, layers: list[Any]
) -> None:
    written = [
        {"Conv1D": {"filters": 4, "kernel_size": 3}} if each == {"Conv1D": [4, 3]} else each
        for each in layers
    ]
    assert complaints(layers=written) == []


def test_counts_of_the_data_are_judged(build) -> None:
    spec = build(layers=[{"Reshape": [4, -1]}, "Flatten", {"Dense": 1}])
    assert told(spec, features(8)) == []
    (message, *_) = told(spec, features(7))
    assert "Reshape needs a multiple of 4 numbers in each row (4), got (rows, 7)" in message


def test_one_misfit_does_not_make_others_up(complaints) -> None:
    layers = ["GlobalMaxPooling1D", {"LSTM": 8}, {"Reshape": [3, 3]}, {"Dense": 1}]
    assert complaints(layers=layers) == [
        "GlobalMaxPooling1D needs (rows, steps, channels), got (rows, ?) from 'features'"
    ]


def test_length_of_a_text_column_is_known_from_the_config(complaints) -> None:
    layers = [
        {"Embedding": {"input_dim": 9, "output_dim": 4}},
        {"MaxPooling1D": 60},
        "Flatten",
        {"Dense": 1},
    ]
    (message,) = complaints(data=TEXT, layers=layers)
    assert message.startswith("MaxPooling1D needs at least 60 entries along every axis")
    assert message.endswith("got (rows, 50, 4) from the Embedding before it")


def test_units_of_the_output_are_known_without_a_dense_layer(complaints) -> None:
    layers = [{"Reshape": [6, 2]}, {"GRU": 3}]
    assert complaints(layers=layers) == [
        "the output has 3 units for the target 'height', expected 1"
    ]


def test_codes_are_followed_through_layers_that_keep_them(build) -> None:
    spec = build(
        data=TEXT,
        layers=[
            {"Reshape": [5, 10]},
            {"Embedding": {"input_dim": 9, "output_dim": 4}},
            "Flatten",
            {"Dense": 1},
        ],
    )
    inputs = {"note": Tensor(shape=(None, 50), is_codes=True, codes=12, origin="'note'")}
    (message, *_) = told(spec, inputs)
    assert "input_dim is 9, but the Reshape before it holds whole numbers from 0 to 11" in message


def test_an_embedding_of_fractions_is_refused(build) -> None:
    spec = build(layers=[{"Embedding": {"input_dim": 9, "output_dim": 4}}, "Flatten", {"Dense": 1}])
    inputs = {"features": Tensor(shape=(None, 3), is_whole=False, origin="'features'")}
    (message, *_) = told(spec, inputs)
    assert "Embedding looks whole numbers from 0 up, and 'features' holds others" in message


def test_a_second_head_that_takes_the_first_one_says_so(build, complaints) -> None:
    data = {"source": "plants.csv", "target": ["height", "width"]}
    trunk, height = (
        {"Dense": {"units": 8, "name": "trunk"}},
        {"Dense": {"units": 1, "name": "height"}},
    )
    width: dict[str, Any] = {"units": 1, "name": "width"}
    assert complaints(data=data, layers=[trunk, height, {"Dense": width}]) == [
        "this Dense takes the output 'height', which stands before it"
    ]
    for meant, source in (("trunk", 0), ("height", 1)):
        spec = build(data=data, layers=[trunk, height, {"Dense": {**width, "inputs": meant}}])
        assert resolve_network(spec).graph.sources[2] == (source,)


def ensemble(**arguments: Any) -> dict[str, Any]:
    return {"EnsembleDense": {"units": 4, **arguments}}


def test_members_are_followed_to_the_output(build) -> None:
    norm = "LayerNormalization"
    branch = [ensemble(members=8), {"Dropout": 0.1}, norm, ensemble(), {"Dense": 1}]
    (head,) = resolve_network(build(layers=branch)).heads
    assert (head.members, head.units) == (8, 1)
    averaged = [ensemble(members=8), "GlobalAveragePooling1D", {"Dense": 1}]
    (head,) = resolve_network(build(layers=averaged)).heads
    assert head.members is None


def test_members_are_followed_through_blocks(build) -> None:
    spec = build(
        blocks={"body": [ensemble(members=3), ensemble()]}, layers=["body", ensemble(units=1)]
    )
    (head,) = resolve_network(spec).heads
    assert (head.members, head.units) == (3, 1)


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (
            [ensemble(), ensemble(units=1)],
            (
                "EnsembleDense needs a number of members, or an input that has them, got (rows, ?) from "
                "'features'"
            ),
        ),
        (
            [ensemble(members=8), ensemble(units=1, members=4)],
            (
                "EnsembleDense needs an input of 4 members, or of none, got (rows, 8, 4) from the "
                "EnsembleDense before it"
            ),
        ),
        (
            [ensemble(members=8), ensemble(units=2)],
            "the output has 2 units for the target 'height', expected 1",
        ),
        (
            [{"PeriodicEmbedding": {"members": 2, "flatten": False}}],
            "the output 'height' needs (rows, 2, units) for its 2 members, got (rows, 2, ?, 8)",
        ),
    ],
)
def test_members_that_do_not_fit(complaints, layers: list[Any], told: str) -> None:
    assert complaints(layers=layers) == [told]


def test_a_layer_after_members_is_told_how_to_take_them(build) -> None:
    layers = [{"FeatureScale": {"members": 5}}, "PeriodicEmbedding", ensemble(units=1)]
    with pytest.raises(SpecError) as caught:
        build(layers=layers)
    (problem,) = caught.value.problems
    assert problem.hint == "members: 5 on it gives each member weights of its own"


def test_outputs_of_an_ensemble_have_the_same_members(complaints) -> None:
    data = {"source": "plants.csv", "target": ["height", "width"]}
    layers = [
        {"Dense": {"units": 8, "name": "trunk"}},
        ensemble(units=1, members=4, name="height", inputs="trunk"),
        ensemble(units=1, members=2, name="width", inputs="trunk"),
    ]
    told = "the output 'width' has 2 members, and 'height' has 4"
    assert complaints(data=data, layers=layers) == [told]


LOOKS = {
    "source": "plants.csv",
    "target": "height",
    "inputs": ["age", "colour", "town"],
    "columns": {
        "colour": {"categories": ["red", "green"], "encode": "ordinal"},
        "town": {"encode": "ordinal"},
    },
}


def looks(**arguments: Any) -> list[Any]:
    embedding = {"inputs": ["colour", "town"], "name": "looks", **arguments}
    joined = {"Concatenate": {"inputs": ["features", "looks"]}}
    return [{"CategoryEmbedding": embedding}, joined, {"Dense": 1}]


def test_categories_are_looked_up_side_by_side(build) -> None:
    spec = build(data=LOOKS, layers=looks(units=3))
    columns = {name: Tensor(shape=(None,), is_codes=True, codes=5) for name in ("colour", "town")}
    assert told(spec, {**features(1), **columns}) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"inputs": ["age", "town"]},
            "CategoryEmbedding looks up categories, and 'age' holds numbers",
        ),
        (
            {"vocabulary_sizes": [1, 9]},
            "a table of 1 vectors, but 'colour' holds whole numbers from 0 to 1",
        ),
        (
            {"vocabulary_sizes": [2]},
            (
                "CategoryEmbedding needs 1 inputs, one for each of its vocabulary_sizes, got (rows) from "
                "'colour' and (rows) from 'town'"
            ),
        ),
    ],
)
def test_categories_that_cannot_be_looked_up(complaints, arguments: Any, message: str) -> None:
    assert message in complaints(data=LOOKS, layers=looks(**arguments))
