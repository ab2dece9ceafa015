"""Scoring through Keras: the same arrays in and out as the ONNX scorer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.errors import RunError
from dlcli.model.keras_import import load_keras

keras: Any = load_keras("tensorflow")

from dlcli.bundle.keras_score import KerasScorer


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    one, two = keras.Input((3,), name="features"), keras.Input((1,), name="city", dtype="int32")
    joined = keras.layers.Concatenate()([one, keras.layers.CategoryEncoding(4)(two)])
    outputs = [keras.layers.Dense(1, name="PE")(joined), keras.layers.Dense(2, name="V")(joined)]
    keras.Model([one, two], outputs).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def inputs(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"city": rng.integers(0, 4, (rows, 1)), "features": rng.normal(size=(rows, 3))}


def test_batches_give_every_row_by_name(saved: Path) -> None:
    scorer = KerasScorer.open(saved)
    whole, parts = scorer.predict(inputs(10)), scorer.predict(inputs(10), batch_rows=3)
    assert {name: array.shape for name, array in whole.items()} == {"PE": (10, 1), "V": (10, 2)}
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, atol=1e-6)


def test_wrong_inputs_are_named(saved: Path) -> None:
    with pytest.raises(RunError, match="takes the inputs 'city', 'features', received 'city'"):
        KerasScorer.open(saved).predict({"city": np.zeros((2, 1))})


def test_damaged_file_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:200])
    with pytest.raises(RunError, match=r"model\.keras: not a whole Keras model"):
        KerasScorer.open(saved)


def test_code_inside_a_model_is_refused(tmp_path: Path) -> None:
    taken = keras.Input((3,))
    path = tmp_path / "model.keras"
    keras.Model(taken, keras.layers.Lambda(lambda x: x * 2)(taken)).save(path)
    with pytest.raises(RunError, match="the model holds Python code of its own"):
        KerasScorer.open(path)
