"""Columns whose cells are arrays of one shape, as .npz files hold them."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def is_array_column(column: pa.ChunkedArray) -> bool:
    """Tell whether every cell is an array."""
    return isinstance(column.type, pa.FixedShapeTensorType)


def to_array_column(values: NDArray[np.generic]) -> pa.ChunkedArray:
    """Return a column of the arrays in `values` [rows, ...], which keeps their memory."""
    shape = values.shape[1:]
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    kind = pa.fixed_shape_tensor(flat.type, shape)
    lists = pa.FixedSizeListArray.from_arrays(flat, int(np.prod(shape)))
    return pa.chunked_array([pa.ExtensionArray.from_storage(kind, lists)])


def from_array_column(column: pa.ChunkedArray) -> NDArray[np.generic]:
    """Return the arrays of a column as one [rows, ...]."""
    shape = tuple(column.type.shape)
    if not len(column):
        return np.zeros((0, *shape), dtype=column.type.value_type.to_pandas_dtype())
    # One chunk is read where it lies; Arrow would copy it to make one of it.
    arrays = [chunk.to_numpy_ndarray() for chunk in column.chunks if len(chunk)]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
