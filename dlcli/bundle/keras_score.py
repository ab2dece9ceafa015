"""Predictions through Keras itself, for runs whose network has no ONNX file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import dlcli.custom  # noqa: F401 - a network may hold layers of ours
from dlcli.bundle.keras_file import check_keras_file
from dlcli.bundle.score import Arrays, check_inputs, join_batches, rows_at_once
from dlcli.errors import RunError


@dataclass(frozen=True, kw_only=True)
class KerasScorer:
    """A Keras model that takes and gives named arrays, as Scorer does with an ONNX file."""

    model: Any

    @classmethod
    def open(cls, path: Path, *, own_classes: bool = False) -> "KerasScorer":
        """Load a `.keras` file; one that holds code of its own is refused.

        `own_classes` says that classes of the user's were loaded before.
        """
        check_keras_file(path, own_classes=own_classes)
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except (ValueError, TypeError, OSError, KeyError, AttributeError, MemoryError) as error:
            raise RunError(
                f"{path}: Keras cannot load this model: {_first_line(error)}",
                hint="the file is damaged, of another Keras version, or holds custom code",
            ) from error
        return cls(model=model)

    def predict(self, inputs: Arrays, *, batch_rows: int | None = None) -> Arrays:
        """Return the predictions [rows, ...] by output name."""
        names, outputs = input_names(self.model), output_names(self.model)
        shapes = {name: tuple(kt.shape) for name, kt in zip(names, self.model.inputs, strict=True)}
        rows = check_inputs(inputs, shapes)
        batch_rows = batch_rows or rows_at_once(inputs)
        structure = getattr(self.model, "_inputs_struct", self.model.inputs[0])
        batches = []
        for start in range(0, max(rows, 1), batch_rows):
            flat = [
                np.asarray(inputs[name][start : start + batch_rows], kt.dtype)
                for name, kt in zip(names, self.model.inputs, strict=True)
            ]
            given = self.model(keras.tree.pack_sequence_as(structure, flat), training=False)
            arrays = [keras.ops.convert_to_numpy(each) for each in keras.tree.flatten(given)]
            batches.append(dict(zip(outputs, arrays, strict=True)))
        return join_batches(batches)


def input_names(model: Any) -> list[str]:
    """Return the names of the model's flat inputs, in order."""
    return [tensor.name for tensor in model.inputs]


def output_names(model: Any) -> list[str]:
    """Return the names of the model's flat outputs: dictionary keys, else the layers' names."""
    structure = getattr(model, "_outputs_struct", None)
    if isinstance(structure, dict):
        return [str(key) for key in sorted(structure)]
    names = [str(tensor._keras_history.operation.name) for tensor in model.outputs]
    earlier = [names[:place].count(name) for place, name in enumerate(names)]
    return [f"{n}_{count}" if count else n for n, count in zip(names, earlier, strict=True)]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
