"""AdamW by groups: what the factors and the decay do to each weight."""

from typing import Any

import keras
import numpy as np
import pytest

from dlcli.custom import GroupedAdamW

RATE = 0.01


def network() -> keras.Model:
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2, name="head")(inputs))


def steps(optimizer: Any, model: keras.Model, count: int = 3) -> dict[str, Any]:
    """Apply the same gradients a few times; return how far every weight went."""
    before = {weight.path: weight.numpy() for weight in model.trainable_weights}
    rng = np.random.default_rng(0)
    for _ in range(count):
        gradients = [rng.normal(size=weight.shape) for weight in model.trainable_weights]
        optimizer.apply(
            [keras.ops.convert_to_tensor(each, "float32") for each in gradients],
            model.trainable_weights,
        )
    return {weight.path: weight.numpy() - before[weight.path] for weight in model.weights}


def test_without_groups_and_decay_it_is_adam() -> None:
    model, twin = network(), network()
    twin.set_weights(model.get_weights())
    ours = steps(GroupedAdamW(RATE, weight_decay=0.0), model)
    kerass = steps(keras.optimizers.Adam(RATE), twin)
    for path in ours:
        np.testing.assert_allclose(ours[path], kerass[path], rtol=1e-6)


def test_a_factor_scales_the_steps_of_its_group_alone() -> None:
    model, twin = network(), network()
    twin.set_weights(model.get_weights())
    plain = steps(GroupedAdamW(RATE, weight_decay=0.0), model)
    grouped = GroupedAdamW(RATE, weight_decay=0.0, learning_rate_factors={"bias": 0.1})
    scaled = steps(grouped, twin)
    np.testing.assert_allclose(scaled["head/bias"], 0.1 * plain["head/bias"], rtol=1e-5)
    np.testing.assert_allclose(scaled["head/kernel"], plain["head/kernel"], rtol=1e-6)


def test_only_the_named_weights_decay_by_their_own_rate() -> None:
    model = network()
    model.set_weights([np.ones((3, 2)), np.ones(2)])
    optimizer = GroupedAdamW(RATE, weight_decay=0.5, learning_rate_factors={"kernel": 2.0})
    zeros = [keras.ops.zeros(weight.shape) for weight in model.trainable_weights]
    optimizer.apply(zeros, model.trainable_weights)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, 1 - 2 * RATE * 0.5, rtol=1e-6)
    np.testing.assert_allclose(bias, 1)


def test_a_pattern_without_weights_is_refused_with_their_names() -> None:
    optimizer = GroupedAdamW(RATE, learning_rate_factors={"scale/*": 6.0})
    with pytest.raises(ValueError, match=r"'scale/\*' matches no weight; there are head/bias"):
        optimizer.build(network().trainable_weights)


def test_it_can_be_written_and_read() -> None:
    optimizer = GroupedAdamW(
        RATE, beta_2=0.95, learning_rate_factors={"bias": 0.1}, weight_decay_on=["head/kernel"]
    )
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
