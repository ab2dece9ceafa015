"""Keras's own fit over batches in the order of the epoch."""

from typing import Any

import numpy as np
import pytest

from dlcli.model.keras_import import load_keras

keras: Any = load_keras("tensorflow")

from dlcli.training import plain
from dlcli.training.batches import Arrays, arrange, permutation
from dlcli.training.plain import fit_plainly

ROWS, BATCH, SEED = 22, 8, 3


def network() -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def part() -> Arrays:
    rng = np.random.default_rng(0)
    return Arrays(inputs={"x": rng.normal(size=(ROWS, 3))}, targets={"y": rng.normal(size=ROWS)})


@pytest.mark.parametrize("shuffle", [True, False])
def test_trains_on_the_batches_of_the_permutation(shuffle: bool) -> None:
    model, other = network(), network()
    fit_plainly(model, part(), None, batch_size=BATCH, epochs=3, seed=SEED, shuffle=shuffle)
    x, y = arrange(other, part())
    for epoch in range(3):
        order = permutation(SEED, epoch, ROWS) if shuffle else np.arange(ROWS)
        for start in range(0, ROWS, BATCH):
            other.train_on_batch(x[order[start : start + BATCH]], y[order[start : start + BATCH]])
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5)


def test_returns_the_logs_of_every_epoch_with_validation() -> None:
    logs, _, seconds, interrupted = fit_plainly(
        network(), part(), part(), batch_size=BATCH, epochs=5, initial_epoch=3, seed=SEED
    )
    assert [sorted(epoch) for epoch in logs] == [["loss", "mae", "val_loss", "val_mae"]] * 2
    assert seconds > 0
    assert not interrupted


@pytest.mark.parametrize(("patience", "batches"), [(-1.0, 2), (60.0, 3)])
def test_an_epoch_ends_before_a_stop_where_that_is_soon(
    monkeypatch: pytest.MonkeyPatch, patience: float, batches: int
) -> None:
    monkeypatch.setattr(plain, "SECONDS_TO_END_AN_EPOCH", patience)
    asked = iter([False, *[True] * 9])
    model = network()
    logs, _, _, interrupted = fit_plainly(
        model,
        part(),
        None,
        batch_size=BATCH,
        epochs=5,
        seed=SEED,
        should_stop=lambda: next(asked),
    )
    assert interrupted
    assert len(logs) == 1
    assert int(model.optimizer.iterations) == batches


def test_order_of_an_epoch_depends_on_seed_and_epoch_alone() -> None:
    order = permutation(7, 3, 100)
    assert sorted(order) == list(range(100))
    np.testing.assert_array_equal(order, permutation(7, 3, 100))
    assert (order != permutation(7, 4, 100)).any()
    assert (order != permutation(8, 3, 100)).any()
    # Fixed for good: runs that were saved resume in this order.
    assert permutation(0, 0, 8).tolist() == [2, 4, 3, 6, 5, 0, 1, 7]


def test_class_weights_become_row_weights_as_in_keras() -> None:
    model = network()
    one_hot = np.eye(3)[[0, 2, 1, 2]]
    for target in (np.array([0, 2, 1, 2]), np.array([[0], [2], [1], [2]]), one_hot):
        arrays = Arrays(inputs={"x": np.zeros((4, 3))}, targets={"y": target})
        _, _, weights = arrange(model, arrays, class_weight={2: 5.0, 0: 2.0})
        np.testing.assert_array_equal(weights, [2, 5, 1, 5])
