"""Every row of the shape table against what Keras itself makes of the same arguments."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from dlcli.model.keras_import import load_keras
from dlcli.spec import catalog
from dlcli.spec.components import Component, ComponentSpec
from dlcli.spec.problems import Problems
from dlcli.spec.shapes.shape import Arguments, MisfitError, Shape
from dlcli.spec.shapes.table import RULES

load_keras("tensorflow")

import keras

from dlcli.model.build import SEPARATE_INPUTS, backend_errors, make_component

FLAT = [(6,), (1,), ()]
STEPS = [(6, 4), (1, 3), (3, 1)]
GRIDS = [(6, 5, 4), (2, 2, 2)]
CUBES = [(4, 5, 6, 2)]
ANY = [(6,), (6, 4), (6, 5, 4)]
PAIRS = [((4,), (4,)), ((4,), (5,)), ((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 4), (1, 4))]


def every(**choices: list[Any]) -> list[dict[str, Any]]:
    """Return every combination of arguments."""
    return [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]


def convolutions(shapes: list[Shape], **more: list[Any]) -> tuple[list[Any], list[Any]]:
    return every(kernel_size=[1, 3], padding=["valid", "same"], **more), [*shapes, (6,)]


GRID: dict[str, tuple[list[dict[str, Any]], list[Any]]] = {
    "Activation": ([{"activation": "relu"}], ANY),
    "ActivityRegularization": ([{}], ANY),
    "AlphaDropout": ([{"rate": 0.1}], ANY),
    "Dropout": ([{"rate": 0.1}], ANY),
    "ELU": ([{}], ANY),
    "GaussianDropout": ([{"rate": 0.1}], ANY),
    "EnsembleDense": (
        every(units=[5], members=[None, 3], shared=[False, True]),
        [(6,), (3, 6), (2, 6), (3, 6, 4)],
    ),
    "FeatureScale": (every(members=[None, 3]), [(6,), (3, 6), (2, 6)]),
    "PeriodicEmbedding": (
        [
            *every(frequencies=[3], units=[None, 2], phase=[False, True], flatten=[False, True]),
            *every(frequencies=[3], units=[2], members=[2], flatten=[False, True]),
        ],
        [(6,), (2, 6), (6, 4)],
    ),
    "PiecewiseLinearEncoding": (
        every(bins=[3], units=[None, 2], keep_numbers=[False, True], members=[None, 2]),
        [(6,), (2, 6), (6, 4)],
    ),
    "GaussianNoise": ([{"stddev": 0.1}], ANY),
    "Identity": ([{}], [*ANY, ()]),
    "LeakyReLU": ([{}], ANY),
    "Masking": ([{}], ANY),
    "ReLU": ([{}], ANY),
    "Rescaling": ([{"scale": 2.0}], ANY),
    "BatchNormalization": (every(axis=[-1, 1, 2, 5]), ANY),
    "LayerNormalization": (every(axis=[-1, 1, [1, 2], 5]), ANY),
    "RMSNormalization": (every(axis=[-1, 1]), ANY),
    "Softmax": (every(axis=[-1, 1]), ANY),
    "UnitNormalization": (every(axis=[-1, 1]), ANY),
    "GroupNormalization": (every(groups=[1, 2, 3, -1]), ANY),
    "PReLU": (every(shared_axes=[None, [1], 1]), ANY),
    "Add": ([{}], [*PAIRS, ((4,), (4,), (4,)), ((4,), (4,), (3,)), ((1,), (4,))]),
    "Average": ([{}], PAIRS),
    "Maximum": ([{}], PAIRS),
    "Minimum": ([{}], PAIRS),
    "Multiply": ([{}], PAIRS),
    "Subtract": ([{}], [*PAIRS, ((4,), (4,), (4,))]),
    "Concatenate": (
        every(axis=[-1, 1, 2, -2]),
        [*PAIRS, ((3, 4), (5, 4)), ((3, 4), (3, 5)), ((4,), (4,), (5,))],
    ),
    "Dot": (
        every(axes=[1, -1, 2, [1, 2], [2, 1]], normalize=[False, True]),
        [((4,), (4,)), ((4,), (5,)), ((3, 4), (3, 4)), ((3, 4), (4, 3)), ((4,), (4, 3))],
    ),
    "Attention": ([{}], [((3, 4), (5, 4)), ((3, 4), (5, 6)), ((3, 4), (5, 6), (5, 4))]),
    "AdditiveAttention": ([{}], [((3, 4), (5, 4)), ((3, 4), (5, 6), (5, 4))]),
    "MultiHeadAttention": (
        every(num_heads=[2], key_dim=[3], output_shape=[None, 7]),
        [((3, 4),), ((3, 4), (5, 6)), ((3, 4), (5, 6), (5, 2)), ((4,),), ((3, 4), (5, 6), (4, 2))],
    ),
    "GroupQueryAttention": (
        [{"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": 2}],
        [((3, 4),), ((3, 4), (5, 4)), ((3, 4), (5, 6)), ((4,),)],
    ),
    "Dense": (every(units=[1, 7]), [*ANY, ()]),
    "EinsumDense": (
        [
            {"equation": "ab,bc->ac", "output_shape": 5},
            {"equation": "abc,cd->abd", "output_shape": [None, 7]},
            {"equation": "abc,cd->abd", "output_shape": [6, 7]},
            {"equation": "abc,cd->abd", "output_shape": [5, 7]},
        ],
        [(6,), (6, 4)],
    ),
    "Embedding": ([{"input_dim": 9, "output_dim": 3}], [(), (6,), (6, 4)]),
    "ReversibleEmbedding": ([{"input_dim": 9, "output_dim": 3}], [(6,), (6, 4)]),
    "CategoryEmbedding": (
        [
            {"units": 3, "vocabulary_sizes": [4, 5]},
            {"units": 1, "vocabulary_sizes": [2]},
            {"units": 3, "vocabulary_sizes": [4, 5], "members": 2},
        ],
        [((), ()), ((6,), (6,)), ((6,), (4,)), ((6,),)],
    ),
    "CategoryEncoding": (
        every(num_tokens=[5], output_mode=["one_hot", "multi_hot", "count"]),
        [(), (1,), (6,)],
    ),
    "Flatten": (every(data_format=[None, "channels_first"]), [*ANY, ()]),
    "Reshape": (
        every(target_shape=[[2, 3], [3, -1], [-1], [24], [4, 4], [6, 1], [-1, 1], [-1, -1], [5, -1]]),
        [(6,), (6, 4), (1,)],
    ),
    "Permute": (every(dims=[[2, 1], [1, 2], [1], [3, 1, 2], [2, 3]]), ANY),
    "RepeatVector": (every(n=[3]), ANY),
    "Cropping1D": (every(cropping=[1, 0, [2, 1], [3, 3]]), [*STEPS, (6,)]),
    "Cropping2D": (every(cropping=[1, [1, 2], [[1, 0], [0, 2]]]), [*GRIDS, (6,)]),
    "Cropping3D": (every(cropping=[1, [1, 2, 1], [[1, 0], [0, 2], [1, 1]]]), [*CUBES, (6,)]),
    "ZeroPadding1D": (every(padding=[1, [2, 1]]), [*STEPS, (6,)]),
    "ZeroPadding2D": (
        every(padding=[1, [1, 2], [[1, 0], [0, 2]]], data_format=[None, "channels_first"]),
        [*GRIDS, (6,)],
    ),
    "ZeroPadding3D": (every(padding=[1, [1, 2, 1]]), [*CUBES, (6,)]),
    "UpSampling1D": (every(size=[1, 3]), [*STEPS, (6,)]),
    "UpSampling2D": (every(size=[2, [1, 3]], data_format=[None, "channels_first"]), [*GRIDS, (6,)]),
    "UpSampling3D": (every(size=[2, [1, 3, 2]]), [*CUBES, (6,)]),
    "Resizing": ([{"height": 3, "width": 2}], [*GRIDS, (6,)]),
    "CenterCrop": ([{"height": 2, "width": 2}], GRIDS),
    "RandomCrop": ([{"height": 2, "width": 2}], GRIDS),
    "Conv1D": (
        [
            *convolutions(STEPS, filters=[4], strides=[1, 2])[0],
            *every(filters=[4, 3], kernel_size=[[2], [1, 2]], groups=[1, 2]),
            {"filters": 4, "kernel_size": 2, "padding": "causal"},
            {"filters": 4, "kernel_size": 2, "dilation_rate": 2},
            {"filters": 4, "kernel_size": 2, "dilation_rate": 2, "strides": 2},
        ],
        [*STEPS, (6,), (6, 5, 4)],
    ),
    "Conv2D": (
        [
            *every(filters=[3], kernel_size=[2, [1, 3]], strides=[1, [2, 1]], padding=["valid"]),
            {"filters": 3, "kernel_size": 3, "padding": "same", "strides": 2},
            {"filters": 3, "kernel_size": 2, "dilation_rate": 2},
        ],
        [*GRIDS, (6, 4)],
    ),
    "Conv3D": (every(filters=[3], kernel_size=[2], strides=[1, 2]), [*CUBES, (6, 5, 4)]),
    "Conv1DTranspose": (
        every(
            filters=[3], kernel_size=[2, 3], strides=[1, 2], padding=["valid", "same"],
            output_padding=[None, 1],
        ),
        [*STEPS, (6,)],
    ),
    "Conv2DTranspose": (
        every(filters=[3], kernel_size=[2], strides=[1, [2, 1]], dilation_rate=[1, 2]), GRIDS,
    ),
    "Conv3DTranspose": (every(filters=[3], kernel_size=[2], strides=[2]), CUBES),
    "SeparableConv1D": convolutions(STEPS, filters=[4], depth_multiplier=[1, 2]),
    "SeparableConv2D": convolutions(GRIDS, filters=[4]),
    "DepthwiseConv1D": convolutions(STEPS, depth_multiplier=[1, 2]),
    "DepthwiseConv2D": convolutions(GRIDS, depth_multiplier=[1, 2]),
    **{
        f"{kind}Pooling1D": (
            every(pool_size=[1, 2, 4], strides=[None, 1], padding=["valid", "same"]),
            [*STEPS, (6,)],
        )
        for kind in ("Max", "Average")
    },
    **{
        f"{kind}Pooling2D": (
            every(pool_size=[2, [1, 3]], strides=[None, 1], data_format=[None]), [*GRIDS, (6, 4)]
        )
        for kind in ("Max", "Average")
    },
    **{
        f"{kind}Pooling3D": (every(pool_size=[2], padding=["valid", "same"]), [*CUBES, (6, 5, 4)])
        for kind in ("Max", "Average")
    },
    **{
        f"Adaptive{kind}Pooling{rank}D": ([{"output_size": 2}], shapes)
        for kind in ("Max", "Average")
        for rank, shapes in ((1, [(6, 4)]), (2, [(6, 5, 4)]), (3, CUBES))
    },
    **{
        f"Global{kind}Pooling{rank}D": (
            every(keepdims=[False, True], data_format=[None, "channels_first"]), [*shapes, (6,)]
        )
        for kind in ("Max", "Average")
        for rank, shapes in ((1, STEPS), (2, GRIDS), (3, CUBES))
    },
    **{
        f"SpatialDropout{rank}D": ([{"rate": 0.1}], [*shapes, (6,)])
        for rank, shapes in ((1, STEPS), (2, GRIDS), (3, CUBES))
    },
    **{
        name: (every(units=[3], return_sequences=[False, True]), [(6, 4), (6,), (6, 5, 4)])
        for name in ("LSTM", "GRU", "SimpleRNN")
    },
    "RNN": (
        [
            {"cell": {"LSTMCell": 3}},
            {"cell": {"GRUCell": 3}, "return_sequences": True},
            {"cell": [{"GRUCell": 3}, {"SimpleRNNCell": 5}]},
            {"cell": {"StackedRNNCells": {"cells": [{"GRUCell": 3}, {"SimpleRNNCell": 5}]}}},
        ],
        [(6, 4), (6,)],
    ),
    "Bidirectional": (
        [
            {"layer": {"LSTM": 3}},
            {"layer": {"GRU": {"units": 3, "return_sequences": True}}, "merge_mode": "sum"},
            {"layer": {"Dense": 3}},
        ],
        [(6, 4), (6,)],
    ),
    "TimeDistributed": (
        [
            {"layer": {"Dense": 3}},
            {"layer": "Flatten"},
            {"layer": {"Conv1D": {"filters": 3, "kernel_size": 2}}},
        ],
        [(6, 4), (6, 5, 4), (6,), (6, 1, 4)],
    ),
    "SpectralNormalization": ([{"layer": {"Dense": 3}}], [(6,), (6, 4)]),
    "ConvLSTM1D": (
        every(filters=[3], kernel_size=[2], return_sequences=[False, True]), [(3, 6, 4), (6, 4)]
    ),
    "ConvLSTM2D": (
        every(filters=[3], kernel_size=[2, 6], padding=["valid", "same"]), [(3, 5, 6, 2), (6, 4)]
    ),
    "ConvLSTM3D": ([{"filters": 2, "kernel_size": 2}], [(2, 3, 3, 3, 1)]),
}  # fmt: skip
"""Per layer its combinations of arguments, and input shapes without the rows."""

IMAGES = sorted(set(RULES) - set(GRID))
"""Random changes to images, which all pass the shape on."""
TAKES_SEVERAL = {
    *("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Concatenate", "Dot"),
    *("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"),
    "CategoryEmbedding",
}
COMPUTED_TO_TELL = {"Attention", "Concatenate", "EinsumDense", "Resizing"}
"""Layers to which Keras gives shapes that they then cannot compute."""
KERAS_ERRORS = (ValueError, TypeError, IndexError, ZeroDivisionError, KeyError, AttributeError)


def component(name: str, arguments: dict[str, Any]) -> ComponentSpec:
    problems = Problems()
    found = Component("layer").check({name: arguments}, (), problems)
    assert not problems.found, problems.found
    return found


def combinations(name: str) -> Iterator[tuple[ComponentSpec, tuple[Shape, ...]]]:
    arguments, inputs = GRID[name]
    for each, shapes in itertools.product(arguments, inputs):
        listed = shapes if name in TAKES_SEVERAL else (shapes,)
        yield component(name, each), tuple((None, *shape) for shape in listed)


def infer(layer: ComponentSpec, shapes: tuple[Shape, ...]) -> Shape | None:
    return RULES[layer.name](Arguments(component=layer, infer=infer), shapes)


def ours(layer: ComponentSpec, shapes: tuple[Shape, ...]) -> Any:
    try:
        return infer(layer, shapes)
    except MisfitError:
        return "misfit"


def computes(layer: ComponentSpec, shapes: tuple[Shape, ...]) -> bool:
    """Tell whether Keras computes one result for each of three rows."""
    taken = [keras.ops.ones((3, *shape[1:])) for shape in shapes]
    try:
        given = make_component(layer)(taken if len(taken) > 1 else taken[0])
    except (*KERAS_ERRORS, *backend_errors()):
        return False
    return bool(given.shape[0] == 3)


def of_keras(layer: ComponentSpec, shapes: tuple[Shape, ...]) -> Any:
    dtype = "int32" if layer.name in ("Embedding", "CategoryEncoding") else "float32"
    taken = [keras.KerasTensor(shape, dtype=dtype) for shape in shapes]
    try:
        made = make_component(layer)
        if layer.name in SEPARATE_INPUTS:
            given = made(*taken) if len(taken) > 1 else made(taken[0], taken[0])
        else:
            given = made(taken if len(taken) > 1 else taken[0])
    except KERAS_ERRORS:
        return "misfit"
    return tuple(given.shape) if isinstance(given, keras.KerasTensor) else "several"


@pytest.mark.parametrize("name", sorted(GRID))
def test_shapes_and_misfits_are_those_of_keras(name: str) -> None:
    shapes = {str(each): (ours(*each), of_keras(*each)) for each in combinations(name)}
    differ = {key: pair for key, pair in shapes.items() if None is not pair[0] != pair[1]}
    if name in COMPUTED_TO_TELL:
        differ = {
            str(each): "works"
            for each in combinations(name)
            if str(each) in differ and computes(*each)
        }
    assert differ == {}
    assert any(isinstance(mine, tuple) for mine, _ in shapes.values())


@pytest.mark.parametrize("name", sorted(GRID))
def test_an_unknown_size_neither_misfits_nor_misleads(name: str) -> None:
    for layer, shapes in combinations(name):
        known = ours(layer, shapes)
        for blurred in _blurred(shapes) if isinstance(known, tuple) else ():
            found = ours(layer, blurred)
            assert found != "misfit", (layer, blurred)
            if found is not None:
                assert len(found) == len(known)
                pairs = zip(found, known, strict=True)
                assert all(size in (None, exact) for size, exact in pairs), (layer, blurred, found)


def _blurred(shapes: tuple[Shape, ...]) -> Iterator[tuple[Shape, ...]]:
    """Yield the shapes with all sizes unknown, and with each one."""
    yield tuple((None,) * len(shape) for shape in shapes)
    for which, shape in enumerate(shapes):
        for axis in range(1, len(shape)):
            one = (*shape[:axis], None, *shape[axis + 1 :])
            yield (*shapes[:which], one, *shapes[which + 1 :])


@pytest.mark.parametrize("name", IMAGES)
def test_changes_to_images_keep_the_shape(name: str) -> None:
    entry = catalog.find("layer", name)
    assert entry is not None
    required = {item.name: item.example for item in entry.arguments if item.required}
    made = make_component(component(name, required))
    assert tuple(made.compute_output_shape((None, 8, 8, 3))) == (None, 8, 8, 3)
    assert ours(component(name, required), ((None, 8, 8, 3),)) == (None, 8, 8, 3)


def test_layers_of_the_table_are_in_the_catalogue() -> None:
    assert set(RULES) <= set(catalog.names("layer"))


def test_what_has_no_row_is_unknown_on_purpose() -> None:
    usable = {name for name in catalog.names("layer") if not catalog.find("layer", name).refused}
    assert usable - set(RULES) == {
        # They give words, spectra, or several things at once.
        *("Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization"),
        *("Discretization", "Normalization", "MelSpectrogram", "STFTSpectrogram"),
        *("AugMix", "RandAugment", "MaxNumBoundingBoxes", "Pipeline"),
        # Parts of an RNN.
        *("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"),
    }
