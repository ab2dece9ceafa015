"""Compiled epochs against Keras's own loops; DLCLI_TEST_BACKEND chooses the backend."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.model.keras_import import load_keras

BACKEND = os.environ.get("DLCLI_TEST_BACKEND", "tensorflow")
keras: Any = load_keras(BACKEND)

from keras import layers, optimizers  # noqa: E402

from dlcli.training import epochs as epochs_module  # noqa: E402
from dlcli.training.batches import arrange, permutation  # noqa: E402
from dlcli.training.epochs import Arrays, EpochsResult, train_epochs  # noqa: E402

ROWS, BATCH, EPOCHS = 70, 16, 3  # four full batches and one of six rows
SEED = 5
# float32 sums taken in another order; Adam's square roots widen the difference over the steps.
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}

tensorflow_only = pytest.mark.skipif(BACKEND != "tensorflow", reason="asked of TensorFlow")


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network and what it is trained with."""

    build: Callable[[], Any]
    loss: Any = "mse"
    optimizer: Callable[[], Any] = lambda: optimizers.Adam(1e-2)
    metrics: Any = field(default_factory=lambda: ["mae"])
    compile_options: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=lambda: {"x": "floats"})
    targets: dict[str, str] = field(default_factory=lambda: {"y": "number"})
    class_weight: dict[int, float] | None = None
    weighted: bool = False

    def compiled(self) -> Any:
        keras.utils.set_random_seed(1)
        model = self.build()
        model.compile(
            optimizer=self.optimizer(),
            loss=self.loss,
            metrics=self.metrics,
            jit_compile=True,
            **self.compile_options,
        )
        return model

    def part(self, rows: int, seed: int) -> Arrays:
        rng = np.random.default_rng(seed)
        made = {
            "floats": lambda: rng.normal(size=(rows, 4)).astype("float32"),
            "series": lambda: rng.normal(size=(rows, 9, 2)).astype("float32"),
            "tokens": lambda: rng.integers(0, 12, size=(rows, 6)).astype("int32"),
            "number": lambda: rng.normal(size=(rows, 1)).astype("float32"),
            "binary": lambda: rng.integers(0, 2, size=(rows, 1)).astype("float32"),
            "classes": lambda: rng.integers(0, 3, size=(rows,)).astype("int32"),
        }
        return Arrays(
            inputs={name: made[kind]() for name, kind in self.inputs.items()},
            targets={name: made[kind]() for name, kind in self.targets.items()},
            sample_weight=rng.uniform(0.5, 2, size=rows).astype("float32")
            if self.weighted
            else None,
        )


def stack(*body: Any, shape: tuple[int, ...] = (4,), dtype: str = "float32", last: int = 1) -> Any:
    return keras.Sequential([keras.Input(shape, dtype=dtype), *body, layers.Dense(last)])


def two_outputs() -> Any:
    inputs = keras.Input((4,), name="x")
    trunk = layers.Dense(6, activation="relu")(inputs)
    outputs = {"a": layers.Dense(1, name="a")(trunk), "b": layers.Dense(1, name="b")(trunk)}
    return keras.Model(inputs, outputs)


def two_outputs_listed() -> Any:
    inputs = keras.Input((4,), name="x")
    trunk = layers.Dense(6, activation="relu")(inputs)
    return keras.Model(inputs, [layers.Dense(1, name="a")(trunk), layers.Dense(1, name="b")(trunk)])


def several_inputs() -> Any:
    numbers = keras.Input((4,), name="numbers")
    words = keras.Input((6,), dtype="int32", name="words")
    embedded = layers.Flatten()(layers.Embedding(12, 3)(words))
    joined = layers.Concatenate()([layers.Dense(5, activation="tanh")(numbers), embedded])
    return keras.Model({"numbers": numbers, "words": words}, layers.Dense(1, name="y")(joined))


CLASSES: dict[str, Any] = {
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
    "targets": {"y": "classes"},
}

NETWORKS = {
    "dense": Network(build=lambda: stack(layers.Dense(8, activation="relu"))),
    "dropout": Network(build=lambda: stack(layers.Dense(8), layers.Dropout(0.3))),
    "batch norm": Network(build=lambda: stack(layers.Dense(8), layers.BatchNormalization())),
    "regularizers": Network(
        build=lambda: stack(
            layers.Dense(8, kernel_regularizer=keras.regularizers.L1(1e-2)),
            layers.Dense(8, kernel_regularizer="l2", activity_regularizer="l2"),
        )
    ),
    "max norm": Network(
        build=lambda: stack(layers.Dense(8, kernel_constraint=keras.constraints.MaxNorm(0.5)))
    ),
    "exponential decay": Network(
        build=lambda: stack(layers.Dense(8)),
        optimizer=lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(1e-2, 3, 0.8)),
    ),
    "cosine decay": Network(
        build=lambda: stack(layers.Dense(8)),
        optimizer=lambda: optimizers.SGD(optimizers.schedules.CosineDecay(1e-2, 12)),
    ),
    "two outputs": Network(
        build=two_outputs,
        loss={"a": "mse", "b": "mae"},
        metrics={"a": ["mae"], "b": ["mse"]},
        compile_options={"loss_weights": {"a": 1.0, "b": 0.3}},
        targets={"a": "number", "b": "number"},
        weighted=True,
    ),
    "two outputs in a list": Network(
        build=two_outputs_listed,
        loss=["mse", "mae"],
        metrics=[["mae"], []],
        targets={"b": "number", "a": "number"},
    ),
    "class weights": Network(
        build=lambda: stack(
            layers.Dense(8, activation="relu"), layers.Dense(3), layers.Softmax(), last=3
        ),
        loss=lambda y, p: keras.losses.sparse_categorical_crossentropy(y, p, from_logits=True),
        metrics=["accuracy"],
        targets={"y": "classes"},
        class_weight={0: 1.0, 1: 4.0},
    ),
    "sample weights": Network(
        build=lambda: stack(layers.Dense(8, activation="tanh")),
        compile_options={"weighted_metrics": ["mse"]},
        weighted=True,
    ),
    "conv": Network(
        build=lambda: stack(
            layers.Conv1D(4, 3, activation="relu"),
            layers.MaxPooling1D(2),
            layers.GlobalAveragePooling1D(),
            shape=(9, 2),
        ),
        inputs={"x": "series"},
    ),
    "embedding": Network(
        build=lambda: stack(
            layers.Embedding(12, 4), layers.GlobalAveragePooling1D(), shape=(6,), dtype="int32"
        ),
        inputs={"x": "tokens"},
    ),
    "lstm": Network(
        build=lambda: stack(layers.LSTM(4), shape=(9, 2)), inputs={"x": "series"}
    ),
    "clipped": Network(
        build=lambda: stack(layers.Dense(8)),
        optimizer=lambda: optimizers.Adam(1e-2, global_clipnorm=0.1),
    ),
    "moving average": Network(
        build=lambda: stack(layers.Dense(8)),
        optimizer=lambda: optimizers.SGD(
            1e-2, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7
        ),
    ),
    "accumulated": Network(
        build=lambda: stack(layers.Dense(8)),
        optimizer=lambda: optimizers.Adam(1e-2, gradient_accumulation_steps=3),
    ),
    "adamw": Network(
        build=lambda: stack(layers.Dense(8, activation="gelu")),
        optimizer=lambda: optimizers.AdamW(1e-2, weight_decay=1e-2),
    ),
    "momentum": Network(
        build=lambda: stack(layers.Dense(8, activation="selu")),
        optimizer=lambda: optimizers.SGD(1e-2, momentum=0.9, nesterov=True),
    ),
    "noise": Network(build=lambda: stack(layers.GaussianNoise(0.2), layers.Dense(8))),
    "several inputs": Network(
        build=several_inputs, inputs={"numbers": "floats", "words": "tokens"}
    ),
    "wide metric": Network(
        build=lambda: stack(layers.Dense(3), layers.Dense(3, activation="softmax"), last=3),
        loss="categorical_crossentropy",
        metrics=[],
        targets={"y": "number"},
    ),
}
del NETWORKS["wide metric"]


def run(network: Network, *, compiled: bool = True, **options: Any) -> tuple[Any, EpochsResult]:
    model = network.compiled()
    settings: dict[str, Any] = {
        "batch_size": BATCH,
        "epochs": EPOCHS,
        "seed": SEED,
        "class_weight": network.class_weight,
        "compiled": compiled,
    }
    parts = options.pop("parts", (network.part(ROWS, 0), network.part(25, 1)))
    return model, train_epochs(model, *parts, **settings | options)


def assert_same_weights(model: Any, other: Any) -> None:
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, **TOLERANCE)


def assert_same_logs(logs: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [list(epoch) for epoch in logs] == [list(epoch) for epoch in expected]
    for epoch, other in zip(logs, expected, strict=True):
        for name, value in epoch.items():
            np.testing.assert_allclose(value, other[name], **TOLERANCE, err_msg=name)


@pytest.mark.parametrize("name", NETWORKS)
def test_gives_the_weights_and_logs_of_keras(name: str) -> None:
    network = NETWORKS[name]
    model, result = run(network)
    assert (result.path, result.reason) == ("compiled", None)
    plain, expected = run(network, compiled=False)
    assert expected.path == "keras"
    assert_same_weights(model, plain)
    assert_same_logs(result.history, expected.history)
