"""Every layer of the catalogue, written in a config: it builds, has its shape, saves and loads."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from dlcli.data.preprocessing import InputSpec
from dlcli.model.keras_import import load_keras
from dlcli.spec import catalog
from dlcli.spec.run import build_spec
from dlcli.spec.source import parse_source

keras = load_keras("tensorflow")

from dlcli.model.build import build_model

REASONS = """
MaxNumBoundingBoxes takes bounding boxes, which no table holds
STFTSpectrogram MelSpectrogram take audio
MixUp CutMix take images together with their labels
GRUCell LSTMCell SimpleRNNCell StackedRNNCells are parts of an RNN layer
HashedCrossing takes several columns of codes
StringLookup TextVectorization take text tensors; text columns arrive as codes
IntegerLookup needs a vocabulary
Equalization cannot be part of a functional model: it raises "part of a cycle"
RandomCrop declares another shape than it gives when it does not train
"""
NOT_FOR_TABLES = {
    word for line in REASONS.splitlines() for word in line.split() if word[:1].isupper()
}

SEQUENCE, IMAGE, VOLUME = [6, 4], [8, 8, 3], [8, 8, 8, 2]

# What a layer's input looks like where it is not the row of eight numbers.
SHAPES = {
    **dict.fromkeys(
        """Conv1D Conv1DTranspose DepthwiseConv1D SeparableConv1D MaxPooling1D AveragePooling1D
        GlobalAveragePooling1D GlobalMaxPooling1D AdaptiveAveragePooling1D AdaptiveMaxPooling1D
        Cropping1D UpSampling1D ZeroPadding1D SpatialDropout1D LSTM GRU SimpleRNN RNN Bidirectional
        TimeDistributed Permute Masking""".split(),
        SEQUENCE,
    ),
    **dict.fromkeys(
        """Conv3D Conv3DTranspose MaxPooling3D AveragePooling3D GlobalAveragePooling3D
        GlobalMaxPooling3D AdaptiveAveragePooling3D AdaptiveMaxPooling3D Cropping3D UpSampling3D
        ZeroPadding3D SpatialDropout3D""".split(),
        VOLUME,
    ),
    "ConvLSTM1D": [4, 8, 2],
    "ConvLSTM2D": [3, 8, 8, 2],
    "ConvLSTM3D": [2, 5, 5, 5, 1],
}

# Layers whose example does not suit these inputs, or that mean nothing without an argument.
ARGUMENTS = {
    "CategoryEncoding": {"num_tokens": 10, "output_mode": "multi_hot"},
    "CategoryEmbedding": {"units": 3, "vocabulary_sizes": [10]},
    "CenterCrop": {"height": 4, "width": 4},
    "Cropping2D": 1,
    "Cropping3D": 1,
    "Discretization": {"bin_boundaries": [0.0, 1.0]},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 8},
    "EnsembleDense": {"units": 3, "members": 2},
    "GroupNormalization": {"groups": 2},
    "Normalization": {"mean": 0.5, "variance": 2.0},
    "RandomCrop": {"height": 4, "width": 4},
    "Embedding": {"input_dim": 10, "output_dim": 3},
    "ReversibleEmbedding": {"input_dim": 10, "output_dim": 3},
}

TWO_INPUTS = {
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract",
}  # fmt: skip
TWO_SEQUENCES = {"AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"}


def _names():
    usable = [name for name in catalog.names("layer") if not catalog.find("layer", name).refused]
    return [name for name in usable if name not in NOT_FOR_TABLES]


def _arguments(name):
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    required = [a for a in catalog.find("layer", name).arguments if a.required]
    return {argument.name: argument.example for argument in required}


def _layers(name):
    shape = SHAPES.get(name, IMAGE if _is_for_images(name) else None)
    arguments = _arguments(name)
    if name in TWO_INPUTS | TWO_SEQUENCES:
        side = [6, 4] if name in TWO_SEQUENCES else [8]
        taken = ["a", "b", "a"] if name == "GroupQueryAttention" else ["a", "b"]
        start = [
            {"Reshape": {"target_shape": side, "name": "a", "inputs": "features"}},
            {"Rescaling": {"scale": 0.5, "name": "b", "inputs": "a"}},
        ]
        return [*start, {name: {**arguments, "inputs": taken}}], side
    written = {name: arguments} if arguments else name
    after = [{"LSTM": 2}] if name == "Masking" else []
    return [{"Reshape": {"target_shape": shape or [8]}}, written, *after], shape or [8]


def _is_for_images(name):
    return (
        "2D" in name
        or name.startswith("Random")
        or name in {"CenterCrop", "Resizing", "AugMix", "AutoContrast", "RandAugment"}
        or name in {"Solarization", "ContrastLimitedAdaptiveHistogramEqualization"}
    )


def _spec(layers):
    layers = [*layers, "Flatten", {"Dense": 1}]
    values = {"data": {"source": "a.csv", "target": "y"}, "epochs": 1, "layers": layers}
    text = yaml.safe_dump(values, sort_keys=False)
    return build_spec(parse_source(text, file=Path("net.yaml")))


@pytest.mark.parametrize("name", _names())
def test_a_layer_builds_saves_and_predicts_the_same_after_loading(name, tmp_path):
    layers, shape = _layers(name)
    inputs = {"features": InputSpec(shape=(int(np.prod(shape)),), dtype="float32")}
    model = build_model(_spec(layers), inputs)
    rng = np.random.default_rng(0)
    rows = rng.uniform(0, 5, size=(3, int(np.prod(shape)))).astype(np.float32)
    before = np.asarray(model(rows, training=False))
    assert before.shape == (3, 1)
    assert np.isfinite(before).all()
    path = tmp_path / "model.keras"
    model.save(path)
    after = np.asarray(keras.models.load_model(path)(rows, training=False))
    assert after == pytest.approx(before, abs=1e-6)


def test_the_layers_left_out_exist():
    assert set(catalog.names("layer")) >= NOT_FOR_TABLES
