"""What training is fed with: the arrays of one part, and the order of its rows in every epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """One part of a dataset in host memory; every array has the same first dimension, its rows."""

    inputs: dict[str, Array]
    """Input name to [rows, ...]."""
    targets: dict[str, Array]
    """Output name to [rows, ...]."""
    sample_weight: Array | None = None
    """[rows], or None where every row counts the same."""

    @property
    def num_rows(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def num_bytes(self) -> int:
        arrays = [*self.inputs.values(), *self.targets.values()]
        if self.sample_weight is not None:
            arrays.append(self.sample_weight)
        return sum(array.nbytes for array in arrays)


def permutation(seed: int, epoch: int, rows: int) -> NDArray[np.int32]:
    """Return the order of the rows in one epoch, the same whatever epochs came before it."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(rows).astype(np.int32)


def row_order(*, seed: int, epoch: int, rows: int, shuffle: bool) -> NDArray[np.int32]:
    """Return the order in which an epoch takes the rows."""
    return permutation(seed, epoch, rows) if shuffle else np.arange(rows, dtype=np.int32)


def count_batches(rows: int, batch_size: int) -> int:
    """Return the number of batches in an epoch, a short last one included."""
    return -(-rows // batch_size)


def arrange(
    model: Any, arrays: Arrays, *, class_weight: Mapping[int, float] | None = None
) -> tuple[Any, ...]:
    """Return (x, y) or (x, y, sample_weight) in the structures that the model takes and gives."""
    # Keras keeps these structures for itself; a Sequential model has none, and one of each.
    taken = getattr(model, "_inputs_struct", model.inputs[0])
    given = getattr(model, "_outputs_struct", model.outputs[0])
    x = _arrange(taken, [tensor.name for tensor in model.inputs], arrays.inputs)
    y = _arrange(given, list(getattr(model, "output_names", arrays.targets)), arrays.targets)
    weight = arrays.sample_weight
    if class_weight is not None:
        if weight is not None:
            raise ValueError("class weights and sample weights cannot both be given")
        if len(arrays.targets) != 1:
            raise ValueError("class weights need a model with one output")
        (target,) = arrays.targets.values()
        weight = _class_weights(target, class_weight)
    return (x, y) if weight is None else (x, y, _as_trained(weight))


def _arrange(structure: Any, names: list[str], arrays: Mapping[str, Array]) -> Any:
    if isinstance(structure, dict):
        return {
            key: _as_trained(arrays[key if key in arrays else tensor.name])
            for key, tensor in structure.items()
        }
    if isinstance(structure, list | tuple):
        if len(arrays) == len(names) == 1:
            return (_as_trained(next(iter(arrays.values()))),)
        return tuple(_as_trained(arrays[name]) for name in names)
    (array,) = arrays.values()
    return _as_trained(array)


def _as_trained(array: Array) -> Array:
    # Keras's own array adapter makes float64 arrays float32; other types stay what they are.
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _class_weights(target: Array, class_weight: Mapping[int, float]) -> Array:
    """Return a weight per row [rows], for integer or one-hot classes, as Keras assigns them."""
    if target.ndim > 1:
        target = target.argmax(axis=-1) if target.shape[-1] != 1 else target[..., 0]
    classes, positions = np.unique(np.round(target).astype(np.int32), return_inverse=True)
    weights = np.array([class_weight.get(int(label), 1.0) for label in classes], dtype=np.float32)
    return weights[positions].reshape(len(target))
