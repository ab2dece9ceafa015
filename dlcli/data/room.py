"""Whether arrays and networks fit into memory, asked before the work begins."""

import math

import numpy as np

from dlcli.data.preprocessing import Preprocessing
from dlcli.errors import DataError
from dlcli.memory import available_bytes, show_bytes
from dlcli.spec.components import ComponentSpec
from dlcli.spec.experiment import RunSpec
from dlcli.spec.problems import Problems
from dlcli.spec.report import raise_problems
from dlcli.spec.shapes.weights import Sizes

_NUMBER_BYTES = 4
"""Of float32, in which networks train."""
_KEPT_BY_OPTIMIZER = {
    **dict.fromkeys(("Adam", "AdamW", "Adamax", "Nadam", "Lamb", "GroupedAdamW"), 2),
    **dict.fromkeys(("Adadelta", "Ftrl"), 2),
    **dict.fromkeys(("RMSprop", "Adagrad", "Lion", "Muon"), 1),
}
"""Numbers beside each weight; Keras's `add_optimizer_variables` calls, where no option adds more."""


def check_arrays_fit(preprocessing: Preprocessing, rows: int) -> None:
    """Raise DataError where the arrays of a table would not fit into memory."""
    specs = preprocessing.input_specs
    numbers = sum(math.prod(spec.shape) for spec in specs.values())
    row_bytes = sum(math.prod(s.shape) * np.dtype(s.dtype).itemsize for s in specs.values())
    targets = 12 * len(preprocessing.target_columns)  # float64 as measured, float32 as trained on
    needed, room = rows * (row_bytes + targets), available_bytes()
    if needed <= room:
        return
    widths = {
        column.settings.name: len(column.feature_names) for column in preprocessing.input_columns
    }
    widest = max(widths, key=lambda name: widths[name])
    hints = ["leave columns out with data.drop", "train on fewer rows"]
    if widths[widest] > numbers // 2:
        hints.insert(0, f"{widest!r} alone makes {widths[widest]:,} of them; `encode: ordinal` "
                     "and an Embedding layer need one")  # fmt: skip
    raise DataError(
        f"the arrays would take {show_bytes(needed)}, {rows:,} rows of {numbers:,} numbers, and "
        f"{show_bytes(room)} of memory are free",
        hint="; or ".join(hints),
    )


def check_network_fits(spec: RunSpec, sizes: Sizes, *, rows: int) -> None:
    """Raise SpecError where a network would not fit into memory while it trains on `rows` rows.

    Counted are the weights, a gradient and what the optimizer keeps for each, and what layers with
    weights give for the rows of a batch: less than what training takes, so what is refused is
    certain not to fit.
    """
    held = 2 + _kept_by(spec.optimizer)
    weights = sum(sizes.weights.values())
    row_bytes = sum(sizes.outputs.values()) * _NUMBER_BYTES
    batch = min(spec.batch_size, rows)
    weight_bytes, batch_bytes = weights * held * _NUMBER_BYTES, batch * row_bytes
    room = available_bytes()
    if weight_bytes + batch_bytes <= room:
        return
    problems = Problems()
    free = f"and {show_bytes(room)} of memory are free"
    if weight_bytes <= room:
        fits = (room - weight_bytes) // row_bytes
        problems.add(
            ("batch_size",),
            f"the layers give {show_bytes(batch_bytes)} for a batch of {batch:,} rows, which "
            f"training holds beside {show_bytes(weight_bytes)} for the weights, {free}",
            hint=f"batch_size: {2 ** (int(fits).bit_length() - 1)}"
            if fits
            else "fewer units or filters, or smaller inputs",
        )
    else:
        largest = max(sizes.weights, key=lambda path: sizes.weights[path])
        problems.add(
            largest,
            f"{largest[-1]} makes {sizes.weights[largest]:,} of {weights:,} weights; training "
            f"holds {held} numbers for each with {spec.optimizer.name}: "
            f"{show_bytes(weight_bytes)}, {free}",
            hint="fewer units or filters, or smaller inputs",
            on_key=True,
        )
    assert spec.origin is not None
    raise_problems(problems, spec.origin)


def _kept_by(optimizer: ComponentSpec) -> int:
    inner = optimizer.arguments.get("inner_optimizer")
    if isinstance(inner, ComponentSpec):
        return _kept_by(inner)
    return _KEPT_BY_OPTIMIZER.get(optimizer.name, 0)
