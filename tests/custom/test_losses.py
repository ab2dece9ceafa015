"""Smoothed labels that are whole numbers, against Keras's one-hot ones."""

from typing import Any

import keras
import numpy as np
import pytest

from dlcli.custom import SmoothedSparseCategoricalCrossentropy

CLASSES = np.array([0, 2, 1, 1, 2], np.int32)
WEIGHTS = np.array([1, 2, 3, 1, 0.5], np.float32)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "none"])
def test_it_is_what_keras_gives_for_one_hot_labels(
    from_logits: bool, smoothing: float, reduction: str
) -> None:
    given: Any = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    if not from_logits:
        given = np.exp(given) / np.exp(given).sum(axis=1, keepdims=True)
    arguments: dict[str, Any] = {
        "label_smoothing": smoothing,
        "from_logits": from_logits,
        "reduction": reduction,
    }
    ours = SmoothedSparseCategoricalCrossentropy(**arguments)(CLASSES, given, WEIGHTS)
    keras_own = keras.losses.CategoricalCrossentropy(**arguments)
    one_hot = np.eye(3, dtype=np.float32)[CLASSES]
    np.testing.assert_allclose(ours, keras_own(one_hot, given, WEIGHTS), rtol=1e-5)


def test_it_is_written_and_read_by_keras() -> None:
    written = keras.losses.serialize(SmoothedSparseCategoricalCrossentropy(0.2, from_logits=True))
    loss = keras.losses.deserialize(written)
    assert (loss.label_smoothing, loss.from_logits) == (0.2, True)


def test_a_share_of_all_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 0 or more and below 1"):
        SmoothedSparseCategoricalCrossentropy(1.0)
