"""The columns that predictions add to a table."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.conformal import Intervals
from dlcli.predictions import TargetPrediction


def prediction_columns(
    predictions: dict[str, TargetPrediction],
    intervals: Intervals | None = None,
    *,
    spread: bool = False,
) -> Iterator[tuple[str, NDArray[Any] | pa.Array]]:
    """Yield the columns of a predictions table: the prediction, and each class's probability.

    With `intervals` a predicted number has the ends of its interval beside it; with `spread` a
    prediction has the standard deviation between the members of an ensemble.
    """
    for target, prediction in predictions.items():
        if prediction.values is not None:
            yield f"predicted_{target}", prediction.values
            ends = None if intervals is None else intervals.ends(prediction)
            if ends is not None:
                yield from zip((f"lower_{target}", f"upper_{target}"), ends, strict=True)
            yield from spread_column(prediction) if spread else ()
            continue
        assert prediction.probabilities is not None
        assert prediction.classes is not None
        names = pa.array(prediction.classes, pa.string())
        yield f"predicted_{target}", names.take(pa.array(prediction.codes))
        prefix = f"{target}_" if len(predictions) > 1 else ""
        for index, label in enumerate(prediction.classes):
            yield f"probability_{prefix}{label}", prediction.probabilities[:, index]
        yield from spread_column(prediction) if spread else ()


def spread_column(prediction: TargetPrediction) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield how far members are apart: in the target's unit, of classes in the one predicted."""
    if prediction.member_spread is not None:
        yield f"spread_{prediction.target}", prediction.member_spread


def as_arrow(values: NDArray[Any]) -> pa.Array:
    """Return numbers [rows] as an Arrow array."""
    # `pa.array` would import numpy.ma, a fifth of the time that 100 rows take.
    numbers = np.ascontiguousarray(values, np.float64)
    return pa.Array.from_buffers(pa.float64(), len(numbers), [None, pa.py_buffer(numbers)])


def lay_out_rows(values: NDArray[Any] | pa.Array, kept: NDArray[np.int64], rows: int) -> pa.Array:
    """Lay the predictions of the kept rows out over all rows; the others stay empty."""
    array = values if isinstance(values, pa.Array) else as_arrow(values)
    if len(kept) == rows:
        return array
    positions = np.full(rows, -1, np.int64)
    positions[kept] = np.arange(len(kept))
    return array.take(pa.array(positions, mask=positions < 0))
