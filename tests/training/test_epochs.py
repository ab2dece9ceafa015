"""Compiled epochs against Keras's own loops; DLCLI_TEST_BACKEND chooses the backend."""

import functools
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.model.keras_import import load_keras

BACKEND = os.environ.get("DLCLI_TEST_BACKEND", "tensorflow")
keras: Any = load_keras(BACKEND)

from keras import layers, optimizers

from dlcli.custom import (
    EnsembleDense,
    EnsembleModel,
    FeatureScale,
    FlatCosineDecay,
    GroupedAdamW,
    PeriodicEmbedding,
)
from dlcli.training import epochs as epochs_module
from dlcli.training.batches import arrange, permutation
from dlcli.training.epochs import Arrays, EpochsResult, train_epochs
from dlcli.training.kept_networks import Slot
from dlcli.training.values import set_state, state_of

ROWS, BATCH, EPOCHS = 48, 16, 2
SHORT = 6  # rows of a last batch that is short
SEED = 5
# float32 sums taken in another order; Adam's square roots widen the difference over the steps.
TOLERANCE: Any = {"rtol": 2e-4, "atol": 2e-5}

TENSORFLOW = ("tensorflow",)
BOTH = ("tensorflow", "jax")

tensorflow_only = pytest.mark.skipif(BACKEND != "tensorflow", reason="asked of TensorFlow")


@pytest.fixture(autouse=True)
def _without_op_determinism() -> Any:
    """Let `model.fit` use XLA, which it does not once an earlier test asked for determinism."""
    if BACKEND == "tensorflow":
        config: Any = importlib.import_module("tensorflow.python.framework.config")
        config.disable_op_determinism()


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
    random: bool = False
    thorough: tuple[str, ...] = ()
    """Where to train with a short last batch and with validation, which compile as long again."""

    def compiled(self) -> Any:
        keras.utils.set_random_seed(1)
        model = self.build()
        model.compile(
            optimizer=self.optimizer(),
            loss=self.loss,
            metrics=self.metrics,
            # XLA draws other random numbers than TensorFlow's own kernels from the same seed.
            jit_compile=self.random or BACKEND == "jax",
            **self.compile_options,
        )
        return model

    def step_by_step(self) -> Any:
        """The same, which `model.fit` trains eagerly: a few steps take less than their graph.

        Several losses it logs otherwise eagerly, and random numbers are those of XLA in a graph.
        """
        model = self.compiled()
        has_one_loss = len(self.targets) == 1 and len(model.outputs) == 1
        model.run_eagerly = BACKEND == "tensorflow" and has_one_loss and not self.random
        return model

    def part(self, rows: int, seed: int) -> Arrays:
        rng = np.random.default_rng(seed)
        made = {
            "floats": lambda: rng.normal(size=(rows, 4)).astype("float32"),
            "series": lambda: rng.normal(size=(rows, 9, 2)).astype("float32"),
            "images": lambda: rng.integers(0, 256, size=(rows, 8, 8, 3)).astype("uint8"),
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


def augmented(*body: Any) -> Any:
    pixels = layers.Rescaling(1 / 255)
    return stack(pixels, *body, layers.Flatten(), shape=(8, 8, 3), dtype="uint8")


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


MEMBERS = 3


def ensemble() -> Any:
    inputs = keras.Input((4,), name="x")
    trunk = EnsembleDense(6, MEMBERS, activation="tanh")(inputs)
    trunk = EnsembleDense(5, shared=True, factor_initializer="random_normal")(trunk)
    outputs = {"a": EnsembleDense(1, name="a")(trunk), "b": EnsembleDense(3, name="b")(trunk)}
    model = EnsembleModel(inputs, outputs)
    model.means = {"a": "values", "b": "softmax"}
    return model


CLASSES: dict[str, Any] = {
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
    "targets": {"y": "classes"},
}

NETWORKS = {
    "dense": Network(build=lambda: stack(layers.Dense(8, activation="relu"))),
    "dropout": Network(
        thorough=BOTH, build=lambda: stack(layers.Dense(8), layers.Dropout(0.3)), random=True
    ),
    "batch norm": Network(
        thorough=BOTH,
        build=lambda: stack(layers.Dense(8, use_bias=False), layers.BatchNormalization()),
    ),
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
        thorough=BOTH,
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
        build=lambda: stack(layers.LSTM(4), shape=(9, 2)),
        inputs={"x": "series"},
    ),
    "masked words read both ways": Network(
        build=lambda: stack(
            layers.Embedding(12, 4, mask_zero=True),
            layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.LSTM(3),
            shape=(6,),
            dtype="int32",
        ),
        inputs={"x": "tokens"},
    ),
    "convolved words": Network(
        build=lambda: stack(
            layers.Embedding(12, 4),
            layers.Conv1D(4, 3, activation="relu"),
            layers.GlobalMaxPooling1D(),
            shape=(6,),
            dtype="int32",
        ),
        inputs={"x": "tokens"},
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
        thorough=TENSORFLOW,
        build=lambda: stack(layers.Dense(8)),
        optimizer=lambda: optimizers.Adam(1e-2, gradient_accumulation_steps=3),
    ),
    "adamw": Network(
        build=lambda: stack(layers.Dense(8, activation="gelu")),
        optimizer=lambda: optimizers.AdamW(1e-2, weight_decay=1e-2),
    ),
    "embedded numbers in groups": Network(
        build=lambda: stack(FeatureScale(), PeriodicEmbedding(4, 3), layers.Dense(8)),
        optimizer=lambda: GroupedAdamW(
            FlatCosineDecay(1e-2, 20, warmup=0.1),
            weight_decay=1e-2,
            learning_rate_factors={"scale": 6.0, "frequencies": 0.1},
        ),
    ),
    "ensemble": Network(
        thorough=TENSORFLOW,
        build=ensemble,
        loss={
            "a": keras.losses.MeanSquaredError(),
            "b": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
        metrics={"a": ["mae"], "b": ["accuracy"]},
        targets={"a": "number", "b": "classes"},
        weighted=True,
    ),
    "momentum": Network(
        build=lambda: stack(layers.Dense(8, activation="selu")),
        optimizer=lambda: optimizers.SGD(1e-2, momentum=0.9, nesterov=True),
    ),
    "noise": Network(build=lambda: stack(layers.GaussianNoise(0.2), layers.Dense(8)), random=True),
    "images": Network(
        build=lambda: stack(
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.GlobalAveragePooling2D(),
            shape=(8, 8, 3),
            dtype="uint8",
        ),
        inputs={"x": "images"},
    ),
    "augmented": Network(
        build=lambda: augmented(
            layers.RandomFlip("horizontal"),
            layers.RandomContrast(0.2),
            layers.RandomBrightness(0.2, value_range=(0, 1)),
        ),
        inputs={"x": "images"},
        random=True,
    ),
    "several inputs": Network(
        build=several_inputs, inputs={"numbers": "floats", "words": "tokens"}
    ),
}


# What JAX runs through the very code of another network here is asked of TensorFlow alone.
ALIKE_ON_JAX = {
    *("two outputs in a list", "masked words read both ways", "convolved words", "conv"),
    *("momentum", "adamw", "noise", "clipped", "max norm", "exponential decay"),
    *("embedding", "regularizers"),
}

QUICK_NETWORKS = ("batch norm", "dropout", "two outputs")


def run(
    network: Network, *, compiled: bool = True, model: Any = None, **options: Any
) -> tuple[Any, EpochsResult]:
    model = model or network.compiled()
    settings: dict[str, Any] = {
        "batch_size": BATCH,
        "epochs": EPOCHS,
        "seed": SEED,
        "class_weight": network.class_weight,
        "compiled": compiled,
        "uses_xla": True,
    }
    parts = options.pop("parts", (network.part(ROWS, 0), None))
    return model, train_epochs(model, *parts, **settings | options)


@functools.cache
def _dense() -> tuple[Any, list[Any]]:
    model = DENSE.compiled()
    model.optimizer.build(model.trainable_variables)
    return model, state_of(model)


def dense_as_new() -> Any:
    """Return a network whose train step is compiled for the first of the tests that ask for it."""
    model, values = _dense()
    set_state(model, values)
    model.stop_training = False
    return model


def assert_same_weights(model: Any, other: Any) -> None:
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, **TOLERANCE)


def assert_same_logs(logs: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [list(epoch) for epoch in logs] == [list(epoch) for epoch in expected]
    for epoch, other in zip(logs, expected, strict=True):
        for name, value in epoch.items():
            np.testing.assert_allclose(value, other[name], **TOLERANCE, err_msg=name)


@tensorflow_only
@pytest.mark.parametrize("name", QUICK_NETWORKS)
def test_a_short_training_gives_the_same_without_xla(name: str) -> None:
    network = replace(NETWORKS[name], random=False)  # neither side is compiled by XLA
    parts = (network.part(ROWS + SHORT, 0), network.part(BATCH + SHORT, 1))
    model, result = run(network, parts=parts, uses_xla=None)
    assert (result.path, result.uses_xla) == ("compiled", False)
    plain, expected = run(network, parts=parts, compiled=False)
    assert_same_weights(model, plain)
    assert_same_logs(result.history, expected.history)


MOVED = Network(
    build=lambda: augmented(
        layers.RandomTranslation(0.2, 0.2), layers.RandomRotation(0.1), layers.RandomZoom(0.2)
    ),
    inputs={"x": "images"},
)


@tensorflow_only
def test_moved_and_turned_images_train_as_with_keras() -> None:
    """XLA has no form of these layers: both sides run TensorFlow's own kernels."""
    parts = (MOVED.part(ROWS + SHORT, 0), MOVED.part(BATCH + SHORT, 1))
    model, result = run(MOVED, parts=parts)
    assert (result.path, result.uses_xla) == ("compiled", False)
    assert result.reason == "XLA has no form of RandomTranslation"
    plain, expected = run(MOVED, parts=parts, compiled=False)
    assert_same_weights(model, plain)
    assert_same_logs(result.history, expected.history)


@pytest.mark.skipif(BACKEND != "jax", reason="asked of JAX")
@pytest.mark.filterwarnings("ignore:Model doesn't support `jit_compile=True`")
def test_moved_and_turned_images_train_as_with_keras_on_jax() -> None:
    moved = replace(MOVED, build=lambda: augmented(layers.RandomTranslation(0.2, 0.2)))
    model, result = run(moved)
    assert (result.path, result.reason) == ("compiled", None)
    assert_same_weights(model, run(moved, compiled=False)[0])


@tensorflow_only
def test_augmentation_changes_images_while_training_alone() -> None:
    model = MOVED.compiled()
    images = MOVED.part(ROWS, 0).inputs["x"]
    first, second = (model(images, training=True) for _ in range(2))
    assert np.abs(np.asarray(first) - np.asarray(second)).max() > 1e-3
    np.testing.assert_array_equal(model(images, training=False), model.predict(images, verbose=0))


@tensorflow_only
def test_each_member_of_an_ensemble_trains_as_it_would_alone() -> None:
    def alone(member: int) -> Any:
        model = stack(layers.Dense(5, activation="tanh"))
        model.set_weights([weight[member] for weight in weights])
        return model

    def together() -> Any:
        inputs = keras.Input((4,), name="x")
        trunk = EnsembleDense(5, MEMBERS, activation="tanh")(inputs)
        model = EnsembleModel(inputs, EnsembleDense(1, name="y")(trunk))
        model.means = {"y": "values"}
        return model

    # A mean over members divides the gradient of each by their number.
    both = Network(
        build=together,
        loss=keras.losses.MeanSquaredError(),
        optimizer=lambda: optimizers.SGD(0.1 * MEMBERS),
        weighted=True,
    )
    weights = both.compiled().get_weights()
    parts = (both.part(ROWS + SHORT, 0), both.part(BATCH, 1))
    model, result = run(both, parts=parts)
    assert (result.path, result.reason) == ("compiled", None)
    losses = []
    for member in range(MEMBERS):
        network = replace(
            both,
            build=lambda member=member: alone(member),
            optimizer=lambda: optimizers.SGD(0.1),
        )
        single, trained = run(network, parts=(parts[0], None))
        losses.append([epoch["loss"] for epoch in trained.history])
        for weight, expected in zip(model.get_weights(), single.get_weights(), strict=True):
            np.testing.assert_allclose(weight[member], expected, **TOLERANCE)
    trained_loss = [epoch["loss"] for epoch in result.history]
    np.testing.assert_allclose(trained_loss, np.mean(losses, axis=0), **TOLERANCE)
    # What is watched is the mean's loss, which is what the run will predict.
    watched = parts[1]
    mean = np.asarray(model(watched.inputs["x"])).mean(axis=1)
    squares = watched.sample_weight[:, None] * (mean - watched.targets["y"]) ** 2
    np.testing.assert_allclose(result.history[-1]["val_loss"], squares.mean(), **TOLERANCE)


@tensorflow_only
def test_a_long_training_uses_xla(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs_module, "TINY_FROM_BATCHES", EPOCHS * (ROWS // BATCH))
    assert run(DENSE, uses_xla=None)[1].uses_xla


@pytest.mark.parametrize(
    ("batches", "num_parameters", "wins"),
    [
        (511, 100, False),
        (512, 100, True),
        (1000, 50_000, False),
        (2500, 50_000, True),
        (500, 540_000, True),
    ],
)
def test_xla_compiles_what_trains_long_enough(
    batches: int, num_parameters: int, *, wins: bool
) -> None:
    assert epochs_module.wins_by_xla(batches, num_parameters) == wins


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK_NETWORKS else pytest.param(name, marks=pytest.mark.slow)
        for name in NETWORKS
        if BACKEND == "tensorflow" or name not in ALIKE_ON_JAX
    ],
)
def test_gives_the_weights_and_logs_of_keras(name: str) -> None:
    network = NETWORKS[name]
    parts: tuple[Arrays, Arrays | None] = (network.part(ROWS, 0), None)
    if BACKEND in network.thorough:
        parts = (network.part(ROWS + SHORT, 0), network.part(BATCH + SHORT, 1))
    model, result = run(network, parts=parts)
    assert (result.path, result.reason) == ("compiled", None)
    settings: dict[str, Any] = {"parts": parts, "compiled": False}
    plain, expected = run(network, model=network.step_by_step(), **settings)
    assert expected.path == "keras"
    assert_same_weights(model, plain)
    assert_same_logs(result.history, expected.history)


DENSE = NETWORKS["dense"]
MANY = 30


def few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call take as many epochs as remain, however long they last."""
    monkeypatch.setattr(epochs_module, "SECONDS_PER_CALL", 1e6)


WATCHED: dict[str, Callable[[Path], list[Any]]] = {
    "stops": lambda _: [keras.callbacks.EarlyStopping("val_loss", patience=4)],
    "restores the best": lambda _: [
        keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True)
    ],
    "never stops": lambda _: [
        keras.callbacks.EarlyStopping(
            "loss", min_delta=1e-8, patience=1000, restore_best_weights=True
        )
    ],
    "starts late": lambda _: [
        keras.callbacks.EarlyStopping(
            "val_loss", patience=2, start_from_epoch=12, restore_best_weights=True
        )
    ],
    "baseline": lambda _: [
        keras.callbacks.EarlyStopping(
            "val_loss", patience=9, baseline=0.5, restore_best_weights=True
        )
    ],
    "wants more": lambda _: [
        keras.callbacks.EarlyStopping("val_mae", mode="max", patience=3, restore_best_weights=True)
    ],
    "plateau": lambda _: [
        keras.callbacks.ReduceLROnPlateau(
            "val_loss", factor=0.5, patience=2, cooldown=1, min_delta=1e-3, min_lr=2e-3
        )
    ],
    "plateau, then stop": lambda _: [
        keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=2),
        keras.callbacks.EarlyStopping("val_loss", patience=6, restore_best_weights=True),
    ],
    "saves the best": lambda folder: [
        keras.callbacks.ModelCheckpoint(
            folder / "{epoch:02d}.weights.h5", save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.EarlyStopping("val_loss", patience=6),
    ],
}

QUICK = ("restores the best", "plateau, then stop", "saves the best", "schedule")

# What these do on JAX, others do beside something else.
WATCHED_IN_OTHERS = ("stops", "plateau", "wants more")

EPOCH_BY_EPOCH: dict[str, Callable[[Path], list[Any]]] = {
    "schedule": lambda _: [keras.callbacks.LearningRateScheduler(lambda _, rate: rate * 0.9)],
    "saves all": lambda folder: [
        keras.callbacks.ModelCheckpoint(folder / "{epoch:02d}.weights.h5", save_weights_only=True)
    ],
    "unknown name": lambda _: [keras.callbacks.EarlyStopping("val_accuracy", mode="max")],
    "custom": lambda _: [
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(seen=float(epoch))
        )
    ],
}


def attributes(callback: Any) -> dict[str, Any]:
    names = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter", "min_delta")
    known = {name: getattr(callback, name, None) for name in names}
    return {name: value for name, value in known.items() if value is not None}


def compare_with_fit(
    make: Callable[[Path], list[Any]], folder: Path, **options: Any
) -> tuple[EpochsResult, list[Any]]:
    """Train both ways with callbacks of their own; everything that can be seen must agree."""
    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir()
    theirs.mkdir()
    callbacks, expected_callbacks = make(ours), make(theirs)
    parts = (DENSE.part(ROWS, 0), DENSE.part(BATCH, 1))
    settings: dict[str, Any] = {"epochs": MANY, "parts": parts, **options}
    model, result = run(DENSE, callbacks=callbacks, **settings)
    settings |= {"model": dense_as_new(), "compiled": False}
    plain, expected = run(DENSE, callbacks=expected_callbacks, **settings)
    assert (result.path, result.reason) == ("compiled", None)
    assert_same_logs(result.history, expected.history)
    assert result.rates == pytest.approx(expected.rates)
    assert_same_weights(model, plain)
    assert model.stop_training == plain.stop_training
    assert model.history.epoch == plain.history.epoch
    assert list(model.history.history) == list(plain.history.history)
    for callback, other in zip(callbacks, expected_callbacks, strict=True):
        assert attributes(callback) == pytest.approx(attributes(other), rel=1e-4)
        kept, expected_kept = (getattr(c, "best_weights", None) for c in (callback, other))
        assert (kept is None) == (expected_kept is None)
        for weight, wanted in zip(kept or [], expected_kept or [], strict=True):
            np.testing.assert_allclose(weight, wanted, **TOLERANCE)
    assert [file.name for file in sorted(ours.iterdir())] == [
        file.name for file in sorted(theirs.iterdir())
    ]
    return result, callbacks


RATES: dict[str, tuple[Callable[[], Any], list[float]]] = {
    "constant": (lambda: 0.01, [0.01] * 4),
    "falls by steps of two epochs": (
        lambda: optimizers.schedules.ExponentialDecay(
            0.1, decay_steps=2 * (ROWS // BATCH), decay_rate=0.5, staircase=True
        ),
        [0.1, 0.1, 0.05, 0.05],
    ),
    "falls at a boundary": (
        lambda: optimizers.schedules.PiecewiseConstantDecay(
            [3 * (ROWS // BATCH) - 1.0], [0.1, 0.01]
        ),
        [0.1, 0.1, 0.1, 0.01],
    ),
}


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
@pytest.mark.parametrize("name", RATES)
def test_the_rate_of_an_epoch_is_that_of_its_last_update(name: str, compiled: bool) -> None:
    make, expected = RATES[name]
    network = replace(DENSE, optimizer=lambda: optimizers.SGD(make()))
    _, result = run(network, compiled=compiled, epochs=4, uses_xla=False)
    assert result.path == ("compiled" if compiled else "keras")
    assert result.rates == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in WATCHED
        if BACKEND == "tensorflow" or name not in WATCHED_IN_OTHERS
    ],
)
def test_watched_callbacks_end_as_under_fit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_calls(monkeypatch)
    # What callbacks do is decided outside what XLA compiles, which takes most of the time.
    result, _ = compare_with_fit(WATCHED[name], tmp_path, uses_xla=name in QUICK)
    if name in ("stops", "restores the best", "starts late", "never stops"):
        assert result.compiled_calls == 2  # one epoch to learn how long it takes, and the rest
    assert result.compiled_calls < len(result.history)


@tensorflow_only
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in EPOCH_BY_EPOCH
    ],
)
def test_other_callbacks_see_every_epoch(name: str, tmp_path: Path) -> None:
    result, _ = compare_with_fit(EPOCH_BY_EPOCH[name], tmp_path, epochs=4, uses_xla=name in QUICK)
    assert result.compiled_calls == len(result.history)


def test_trains_and_validates_on_fewer_rows_than_a_batch() -> None:
    parts = (DENSE.part(10, 0), DENSE.part(7, 1))
    model, result = run(DENSE, parts=parts)
    plain, expected = run(DENSE, parts=parts, compiled=False)
    assert result.path == "compiled"
    assert_same_weights(model, plain)
    assert_same_logs(result.history, expected.history)


def test_gives_the_weights_of_train_on_batch_unshuffled_too() -> None:
    rows_in_all = ROWS + SHORT
    for shuffle in (True, False):
        parts = (DENSE.part(rows_in_all, 0), None)
        model, _ = run(DENSE, parts=parts, shuffle=shuffle)
        other = DENSE.compiled()
        x, y = arrange(other, parts[0])
        for epoch in range(EPOCHS):
            order = permutation(SEED, epoch, rows_in_all) if shuffle else np.arange(rows_in_all)
            for start in range(0, rows_in_all, BATCH):
                rows = order[start : start + BATCH]
                other.train_on_batch(x[rows], y[rows])
        assert_same_weights(model, other)


def test_logs_metrics_that_are_not_single_numbers() -> None:
    targets = {"y": np.eye(3, dtype="float32")[np.arange(ROWS) % 3]}
    parts = (Arrays(inputs=DENSE.part(ROWS, 0).inputs, targets=targets), None)

    def trained(compiled: bool) -> EpochsResult:
        network = replace(
            DENSE,
            build=lambda: stack(layers.Dense(8), last=3),
            metrics=[keras.metrics.R2Score(class_aggregation=None)],
        )
        return run(network, parts=parts, compiled=compiled)[1]

    result = trained(True)
    assert result.path == "compiled"
    assert len(np.atleast_1d(result.history[-1]["r2_score"])) == 3
    assert_same_logs(result.history, trained(False).history)


@tensorflow_only
def test_epochs_share_calls_when_nothing_needs_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader(keras.callbacks.Callback):  # type: ignore[misc]
        reads_only_logs = True

        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.seen.append(("begin", epoch))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seen.append(("end", epoch, dict(logs)))

    few_calls(monkeypatch)
    reader = Reader()
    _, result = run(DENSE, epochs=30, callbacks=[reader])
    assert result.compiled_calls == 2
    assert reader.seen[0::2] == [("begin", epoch) for epoch in range(30)]
    assert reader.seen[1::2] == [("end", epoch, logs) for epoch, logs in enumerate(result.history)]


@tensorflow_only
def test_arrays_of_the_same_shapes_take_the_place_of_those_before() -> None:
    network, slot = NETWORKS["class weights"], Slot(exchanges_data=True)
    parts = [(network.part(ROWS, seed), network.part(9, seed + 2)) for seed in (0, 1)]
    model, first = run(network, epochs=2, parts=parts[0], slot=slot)
    other, expected = run(network, epochs=2, parts=parts[1])
    set_state(model, state_of(run(network, epochs=0, parts=parts[1])[0]))
    _, second = run(network, model=model, epochs=2, parts=parts[1], slot=slot)
    assert (first.reused, second.reused) == (False, True)
    assert second.history == expected.history != first.history
    for weight, wanted in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


def test_number_of_epochs_in_a_call_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, result = run(DENSE, epochs=9)
    monkeypatch.setattr(epochs_module, "SECONDS_PER_CALL", 0.0)
    other, expected = run(DENSE, epochs=9)
    assert expected.compiled_calls == 9
    assert result.history == expected.history
    for weight, wanted in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


@tensorflow_only
def test_op_determinism_keeps_nothing_from_compiling() -> None:
    network = NETWORKS["conv"]  # XLA refuses the gradient of its pooling on GPUs
    from tensorflow.python.framework import config

    before, _ = run(network)
    config.enable_op_determinism()
    try:
        model, result = run(network)
        assert config.is_op_determinism_enabled()
    finally:
        config.disable_op_determinism()
    assert (result.path, result.reason) == ("compiled", None)
    for weight, wanted in zip(model.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


@tensorflow_only
def test_resuming_takes_the_rows_in_the_order_of_an_unbroken_run() -> None:
    network = NETWORKS["momentum"]
    whole, expected = run(network, epochs=4)
    model, _ = run(network, epochs=2)
    parts = (network.part(ROWS, 0), None)
    result = train_epochs(
        model, *parts, batch_size=BATCH, epochs=4, initial_epoch=2, seed=SEED, uses_xla=True
    )
    for weight, wanted in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)
    assert result.history == expected.history[2:]


@tensorflow_only
def test_stops_between_calls_when_asked_and_keeps_the_weights() -> None:
    asked = iter([False, True])
    model, result = run(DENSE, epochs=100, should_stop=lambda: next(asked))
    assert result.interrupted
    assert len(result.history) == 1
    once, _ = run(DENSE, epochs=1)
    assert_same_weights(model, once)


@pytest.mark.parametrize("raises", [False, True])
def test_a_loss_that_is_not_finite_ends_training_at_its_batch(
    raises: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    network = replace(DENSE, optimizer=lambda: optimizers.SGD(1e12))
    seen: list[Any] = []
    for compiled in (True, False):
        callback = keras.callbacks.TerminateOnNaN(raise_error=raises)
        if raises:
            with pytest.raises(RuntimeError, match="NaN or Inf loss") as failure:
                run(network, epochs=20, callbacks=[callback], compiled=compiled)
            seen.append(str(failure.value).partition(".")[0])
        else:
            model, result = run(network, epochs=20, callbacks=[callback], compiled=compiled)
            assert result.path == ("compiled" if compiled else "keras")
            seen.append((len(result.history), int(model.optimizer.iterations)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("compiled", [True, False])
def test_stops_after_an_epoch_whose_loss_is_not_finite(compiled: bool) -> None:
    network = replace(DENSE, optimizer=lambda: optimizers.SGD(1e12))
    _, result = run(network, epochs=20, stop_on_nan=True, compiled=compiled)
    losses = [epoch["loss"] for epoch in result.history]
    assert len(losses) < 20
    assert np.isfinite(losses).tolist() == [True] * (len(losses) - 1) + [False]


@tensorflow_only
@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        (
            lambda folder: keras.callbacks.ModelCheckpoint(folder / "a.keras", save_freq=3),
            "callback ModelCheckpoint(save_freq=3) runs at every batch",
        ),
        (
            lambda _: keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
            "callback LambdaCallback runs at every batch",
        ),
        (
            lambda _: keras.callbacks.LambdaCallback(on_test_end=lambda logs: None),
            "callback LambdaCallback runs between training and validation",
        ),
        (
            lambda _: keras.callbacks.SwapEMAWeights(),
            "callback SwapEMAWeights runs between training and validation",
        ),
    ],
)
def test_says_which_callback_keeps_it_from_compiling(
    callback: Callable[[Path], Any], reason: str, tmp_path: Path
) -> None:
    network = replace(DENSE, optimizer=lambda: optimizers.SGD(1e-2, use_ema=True))
    parts = (network.part(BATCH, 0), network.part(BATCH, 1))
    _, result = run(network, parts=parts, callbacks=[callback(tmp_path)], epochs=1)
    assert (result.path, result.reason, result.compiled_calls) == ("keras", reason, 0)


@tensorflow_only
def test_what_xla_has_no_form_of_runs_as_a_graph_and_says_so() -> None:
    network = replace(
        DENSE,
        build=lambda: stack(layers.Hashing(8, name="hashed"), layers.Dense(2), dtype="int32"),
    )
    inputs = {"x": np.arange(ROWS * 4, dtype="int32").reshape(ROWS, 4)}
    part = Arrays(inputs=inputs, targets=network.part(ROWS, 0).targets)
    _, result = run(network, parts=(part, None), epochs=1)
    assert (result.path, result.uses_xla) == ("compiled", False)
    assert result.reason == "XLA has no form of Hashing"


@tensorflow_only
def test_says_what_does_not_compile_and_trains_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No layer of Keras's is known that only the loop cannot run, so the loop is made to refuse."""
    loop: Any = importlib.import_module("dlcli.training.epochs_tensorflow").TensorFlowLoop

    def refuse(self: Any, watchers: Any) -> None:
        raise NotImplementedError("no kernel\nmore words")

    monkeypatch.setattr(loop, "compile", refuse)
    _, result = run(DENSE, epochs=1)
    assert (result.path, result.uses_xla) == ("keras", False)
    assert result.reason == "it does not compile: no kernel"


@tensorflow_only
def test_what_xla_alone_refuses_runs_as_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    loop: Any = importlib.import_module("dlcli.training.epochs_tensorflow").TensorFlowLoop
    compiled = loop.compile

    def refuse(self: Any, watchers: Any) -> None:
        if self._plan.uses_xla:
            raise NotImplementedError("no kernel")
        compiled(self, watchers)

    monkeypatch.setattr(loop, "compile", refuse)
    model, result = run(DENSE)
    assert (result.path, result.uses_xla) == ("compiled", False)
    assert result.reason == "XLA does not compile it: no kernel"
    assert_same_weights(model, run(DENSE, compiled=False)[0])


@tensorflow_only
def test_convolutions_on_a_cpu_are_left_to_tensorflows_own_kernels() -> None:
    network = NETWORKS["images"]
    _, result = run(network, uses_xla=None, epochs=400, should_stop=after_one_call())
    assert (result.path, result.uses_xla) == ("compiled", False)


def after_one_call() -> Callable[[], bool]:
    asked = iter([False])
    return lambda: next(asked, True)


@tensorflow_only
def test_a_mistake_in_the_shapes_is_raised_as_keras_words_it() -> None:
    part = Arrays(
        inputs={"x": np.zeros((8, 7), "float32")}, targets={"y": np.zeros((8, 1), "float32")}
    )
    with pytest.raises(ValueError, match="incompatible with the layer"):
        run(DENSE, parts=(part, None))


@tensorflow_only
def test_tensorboard_of_epochs_is_written_as_under_fit(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    for compiled in (True, False):
        folder = tmp_path / str(compiled)
        callback = keras.callbacks.TensorBoard(folder, write_graph=False)
        parts = (DENSE.part(ROWS, 0), DENSE.part(BATCH, 1))
        _, result = run(DENSE, parts=parts, callbacks=[callback], compiled=compiled)
        assert result.path == ("compiled" if compiled else "keras")
    assert _summaries(tmp_path / "True") == _summaries(tmp_path / "False")
    _, batchwise = run(DENSE, callbacks=[keras.callbacks.TensorBoard(folder, update_freq="batch")])
    assert batchwise.reason == "callback TensorBoard(update_freq=1) runs at every batch"


def _summaries(folder: Path) -> list[tuple[str, str, int]]:
    """Return (part, name, step) of everything that TensorBoard would show."""
    import tensorflow as tf

    return sorted(
        (file.parent.name, value.tag, event.step)
        for file in folder.rglob("*tfevents*")
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    )


@tensorflow_only
def test_backup_and_restore_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def backup() -> Any:
        return keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)

    whole, expected = run(DENSE, epochs=4)
    run(DENSE, epochs=2, callbacks=[backup()])
    model, result = run(DENSE, epochs=4, callbacks=[backup()])
    assert result.path == "compiled"
    assert_same_weights(model, whole)
    assert_same_logs(result.history, expected.history[2:])


@pytest.mark.skipif(BACKEND != "tensorflow", reason="starts the other backend itself")
@pytest.mark.jax
def test_all_of_this_holds_on_jax(run_module_on_jax: Callable[[], None]) -> None:
    run_module_on_jax()
