"""Predictions from a run's ONNX file through ONNX Runtime; neither Keras nor its backends load."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from dlcli.bundle.onnx_file import read_onnx_file
from dlcli.errors import RunError

Arrays = dict[str, np.ndarray[Any, Any]]

# Measured on two cores: below this size a second thread costs more than it computes (a network of
# two layers of 64 took twice as long); three layers of 512 (2 MiB) gain from all of them.
ONE_THREAD_BYTES = 2**20

# The values between layers of this many rows stay in the processor's cache: 64-64 layers took
# 0.16 s for a million rows, against 0.37 s at 65536 rows a batch.
BATCH_ROWS = 4096
# Layers of an image network hold several times as many values as the image: without this bound a
# batch of 4096 photos would take gigabytes.
BATCH_VALUES = 2**20

RUNTIME_ERRORS = (
    runtime_errors.EPFail,
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NoSuchFile,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)

TYPES = {
    "tensor(bool)": np.bool_,
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(string)": np.object_,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A network in an ONNX file that takes and gives named arrays [rows, ...]."""

    path: Path
    session: onnxruntime.InferenceSession
    shapes: dict[str, tuple[int | None, ...]]
    dtypes: dict[str, Any]
    outputs: tuple[str, ...]

    @classmethod
    def open(cls, path: Path, *, threads: int | None = None) -> "Scorer":
        """Load an ONNX file, refusing one that is damaged or points to other files.

        `threads` None takes one thread, for large networks one per core.
        """
        network = read_onnx_file(path)
        options = onnxruntime.SessionOptions()
        small = len(network) < ONE_THREAD_BYTES
        options.intra_op_num_threads = threads or (1 if small else 0)
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what matters comes back as an exception
        try:
            session = onnxruntime.InferenceSession(
                network, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except RUNTIME_ERRORS as error:
            raise RunError(
                f"{path}: ONNX Runtime cannot load this network: {_detail(error)}",
                hint="the file is damaged or incomplete; train again, or copy the run again",
            ) from error
        described = session.get_inputs()
        return cls(
            path=path,
            session=session,
            shapes={each.name: _sizes(each.shape) for each in described},
            dtypes={each.name: _dtype(path, each) for each in described},
            outputs=tuple(each.name for each in session.get_outputs()),
        )

    def predict(self, inputs: Arrays, *, batch_rows: int | None = None) -> Arrays:
        """Return the predictions [rows, ...] by output name, computed `batch_rows` at a time."""
        rows = check_inputs(inputs, self.shapes)
        batch_rows = batch_rows or rows_at_once(inputs)
        arrays = {
            name: np.ascontiguousarray(inputs[name], dtype) for name, dtype in self.dtypes.items()
        }
        batches = []
        for start in range(0, max(rows, 1), batch_rows):
            part = {name: array[start : start + batch_rows] for name, array in arrays.items()}
            try:
                given = self.session.run(self.outputs, part)
            except RUNTIME_ERRORS as error:
                last = min(start + batch_rows, rows)
                raise RunError(
                    f"{self.path}: the network fails on rows {start + 1} to {last}:"
                    f" {_detail(error)}"
                ) from error
            batches.append(dict(zip(self.outputs, given, strict=True)))
        return join_batches(batches)


def check_inputs(inputs: Arrays, shapes: dict[str, tuple[int | None, ...]]) -> int:
    """Return the number of rows, after checking names and shapes against the network's."""
    if set(inputs) != set(shapes):
        raise RunError(
            f"the network takes the inputs {_names(shapes)}, received {_names(inputs)}",
            hint="preprocessing and network belong to different runs",
        )
    for name, shape in shapes.items():
        received = np.shape(inputs[name])
        fits = len(received) == len(shape) and all(
            size is None or size == other
            for size, other in zip(shape[1:], received[1:], strict=True)
        )
        if not fits:
            raise RunError(
                f"input {name!r}: the network takes {_show(shape)}, received {_show(received)}",
                hint="preprocessing and network belong to different runs",
            )
    counts = {name: len(inputs[name]) for name in shapes}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise RunError(f"the inputs have different numbers of rows: {listed}")
    return next(iter(counts.values()), 0)


def rows_at_once(inputs: Arrays) -> int:
    """Return how many rows to compute at a time: fewer of images than of tables."""
    values = sum(int(np.prod(np.shape(array)[1:])) for array in inputs.values())
    return max(1, min(BATCH_ROWS, BATCH_VALUES // max(1, values)))


def join_batches(batches: list[Arrays]) -> Arrays:
    """Return one array per output; a single batch is not copied."""
    if len(batches) == 1:
        return batches[0]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _dtype(path: Path, described: Any) -> Any:
    if described.type not in TYPES:
        raise RunError(f"{path}: input {described.name!r} is {described.type}, not an array here")
    return TYPES[described.type]


def _sizes(shape: list[Any]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in shape)


def _show(shape: tuple[int | None, ...]) -> str:
    sizes = ["rows", *("any" if size is None else str(size) for size in shape[1:])]
    return f"[{', '.join(sizes[: len(shape)])}]"


def _names(names: Any) -> str:
    return ", ".join(repr(name) for name in sorted(names)) or "none"


def _detail(error: Exception) -> str:
    """Return the runtime's own sentence, without its codes and the places in its source."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    text = text.rpartition("Status Message: ")[2]
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    return re.sub(r"^.*?\.(?:cc|h):\d+ .*?\)\s+(?=\S)", "", text)
