"""Bootstrap intervals of scores, and of differences between two predictions of the same rows.

Percentiles of resampled rows: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993.
The same seed and number of rows draw the same rows, whatever is predicted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.metrics import (
    EVEN,
    SMALLEST_PROBABILITY,
    classification_metrics,
    decide,
    regression_metrics,
)

COVERAGE = 0.95
RESAMPLES = 1000

MOST_UNITS = 1000
"""Rows drawn one by one. More rows are dealt at random into this many groups, which are drawn
whole: the intervals stay valid, and their cost stops growing with the rows."""

MOST_RANKED = 2_000_000
"""Scores ranked anew in every resample for an area under the curve, in all. Beyond, the area is
taken as the mean of what each row adds to it, which is the same to the order of 1 / rows."""

MOST_CLASSES = 100
"""With more classes, the scores that average over classes have no interval: they would take
longer than all the rest, and a class of a few rows has none to speak of."""

REGRESSION_INTERVALS = (
    "MeanSquaredError",
    "RootMeanSquaredError",
    "MeanAbsoluteError",
    "R2Score",
    "MeanAbsolutePercentageError",
)
CLASSIFICATION_INTERVALS = (
    "Accuracy",
    "LogLoss",
    "Precision",
    "Recall",
    "F1Score",
    "AUC",
    "BalancedAccuracy",
)

_GRID = 20001
"""Points at which a density is summed up; the quantile is right to six digits."""

_FEWEST_DEFINED = 0.9
"""A score that fewer of the resamples define has no interval."""

Array = NDArray[np.float64]
Samples = dict[str, Array]
"""Scores of the resamples, [resamples] each; NaN where a resample does not define one."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a score would lie on other rows of the same kind, with a chance of COVERAGE."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One score less another on the same rows, with its interval."""

    value: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def regression_intervals(
    actual: NDArray[Any],
    predicted: NDArray[Any],
    weights: NDArray[Any] | None = None,
    *,
    seed: int,
    coverage: float = COVERAGE,
) -> dict[str, Interval | None]:
    """Return an interval for each of REGRESSION_INTERVALS; None where a score is not defined."""
    samples = _regression_samples(actual, predicted, weights, _draw(len(actual), seed=seed))
    scores = regression_metrics(actual, predicted, weights)
    return _intervals(samples, scores, coverage)


def regression_differences(
    actual: NDArray[Any],
    predicted: tuple[NDArray[Any], NDArray[Any]],
    weights: NDArray[Any] | None = None,
    *,
    seed: int,
    coverage: float = COVERAGE,
) -> dict[str, Difference | None]:
    """Return each score of the first prediction less that of the second, [rows] both."""
    draws = _draw(len(actual), seed=seed)
    samples = [_regression_samples(actual, each, weights, draws) for each in predicted]
    scores = [regression_metrics(actual, each, weights) for each in predicted]
    return _differences(samples, scores, coverage)


def classification_intervals(
    codes: NDArray[Any],
    probabilities: NDArray[Any],
    weights: NDArray[Any] | None = None,
    *,
    seed: int,
    coverage: float = COVERAGE,
    threshold: float = EVEN,
) -> dict[str, Interval | None]:
    """Return an interval for each of CLASSIFICATION_INTERVALS; None where there is none.

    Takes class codes [rows] and probabilities [rows, classes]; the second of two classes is
    predicted from `threshold` on.
    """
    draws = _draw(len(codes), seed=seed)
    samples = _classification_samples(codes, probabilities, weights, draws, threshold)
    scores = _classification_scores(codes, probabilities, weights, threshold)
    return _intervals(samples, scores, coverage)


def classification_differences(
    codes: NDArray[Any],
    probabilities: tuple[NDArray[Any], NDArray[Any]],
    weights: NDArray[Any] | None = None,
    *,
    seed: int,
    coverage: float = COVERAGE,
    thresholds: tuple[float, float] = (EVEN, EVEN),
) -> dict[str, Difference | None]:
    """Return each score of the first probabilities less that of the second."""
    draws = _draw(len(codes), seed=seed)
    both = tuple(zip(probabilities, thresholds, strict=True))
    samples = [_classification_samples(codes, each, weights, draws, at) for each, at in both]
    scores = [_classification_scores(codes, each, weights, at) for each, at in both]
    return _differences(samples, scores, coverage)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Draws:
    """How often each unit was drawn, [resamples, units], and the unit of each row."""

    counts: Array
    units: NDArray[np.int64] | None
    """[rows]; None where every row is a unit of its own."""

    def sum(self, terms: list[Array]) -> list[Array]:
        """Return the sums of terms, [rows] each, over every resample."""
        if self.units is not None:
            size = self.counts.shape[1]
            summed = [np.bincount(self.units, weights=term, minlength=size) for term in terms]
            terms = [np.asarray(term, np.float64) for term in summed]
        return list((self.counts @ np.stack(terms, axis=1)).T)

    def sum_by_class(self, codes: NDArray[Any], weights: Array, num_classes: int) -> Array:
        """Return the weights of every class in every resample, [resamples, classes]."""
        size = self.counts.shape[1]
        units = np.arange(size) if self.units is None else self.units
        places = units * num_classes + codes
        sums = np.bincount(places, weights=weights, minlength=size * num_classes)
        return np.asarray(self.counts @ sums.reshape(size, num_classes))

    def of_rows(self) -> Array:
        """Return how often each row was drawn, [resamples, rows]."""
        return self.counts if self.units is None else self.counts[:, self.units]


def _draw(num_rows: int, *, seed: int) -> _Draws:
    random = np.random.default_rng(seed)
    size = min(num_rows, MOST_UNITS)
    units = None if num_rows <= MOST_UNITS else random.permutation(num_rows) % size
    if not size:
        return _Draws(counts=np.zeros((RESAMPLES, 0)), units=None)
    drawn = random.integers(0, size, (RESAMPLES, size))
    drawn += np.arange(RESAMPLES)[:, np.newaxis] * size
    counts = np.bincount(drawn.ravel(), minlength=RESAMPLES * size)
    return _Draws(counts=counts.reshape(RESAMPLES, size).astype(np.float64), units=units)


def _regression_samples(
    actual: NDArray[Any], predicted: NDArray[Any], weights: NDArray[Any] | None, draws: _Draws
) -> Samples:
    actual = np.asarray(actual, np.float64).ravel()
    if not len(actual):
        return {}
    weighting = _weighting(actual, weights)
    error = np.asarray(predicted, np.float64).ravel() - actual
    # Squares of what lies far from 0 would lose the spread to rounding.
    centred = actual - np.average(actual, weights=weighting)
    has_zero = bool(np.any(actual == 0))
    relative = np.abs(error / actual) if not has_zero else np.full(len(actual), np.nan)
    terms = [np.ones(len(actual)), centred, centred**2, error**2, np.abs(error), relative]
    total, first, second, squares, absolute, share = draws.sum([weighting * t for t in terms])
    with np.errstate(invalid="ignore", divide="ignore"):
        squared = squares / total
        variance = second / total - np.square(first / total)
        variance[variance <= 1e-12 * np.square(centred).max()] = np.nan
        return {
            "MeanSquaredError": squared,
            "RootMeanSquaredError": np.sqrt(squared),
            "MeanAbsoluteError": absolute / total,
            "R2Score": 1 - squared / variance,
            "MeanAbsolutePercentageError": 100 * share / total,
        }


def _classification_samples(
    codes: NDArray[Any],
    probabilities: NDArray[Any],
    weights: NDArray[Any] | None,
    draws: _Draws,
    threshold: float = EVEN,
) -> Samples:
    codes = np.asarray(codes, np.int64).ravel()
    probabilities = np.asarray(probabilities, np.float64)
    if not len(codes):
        return {}
    weighting = _weighting(codes, weights)
    predicted = decide(probabilities, threshold)
    with np.errstate(invalid="ignore", divide="ignore"):
        chosen = probabilities[np.arange(len(codes)), codes] / probabilities.sum(axis=1)
        chosen = np.clip(chosen, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        terms = [np.ones(len(codes)), (predicted == codes).astype(np.float64), -np.log(chosen)]
        total, hits, losses = draws.sum([weighting * term for term in terms])
        samples = {"Accuracy": hits / total, "LogLoss": losses / total}
        if probabilities.shape[1] <= MOST_CLASSES:
            samples |= _class_samples(codes, predicted, weighting, draws, probabilities.shape[1])
            samples["AUC"] = _area_samples(codes, probabilities, weighting, draws)
    return samples


def _class_samples(
    codes: NDArray[np.int64],
    predicted: NDArray[np.int64],
    weights: Array,
    draws: _Draws,
    num_classes: int,
) -> Samples:
    """Return the scores that average over classes; of two classes, those of the last one."""
    present = draws.sum_by_class(codes, weights, num_classes)
    chosen = draws.sum_by_class(predicted, weights, num_classes)
    right = draws.sum_by_class(codes, weights * (codes == predicted), num_classes)
    recall = _ratio(right, present)
    by_class = {
        "Precision": _ratio(right, chosen),
        "Recall": recall,
        "F1Score": _ratio(2 * right, chosen + present),
    }
    judged = slice(1, None) if num_classes == 2 else slice(None)
    samples = {name: values[:, judged].mean(axis=1) for name, values in by_class.items()}
    # A class without rows has no recall to speak of.
    samples["BalancedAccuracy"] = recall.sum(axis=1) / (present > 0).sum(axis=1)
    return samples


def _area_samples(
    codes: NDArray[np.int64], probabilities: Array, weights: Array, draws: _Draws
) -> Array:
    num_classes = probabilities.shape[1]
    judged = [1] if num_classes == 2 else range(num_classes)
    is_small = RESAMPLES * len(codes) * len(judged) <= MOST_RANKED
    area = _ranked_area if is_small else _projected_area
    areas = [area(codes == code, probabilities[:, code], weights, draws) for code in judged]
    return np.asarray(np.mean(areas, axis=0))


def _ranked_area(
    positive: NDArray[np.bool_], scores: Array, weights: Array, draws: _Draws
) -> Array:
    """Return the area under the ROC curve of every resample."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    drawn = draws.of_rows()[:, order] * weights[order]
    above = np.add.reduceat(drawn * positive[order], starts, axis=1)
    below = np.add.reduceat(drawn * ~positive[order], starts, axis=1)
    wins = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
    total = above.sum(axis=1) * below.sum(axis=1)
    return np.asarray(wins / np.where(total > 0, total, np.nan))


def _projected_area(
    positive: NDArray[np.bool_], scores: Array, weights: Array, draws: _Draws
) -> Array:
    """Return the area of every resample, as the mean of what its rows add to it.

    The components of E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44(3), 1988.
    """
    _, places = np.unique(scores, return_inverse=True)
    above = np.bincount(places, weights=weights * positive)
    below = np.bincount(places, weights=weights * ~positive)
    won = ((np.cumsum(below) - below / 2) / below.sum())[places]
    lost = ((above.sum() - np.cumsum(above) + above / 2) / above.sum())[places]
    area = np.average(won, weights=weights * positive) if above.sum() > 0 else np.nan
    truths, falses = weights * positive, weights * ~positive
    wins, num_true, losses, num_false = draws.sum([truths * won, truths, falses * lost, falses])
    return np.asarray(np.clip(wins / num_true + losses / num_false - area, 0.0, 1.0))


def _classification_scores(
    codes: NDArray[Any],
    probabilities: NDArray[Any],
    weights: NDArray[Any] | None,
    threshold: float,
) -> dict[str, Any]:
    classes = tuple(map(str, range(np.shape(probabilities)[1])))
    scores = classification_metrics(codes, probabilities, classes, weights, threshold=threshold)
    return {name: scores[name] for name in CLASSIFICATION_INTERVALS}


def _intervals(
    samples: Samples, scores: Mapping[str, float | None], coverage: float
) -> dict[str, Interval | None]:
    found: dict[str, Interval | None] = {}
    for name, score in scores.items():
        ends = None if score is None else _ends(samples.get(name), coverage)
        # Rows that all score alike, such as predictions without a mistake, tell of no others.
        is_flat = ends is None or ends[0] == ends[1]
        found[name] = None if ends is None or is_flat else Interval(low=ends[0], high=ends[1])
    return found


def _differences(
    samples: list[Samples], scores: list[dict[str, float | None]], coverage: float
) -> dict[str, Difference | None]:
    found: dict[str, Difference | None] = {}
    for name in scores[0]:
        one, other = scores[0][name], scores[1][name]
        ends = None
        if one is not None and other is not None and name in samples[0]:
            ends = _ends(samples[0][name] - samples[1][name], coverage)
        if one is None or other is None or ends is None:
            found[name] = None
        else:
            found[name] = Difference(value=one - other, low=ends[0], high=ends[1])
    return found


def _ends(samples: Array | None, coverage: float) -> tuple[float, float] | None:
    if samples is None:
        return None
    defined = samples[np.isfinite(samples)]
    if len(defined) < _FEWEST_DEFINED * len(samples):
        return None
    low, high = np.quantile(defined, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)


def _weighting(values: NDArray[Any], weights: NDArray[Any] | None) -> Array:
    return np.ones(len(values)) if weights is None else np.asarray(weights, np.float64).ravel()


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def interval_of_mean(values: Array, *, test_share: float = 0.0) -> tuple[float, float]:
    """Return the interval of a mean over folds, by Student's t.

    Networks of different folds share training rows, so their figures vary less than independent
    ones would: C. Nadeau, Y. Bengio, Inference for the Generalization Error, 2003. `test_share` is
    the size of a fold over that of its training part; 0 leaves the correction out.
    """
    count = len(values)
    spread = float(values.std(ddof=1)) * math.sqrt(1 / count + test_share)
    reach = student_quantile(0.5 + COVERAGE / 2, count - 1) * spread
    mean = float(values.mean())
    return mean - reach, mean + reach


def student_quantile(share: float, freedom: int) -> float:
    """Return the value below which `share` (above one half) of Student's t falls."""
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    scale = math.exp(log_scale) / math.sqrt(freedom * math.pi)
    # With the angle whose tangent is t over the root of the freedom, the density is a power of a
    # cosine between two finite ends.
    angles = np.linspace(0.0, math.pi / 2, _GRID)
    density = scale * math.sqrt(freedom) * np.cos(angles) ** (freedom - 1)
    step = angles[1]
    below = 0.5 + np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) * step / 2)])
    return math.sqrt(freedom) * math.tan(float(np.interp(share, below, angles)))
