from pathlib import Path

import numpy as np
import pytest

from dlcli.data.preprocessing import InputSpec
from dlcli.errors import SpecError
from dlcli.model.keras_import import load_keras
from dlcli.spec.run import build_spec
from dlcli.spec.source import parse_source

keras = load_keras("tensorflow")

from dlcli.bundle.export import export_onnx
from dlcli.model.build import build_model
from dlcli.model.describe import describe_layers

FEATURES = {"features": InputSpec(shape=(4,), dtype="float32")}


def _spec(layers, *, target="y", data=""):
    text = f"data: {{source: a.csv, target: {target}{data}}}\nepochs: 1\nlayers:\n{layers}"
    return build_spec(parse_source(text, file=Path("net.yaml")))


def _build(layers, inputs=None, **keys):
    return build_model(_spec(layers, **keys), inputs or FEATURES)


def test_layers_follow_each_other_and_the_last_is_named_like_the_target():
    model = _build("- Dense: {units: 8, activation: relu}\n- Dropout: 0.5\n- Dense: 1\n")
    assert [type(layer).__name__ for layer in model.layers] == [
        "InputLayer",
        "Dense",
        "Dropout",
        "Dense",
    ]
    assert model.layers[-1].name == "y"
    assert model.layers[1].activation.__name__ == "relu"


def test_branches_meet_in_a_merge_layer():
    model = _build(
        """
- Dense: {units: 3, name: a}
- Dense: {units: 5, name: b, inputs: features}
- Concatenate: {inputs: [a, b]}
- Dense: 1
"""
    )
    concatenate = model.layers[-2]
    assert concatenate.output.shape == (None, 8)


def test_two_outputs_come_as_a_dictionary_by_target():
    model = _build(
        """
- Dense: {units: 3, name: trunk}
- Dense: {units: 1, name: PE}
- Dense: {units: 1, name: V, inputs: trunk}
""",
        target="[PE, V]",
    )
    given = model(np.zeros((2, 4), np.float32))
    assert {name: tuple(value.shape) for name, value in given.items()} == {
        "PE": (2, 1),
        "V": (2, 1),
    }


def test_a_column_of_codes_arrives_under_its_own_name():
    inputs = {
        **FEATURES,
        "job title": InputSpec(shape=(), dtype="int32", vocabulary_size=7),
    }
    model = _build(
        """
- Embedding: {input_dim: 7, output_dim: 2, inputs: job title, name: job}
- Concatenate: {inputs: [job, features]}
- Dense: 1
""",
        inputs,
        data=", columns: {job title: {encode: ordinal}}",
    )
    assert len(model.inputs) == 2


def test_nested_components_become_keras_objects():
    model = _build(
        "- Dense: {units: 1, kernel_regularizer: {L2: 0.01}, "
        "kernel_initializer: {Constant: 0.5}, kernel_constraint: {MaxNorm: 2}}\n"
    )
    dense = model.layers[-1]
    assert dense.kernel_regularizer.l2 == pytest.approx(0.01)
    assert float(np.asarray(dense.kernel)[0, 0]) == 0.5
    assert type(dense.kernel_constraint).__name__ == "MaxNorm"


def test_a_layer_that_does_not_fit_is_named_with_its_place():
    with pytest.raises(SpecError) as caught:
        _build("- Conv1D: {filters: 2, kernel_size: 3}\n- Flatten\n- Dense: 1\n")
    assert "net.yaml:4:3: Conv1D needs (rows, steps, channels), got (rows, ?)" in str(caught.value)


def test_what_keras_alone_finds_wrong_is_told_at_the_layer():
    with pytest.raises(SpecError) as caught:
        _build("- Reshape: [4, 1]\n- LSTM: {units: 2, stateful: true}\n- Dense: 1\n")
    assert "net.yaml:5:3: LSTM does not fit its input of shape (rows, 4, 1)" in str(caught.value)


def test_an_output_that_is_no_row_of_numbers_is_refused():
    with pytest.raises(SpecError, match=r"needs \(rows, units\), got \(rows, 4, 1\)"):
        _build("- Reshape: [4, 1]\n- Dense: 1\n")


def test_with_several_inputs_the_first_layer_must_choose():
    inputs = {**FEATURES, "job": InputSpec(shape=(), dtype="int32")}
    data = ", columns: {job: {encode: ordinal}}"
    with pytest.raises(SpecError, match="must say which input it takes: features, job"):
        _build("- Dense: 1\n", inputs, data=data)


def test_an_input_that_no_layer_takes_is_refused():
    inputs = {**FEATURES, "job": InputSpec(shape=(), dtype="int32")}
    data = ", columns: {job: {encode: ordinal}}"
    with pytest.raises(SpecError, match="no layer takes the input 'job'"):
        _build("- Dense: {units: 1, inputs: features}\n", inputs, data=data)


@pytest.mark.parametrize("target", ["'a b'", "'强度 (MPa)'", "'1/2'"])
def test_any_column_name_can_be_an_output(target):
    model = _build("- Dense: 1\n", target=target)
    assert model(np.zeros((1, 4), np.float32)).shape == (1, 1)


def test_layers_are_described_with_shapes_and_sources():
    model = _build("- Dense: {units: 8, activation: relu}\n- Dense: 1\n")
    described = list(describe_layers(model))
    assert [(layer.layer, layer.output_shape, layer.num_parameters) for layer in described] == [
        ("InputLayer", (None, 4), 0),
        ("Dense", (None, 8), 40),
        ("Dense", (None, 1), 9),
    ]
    assert described[1].activation == "relu"
    assert described[1].inputs == ("features",)


IMAGES = "- Flatten\n- Dense: 1\n"


def _images(**settings):
    return {"image": InputSpec(shape=(2, 2, 3), dtype="uint8", **settings)}


def test_bytes_become_floats_before_the_first_layer():
    model = _build(IMAGES, _images())
    assert model.inputs[0].dtype == "uint8"
    pixels = np.full((1, 2, 2, 3), 200, np.uint8)
    scaled = model.get_layer("image_scaled")(pixels)
    np.testing.assert_array_equal(np.asarray(scaled), pixels.astype(np.float32))


def test_pixels_are_scaled_channel_by_channel_within_the_network():
    scale, offset = (0.5, 1.0, 2.0), (0.0, -1.0, 4.0)
    model = _build(IMAGES, _images(scale=scale, offset=offset))
    pixels = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    scaled = np.asarray(model.get_layer("image_scaled")(pixels))
    np.testing.assert_allclose(scaled, pixels * np.array(scale) + np.array(offset))


def test_the_scaling_layer_keeps_clear_of_names_in_the_config():
    layers = "- Flatten: {name: image_scaled}\n- Dense: 1\n"
    model = _build(layers, _images())
    assert [layer.name for layer in model.layers][1:3] == ["image_scaled1", "image_scaled"]


def test_a_saved_network_takes_bytes_and_scales_them(tmp_path):
    model = _build(IMAGES, _images(scale=(0.1, 0.2, 0.3), offset=(1.0, 2.0, 3.0)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    np.testing.assert_array_equal(loaded(pixels), model(pixels))
    export = export_onnx(model, tmp_path / "model.onnx", sample={"image": pixels})
    assert (export.writer, export.reason) == ("dlcli", None)
