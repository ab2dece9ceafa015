"""What the network takes, as one table of numbers for models that take nothing else."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.data.columns.tensor import FEATURES, InputSpec

Array = np.ndarray[Any, Any]

MOST_CODES = 2000
"""Categories or words of one input that get a column each; later ones, of texts the rarer, get none."""

MOST_CELLS = 5e7
"""Numbers that the columns of one such input may come to: 200 MB of memory."""

MOST_COLUMNS = 5000
"""A wider input, such as a large image, is left out: a baseline of it would cost more than it tells."""


def as_matrix(
    inputs: Mapping[str, Array], specs: Mapping[str, InputSpec], *, num_training_rows: int
) -> Array | None:
    """Return float32 [rows, columns], or None where no input can be laid out so.

    `features` stay as they are. The codes of an ordinal category become 0/1 columns, those of a
    text 0/1 columns that tell which words occur; other tensors are flattened. The columns are the
    same for every part of a dataset with the same number of training rows.
    """
    most_codes = int(min(MOST_CODES, MOST_CELLS / max(num_training_rows, 1)))
    blocks = [
        _columns(array, specs[name], most_codes=most_codes) for name, array in _in_order(inputs)
    ]
    kept = [block for block in blocks if block is not None]
    if not kept:
        return None
    return kept[0] if len(kept) == 1 else np.concatenate(kept, axis=1)


def _in_order(inputs: Mapping[str, Array]) -> list[tuple[str, Array]]:
    return sorted(inputs.items(), key=lambda item: item[0] != FEATURES)


def _columns(array: Array, spec: InputSpec, *, most_codes: int) -> Array | None:
    if spec.vocabulary_size is not None:
        return _occurrences(array, min(spec.vocabulary_size, most_codes)) if most_codes else None
    flat = array.reshape(len(array), -1) if len(array) else np.empty((0, _width(array)))
    return flat.astype(np.float32, copy=False) if 0 < flat.shape[1] <= MOST_COLUMNS else None


def _width(array: Array) -> int:
    return int(np.prod(array.shape[1:], dtype=np.int64))


def _occurrences(codes: Array, size: int) -> Array:
    """Return [rows, size] with a 1 for each code that a row holds."""
    codes = codes.reshape(len(codes), -1) if len(codes) else np.empty((0, 1), np.int32)
    found = np.zeros((len(codes), size), np.float32)
    rows, places = np.nonzero(codes < size)
    found[rows, codes[rows, places]] = 1.0
    return found
