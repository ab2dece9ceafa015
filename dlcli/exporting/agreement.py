"""How far an exported run is from the run itself on the same rows, and whether that is too far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import RunError
from dlcli.exporting.columns import Arrays

MOST_DIFFERENCE = 1e-3
"""Of the range of the run's predictions, or of a probability. Other runtimes add float32 numbers in
another order, which is some 1e-6; LiteRT and C also scale in float32, some 1e-5."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The largest difference of each output that holds numbers."""

    rows: int
    differences: dict[str, float]

    @property
    def largest(self) -> float:
        return max(self.differences.values(), default=0.0)


def compare(
    expected: Arrays,
    received: Arrays,
    *,
    names: Mapping[str, str],
    what: str,
    thresholds: Mapping[str, float],
) -> Agreement:
    """Compare outputs by name; raises RunError where they differ by too much.

    `names` are the names of `expected` in `received`; of class names, `thresholds` say at which
    probability the second of two is predicted.
    """
    differences: dict[str, float] = {}
    for name, run in expected.items():
        other = received.get(names[name])
        if other is None or other.shape != run.shape:
            shape = "nothing" if other is None else list(other.shape)
            raise _refusal(what, f"{name!r} is {shape} in place of {list(run.shape)}")
        if run.dtype == object:
            continue
        difference = _difference(run, other)
        if difference > MOST_DIFFERENCE * _size(run, is_share=name.startswith("probability_")):
            reach = f"{np.nanmin(run):.6g} to {np.nanmax(run):.6g}"
            raise _refusal(
                what, f"{name!r} differs by up to {difference:.3g} where the run gives {reach}"
            )
        differences[name] = difference
    for name, run in expected.items():
        if run.dtype == object:
            shares = expected[name.replace("predicted_", "probability_", 1)]
            _check_classes(name, run, received[names[name]], shares, thresholds[name], what)
    rows = len(next(iter(expected.values()), ()))
    return Agreement(rows=rows, differences=differences)


def _difference(run: NDArray[Any], other: NDArray[Any]) -> float:
    numbers = other.astype(np.float64)
    same = (run == numbers) | (np.isnan(run) & np.isnan(numbers))
    with np.errstate(invalid="ignore"):
        gaps = np.where(same, 0.0, np.abs(run - numbers))
    return float(np.max(np.nan_to_num(gaps, nan=np.inf, posinf=np.inf), initial=0.0))


def _size(run: NDArray[Any], *, is_share: bool) -> float:
    if is_share:
        return 1.0
    finite = run[np.isfinite(run)]
    if not finite.size:
        return 0.0
    # Predictions that are all the same are compared with their own size.
    return float(np.ptp(finite)) or float(np.abs(finite).max())


def _check_classes(
    name: str,
    run: NDArray[Any],
    other: NDArray[Any],
    shares: NDArray[Any],
    threshold: float,
    what: str,
) -> None:
    """Refuse other classes, unless two are so close that the last digits decide."""
    if shares.shape[1] == 2:
        margins = np.abs(shares[:, 1] - threshold)
    else:
        ordered = np.sort(shares, axis=1)
        margins = ordered[:, -1] - ordered[:, -2]
    wrong = (run != other) & (margins > 2 * MOST_DIFFERENCE)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise _refusal(
            what, f"{name!r} is {other[row]!r} in row {row + 1} where the run gives {run[row]!r}"
        )


def _refusal(what: str, problem: str) -> RunError:
    return RunError(
        f"{what} does not predict what the run predicts, and was not written: {problem}",
        hint="another format may; LiteRT and C compute with float32, which numbers far from 0 "
        "with small differences do not survive",
    )
