"""Every layer in the ONNX table predicts in ONNX Runtime what it predicts in Keras."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from dlcli.model.keras_import import load_keras

keras: Any = load_keras("tensorflow")

from dlcli.bundle import export
from dlcli.bundle.keras_score import KerasScorer
from dlcli.bundle.onnx_layers.activations import ACTIVATIONS
from dlcli.bundle.onnx_layers.dense import UNCHANGING_LAYERS
from dlcli.bundle.onnx_layers.network import LAYERS
from dlcli.custom import (
    CategoryEmbedding,
    EnsembleDense,
    FeatureScale,
    PeriodicEmbedding,
    PiecewiseLinearEncoding,
)

L = keras.layers
Build = Callable[[Any], Any]


def one_input(build: Build, *, shape: tuple[int | None, ...], dtype: str = "float32") -> Any:
    taken = keras.Input(shape, name="features", dtype=dtype)
    return keras.Model(taken, build(taken))


def shake(model: Any) -> Any:
    """Give every weight, moving statistic and bias a value that a mistake would show in."""
    rng = np.random.default_rng(5)
    for weight in model.weights:
        if "seed_generator" not in weight.path:
            weight.assign(rng.uniform(0.1, 0.9, weight.shape) * rng.choice([0.5, 1.0]))
    return model


def sample_of(model: Any, *, rows: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    sample = {}
    for tensor in model.inputs:
        shape = (rows, *(7 if size is None else size for size in tensor.shape[1:]))
        if tensor.dtype.startswith("int"):
            sample[tensor.name] = rng.integers(0, 6, shape).astype(tensor.dtype)
        else:
            sample[tensor.name] = rng.normal(size=shape).astype(tensor.dtype)
    return sample


def check(model: Any, path: Path, *, writer: str = "dlcli") -> Any:
    exported = export.export_onnx(model, path)
    assert (exported.writer, exported.path) == (writer, path), exported.reason
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert exported.inputs == tuple(tensor.name for tensor in model.inputs)
    for rows in (5, 1):
        sample = sample_of(model, rows=rows)
        largest = max(float(np.abs(a).max()) for a in keras_predictions(model, sample).values())
        assert export.verify_onnx(model, path, sample) < 1e-5 * max(1.0, largest)
    return exported


def keras_predictions(model: Any, sample: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return KerasScorer(model=model).predict(sample)


def twice(layer: Any, x: Any) -> Any:
    return layer(layer(x))


WITHOUT_FACTOR = (
    *(L.AugMix, L.RandAugment, L.RandomColorJitter, L.RandomElasticTransform, L.RandomErasing),
    *(L.RandomGaussianBlur, L.RandomPerspective, L.RandomShear),
)
VECTOR, STEPS, IMAGE = (6,), (6, 4), (8, 7, 3)

SINGLE: dict[str, tuple[tuple[int | None, ...], Build]] = {
    "dense": (VECTOR, lambda x: L.Dense(2)(L.Dense(5, activation="relu")(x))),
    "dense without bias": (VECTOR, lambda x: L.Dense(2, use_bias=False)(x)),
    "dense over steps": (STEPS, lambda x: L.Dense(3, activation="softmax")(x)),
    "einsum dense": (STEPS, lambda x: L.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")(x)),
    "batch normalization": (VECTOR, lambda x: L.BatchNormalization()(x)),
    "bare batch normalization": (
        STEPS,
        lambda x: L.BatchNormalization(center=False, scale=False)(x),
    ),
    "batch normalization of images": (IMAGE, lambda x: L.BatchNormalization(axis=1)(x)),
    "layer normalization": (STEPS, lambda x: L.LayerNormalization()(x)),
    "layer normalization over two axes": (STEPS, lambda x: L.LayerNormalization(axis=[1, 2])(x)),
    "rms normalization": (VECTOR, lambda x: L.RMSNormalization()(x)),
    "unit normalization": (VECTOR, lambda x: L.UnitNormalization()(x)),
    "normalization": (
        VECTOR,
        lambda x: L.Normalization(mean=list(range(6)), variance=[1, 4, 9, 0, 1, 2])(x),
    ),
    "inverse normalization": (
        VECTOR,
        lambda x: L.Normalization(mean=[1] * 6, variance=[3] * 6, invert=True)(x),
    ),
    "rescaling": (IMAGE, lambda x: L.Rescaling(1 / 255, offset=-0.5)(x)),
    "scaled features": (VECTOR, lambda x: FeatureScale()(x)),
    "periodic embedding": (VECTOR, lambda x: L.Dense(2)(PeriodicEmbedding(3, 4)(x))),
    "waves with a phase beside the numbers": (
        VECTOR,
        lambda x: PeriodicEmbedding(3, None, phase=True, keep_numbers=True, flatten=False)(x),
    ),
    "piecewise linear encoding": (VECTOR, lambda x: PiecewiseLinearEncoding(4, 3)(x)),
    "ensemble": (
        VECTOR,
        lambda x: EnsembleDense(2)(L.Dropout(0.1)(EnsembleDense(3, 4, activation="silu")(x))),
    ),
    "ensemble of one kernel": (
        VECTOR,
        lambda x: EnsembleDense(1)(EnsembleDense(3, shared=True)(FeatureScale(members=2)(x))),
    ),
    "waves of each member": (
        VECTOR,
        lambda x: PeriodicEmbedding(2, 3, members=2)(FeatureScale(members=2)(x)),
    ),
    "bins of each member": (
        VECTOR,
        lambda x: PiecewiseLinearEncoding(4, 3, members=2, keep_numbers=True)(x),
    ),
    "elu": (VECTOR, lambda x: L.ELU(alpha=0.7)(x)),
    "leaky relu": (VECTOR, lambda x: L.LeakyReLU(negative_slope=0.3)(x)),
    "prelu": (STEPS, lambda x: L.PReLU(shared_axes=[1])(x)),
    "relu": (VECTOR, lambda x: L.ReLU(max_value=0.5)(x)),
    "softmax": (STEPS, lambda x: L.Softmax(axis=1)(x)),
    "flatten": (IMAGE, lambda x: L.Dense(1)(L.Flatten()(x))),
    "reshape": (VECTOR, lambda x: L.Reshape((3, -1))(x)),
    "permute": (IMAGE, lambda x: L.Permute((3, 1, 2))(x)),
    "repeat vector": (VECTOR, lambda x: L.RepeatVector(3)(x)),
    "zero padding 1d": (STEPS, lambda x: L.ZeroPadding1D((1, 2))(x)),
    "zero padding 2d": (IMAGE, lambda x: L.ZeroPadding2D(((1, 2), (0, 3)))(x)),
    "cropping 1d": (STEPS, lambda x: L.Cropping1D((1, 0))(x)),
    "cropping 2d": (IMAGE, lambda x: L.Cropping2D(((1, 2), (0, 3)))(x)),
    "up-sampling 1d": (STEPS, lambda x: L.UpSampling1D(3)(x)),
    "up-sampling 2d": (IMAGE, lambda x: L.UpSampling2D((2, 3))(x)),
    "conv1d": (STEPS, lambda x: L.Conv1D(5, 3, activation="relu")(x)),
    "conv1d causal": (STEPS, lambda x: L.Conv1D(5, 3, padding="causal", dilation_rate=2)(x)),
    "conv1d same dilated": (STEPS, lambda x: L.Conv1D(5, 2, padding="same", dilation_rate=2)(x)),
    "conv1d of any length": ((None, 4), lambda x: L.Conv1D(5, 2, padding="same")(x)),
    "conv2d": (IMAGE, lambda x: L.Conv2D(4, (3, 2), padding="same", activation="gelu")(x)),
    "conv2d strided": (IMAGE, lambda x: L.Conv2D(4, 3, strides=2, padding="same")(x)),
    "conv2d grouped": (IMAGE, lambda x: L.Conv2D(6, 3, groups=3, use_bias=False)(x)),
    "conv3d": ((5, 4, 4, 2), lambda x: L.Conv3D(3, 2)(x)),
    "depthwise conv1d": (STEPS, lambda x: L.DepthwiseConv1D(3, depth_multiplier=2)(x)),
    "depthwise conv2d": (
        IMAGE,
        lambda x: L.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x),
    ),
    "separable conv1d": (STEPS, lambda x: L.SeparableConv1D(5, 3, activation="tanh")(x)),
    "separable conv2d": (IMAGE, lambda x: L.SeparableConv2D(5, 3, strides=2, padding="same")(x)),
    "max pooling 1d": (STEPS, lambda x: L.MaxPooling1D(2)(x)),
    "max pooling 2d": (IMAGE, lambda x: L.MaxPooling2D(3, strides=2, padding="same")(x)),
    "average pooling 1d": (STEPS, lambda x: L.AveragePooling1D(4, strides=1, padding="same")(x)),
    "average pooling 2d": (IMAGE, lambda x: L.AveragePooling2D(3, strides=2, padding="same")(x)),
    "pooling 3d": ((4, 4, 4, 2), lambda x: L.MaxPooling3D()(L.AveragePooling3D(2, strides=1)(x))),
    "global average pooling": (STEPS, lambda x: L.GlobalAveragePooling1D()(x)),
    "global max pooling": (IMAGE, lambda x: L.GlobalMaxPooling2D(keepdims=True)(x)),
    "lstm": (STEPS, lambda x: L.Dense(1)(L.LSTM(5)(x))),
    "lstm sequences": (STEPS, lambda x: L.LSTM(3)(L.LSTM(5, return_sequences=True)(x))),
    "lstm of any length": ((None, 4), lambda x: L.LSTM(5, unit_forget_bias=False)(x)),
    "lstm backwards": (STEPS, lambda x: L.LSTM(5, go_backwards=True, return_sequences=True)(x)),
    "lstm with states": (STEPS, lambda x: list(L.LSTM(5, return_state=True)(x))),
    "lstm scanned": (STEPS, lambda x: L.LSTM(5, activation="gelu", return_sequences=True)(x)),
    "gru": (STEPS, lambda x: L.GRU(5)(x)),
    "gru reset before": (STEPS, lambda x: L.GRU(5, reset_after=False, activation="relu")(x)),
    "gru scanned": (STEPS, lambda x: L.GRU(5, recurrent_activation="hard_sigmoid")(x)),
    "gru scanned reset before": (STEPS, lambda x: L.GRU(5, activation="elu", reset_after=False)(x)),
    "simple rnn": (STEPS, lambda x: L.SimpleRNN(5)(x)),
    "simple rnn scanned": (STEPS, lambda x: L.SimpleRNN(5, activation="elu", use_bias=False)(x)),
    "rnn of a cell": (STEPS, lambda x: L.RNN(L.GRUCell(3))(x)),
    "bidirectional": (STEPS, lambda x: L.Bidirectional(L.LSTM(3))(x)),
    "bidirectional sequences": (
        STEPS,
        lambda x: L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="ave")(x),
    ),
    "masked lstm": (STEPS, lambda x: L.LSTM(3)(L.Masking(0.0)(L.ReLU()(x)))),
    "time distributed": (STEPS, lambda x: L.TimeDistributed(L.Dense(3, activation="relu"))(x)),
    "time distributed images": ((3, *IMAGE), lambda x: L.TimeDistributed(L.Conv2D(2, 3))(x)),
    "attention": (STEPS, lambda x: L.Attention(use_scale=True)([x, L.Dense(4)(x), x])),
    "additive attention": (STEPS, lambda x: L.AdditiveAttention()([x, L.Dense(4)(x)])),
    "multi-head attention": (STEPS, lambda x: L.MultiHeadAttention(2, 3, value_dim=5)(x, x)),
    "cross attention": (
        STEPS,
        lambda x: L.MultiHeadAttention(2, 3)(
            query=x, value=L.Conv1D(4, 2)(x), key=L.Conv1D(4, 2)(x)
        ),
    ),
    "transformer block": (
        STEPS,
        lambda x: L.LayerNormalization()(
            L.Add()([x, L.MultiHeadAttention(2, 4, dropout=0.1)(x, x)])
        ),
    ),
    "shared layer": (VECTOR, lambda x: twice(L.Dense(6, activation="tanh"), x)),
    "inner models": (
        VECTOR,
        lambda x: keras.Sequential([keras.Input(VECTOR), L.Dense(4), L.ReLU()])(L.Dense(6)(x)),
    ),
}


@pytest.mark.parametrize("name", SINGLE)
def test_layer_predicts_the_same(name: str, tmp_path: Path) -> None:
    shape, build = SINGLE[name]
    check(shake(one_input(build, shape=shape)), tmp_path / "model.onnx")


MERGES = ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Concatenate", "Dot"]


@pytest.mark.parametrize("name", MERGES)
def test_merging_layer_predicts_the_same(name: str, tmp_path: Path) -> None:
    one, two = keras.Input((4,), name="one"), keras.Input((4,), name="two")
    layer = L.Dot(axes=1, normalize=True) if name == "Dot" else getattr(L, name)()
    check(keras.Model([one, two], layer([one, two])), tmp_path / "model.onnx")


def test_dot_of_sequences_predicts_the_same(tmp_path: Path) -> None:
    one, two = keras.Input((5, 4), name="one"), keras.Input((3, 4), name="two")
    check(keras.Model([one, two], L.Dot(axes=2)([one, two])), tmp_path / "model.onnx")


@pytest.mark.parametrize("function", ACTIVATIONS, ids=lambda function: function.__name__)
def test_activation_predicts_the_same(function: Any, tmp_path: Path) -> None:
    check(one_input(L.Activation(function), shape=VECTOR), tmp_path / "model.onnx")


def test_layers_of_training_alone_change_nothing(tmp_path: Path) -> None:
    values = {"seed": 1}
    makers = {
        L.ActivityRegularization: lambda: L.ActivityRegularization(l2=0.1),
        L.Identity: L.Identity,
        L.RandomFlip: lambda: L.RandomFlip(**values),
        L.SpatialDropout1D: lambda: L.Identity(),
        L.SpatialDropout3D: lambda: L.Identity(),
        L.RandomTranslation: lambda: L.RandomTranslation(0.1, 0.1, **values),
        L.RandomPosterization: lambda: L.RandomPosterization(4, **values),
        **{kind: lambda kind=kind: kind(**values) for kind in WITHOUT_FACTOR},
    }

    def chain(x: Any) -> Any:
        for kind in UNCHANGING_LAYERS:
            x = makers.get(kind, lambda kind=kind: kind(0.2, **values))()(x)
        return x

    check(one_input(chain, shape=IMAGE), tmp_path / "model.onnx")


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
def test_embedding_looks_up_whole_numbers(dtype: str, tmp_path: Path) -> None:
    def build(x: Any) -> Any:
        return L.Dense(1)(L.Flatten()(L.Embedding(7, 3)(x)))

    taken = keras.Input((4,), name="city", dtype=dtype)
    model = keras.Model(taken, build(taken))
    assert export.export_onnx(model, tmp_path / "model.onnx").writer == "dlcli"
    cities = np.random.default_rng(1).integers(0, 7, (9, 4)).astype(dtype)
    assert export.verify_onnx(model, tmp_path / "model.onnx", {"city": cities}) < 1e-6


def test_one_code_per_row_is_looked_up(tmp_path: Path) -> None:
    city = keras.Input((), name="city", dtype="int32")
    features = keras.Input((3,), name="features")
    joined = L.Concatenate()([features, L.Embedding(7, 2)(city)])
    check(keras.Model([features, city], L.Dense(1)(joined)), tmp_path / "model.onnx")


def test_categories_are_looked_up_beside_each_other(tmp_path: Path) -> None:
    taken = [keras.Input((), name=name, dtype="int32") for name in ("city", "month")]
    embedded = CategoryEmbedding(2, [7, 12])(taken)
    check(keras.Model(taken, L.Dense(1)(embedded)), tmp_path / "model.onnx")


READERS: dict[str, Build] = {
    "average": lambda x: L.GlobalAveragePooling1D()(x),
    "through dropout": lambda x: L.GlobalAveragePooling1D()(L.Dropout(0.1)(L.Dense(3)(x))),
    "lstm": lambda x: L.LSTM(3)(x),
    "two lstm": lambda x: L.LSTM(3)(L.LSTM(4, return_sequences=True)(x)),
    "gru backwards": lambda x: L.GRU(3, go_backwards=True)(x),
    "bidirectional": lambda x: L.Bidirectional(L.GRU(3, return_sequences=True))(x),
    "bidirectional last": lambda x: L.Bidirectional(L.LSTM(3))(x),
    "convolution drops it": lambda x: L.GlobalAveragePooling1D()(L.Conv1D(3, 2)(x)),
}


@pytest.mark.filterwarnings("ignore:.*does not support mask:UserWarning")
@pytest.mark.parametrize("name", READERS)
def test_masked_steps_are_skipped(name: str, tmp_path: Path) -> None:
    words = keras.Input((6,), name="words", dtype="int32")
    model = shake(keras.Model(words, READERS[name](L.Embedding(9, 4, mask_zero=True)(words))))
    check(model, tmp_path / "model.onnx")
    gaps = np.array([[1, 2, 0, 0, 0, 0], [0, 3, 0, 4, 5, 0], [1, 2, 3, 4, 5, 6]], np.int32)
    assert export.verify_onnx(model, tmp_path / "model.onnx", {"words": gaps}) < 1e-5


def two_outputs() -> Any:
    keras.utils.set_random_seed(1)
    one = keras.Input((3,), name="features")
    city = keras.Input((1,), name="city", dtype="int32")
    joined = L.Concatenate()([one, L.Flatten()(L.Embedding(6, 2)(city))])
    trunk = L.Dense(4, activation="relu")(joined)
    return keras.Model([one, city], [L.Dense(1, name="PE")(trunk), L.Dense(2, name="V")(trunk)])


def test_several_inputs_and_outputs_keep_their_names(tmp_path: Path) -> None:
    exported = check(two_outputs(), tmp_path / "model.onnx")
    assert (exported.inputs, exported.outputs) == (("features", "city"), ("PE", "V"))


def test_dictionary_of_outputs_gives_its_keys(tmp_path: Path) -> None:
    taken = keras.Input((3,), name="features")
    model = keras.Model({"features": taken}, {"b": L.Dense(1)(taken), "a": L.Dense(2)(taken)})
    assert check(model, tmp_path / "model.onnx").outputs == ("a", "b")


def test_sequential_model_exports(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,), name="features"), L.Dense(2), L.Dense(1, name="y")])
    assert check(model, tmp_path / "model.onnx").outputs == ("y",)


def test_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        export.export_onnx(two_outputs(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_sample_rows_are_compared(tmp_path: Path) -> None:
    model = two_outputs()
    exported = export.export_onnx(model, tmp_path / "model.onnx", sample=sample_of(model))
    assert exported.difference is not None and exported.difference < 1e-6


def test_a_file_that_disagrees_is_not_kept(tmp_path: Path) -> None:
    model, path = two_outputs(), tmp_path / "model.onnx"
    wrong = {"PE": np.full((5, 1), 9.0), "V": np.zeros((5, 2))}
    exported = export.export_onnx(model, path, sample=sample_of(model), expected=wrong)
    assert exported.path is None and not path.exists()
    assert "does not predict what Keras predicts" in (exported.reason or "")


def test_layer_without_an_entry_is_left_to_keras(tmp_path: Path) -> None:
    model = one_input(lambda x: L.Conv1DTranspose(2, 3)(x), shape=STEPS)
    exported = check(model, tmp_path / "model.onnx", writer="keras")
    assert "Conv1DTranspose" in (exported.reason or "")
    assert len(exported.outputs) == 1


def test_network_that_does_not_export_says_why(tmp_path: Path) -> None:
    def build(x: Any) -> Any:
        # Keras's exporter turns the constants of Normalization into inputs without a value.
        return L.Conv1DTranspose(2, 3)(L.Normalization(mean=[1.0] * 4, variance=[2.0] * 4)(x))

    exported = export.export_onnx(one_input(build, shape=STEPS), tmp_path / "model.onnx")
    assert exported.path is None and exported.writer is None
    assert "Conv1DTranspose" in (exported.reason or "")
    assert "other inputs" in (exported.reason or "")
    assert not (tmp_path / "model.onnx").exists()


def test_operations_outside_layers_are_left_to_keras(tmp_path: Path) -> None:
    exported = check(
        one_input(lambda x: L.Dense(1)(x * 2), shape=VECTOR), tmp_path / "m.onnx", writer="keras"
    )
    assert "multiply" in (exported.reason or "")


def test_half_precision_is_not_written_as_float32(tmp_path: Path) -> None:
    model = one_input(lambda x: L.Dense(1, dtype="mixed_float16")(x), shape=VECTOR)
    exported = export.export_onnx(model, tmp_path / "model.onnx")
    assert "float16" in (exported.reason or "")


def test_every_layer_of_the_table_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    table = Path(export.__file__).parent / "onnx_layers" / "dense.py"
    untried = {"Cropping3D", "ZeroPadding3D", "UpSampling3D"}
    for kind in LAYERS:
        name = kind.__name__
        known = (
            f"L.{name}" in text
            or f'"{name}"' in text
            or f" {name}(" in text
            or f"({name}(" in text
            or name in table.read_text(encoding="utf-8")
        )
        assert known or name in untried or name.startswith("Global") or name == "Activation", name


JAX = """
import sys
from pathlib import Path
from dlcli.model.keras_import import load_keras
keras = load_keras("jax")
import numpy as np
from dlcli.bundle import export
L = keras.layers
words = keras.Input((6,), name="words", dtype="int32")
features = keras.Input((6,), name="features")
steps = L.Embedding(9, 4, mask_zero=True)(words)
x = L.Concatenate()([L.LSTM(3)(steps), L.GRU(3)(L.Reshape((6, 1))(features))])
x = L.Dropout(0.1)(L.BatchNormalization()(L.Dense(5, activation="selu")(x)))
model = keras.Model([words, features], [L.Dense(1, name="a")(x), L.Dense(2, name="b")(x)])
rng = np.random.default_rng(1)
sample = {
    "words": rng.integers(0, 9, (20, 6)).astype("int32"),
    "features": rng.normal(size=(20, 6)).astype("float32"),
}
exported = export.export_onnx(model, Path(sys.argv[1]), sample=sample)
assert exported.writer == "dlcli", exported.reason
assert exported.difference < 1e-5, exported.difference
x = keras.Input((5, 2), name="x")
missing = export.export_onnx(keras.Model(x, L.Conv1DTranspose(2, 3)(x)), Path(sys.argv[1]))
assert missing.path is None and "TensorFlow backend" in missing.reason
assert "tensorflow" not in sys.modules
"""


@pytest.mark.jax
def test_jax_exports_without_tensorflow(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", JAX, tmp_path / "model.onnx"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
