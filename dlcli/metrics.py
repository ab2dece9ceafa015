"""Scores of predictions against what was measured, in NumPy; names are those of Keras.

A score that is not defined (R2 of a constant target, AUC with one class) is None, never NaN.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.spec.figures import CLASS_METRICS, CLASSIFICATION_METRICS, REGRESSION_METRICS

Array = np.ndarray[Any, Any]
Score = float | None

# Probabilities are kept this far from 0 and 1 in the log loss, as float64 rounding does.
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)

CALIBRATION_BINS = 10

EVEN = 0.5
"""The threshold at which the more probable of two classes is predicted."""


def regression_metrics(
    actual: Array, predicted: Array, weights: Array | None = None
) -> dict[str, Score]:
    """Return the scores of `predicted` [rows] in the target's unit.

    The percentage error leaves nothing out: where a target is 0 it is not defined.
    """
    actual, predicted = _flat(actual), _flat(predicted)
    _check_rows(actual, predicted, weights)
    if not len(actual):
        return dict.fromkeys(REGRESSION_METRICS)
    error = predicted - actual
    squared = float(np.average(np.square(error), weights=weights))
    spread = np.square(actual - np.average(actual, weights=weights))
    variance = float(np.average(spread, weights=weights))
    # A column of equal numbers has no spread but rounding's own.
    constant = bool(np.all(actual == actual[0]))
    relative = None
    if np.all(actual != 0):
        relative = 100 * float(np.average(np.abs(error / actual), weights=weights))
    return _finite(
        {
            "MeanSquaredError": squared,
            "RootMeanSquaredError": float(np.sqrt(squared)),
            "MeanAbsoluteError": float(np.average(np.abs(error), weights=weights)),
            "R2Score": None if constant or variance == 0 else 1 - squared / variance,
            "MeanAbsolutePercentageError": relative,
        }
    )


def classification_metrics(
    codes: Array,
    probabilities: Array,
    classes: tuple[str, ...],
    weights: Array | None = None,
    *,
    threshold: float = EVEN,
) -> dict[str, Any]:
    """Return the scores of `probabilities` [rows, classes] for the class codes [rows].

    With two classes Precision, Recall, F1Score, AUC and AveragePrecision are of the last one,
    which is predicted from `threshold` on; with more they are the plain mean over the classes
    (AUC: each class against the others). The confusion matrix is None with more than MOST_CONFUSED.
    """
    codes, probabilities = np.asarray(codes).ravel(), np.asarray(probabilities, np.float64)
    if probabilities.shape != (len(codes), len(classes)):
        expected = f"[{len(codes)}, {len(classes)}]"
        raise ValueError(f"probabilities are {list(probabilities.shape)}, expected {expected}")
    _check_rows(codes, codes, weights)
    if not len(codes):
        return dict.fromkeys((*CLASSIFICATION_METRICS, *STRUCTURES))
    weighting = np.ones(len(codes)) if weights is None else np.asarray(weights, np.float64)
    decided = decide(probabilities, threshold)
    matrix = confusion_matrix(codes, decided, len(classes), weighting)
    by_class = _class_scores(matrix, classes)
    recalls = [scores["Recall"] for scores, row in _with_rows(by_class, matrix)]
    summary = list(by_class.values())
    if len(classes) == 2:
        summary = summary[1:]
    figures = {
        "Accuracy": float(np.trace(matrix) / matrix.sum()),
        "LogLoss": _log_loss(codes, probabilities, weighting),
        "CalibrationError": calibration_error(codes, probabilities, weighting),
        **{name: _mean([each[name] for each in summary]) for name in CLASS_METRICS},
        "AUC": _auc_over_classes(codes, probabilities, weighting),
        "BalancedAccuracy": _mean(recalls),
    }
    if len(classes) == 2:
        figures["AveragePrecision"] = average_precision(codes == 1, probabilities[:, 1], weighting)
    counts = matrix if weights is not None else matrix.astype(np.int64)
    confusion = counts.tolist() if len(classes) <= MOST_CONFUSED else None
    return {**_finite(figures), "ConfusionMatrix": confusion, "Classes": by_class}


def decide(probabilities: Array, threshold: float = EVEN) -> Array:
    """Return the class predicted for every row; of two, the second from `threshold` on."""
    if probabilities.shape[1] == 2:
        # Shares of any sum: as good as comparing the second one's with the threshold.
        second = probabilities[:, 1] * (1 - threshold) >= probabilities[:, 0] * threshold
        return np.asarray(second, np.int64)
    return np.asarray(np.argmax(probabilities, axis=1), np.int64)


def best_threshold(
    figure: str, codes: Array, scores: Array, weights: Array | None = None
) -> float | None:
    """Return the threshold of `scores` [rows] with the best figure for two classes [rows].

    It lies midway between two scores that occur; of several equally good ones it is the nearest
    to 0.5. None where a class has no rows.
    """
    positive = np.asarray(codes).ravel() == 1
    weights_true, weights_false = _weights_by_score(positive, scores, weights)
    total_true, total_false = weights_true.sum(), weights_false.sum()
    if total_true == 0 or total_false == 0:
        return None
    levels = np.unique(scores)
    cuts = (levels + np.concatenate([[0.0], levels[:-1]])) / 2
    right = np.cumsum(weights_true[::-1])[::-1]
    wrong = np.cumsum(weights_false[::-1])[::-1]
    left = total_false - wrong
    values = {
        "F1Score": 2 * right / (total_true + right + wrong),
        "BalancedAccuracy": (right / total_true + left / total_false) / 2,
        "Accuracy": (right + left) / (total_true + total_false),
    }[figure]
    best = np.flatnonzero(values >= values.max() * (1 - 1e-12))
    return float(cuts[best[np.argmin(np.abs(cuts[best] - EVEN))]])


def confusion_matrix(
    codes: Array, predicted: Array, num_classes: int, weights: Array | None = None
) -> Array:
    """Return the summed weights [actual class, predicted class]."""
    places = np.asarray(codes, np.int64) * num_classes + np.asarray(predicted, np.int64)
    counts = np.bincount(places, weights=weights, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def calibration_error(codes: Array, probabilities: Array, weights: Array | None = None) -> float:
    """Return how far the largest probability is from how often it is right, on average.

    Rows are grouped by that probability into CALIBRATION_BINS of about as many rows each; equal
    ones stay together.
    """
    sure = probabilities.max(axis=1)
    right = np.argmax(probabilities, axis=1) == codes
    weighting = np.ones(len(codes)) if weights is None else np.asarray(weights, np.float64)
    places = np.arange(1, CALIBRATION_BINS) * len(sure) // CALIBRATION_BINS
    bins = np.searchsorted(np.unique(np.sort(sure)[places]), sure, side="right")
    with np.errstate(invalid="ignore"):
        gaps = np.bincount(bins, weights=weighting * (right - sure))
        return float(np.abs(gaps).sum() / weighting.sum())


def area_under_roc(positive: Array, scores: Array, weights: Array | None = None) -> Score:
    """Return the chance that a positive row scores above a negative one; ties count half."""
    weights_true, weights_false = _weights_by_score(positive, scores, weights)
    total_true, total_false = weights_true.sum(), weights_false.sum()
    if total_true == 0 or total_false == 0:
        return None
    below = np.cumsum(weights_false) - weights_false
    wins = weights_true @ (below + weights_false / 2)
    return float(wins / (total_true * total_false))


def average_precision(positive: Array, scores: Array, weights: Array | None = None) -> Score:
    """Return the mean precision over the thresholds, weighted by what each adds to recall."""
    weights_true, weights_false = _weights_by_score(positive, scores, weights)
    if weights_true.sum() == 0:
        return None
    found = np.cumsum(weights_true[::-1])
    chosen = found + np.cumsum(weights_false[::-1])
    precision = np.divide(found, chosen, out=np.zeros_like(found), where=chosen > 0)
    return float(weights_true[::-1] @ precision / found[-1])


def _weights_by_score(positive: Array, scores: Array, weights: Array | None) -> tuple[Array, Array]:
    """Return the weight of positive and of negative rows at each distinct score, rising."""
    weighting = np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64)
    _, places = np.unique(scores, return_inverse=True)
    positive = np.asarray(positive, bool)
    weights_true = np.bincount(places, weights=weighting * positive)
    return weights_true, np.bincount(places, weights=weighting * ~positive)


def _auc_over_classes(codes: Array, probabilities: Array, weights: Array) -> Score:
    if probabilities.shape[1] == 2:
        return area_under_roc(codes == 1, probabilities[:, 1], weights)
    areas = [
        area_under_roc(codes == code, column, weights)
        for code, column in enumerate(probabilities.T)
    ]
    return _mean(areas)


def _log_loss(codes: Array, probabilities: Array, weights: Array) -> float:
    with np.errstate(invalid="ignore"):
        chosen = probabilities[np.arange(len(codes)), codes] / probabilities.sum(axis=1)
    clipped = np.clip(chosen, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(np.average(-np.log(clipped), weights=weights))


def _class_scores(matrix: Array, classes: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of each class; 0 where nothing was predicted or present."""
    right = np.diag(matrix)
    predicted, present = matrix.sum(axis=0), matrix.sum(axis=1)
    columns = {
        "Precision": _ratio(right, predicted),
        "Recall": _ratio(right, present),
        "F1Score": _ratio(2 * right, predicted + present),
        "Support": present,
    }
    return {
        name: {metric: float(values[code]) for metric, values in columns.items()}
        for code, name in enumerate(classes)
    }


def _with_rows(
    by_class: dict[str, dict[str, float]], matrix: Array
) -> list[tuple[dict[str, float], Array]]:
    """Return the classes that occur; a class without rows has no recall to speak of."""
    pairs = zip(by_class.values(), matrix, strict=True)
    return [(scores, row) for scores, row in pairs if row.sum() > 0]


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _mean(scores: list[Any]) -> Score:
    return None if None in scores else float(np.mean(scores))


def _finite(figures: Mapping[str, Score]) -> dict[str, Score]:
    return {
        name: value if value is not None and np.isfinite(value) else None
        for name, value in figures.items()
    }


def _flat(values: Array) -> Array:
    return np.asarray(values, np.float64).ravel()


def _check_rows(actual: Array, predicted: Array, weights: Array | None) -> None:
    lengths = {len(actual), len(predicted), len(actual) if weights is None else len(weights)}
    if len(lengths) > 1:
        raise ValueError(f"different numbers of rows: {sorted(lengths)}")


MOST_CONFUSED = 100
"""Classes of a confusion matrix that is kept: that of a thousand has a million numbers a part."""
STRUCTURES = ("ConfusionMatrix", "Classes")
"""What classes are scored with that is no single number."""
