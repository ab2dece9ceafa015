"""Scores of a network and of its baselines on one part, per target and in the target's unit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.baselines.fitting import Baseline, FittedBaselines, fit_baselines
from dlcli.baselines.inputs import as_matrix
from dlcli.data.dataset import Part
from dlcli.data.preprocessing import Applied, Preprocessing, TargetInfo
from dlcli.intervals import (
    COVERAGE,
    RESAMPLES,
    Interval,
    classification_differences,
    classification_intervals,
    regression_differences,
    regression_intervals,
)
from dlcli.metrics import (
    SMALLEST_PROBABILITY,
    best_threshold,
    classification_metrics,
    regression_metrics,
)
from dlcli.predictions import EVEN, TargetPrediction, soften

TEMPERATURE_BOUNDS = (-1.5, 2.5)
"""Between which the logarithm of a temperature is sought: 0.22 to 12."""
TEMPERATURE_PRIOR = 0.3
"""How far, as a standard deviation, that logarithm strays from 0 before any row was seen."""

Array = NDArray[Any]


def score_predictions(
    predictions: dict[str, TargetPrediction],
    actual: dict[str, NDArray[Any]],
    weights: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Return every target's figures, JSON-ready; `actual` holds numbers or class codes [rows].

    Of several steps, [rows, steps], they are over all of them, with those of each under `Steps`.
    """
    return {
        name: _score(prediction, actual[name], weights) for name, prediction in predictions.items()
    }


def score_intervals(
    predictions: dict[str, TargetPrediction],
    actual: dict[str, NDArray[Any]],
    weights: NDArray[Any] | None = None,
    *,
    seed: int,
) -> dict[str, Any]:
    """Return the interval of every target's figures, JSON-ready; figures without one are left out."""
    return {
        name: {
            figure: asdict(interval)
            for figure, interval in _intervals(each, actual[name], weights, seed=seed).items()
            if interval is not None
        }
        for name, each in predictions.items()
    }


def choose_threshold(
    figure: str, prediction: TargetPrediction, part: Part, *, default: float = EVEN
) -> float:
    """Return the threshold with the best figure on a part, `default` where it has one class."""
    assert prediction.probabilities is not None
    found = best_threshold(
        figure,
        part.targets[prediction.target],
        prediction.probabilities[:, 1],
        part.sample_weight,
    )
    return default if found is None else found


def choose_temperature(predictions: Sequence[TargetPrediction], part: Part) -> float:
    """Return what the logits of one output's targets are best divided by, for a small log loss.

    The logarithm of the temperature is held to a normal prior around 0, so that few rows, or rows
    that are all right, do not move it far. C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On
    Calibration of Modern Neural Networks, 2017 (arXiv:1706.04599).
    """
    weights = np.ones(part.num_rows) if part.sample_weight is None else part.sample_weight

    def cost(log_temperature: float) -> float:
        total = 0.5 * (log_temperature / TEMPERATURE_PRIOR) ** 2
        for prediction in predictions:
            assert prediction.probabilities is not None
            softened = soften(prediction.probabilities, float(np.exp(log_temperature)))
            right = softened[np.arange(part.num_rows), part.targets[prediction.target]]
            total += float(weights @ -np.log(np.maximum(right, SMALLEST_PROBABILITY)))
        return total

    return float(np.exp(_smallest(cost, *TEMPERATURE_BOUNDS)))


def _smallest(cost: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function of one valley is smallest between two bounds, by golden sections."""
    ratio = (5**0.5 - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = cost(left), cost(right)
    while high - low > 1e-3:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = cost(right)
    return (low + high) / 2


def score_baselines(
    train: Part,
    judged: Mapping[str, Part],
    network: Mapping[str, Mapping[str, TargetPrediction]],
    preprocessing: Preprocessing,
    *,
    names: Sequence[str],
    seed: int,
    chosen_by: Mapping[str, str],
) -> dict[str, Any]:
    """Fit the named baselines on the training part and score them on the judged ones.

    `network` holds its predictions by part and target; `chosen_by` the figure for which a target's
    threshold was chosen on the validation part, as each baseline's is then. Returns JSON values:
    `baselines` by name and part, with the network's scores less theirs on the test part (without
    one, the validation part); `left_out`, why one is not there; `bootstrap`, how the intervals of
    these differences came.
    """
    specs, rows = preprocessing.input_specs, train.num_rows
    matrices = {
        name: as_matrix(part.inputs, specs, num_training_rows=rows)
        for name, part in {"train": train, **judged}.items()
    }
    compared = next((name for name in ("test", "validation") if name in judged), None)
    scored: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for info in preprocessing.targets:
        of_target = {part: each[info.name] for part, each in network.items()}
        fitted = _fit(train, matrices["train"], info, names=names, seed=seed)
        left_out |= fitted.left_out
        for name, model in fitted.models.items():
            given = {part: _predict(model, matrices[part], of_target[part]) for part in judged}
            if info.name in chosen_by:
                given = _decide_anew(given, chosen_by[info.name], judged)
            for part, prediction in given.items():
                own = judged[part]
                of_part = scored.setdefault(name, {}).setdefault(part, {"targets": {}})
                of_part["targets"][info.name] = _score(
                    prediction, own.targets[info.name], own.sample_weight
                )
                if part == compared:
                    of_part.setdefault("differences", {})[info.name] = _differences(
                        of_target[part], prediction, own, seed=seed
                    )
    for part, own in judged.items():
        for name, figures in score_naive(own).items():
            scored.setdefault(name, {})[part] = {"targets": figures}
    if compared is not None:
        for name, naive in judged[compared].naive.items():
            scored[name][compared]["differences"] = {
                target: _differences(
                    network[compared][target],
                    TargetPrediction(target=target, values=values),
                    judged[compared],
                    seed=seed,
                )
                for target, values in naive.items()
            }
    return {
        "baselines": scored,
        "left_out": left_out,
        "bootstrap": {
            "part": compared,
            "coverage": COVERAGE,
            "resamples": RESAMPLES,
            "seed": seed,
        },
    }


def score_naive(part: Part | Applied) -> dict[str, Any]:
    """Score what repeats the past of each window; return baseline name to target figures."""
    return {
        baseline: score_predictions(
            {name: TargetPrediction(target=name, values=values) for name, values in given.items()},
            part.targets,
            part.sample_weight,
        )
        for baseline, given in part.naive.items()
    }


def _fit(
    train: Part, matrix: Array | None, info: TargetInfo, *, names: Sequence[str], seed: int
) -> FittedBaselines:
    return fit_baselines(
        names,
        matrix,
        train.targets[info.name],
        num_classes=None if info.classes is None else len(info.classes),
        weights=train.sample_weight,
        seed=seed,
    )


def _predict(baseline: Baseline, matrix: Array | None, like: TargetPrediction) -> TargetPrediction:
    """Return a baseline's predictions of the rows that the network's are of."""
    shown = like.values if like.probabilities is None else like.probabilities
    assert shown is not None
    given = baseline.predict(matrix, num_rows=len(shown))
    if like.probabilities is None:
        return replace(like, values=given)
    return replace(like, probabilities=given)


def _decide_anew(
    predictions: Mapping[str, TargetPrediction], figure: str, judged: Mapping[str, Part]
) -> dict[str, TargetPrediction]:
    """Give a baseline's predictions the threshold that is best for the baseline itself."""
    chosen = choose_threshold(figure, predictions["validation"], judged["validation"])
    return {part: replace(each, threshold=chosen) for part, each in predictions.items()}


def _differences(
    network: TargetPrediction, baseline: TargetPrediction, part: Part, *, seed: int
) -> dict[str, Any]:
    """Return the network's scores less the baseline's, by figure, where an interval is defined."""
    actual, weights = part.targets[network.target], part.sample_weight
    if network.values is not None:
        assert baseline.values is not None
        if network.values.ndim > 1:
            return {}  # several steps of windows that overlap are no rows drawn one by one
        pair = (network.values, baseline.values)
        found = regression_differences(actual, pair, weights, seed=seed)
    else:
        assert network.probabilities is not None
        assert baseline.probabilities is not None
        found = classification_differences(
            actual,
            (network.probabilities, baseline.probabilities),
            weights,
            seed=seed,
            thresholds=(network.threshold, baseline.threshold),
        )
    return {name: asdict(each) for name, each in found.items() if each is not None}


def _intervals(
    prediction: TargetPrediction, actual: NDArray[Any], weights: NDArray[Any] | None, *, seed: int
) -> dict[str, Interval | None]:
    if prediction.values is not None and prediction.values.ndim > 1:
        return {}  # several steps of windows that overlap are no rows drawn one by one
    if prediction.values is not None:
        return regression_intervals(actual, prediction.values, weights, seed=seed)
    assert prediction.probabilities is not None
    return classification_intervals(
        actual, prediction.probabilities, weights, seed=seed, threshold=prediction.threshold
    )


def _score(
    prediction: TargetPrediction, actual: NDArray[Any], weights: NDArray[Any] | None
) -> dict[str, Any]:
    if prediction.values is not None:
        return _score_steps(actual, prediction.values, weights)
    assert prediction.probabilities is not None
    assert prediction.classes is not None
    return classification_metrics(
        actual,
        prediction.probabilities,
        prediction.classes,
        weights,
        threshold=prediction.threshold,
    )


def _score_steps(
    actual: NDArray[Any], predicted: NDArray[Any], weights: NDArray[Any] | None
) -> dict[str, Any]:
    """Return the figures over all steps, and of each one where there are several."""
    if actual.ndim == 1:
        return regression_metrics(actual, predicted, weights)
    steps = actual.shape[1]
    repeated = None if weights is None else np.repeat(weights, steps)
    return {
        **regression_metrics(actual, predicted, repeated),
        "Steps": [
            regression_metrics(actual[:, step], predicted[:, step], weights)
            for step in range(steps)
        ],
    }
