"""Our own baselines in NumPy: the mean or the majority, least squares and logistic regression."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MOST_FEATURES = 2000

# Numbers to read, and multiplications in one pass over them. At these limits a fit takes about a
# second on two cores; beyond, a baseline would cost more than the report gains from it.
MOST_CELLS = 2e7
MOST_WORK = 2e10
MOST_LOGISTIC_WORK = 2e8  # in one of usually five to ten Newton steps

# Rows taken at a time, so that a float64 copy of all features is never made.
CHUNK_ROWS = 65536

# Directions in which standardized features vary by less, relative to the most, count as repeated
# columns (a full set of one-hot columns is one) and get no weight.
SMALLEST_EIGENVALUE = 1e-10

# Half the squared weights of standardized features, times this, is added to the logistic loss;
# scikit-learn's default strength. Without it, separable classes have no finite answer.
PENALTY = 1.0
MOST_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class LinearBaseline:
    """A fitted baseline: `bias` [outputs], `kernel` [features, outputs] or None for a constant."""

    bias: Array
    kernel: Array | None = None
    is_classifier: bool = False

    def predict(self, features: Array | None, *, num_rows: int) -> Array:
        """Return predictions [rows] in the target's unit, or probabilities [rows, classes].

        Predictions of several steps are [rows, steps].
        """
        if self.kernel is None or features is None:
            given = np.tile(self.bias, (num_rows, 1))
        else:
            given = np.empty((num_rows, len(self.bias)))
            for rows in _chunks(num_rows):
                given[rows] = features[rows] @ self.kernel + self.bias
        if not self.is_classifier:
            return given[:, 0] if given.shape[1] == 1 else given
        return _softmax(given)


def fit_regression_baselines(
    features: Array | None, target: Array, *, weights: Array | None = None
) -> dict[str, LinearBaseline]:
    """Fit `mean` and `linear` (least squares with intercept) to training rows.

    `features` [rows, features], `target` [rows] or [rows, steps] in its unit. `linear` is left
    out without features or where fitting it would be out of proportion.
    """
    target = np.asarray(target, np.float64).reshape(len(target), -1)
    fitted = {"mean": LinearBaseline(bias=np.average(target, axis=0, weights=weights))}
    if features is not None and _is_worth(features, features.shape[1] ** 2, MOST_WORK):
        fitted["linear"] = _fit_linear(features, target, _weighting(target, weights))
    return fitted


def fit_classification_baselines(
    features: Array | None, codes: Array, *, num_classes: int, weights: Array | None = None
) -> dict[str, LinearBaseline]:
    """Fit `majority` (each class as often as in training) and `logistic` to training rows.

    `features` [rows, features], class `codes` [rows]. `logistic` is left out without features,
    with one class, or where fitting it would be out of proportion.
    """
    codes = np.asarray(codes).ravel()
    weighting = _weighting(codes, weights)
    counts = np.bincount(codes, weights=weighting, minlength=num_classes)
    # A class without training rows gets a probability of 0 and not a logarithm of 0.
    priors = np.log(np.maximum(counts / counts.sum(), np.finfo(np.float64).tiny))
    fitted = {"majority": LinearBaseline(bias=priors, is_classifier=True)}
    if features is None or np.count_nonzero(counts) < 2:
        return fitted
    columns = 1 if num_classes == 2 else num_classes
    work = ((features.shape[1] + 1) * columns) ** 2
    if _is_worth(features, work, MOST_LOGISTIC_WORK):
        fitted["logistic"] = _fit_logistic(features, np.eye(num_classes)[codes], weighting)
    return fitted


def _fit_linear(features: Array, target: Array, weights: Array) -> LinearBaseline:
    mean, spread = _moments(features, weights)
    middle = np.average(target, axis=0, weights=weights)
    size = features.shape[1]
    squares, products = np.zeros((size, size)), np.zeros((size, target.shape[1]))
    for rows in _chunks(len(target)):
        part = (features[rows] - mean) / spread
        weighted = part * weights[rows, np.newaxis]
        squares += weighted.T @ part
        products += weighted.T @ (target[rows] - middle)
    values, directions = np.linalg.eigh(squares)
    kept = values > SMALLEST_EIGENVALUE * max(values[-1], 1e-300)
    directions = directions[:, kept]
    solved = directions @ ((directions.T @ products) / values[kept, np.newaxis])
    kernel = solved / spread[:, np.newaxis]
    return LinearBaseline(kernel=kernel, bias=middle - mean @ kernel)


def _fit_logistic(features: Array, classes: Array, weights: Array) -> LinearBaseline:
    """Return the penalized maximum-likelihood fit by Newton's method.

    `classes` [rows, classes] is one-hot. With two classes the first one's logit is 0.
    """
    mean, spread = _moments(features, weights)
    inputs = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    first = 1 if classes.shape[1] == 2 else 0
    shape = (inputs.shape[1], classes.shape[1] - first)
    # The intercepts are free; the trace of a penalty fixes their common, meaningless shift.
    penalties = np.full(shape, PENALTY)
    penalties[-1] = 1e-8
    kernel = np.zeros((inputs.shape[1], classes.shape[1]))
    loss, chances = _logistic_loss(inputs, kernel, classes, weights, penalties)
    for _ in range(MOST_STEPS):
        error = (chances - classes)[:, first:] * weights[:, np.newaxis]
        slope = inputs.T @ error + penalties * kernel[:, first:]
        if np.abs(slope).max() <= 1e-7 * weights.sum():
            break
        hessian = _logistic_hessian(inputs, chances[:, first:], weights)
        hessian[np.diag_indices_from(hessian)] += penalties.T.ravel()
        step = np.zeros_like(kernel)
        step[:, first:] = np.linalg.solve(hessian, slope.T.ravel()).reshape(shape[::-1]).T
        # A full Newton step can overshoot far from the answer; a part of it never does.
        for scale in 0.5 ** np.arange(12):
            tried = kernel - scale * step
            less, shares = _logistic_loss(inputs, tried, classes, weights, penalties)
            if less <= loss:
                break
        else:
            break
        kernel, loss, chances = tried, less, shares
    unscaled = kernel[:-1] / spread[:, np.newaxis]
    return LinearBaseline(kernel=unscaled, bias=kernel[-1] - mean @ unscaled, is_classifier=True)


def _logistic_loss(
    inputs: Array, kernel: Array, classes: Array, weights: Array, penalties: Array
) -> tuple[float, Array]:
    logits = inputs @ kernel
    logits -= logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits).sum(axis=1))
    loss = weights @ (total - (logits * classes).sum(axis=1))
    penalty = 0.5 * (penalties * np.square(kernel[:, -penalties.shape[1] :])).sum()
    return float(loss + penalty), np.exp(logits - total[:, np.newaxis])


def _logistic_hessian(inputs: Array, chances: Array, weights: Array) -> Array:
    size, count = inputs.shape[1], chances.shape[1]
    hessian = np.empty((count * size, count * size))
    for one in range(count):
        for two in range(one, count):
            curve = weights * chances[:, one] * ((one == two) - chances[:, two])
            block = inputs.T @ (inputs * curve[:, np.newaxis])
            hessian[one * size : (one + 1) * size, two * size : (two + 1) * size] = block
            hessian[two * size : (two + 1) * size, one * size : (one + 1) * size] = block
    return hessian


def _moments(features: Array, weights: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation per feature; 1 where a feature does not vary."""
    mean, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for rows in _chunks(len(features)):
        mean += weights[rows] @ features[rows].astype(np.float64)
    mean /= weights.sum()
    for rows in _chunks(len(features)):
        squares += weights[rows] @ np.square(features[rows] - mean)
    spread = np.sqrt(squares / weights.sum())
    return mean, np.where(spread > 1e-12 * np.maximum(np.abs(mean), 1e-300), spread, 1.0)


def _is_worth(features: Array, work_per_row: float, most: float) -> bool:
    rows, size = features.shape
    small = size <= MOST_FEATURES and rows * size <= MOST_CELLS and rows * work_per_row <= most
    return bool(rows > 0 and size > 0 and small)


def _weighting(values: Array, weights: Array | None) -> Array:
    return np.ones(len(values)) if weights is None else np.asarray(weights, np.float64).ravel()


def _chunks(num_rows: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK_ROWS) for start in range(0, num_rows, CHUNK_ROWS))


def _softmax(logits: Array) -> Array:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    total: Array = shares / shares.sum(axis=1, keepdims=True)
    return total
