"""Blocks, shared layers and chosen columns as Keras models: built, saved, scored without Keras."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.data.preprocessing import InputSpec
from dlcli.model.keras_import import load_keras
from dlcli.spec.run import build_spec
from dlcli.spec.source import parse_source

load_keras("tensorflow")

import keras

from dlcli.bundle.export import export_onnx
from dlcli.model.build import build_model
from dlcli.model.describe import describe_layers

COLUMNS = ("a", "b", "c", "d")
BLOCKS = {
    "encoder": "[Dense: {units: 5, activation: relu}, Dense: 3]",
    "residual": (
        "[Dense: {units: 4, activation: relu}, Dense: {units: 4, name: x}, Add: {inputs: [input, x]}]"
    ),
    "nested": "[encoder, Dense: 2]",
    "last": "[Dense: 3, Dense: 1]",
}
NETWORKS = {
    "siamese": (
        ["encoder"],
        """
  - encoder: {inputs: [a, c], name: l}
  - share: {layer: l, inputs: [d, b], name: r}
  - Concatenate: {inputs: [l, r]}
  - Dense: 1""",
    ),
    "shared dense": (
        [],
        """
  - Dense: {units: 4, name: x}
  - share: {layer: x, name: y1}
  - share: {layer: x, inputs: features, name: z}
  - Add: {inputs: [x, y1, z]}
  - Dense: 1""",
    ),
    "residual": (["residual"], "[residual, residual, Dense: 1]"),
    "nested": (["encoder", "nested"], "[nested, Dense: 1]"),
    "steps": (
        ["encoder"],
        "[Reshape: [2, 2], TimeDistributed: encoder, GlobalAveragePooling1D, Dense: 1]",
    ),
    "columns": (
        [],
        "[Dense: {units: 3, inputs: [d, a], name: l}, Concatenate: {inputs: [b, l, c]}, Dense: 1]",
    ),
    "block as output": (["last"], "[Dense: 4, last]"),
    "shared output": (
        [],
        """
  - Dense: {units: 1, inputs: [a, b], name: first}
  - Dense: {units: 2, inputs: [c, d]}
  - share: {layer: first, name: y2}
  - Add: {inputs: [first, y2]}""",
    ),
}


def _build(name: str) -> keras.Model:
    used, layers = NETWORKS[name]
    blocks = ", ".join(f"{block}: {BLOCKS[block]}" for block in used)
    text = (
        f"data: {{source: a.csv, target: y, inputs: [a, b, c, d]}}\nepochs: 1\n"
        f"blocks: {{{blocks}}}\nlayers: {layers}\n"
    )
    spec = build_spec(parse_source(text, file=Path("net.yaml")))
    features = InputSpec(shape=(4,), dtype="float32", columns=COLUMNS)
    return build_model(spec, {"features": features})


@pytest.mark.parametrize("name", NETWORKS)
def test_plain_keras_loads_it_and_onnx_predicts_the_same(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = _build(name)
    rows = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    expected = np.asarray(model(rows))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(loaded(rows)), expected, rtol=1e-6)
    export = export_onnx(loaded, tmp_path / "model.onnx", sample={"features": rows})
    assert (export.writer, export.reason) == ("dlcli", None)
    assert export.difference < 1e-5


def test_a_shared_block_has_one_set_of_weights_and_two_uses_have_two() -> None:
    siamese, twice = _build("siamese"), _build("residual")
    assert siamese.count_params() == (2 * 5 + 5) + (5 * 3 + 3) + 7
    assert twice.count_params() == 2 * 2 * (4 * 4 + 4) + 5


def test_columns_arrive_in_the_order_of_their_names() -> None:
    model = _build("columns")
    model.get_layer("l").set_weights([np.array([[1.0, 0, 0], [0, 1, 0]]), np.zeros(3)])
    inner = keras.Model(model.inputs[0], model.get_layer("concatenate").output)
    row = np.array([[1.0, 2, 3, 4]], np.float32)
    assert np.asarray(inner(row)).tolist() == [[2, 4, 1, 0, 3]]


def test_summaries_show_what_is_inside_and_what_is_used_again() -> None:
    rows = {row.name: row for row in describe_layers(_build("siamese"))}
    assert (rows["l"].layer, rows["l"].num_parameters) == ("encoder", 33)
    assert [inner.layer for inner in rows["l"].layers] == ["Dense", "Dense"]
    assert (rows["r"].layer, rows["r"].num_parameters) == ("l again", 0)
    assert rows["l"].inputs == rows["r"].inputs == ("features",)
    assert rows["concatenate"].inputs == ("l", "r")
    steps = {row.name: row for row in describe_layers(_build("steps"))}
    assert steps["time_distributed"].layer == "TimeDistributed encoder"
    assert len(steps["time_distributed"].layers) == 2
