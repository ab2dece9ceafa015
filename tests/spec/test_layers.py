"""The layer list: connections, outputs, and names that cannot be resolved."""

from typing import Any

import pytest

from dlcli.spec.names import tensor_name
from dlcli.spec.run import load_spec, resolve_network
from dlcli.spec.writing import to_yaml

TRUNK = {"Dense": {"units": 8, "name": "trunk"}}


def two_targets(*layers: Any) -> dict[str, Any]:
    return {
        "data": {"source": "plants.csv", "target": ["height", "width"]},
        "layers": list(layers),
    }


def test_each_layer_takes_the_one_before_it(build) -> None:
    graph = resolve_network(build()).graph
    assert graph.sources == (None, (0,))
    assert graph.outputs == {"height": 1}


def test_layers_named_like_targets_are_their_outputs(build) -> None:
    spec = build(
        **two_targets(
            TRUNK,
            {"Dense": {"units": 1, "name": "height"}},
            {"Dense": {"units": 1, "name": "width", "inputs": "trunk"}},
        )
    )
    network = resolve_network(spec)
    assert network.graph.sources == (None, (0,), (0,))
    assert network.graph.outputs == {"height": 1, "width": 2}
    assert [head.targets for head in network.heads] == [("height",), ("width",)]


def test_last_layer_is_the_output_of_all_targets(build) -> None:
    network = resolve_network(build(**two_targets({"Dense": 2})))
    assert network.graph.outputs == {"output": 0}
    assert network.heads[0].targets == ("height", "width")


def test_columns_with_own_inputs_can_be_taken(build) -> None:
    spec = build(
        data={
            "source": "plants.csv",
            "target": "height",
            "columns": {"colour": {"encode": "ordinal"}, "note": {"type": "text"}},
        },
        layers=[
            {"Embedding": {"input_dim": 9, "output_dim": 2, "inputs": "colour", "name": "c"}},
            {"Embedding": {"input_dim": 99, "output_dim": 2, "inputs": "note"}},
            {"GlobalAveragePooling1D": {"name": "n"}},
            {"Concatenate": {"inputs": ["c", "n", "features"]}},
            {"Dense": 1},
        ],
    )
    assert resolve_network(spec).graph.sources == (
        ("colour",),
        ("note",),
        (1,),
        (0, 2, "features"),
        (3,),
    )


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([TRUNK, TRUNK, {"Dense": 1}], "two layers are named 'trunk'"),
        ([{"Dense": {"units": 1, "inputs": "trnk"}}], "no layer or input is named 'trnk'"),
        ([{"Dense": {"units": 8, "inputs": "trunk"}}, TRUNK, {"Dense": 1}],
         "'trunk' comes later in the list"),
        ([{"Dense": {"units": 1, "name": "a", "inputs": "a"}}], "'a' is this layer itself"),
        ([TRUNK, {"Dense": {"units": 1, "inputs": "features"}}],
         "nothing uses the result of this Dense"),
        ([{"Dense": {"units": 1, "name": "features"}}], "'features' is the name of a data input"),
        (["Add", {"Dense": 1}], "Add takes two or more inputs, got 1"),
        ([TRUNK, {"Dense": {"units": 1, "inputs": ["trunk", "features"]}}],
         "Dense takes one input, got 2"),
        ([{"GRUCell": 4}, {"Dense": 1}], "GRUCell works only inside RNN"),
        ([{"Dense": {"units": 1, "inputs": []}}],
         "inputs: expected a list (a column name each), got an empty list"),
    ],
)  # fmt: skip
def test_networks_that_cannot_be(complaints, layers: list[Any], message: str) -> None:
    assert complaints(layers=layers) == [message]


def test_target_without_an_output(complaints) -> None:
    layers = two_targets(TRUNK, {"Dense": {"units": 1, "name": "height"}})
    assert complaints(**layers) == ["target 'width' has no output"]


def test_misspelt_column_setting_does_not_make_its_input_unknown(complaints) -> None:
    found = complaints(
        data={"source": "a.csv", "target": "y", "columns": {"c": {"encod": "ordinal"}}},
        layers=[
            {"Embedding": {"input_dim": 9, "output_dim": 2, "inputs": "c"}},
            {"Dense": 1},
        ],
    )
    assert found == ["unknown key 'encod' in c"]


def test_tensor_names_are_kept_or_told_apart_by_a_hash() -> None:
    assert tensor_name("height") == "height"
    assert tensor_name("Höhe (m)") != tensor_name("Hohe (m)")
    assert tensor_name("Höhe (m)").isascii()
    assert tensor_name("  ").startswith("column_")


def test_the_output_of_several_targets_has_a_name_of_its_own(build):
    spec = build(
        data={"source": "plants.csv", "target": ["height", "width"]},
        layers=[{"Dense": {"units": 2, "name": "output"}}, {"Activation": "sigmoid"}],
    )
    assert resolve_network(spec).graph.outputs == {"output_2": 1}


BLOCKS = {"encoder": [{"Dense": {"units": 8, "activation": "relu"}}, {"Dense": 1}]}


def test_set_reaches_layers_of_blocks(tmp_path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {source: a.csv, target: y}\nepochs: 1\n"
        "blocks: {encoder: [Dense: 8, Dense: 4]}\nlayers: [encoder, Dense: 1]\n"
    )
    changes = ("blocks.encoder.0.Dense.units=32", "layers.0.encoder.name=first")
    spec = load_spec(config, changes)
    assert spec.blocks["encoder"][0].argument("units") == 32
    assert spec.layers[0].name == "first"


def test_blocks_and_shared_layers_are_written_back_the_same(build, tmp_path) -> None:
    spec = build(
        blocks=BLOCKS,
        layers=[{"encoder": {"name": "one"}}, {"share": {"layer": "one", "inputs": "features", "name": "two"}},
                {"Add": {"inputs": ["one", "two"]}}],
    )  # fmt: skip
    (tmp_path / "c.yaml").write_text(to_yaml(spec, folder=tmp_path), encoding="utf-8")
    again = load_spec(tmp_path / "c.yaml")
    assert (again.blocks, again.layers) == (spec.blocks, spec.layers)


def test_the_last_layer_of_a_block_is_the_head(build, complaints) -> None:
    (head,) = resolve_network(build(blocks=BLOCKS, layers=["encoder"])).heads
    assert (head.units, head.activation) == (1, "linear")
    softmax = {"encoder": [{"Dense": {"units": 3, "activation": "softmax"}}]}
    assert complaints(blocks=softmax, layers=["encoder"], loss="mse") == [
        "softmax gives shares of classes, but mse compares numbers"
    ]
