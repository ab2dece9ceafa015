"""A run as a TensorFlow SavedModel with a serving signature, and as a LiteRT file made of one."""

import importlib
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dlcli.bundle.keras_score import KerasScorer, input_names, output_names
from dlcli.bundle.store import Bundle
from dlcli.errors import RunError
from dlcli.exporting.columns import Arrays, NotInFormatError, RawColumn, plain_name, raw_columns
from dlcli.exporting.steps import write_inputs, write_outputs
from dlcli.exporting.tensorflow_steps import TensorFlowSteps
from dlcli.model.keras_import import quiet_stderr

SIGNATURE = "serving_default"
CLASSES = Path("assets.extra") / "classes.json"
"""Where TensorFlow leaves room for what else belongs to a SavedModel."""

# What the converter was seen to raise beside its own error.
CONVERTER_ERRORS = (tf.errors.OpError, ValueError, TypeError, RuntimeError, NotImplementedError)


def write_saved_model(scorer: KerasScorer, bundle: Bundle, path: Path) -> None:
    """Write the folder of a SavedModel; names of columns become plain ones."""
    module, serve = _serving(scorer.model, bundle, real="float64")
    with quiet_stderr():
        tf.saved_model.save(module, str(path), signatures={SIGNATURE: serve})
    classes = {info.name: info.classes for info in bundle.preprocessing.targets if info.classes}
    (path / CLASSES).parent.mkdir(exist_ok=True)
    text = json.dumps(classes, ensure_ascii=False, indent=2)
    (path / CLASSES).write_text(text + "\n", encoding="utf-8")


def score_saved_model(path: Path, bundle: Bundle, raw: Arrays) -> Arrays:
    """Open a SavedModel and compute its serving signature on raw columns, by name of column."""
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures[SIGNATURE]
    taken = {
        plain_name(name): tf.constant(array.tolist(), tf.string)
        if array.dtype == object
        else tf.constant(array)
        for name, array in raw.items()
    }
    given = {name: tensor.numpy() for name, tensor in serve(**taken).items()}
    return {name: _texts(array) for name, array in given.items()}


def build_litert(scorer: KerasScorer, bundle: Bundle) -> bytes:
    """Return a LiteRT file; raises NotInFormatError for an operator that LiteRT lacks."""
    for column in raw_columns(bundle.preprocessing):
        if column.kind == "moment":
            raise NotInFormatError(
                f"the column {column.name!r} is a date, and LiteRT does not divide whole numbers of "
                "its size",
                "--format onnx or saved_model holds it",
            )
    module, serve = _serving(scorer.model, bundle, real="float32")
    # Not `tf.lite`, which is a stand-in until it is used and then another package of that name.
    lite: Any = importlib.import_module("tensorflow.lite.python.lite")
    failed: Any = importlib.import_module("tensorflow.lite.python.convert_phase").ConverterError
    content, failure = b"", None
    with tempfile.TemporaryDirectory() as folder, quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tf.saved_model.save(module, folder, signatures={SIGNATURE: serve})
        converter = lite.TFLiteConverterV2.from_saved_model(folder, signature_keys=[SIGNATURE])
        try:
            content = converter.convert()
        except (failed, *CONVERTER_ERRORS) as error:
            failure = error
    if failure is not None:
        raise NotInFormatError(
            f"LiteRT lacks an operator of this run: {_missing_operators(failure)}",
            "--format onnx and saved_model have more operators",
        ) from failure
    return content


def score_litert(content: bytes, raw: Arrays) -> Arrays:
    """Compute a LiteRT file's signature on raw columns; raises RunError where it does not run."""
    make = _interpreter_class()
    taken = {plain_name(name): _narrow(array) for name, array in raw.items()}
    given, failure = {}, None
    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the interpreter's move to a package of its own
        try:
            given = make(model_content=content).get_signature_runner(SIGNATURE)(**taken)
        except (RuntimeError, ValueError) as error:
            failure = error
    if failure is not None:
        raise RunError(
            f"LiteRT does not run what was exported: {str(failure).splitlines()[0]}",
            hint="--format onnx and saved_model have more operators",
        ) from failure
    return {name: _texts(array) for name, array in given.items()}


def _serving(model: Any, bundle: Bundle, *, real: str) -> tuple[tf.Module, Any]:
    """Return a module with the weights, and the traced function from columns to units."""
    columns = raw_columns(bundle.preprocessing)
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    steps = TensorFlowSteps(real, module if real == "float64" else None)
    names, outputs = input_names(model), output_names(model)
    structure = getattr(model, "_inputs_struct", model.inputs[0])

    def serve(cells: dict[str, Any]) -> dict[str, Any]:
        raw = {column.name: cells[plain_name(column.name)] for column in columns}
        tensors, rows = write_inputs(steps, bundle.preprocessing, raw)
        taken = keras.tree.pack_sequence_as(structure, [tensors[name] for name in names])
        given = dict(zip(outputs, keras.tree.flatten(model(taken, training=False)), strict=True))
        made = write_outputs(steps, given, bundle.readings, bundle.preprocessing, rows)
        return {plain_name(name): tensor for name, tensor in made.items()}

    specs = {plain_name(column.name): _spec(column, real) for column in columns}
    function = tf.function(serve, input_signature=[specs], autograph=False)
    return module, function.get_concrete_function()


def _spec(column: RawColumn, real: str) -> Any:
    kind = {"number": real, "text": "string", "moment": "int64"}.get(column.kind, column.dtype)
    return tf.TensorSpec([None, *column.shape], kind, name=plain_name(column.name))


def _interpreter_class() -> Any:
    for module in ("ai_edge_litert.interpreter", "tensorflow.lite.python.interpreter"):
        try:
            return importlib.import_module(module).Interpreter
        except ModuleNotFoundError:
            continue
    raise RunError(
        "the LiteRT interpreter is not installed: the file cannot be compared with the run",
        hint="pip install ai-edge-litert",
    )


def _narrow(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return texts as bytes and numbers as float32, as LiteRT takes them."""
    if array.dtype == object:
        return np.array([text.encode() for text in array], dtype=object)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _texts(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.dtype.kind not in "OS":
        return array
    return np.array([bytes(text).decode() for text in array], dtype=object)


def _missing_operators(error: Exception) -> str:
    """Return the names of the operators that the converter found no form of, or its first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    found = [line for line in lines if line.startswith("tf.")]
    names = dict.fromkeys(line.split()[0].split("(")[0] for line in found)
    return ", ".join(names) or (lines[0][:300] if lines else type(error).__name__)
