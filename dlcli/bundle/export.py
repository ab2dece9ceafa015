"""Write a trained Keras model as an ONNX file, and check that both predict the same."""

import logging
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from onnx import helper

from dlcli.bundle.keras_score import KerasScorer, input_names, output_names
from dlcli.bundle.onnx_layers.graph import OPSET, NotInTableError
from dlcli.bundle.onnx_layers.network import build_onnx
from dlcli.bundle.score import Arrays, Scorer
from dlcli.errors import RunError

# Float32 sums in another order differ by some 1e-6 of the largest prediction; deep and recurrent
# networks by a little more. A larger difference is a wrong translation, and the file is not kept.
MOST_RELATIVE_DIFFERENCE = 1e-3

# What Keras's exporter and tf2onnx were seen to raise for networks that they cannot convert.
CONVERTER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class OnnxExport:
    """What became of an export: `path` is None where there is no file, and `reason` says why.

    `writer` is "dlcli" or, for layers without an entry in the layer table, "keras"; `reason` then
    names the layer. `difference` is the largest absolute one against Keras on the sample rows.
    """

    path: Path | None
    seconds: float
    writer: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reason: str | None = None
    difference: float | None = None


def export_onnx(
    model: Any, path: Path, *, sample: Arrays | None = None, expected: Arrays | None = None
) -> OnnxExport:
    """Write `model` to `path`; a network that does not export gives a reason, not an error.

    With `sample` rows the file is run beside Keras, and removed again where they disagree.
    `expected` are Keras's predictions for the sample by output name, if they are known already.
    """
    start = time.perf_counter()
    inputs, outputs = input_names(model), output_names(model)
    proto, writer, reason = _translate(model, inputs, outputs)
    difference = None
    if proto is not None:
        path.write_bytes(proto.SerializeToString(deterministic=True))
        if sample is not None:
            expected = expected or KerasScorer(model=model).predict(sample)
            difference, problem = _compare(path, sample, expected)
            if problem is not None:
                path.unlink()
                proto, writer, reason = None, None, problem
    return OnnxExport(
        path=None if proto is None else path,
        seconds=time.perf_counter() - start,
        writer=writer,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        reason=reason,
        difference=difference,
    )


def verify_onnx(model: Any, path: Path, inputs: Arrays) -> float:
    """Return the largest absolute difference between Keras and ONNX Runtime on these rows.

    Predictions that are not finite count as equal where both give the same, else as infinity.
    """
    return _largest_difference(path, inputs, KerasScorer(model=model).predict(inputs))


def _largest_difference(path: Path, inputs: Arrays, expected: Arrays) -> float:
    received = Scorer.open(path).predict(inputs)
    return max(_difference(array, received[name]) for name, array in expected.items())


def _compare(path: Path, sample: Arrays, expected: Arrays) -> tuple[float | None, str | None]:
    """Return the difference on the sample and, where the file is of no use, why."""
    try:
        difference = _largest_difference(path, sample, expected)
    except RunError as error:
        return None, f"ONNX Runtime does not run the exported network: {error.message}"
    finite = [np.abs(array[np.isfinite(array)]) for array in expected.values()]
    largest = max((float(array.max()) for array in finite if array.size), default=0.0)
    if difference > MOST_RELATIVE_DIFFERENCE * max(largest, 1e-3):
        known = difference if np.isfinite(difference) else None
        size = f"by up to {difference:.3g} where predictions reach {largest:.3g}"
        reason = f"the exported network does not predict what Keras predicts: they differ {size}"
        return known, reason
    return difference, None


def _difference(expected: np.ndarray[Any, Any], received: np.ndarray[Any, Any]) -> float:
    if expected.shape != received.shape:
        return float("inf")
    same = (expected == received) | (np.isnan(expected) & np.isnan(received))
    with np.errstate(invalid="ignore"):
        differences = np.where(same, 0.0, np.abs(expected.astype(np.float64) - received))
    return float(np.max(np.nan_to_num(differences, nan=np.inf, posinf=np.inf), initial=0.0))


def _translate(
    model: Any, inputs: list[str], outputs: list[str]
) -> tuple[onnx.ModelProto | None, str | None, str | None]:
    """Return the network, who wrote it, and what the layer table had to say against it."""
    try:
        return build_onnx(model, inputs=inputs, outputs=outputs), "dlcli", None
    except NotInTableError as gap:
        reason = str(gap)
    if keras.backend.backend() != "tensorflow":
        return None, None, f"{reason}, and Keras's own exporter needs the TensorFlow backend"
    try:
        return _convert(model, inputs, outputs), "keras", reason
    except NotInTableError as failure:
        return None, None, f"{reason}, and {failure}"


def _convert(model: Any, inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    """Return the network as Keras's exporter (tf2onnx) writes it, under our names."""
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    # What the converter warns of concerns its own code, not the user's network.
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target = Path(folder) / "model.onnx"
        try:
            if not model._called:
                model(getattr(model, "_inputs_struct", model.inputs[0]))
            model.export(target, format="onnx", verbose=False, opset_version=OPSET)
            proto = onnx.load(target)
        except CONVERTER_ERRORS as error:
            detail = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise NotInTableError(f"Keras's own exporter fails: {detail}") from error
    _rename(proto.graph, inputs, outputs)
    return proto


def _rename(graph: onnx.GraphProto, inputs: list[str], outputs: list[str]) -> None:
    constants = {initializer.name for initializer in graph.initializer}
    taken = [value for value in graph.input if value.name not in constants]
    if len(taken) != len(inputs) or len(graph.output) != len(outputs):
        raise NotInTableError("Keras's own exporter gives the network other inputs or outputs")
    for kind, values, names in (
        ("input", taken, inputs),
        ("output", graph.output, outputs),
    ):
        for value, name in zip(values, names, strict=True):
            before, value.name = value.name, name
            if before == name:
                continue
            ends = (before, name) if kind == "output" else (name, before)
            graph.node.append(helper.make_node("Identity", [ends[0]], [ends[1]]))
            if kind == "input":
                graph.node.insert(0, graph.node.pop())
