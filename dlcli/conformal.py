"""Prediction intervals by split conformal prediction: as wide as the errors on rows held back were.

V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, 2005; J. Lei, M. G'Sell,
A. Rinaldo, R. J. Tibshirani, L. Wasserman, Distribution-free predictive inference for regression,
JASA 113, 2018. The interval reaches as far to either side as the k-th smallest absolute error, k
being (rows + 1) * level rounded up, which holds `level` of new values whatever the network is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import RunError, UsageError
from dlcli.predictions import TargetPrediction
from dlcli.record_shapes import CALIBRATION, check_record

FORMAT = 1
LEVEL = 0.9
"""The level that coverage is told for where nobody asked for one."""
LEVELS = (0.5, 0.8, LEVEL, 0.95)
"""The levels whose coverage a training measures."""
MOST_RESIDUALS = 10_000
"""More are thinned out evenly in their order, which moves no level by more than 0.0001."""

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TargetCalibration:
    """The errors of one target on the rows held back."""

    residuals: tuple[tuple[float, ...], ...]
    """Actual less predicted, rising, of every step ahead; in the target's unit, or in spreads."""
    floor: float | None = None
    """What is added to the members' spread that residuals are divided by; None divides by nothing."""

    @property
    def num_rows(self) -> int:
        """The rows that the first step's residuals are of."""
        return len(self.residuals[0])

    def reaches(self, level: float) -> Array | None:
        """Return how far the interval reaches at each step, [steps]; None with too few rows."""
        found = [_reach(np.abs(step), level) for step in self.residuals]
        return None if None in found else np.array(found, np.float64)

    def ends(self, prediction: TargetPrediction, level: float) -> tuple[Array, Array]:
        """Return the lower and the upper end for every prediction, shaped like its values."""
        values, reaches = prediction.values, self.reaches(level)
        assert values is not None
        assert reaches is not None, "the level is checked before"
        half = (reaches if values.ndim > 1 else reaches[0]) * _units(prediction, self.floor)
        return values - half, values + half


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The errors of every target of numbers, on one part."""

    part: str
    targets: dict[str, TargetCalibration]

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values; numbers survive exactly."""
        return {
            "format": FORMAT,
            "part": self.part,
            "targets": {
                name: {"floor": each.floor, "residuals": [list(step) for step in each.residuals]}
                for name, each in self.targets.items()
            },
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        """Read what `to_json` wrote and was checked."""
        return cls(
            part=state["part"],
            targets={
                name: TargetCalibration(
                    residuals=tuple(tuple(map(float, step)) for step in each["residuals"]),
                    floor=each["floor"],
                )
                for name, each in state["targets"].items()
            },
        )

    def describe(self) -> dict[str, Any]:
        """Return what is worth knowing of it, JSON-ready."""
        return {
            "part": self.part,
            "rows": {name: each.num_rows for name, each in self.targets.items()},
            "by_spread": {name: each.floor is not None for name, each in self.targets.items()},
            "level": LEVEL,
            "rows_needed": rows_needed(LEVEL),
        }


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Intervals of one level, for the predictions of one run."""

    calibration: Calibration
    level: float

    def ends(self, prediction: TargetPrediction) -> tuple[Array, Array] | None:
        """Return the ends for every prediction; None for a target of classes."""
        target = self.calibration.targets.get(prediction.target)
        return None if target is None else target.ends(prediction, self.level)


def calibrate(
    part: str,
    predictions: Mapping[str, TargetPrediction],
    actual: Mapping[str, NDArray[Any]],
) -> Calibration | None:
    """Keep the errors of every target of numbers on a part; None where there are none.

    Of a network with several members each error may be taken in units of how far they spread, so
    that intervals are wide where the members disagree. Both ways hold as many of these rows; the
    one whose intervals are narrower on average is kept.
    """
    targets = {}
    for name, prediction in predictions.items():
        if prediction.values is None or not len(prediction.values):
            continue
        floors: list[float | None] = [None]
        if prediction.spread is not None:
            floors.append(_floor(prediction.spread))
        found = [_calibrate(prediction, actual[name], floor) for floor in floors]
        targets[name] = min(found, key=lambda target: _mean_width(target, prediction))
    return Calibration(part=part, targets=targets) if targets else None


def spread_as_later(
    predictions: Mapping[str, TargetPrediction],
    *,
    before: Mapping[str, TargetPrediction],
    later: Mapping[str, TargetPrediction],
) -> dict[str, TargetPrediction]:
    """Return a network's predictions with its members as far apart as those of a later training.

    Members that have trained to the end agree more than those that were stopped on the way, so that
    units of the one spread are no units of the other. `before` and `later` are what both networks
    predict for rows that both have trained on: what their median spreads differ by is made up for.
    """
    return {
        name: replace(
            each, spread=each.spread * _median_ratio(later[name].spread, before[name].spread)
        )
        if each.spread is not None
        else each
        for name, each in predictions.items()
    }


def _median_ratio(spread: NDArray[Any] | None, other: NDArray[Any] | None) -> float:
    """Return how many times the other's median a spread's is; 1 where members do not differ."""
    assert spread is not None, "members stay members"
    assert other is not None
    medians = float(np.median(spread)), float(np.median(other))
    return medians[0] / medians[1] if all(medians) else 1.0


def _calibrate(
    prediction: TargetPrediction, actual: NDArray[Any], floor: float | None
) -> TargetCalibration:
    errors = (actual - prediction.values) / _units(prediction, floor)
    steps = errors.reshape(len(errors), -1).T
    return TargetCalibration(
        residuals=tuple(_thinned(np.sort(step)) for step in steps), floor=floor
    )


def _mean_width(target: TargetCalibration, prediction: TargetPrediction) -> float:
    """Return the mean width of the intervals of the usual level, or the widest that rows allow."""
    rows = target.num_rows
    low, high = target.ends(prediction, min(LEVEL, rows / (rows + 1)))
    return float(np.mean(high - low))


def load_calibration(state: dict[str, Any], path: Path) -> Calibration:
    """Read the calibration of a run; raises RunError where it is not as training writes it."""
    if state.get("format") != FORMAT:
        raise RunError(
            f"{path}: format {state.get('format')!r}; this dlcli reads {FORMAT}",
            hint="update dlcli",
        )
    check_record(state, CALIBRATION, path)
    steps = [each["residuals"] for each in state["targets"].values()]
    if not all(found and all(found) for found in steps):
        raise RunError(f"{path} holds no residuals", hint="copy the run folder again")
    return Calibration.from_json(state)


def check_level(level: float) -> None:
    """Raise UsageError for a level that is no share between 0 and 1."""
    if 0 < level < 1:
        return
    meant = level / 100 if 1 < level < 100 else LEVEL
    raise UsageError(
        f"an interval of level {level:g}: expected a share between 0 and 1, both left out",
        hint=f"{meant:g} gives intervals that hold {meant:.4g} of what is measured later",
    )


def make_intervals(calibration: Calibration, level: float, *, what: object) -> Intervals:
    """Return intervals of a level; raises RunError where `what` was calibrated on too few rows."""
    check_level(level)
    for name, target in calibration.targets.items():
        if target.reaches(level) is None:
            rows = target.num_rows
            raise RunError(
                f"{what}: an interval of level {level:g} for {name!r} needs {rows_needed(level):,} "
                f"validation rows, and there were {rows:,}, which allow levels up to "
                f"{widest_level(rows):.4g}",
                hint="ask for a lower level, or train with more rows in data.split.validation",
            )
    return Intervals(calibration=calibration, level=level)


def rows_needed(level: float) -> int:
    """Return the fewest rows whose largest error bounds the share `level` of new errors."""
    return math.ceil(round(level / (1 - level), 9))


def widest_level(rows: int) -> float:
    """Return the highest level that so many rows allow, rounded down to four decimals."""
    return math.floor(rows / (rows + 1) * 10_000) / 10_000


def measure_coverage(
    calibration: Calibration,
    predictions: Mapping[str, TargetPrediction],
    actual: Mapping[str, NDArray[Any]],
    weights: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Return, by target and level, the share of `actual` that the intervals hold, JSON-ready.

    `width` is the mean width, in the target's unit; levels that the calibration has too few rows
    for are left out.
    """
    measured: dict[str, Any] = {}
    for name, target in calibration.targets.items():
        of_levels: dict[str, Any] = {}
        for level in LEVELS:
            if target.reaches(level) is None:
                continue
            low, high = target.ends(predictions[name], level)
            held = (actual[name] >= low) & (actual[name] <= high)
            of_levels[f"{level:g}"] = {
                "covered": _average(held, weights),
                "width": _average(high - low, weights),
            }
        measured[name] = of_levels
    return measured


def _average(values: NDArray[Any], weights: NDArray[Any] | None) -> float:
    rows = np.asarray(values, np.float64).reshape(len(values), -1).mean(axis=1)
    return float(np.average(rows, weights=weights))


def _reach(errors: Array, level: float) -> float | None:
    place = math.ceil(round((len(errors) + 1) * level, 9))
    return None if place > len(errors) else float(np.sort(errors)[place - 1])


def _units(prediction: TargetPrediction, floor: float | None) -> Array | float:
    if floor is None:
        return 1.0
    assert prediction.spread is not None, "calibrated with members, predicted without"
    return np.asarray(prediction.spread + floor, np.float64)


def _floor(spread: NDArray[Any]) -> float:
    """Return what keeps a row on which all members agree from being held for certain."""
    return float(np.median(spread)) or 1.0


def _thinned(residuals: Array) -> tuple[float, ...]:
    if len(residuals) > MOST_RESIDUALS:
        places = np.linspace(0, len(residuals) - 1, MOST_RESIDUALS).round().astype(np.int64)
        residuals = residuals[places]
    return tuple(residuals.tolist())
