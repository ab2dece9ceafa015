"""Categories looked up in one layer, and smoothed labels: from a table to predictions."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import dlcli
from dlcli.errors import DataError

COLOURS, TOWNS = ["blue", "green", "red"], [f"town {number}" for number in range(20)]
ROWS = 200

CONFIG: dict[str, Any] = {
    "data": {
        "source": "memory:",
        "target": "kind",
        "columns": {"colour": {"encode": "ordinal"}, "town": {"encode": "ordinal"}},
        "unseen": "ignore",
        "split": {"test": 40},
        "scale": {"robust": 3},
    },
    "layers": [
        {"CategoryEmbedding": {"units": 4, "inputs": ["colour", "town"], "name": "looks"}},
        {"Concatenate": {"inputs": ["features", "looks"]}},
        {"Dense": {"units": 3, "activation": "softmax"}},
    ],
    "loss": {"SmoothedSparseCategoricalCrossentropy": {"label_smoothing": 0.2}},
    "metrics": ["accuracy"],
    "optimizer": {"Adam": 0.1},
    "epochs": 20,
}


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    rng = np.random.default_rng(2)
    colour = rng.choice(COLOURS, ROWS)
    # What a blue one is depends on its town.
    town = np.concatenate([TOWNS, rng.choice(TOWNS, ROWS - len(TOWNS))])
    kind = np.where(colour == "blue", np.where(town < "town 15", "low", "high"), "none")
    return {"number": rng.normal(size=ROWS), "colour": colour, "town": town, "kind": kind}


@pytest.fixture(scope="module")
def run(table: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dlcli.Run:
    return dlcli.train(CONFIG, table, out=tmp_path_factory.mktemp("looks") / "run")


def test_tables_are_as_large_as_the_data_has_categories(run: dlcli.Run) -> None:
    model = keras.saving.load_model(run.path / "model.keras")
    layer = model.get_layer("looks")
    assert layer.vocabulary_sizes == [4, 21]  # and one for what training has not seen
    assert layer.embeddings.shape == (25, 4)
    assert run.manifest["onnx"]["writer"] == "dlcli"
    assert run.metrics["parts"]["train"]["targets"]["kind"]["Accuracy"] > 0.95


def test_smoothed_labels_keep_probabilities_from_being_sure(run: dlcli.Run) -> None:
    targets = run.metrics["parts"]["train"]
    smoothed = targets["keras"]["loss"]
    # With a fifth of each label spread over three classes, no answer costs less than this.
    least = -(0.8 + 0.2 / 3) * np.log(0.8 + 0.2 / 3) - 2 * 0.2 / 3 * np.log(0.2 / 3)
    assert smoothed > least - 1e-4


def test_an_unseen_category_has_a_vector_of_its_own(run: dlcli.Run) -> None:
    rows = {"number": [0.0] * 3, "colour": ["red", "violet", "pink"], "town": ["town 1"] * 3}
    seen, violet, pink = run.predict_proba(rows)
    np.testing.assert_array_equal(violet, pink)
    assert np.abs(seen - violet).max() > 1e-3


def test_without_a_policy_an_unseen_category_is_an_error(table: Any, tmp_path: Path) -> None:
    strict = {**CONFIG, "epochs": 1, "data": {**CONFIG["data"], "unseen": "error"}}
    run = dlcli.train(strict, table, out=tmp_path / "run")
    assert keras.saving.load_model(run.path / "model.keras").get_layer(
        "looks"
    ).vocabulary_sizes == [
        3,
        20,
    ]
    with pytest.raises(DataError, match="has not seen"):
        run.predict({"number": [0.0], "colour": ["violet"], "town": ["town 1"]})
