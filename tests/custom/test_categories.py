"""Categories looked up in tables of their own, held by one weight."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

from dlcli.bundle.onnx_layers.network import build_onnx
from dlcli.custom import CategoryEmbedding

ROWS = 7


@pytest.mark.parametrize("shape", [(), (5,)], ids=["rows", "windows"])
def test_every_input_has_a_table_of_its_own(shape: tuple[int, ...], tmp_path: Path) -> None:
    sizes = {"colour": 4, "town": 9}
    taken = {name: keras.Input(shape, dtype="int32", name=name) for name in sizes}
    layer = CategoryEmbedding(3, list(sizes.values()), embeddings_initializer="normal")
    model = keras.Model(taken, layer(list(taken.values())))
    rng = np.random.default_rng(1)
    codes = {
        name: rng.integers(0, size, (ROWS, *shape)).astype(np.int32) for name, size in sizes.items()
    }
    given = np.asarray(model(codes))
    assert given.shape == (ROWS, *shape, 6)
    table = np.asarray(layer.embeddings)
    assert table.shape == (13, 3)
    expected = np.concatenate([table[:4][codes["colour"]], table[4:][codes["town"]]], axis=-1)
    np.testing.assert_array_equal(given, expected)

    assert_saved_and_exported_alike(model, codes, given, tmp_path)


def assert_saved_and_exported_alike(model: Any, codes: Any, given: Any, folder: Path) -> None:
    """Hold what Keras loads again, and what ONNX Runtime runs, to what the network gave."""
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(codes)), given)
    onnx = build_onnx(model, inputs=list(codes), outputs=["out"])
    session = onnxruntime.InferenceSession(onnx.SerializeToString())
    (scored,) = session.run(None, codes)
    np.testing.assert_array_equal(scored, given)


def test_members_look_up_vectors_of_their_own(tmp_path: Path) -> None:
    sizes = {"colour": 4, "town": 9}
    taken = {name: keras.Input((), dtype="int32", name=name) for name in sizes}
    layer = CategoryEmbedding(3, list(sizes.values()), embeddings_initializer="normal", members=2)
    model = keras.Model(taken, layer(list(taken.values())))
    rng = np.random.default_rng(1)
    codes = {name: rng.integers(0, size, ROWS).astype(np.int32) for name, size in sizes.items()}
    given = np.asarray(model(codes))
    assert given.shape == (ROWS, 2, 6)
    table = np.asarray(layer.embeddings)
    assert table.shape == (13, 2, 3)
    for member in range(2):
        own = table[:, member]
        expected = [own[:4][codes["colour"]], own[4:][codes["town"]]]
        np.testing.assert_array_equal(given[:, member], np.concatenate(expected, axis=-1))

    assert_saved_and_exported_alike(model, codes, given, tmp_path)


def test_members_take_one_code_a_row() -> None:
    with pytest.raises(ValueError, match="with members takes one code a row"):
        CategoryEmbedding(2, [3], members=2)(keras.Input((5,), dtype="int32"))


def test_one_input_needs_no_list() -> None:
    layer = CategoryEmbedding(2, [3])
    assert layer(np.array([0, 2, 1])).shape == (3, 2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"units": 0}, "units must be 1 or more"),
        ({"vocabulary_sizes": [3, 0]}, "must hold numbers of 1 or more"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CategoryEmbedding(**arguments)


@pytest.mark.parametrize("sizes", [None, [3], [3, 4, 5]])
def test_a_size_for_each_input_is_needed(sizes: Any) -> None:
    taken = [keras.Input((), dtype="int32") for _ in range(2)]
    with pytest.raises(ValueError, match="one for each of its 2 inputs"):
        CategoryEmbedding(2, sizes)(taken)
