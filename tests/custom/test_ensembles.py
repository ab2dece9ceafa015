"""Ensembles in one network: weights of members, what is trained, what is judged, what is saved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, losses

from dlcli.custom import EnsembleDense, EnsembleModel, FeatureScale, PeriodicEmbedding, RandomSigns

ROWS, MEMBERS = 6, 3


def network(units: int, mean: Any, activation: Any = None) -> EnsembleModel:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((4,))
    outputs = EnsembleDense(units, activation=activation, name="y")(
        EnsembleDense(5, MEMBERS, activation="tanh")(inputs)
    )
    model = EnsembleModel(inputs, outputs)
    model.means = {"y": mean}
    return model


@pytest.fixture
def rows() -> Any:
    return np.random.default_rng(1).normal(size=(ROWS, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "twin"),
    [
        (
            EnsembleDense(50, MEMBERS, kernel_initializer=keras.initializers.HeNormal(seed=5)),
            layers.Dense(50, kernel_initializer=keras.initializers.HeNormal(seed=5)),
        ),
        (
            PeriodicEmbedding(9, 50, members=MEMBERS, kernel_initializer=RandomSigns(seed=5)),
            PeriodicEmbedding(9, 50, kernel_initializer=RandomSigns(seed=5)),
        ),
    ],
)
def test_members_start_like_networks_of_their_own(layer: Any, twin: Any) -> None:
    for each in (layer, twin):
        each.build((None, 40))
    first, *others = np.asarray(layer.kernel)
    np.testing.assert_array_equal(first, np.asarray(twin.kernel))
    for other in others:
        assert np.abs(other - first).max() > 0
        assert np.std(other) == pytest.approx(np.std(first), rel=0.1)


def test_one_kernel_is_told_apart_by_signs_where_members_begin(rows: Any) -> None:
    begins, goes_on = EnsembleDense(4, MEMBERS, shared=True), EnsembleDense(4, shared=True)
    given = np.asarray(goes_on(begins(rows)))
    assert given.shape == (ROWS, MEMBERS, 4)
    assert set(np.unique(np.asarray(begins.input_factors))) == {-1.0, 1.0}
    for ones in (begins.output_factors, goes_on.input_factors, goes_on.output_factors):
        np.testing.assert_array_equal(np.asarray(ones), 1)
    for one in range(MEMBERS):
        weighed = (rows * np.asarray(begins.input_factors)[one]) @ np.asarray(begins.kernel)
        np.testing.assert_allclose(weighed @ np.asarray(goes_on.kernel), given[:, one], atol=1e-5)


def test_a_penalty_counts_for_each_member_as_in_a_network_of_its_own(rows: Any) -> None:
    layer = EnsembleDense(4, MEMBERS, kernel_regularizer=keras.regularizers.L2(0.5))
    layer(rows)
    of_each = [0.5 * (kernel**2).sum() for kernel in np.asarray(layer.kernel)]
    assert float(sum(layer.losses)) == pytest.approx(np.mean(of_each), rel=1e-5)


@pytest.mark.parametrize(
    ("taken", "layer", "told"),
    [
        ((4,), EnsembleDense(2), "needs `members`, because its input has none"),
        ((3, 4), EnsembleDense(2, members=5), "has 5 members, and its input has 3"),
        ((2, 3, 4), EnsembleDense(2, members=2), r"takes a tensor of shape \(rows, numbers\) or"),
        ((2, 3, 4), FeatureScale(members=2), r"with members takes a tensor of shape \(rows, feat"),
        ((3, 4), PeriodicEmbedding(members=2), "has 2 members, and its input has 3"),
    ],
)
def test_inputs_of_other_members_are_refused(taken: Any, layer: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        layer(keras.Input(taken))


def sigmoid(values: Any) -> Any:
    return 1 / (1 + np.exp(-values))


def softmax(values: Any) -> Any:
    exponents = np.exp(values)
    return exponents / exponents.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("mean", "probability"),
    [("values", lambda x: x), ("sigmoid", sigmoid), ("softmax", softmax), ("log", np.exp)],
)
def test_what_is_judged_are_the_mean_probabilities(
    mean: Any, probability: Callable[[Any], Any], rows: Any
) -> None:
    model = network(3, mean)
    given = np.asarray(model(rows), np.float64)
    judged = np.asarray(model._averaged(given.astype(np.float32)), np.float64)
    np.testing.assert_allclose(probability(judged), probability(given).mean(axis=1), rtol=1e-5)


LOSSES: dict[str, tuple[Any, int, Any]] = {
    "row by row": (losses.MeanSquaredError(), 2, None),
    "by the weights": (losses.MeanSquaredError(reduction="mean_with_sample_weight"), 2, None),
    "a sum": (losses.MeanSquaredError(reduction="sum"), 2, None),
    "of the whole batch": (losses.Dice(), 2, "sigmoid"),
    "by its name": ("mae", 2, None),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_training_is_the_mean_of_the_members(name: str, rows: Any) -> None:
    loss, units, activation = LOSSES[name]
    model = network(units, "values", activation)
    model.compile(loss=loss)
    rng = np.random.default_rng(2)
    actual = rng.uniform(size=(ROWS, units)).astype(np.float32)
    weights = rng.uniform(1, 3, size=ROWS).astype(np.float32)
    given = model(rows)
    found = float(model.compute_loss(rows, actual, given, weights, training=True))
    one_by_one = keras.losses.get(loss)
    single = layers.Dense(1)  # which compiles a loss in Keras's own way
    plain = keras.Sequential([keras.Input((4,)), single])
    plain.compile(loss=one_by_one)
    each = [
        float(plain.compute_loss(rows, actual, given[:, member], weights))
        for member in range(MEMBERS)
    ]
    assert found == pytest.approx(np.mean(each), rel=1e-5)
    judged = float(model.compute_loss(rows, actual, given, weights, training=False))
    mean = keras.ops.mean(given, axis=1)
    assert judged == pytest.approx(float(plain.compute_loss(rows, actual, mean, weights)), rel=1e-5)


def test_a_crossentropy_is_as_exact_as_that_of_one_network(rows: Any) -> None:
    model = network(1, "values", "sigmoid")
    model.compile(loss=losses.BinaryCrossentropy())
    bias = model.layers[-1].bias
    bias.assign(np.full(bias.shape, 50.0))
    found = model.compute_loss(rows, np.zeros((ROWS, 1), np.float32), model(rows), training=True)
    assert float(found) > 40  # of probabilities that are 1 in float32, Keras makes 16


def test_plain_keras_opens_it_and_goes_on(rows: Any, tmp_path: Path) -> None:
    model = network(2, "softmax")
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    classes = np.arange(ROWS, dtype=np.int32) % 2
    model.fit(rows, classes, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is EnsembleModel and dict(loaded.means) == {"y": "softmax"}
    np.testing.assert_array_equal(loaded.predict(rows, verbose=0), model.predict(rows, verbose=0))
    judged = loaded.evaluate(rows, classes, verbose=0)
    assert judged == pytest.approx(model.evaluate(rows, classes, verbose=0), rel=1e-6)
    given = softmax(np.asarray(model(rows), np.float64)).mean(axis=1)
    assert judged[0] == pytest.approx(-np.log(given[np.arange(ROWS), classes]).mean(), rel=1e-5)
    assert judged[1] == pytest.approx((given.argmax(axis=1) == classes).mean())
