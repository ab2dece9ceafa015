"""Scores of a network and of its baselines on one part, per target and in the target's unit."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.baselines import Baseline, fit_classification_baselines, fit_regression_baselines
from dlcli.data.dataset import Part
from dlcli.data.preprocessing import Applied, TargetInfo
from dlcli.intervals import Interval, classification_intervals, regression_intervals
from dlcli.metrics import classification_metrics, regression_metrics
from dlcli.predictions import TargetPrediction
from dlcli.spec.layers import FEATURES
from dlcli.spec.windows import WINDOW


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


def score_baselines(
    train: Part, judged: dict[str, Part], targets: tuple[TargetInfo, ...]
) -> dict[str, Any]:
    """Fit the baselines on the training part; return baseline name to part to target figures."""
    scored: dict[str, Any] = {}
    for info in targets:
        for baseline, fitted in _fit(train, info).items():
            for name, part in judged.items():
                predicted = _predict(fitted, part, info)
                figures = score_predictions(
                    {info.name: predicted}, part.targets, part.sample_weight
                )
                of_part = scored.setdefault(baseline, {}).setdefault(name, {"targets": {}})
                of_part["targets"].update(figures)
    for name, part in judged.items():
        for baseline, targets_of in score_naive(part).items():
            scored.setdefault(baseline, {})[name] = {"targets": targets_of}
    return scored


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


def _fit(train: Part, info: TargetInfo) -> dict[str, Baseline]:
    features, target = _features(train), train.targets[info.name]
    if info.classes is None:
        return fit_regression_baselines(features, target, weights=train.sample_weight)
    return fit_classification_baselines(
        features, target, num_classes=len(info.classes), weights=train.sample_weight
    )


def _predict(baseline: Baseline, part: Part, info: TargetInfo) -> TargetPrediction:
    given = baseline.predict(_features(part), num_rows=part.num_rows)
    if info.classes is None:
        return TargetPrediction(target=info.name, values=given)
    return TargetPrediction(target=info.name, probabilities=given, classes=info.classes)


def _intervals(
    prediction: TargetPrediction, actual: NDArray[Any], weights: NDArray[Any] | None, *, seed: int
) -> dict[str, Interval | None]:
    if prediction.values is not None and prediction.values.ndim > 1:
        return {}  # several steps of windows that overlap are no rows drawn one by one
    if prediction.values is not None:
        return regression_intervals(actual, prediction.values, weights, seed=seed)
    assert prediction.probabilities is not None
    return classification_intervals(actual, prediction.probabilities, weights, seed=seed)


def _features(part: Part) -> NDArray[Any] | None:
    """Return the shared features, those of a window's rows laid side by side [rows, features]."""
    found = [part.inputs[name] for name in (WINDOW, FEATURES) if name in part.inputs]
    flat = [array.reshape(part.num_rows, -1) for array in found]
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1) if flat else None


def _score(
    prediction: TargetPrediction, actual: NDArray[Any], weights: NDArray[Any] | None
) -> dict[str, Any]:
    if prediction.values is not None:
        return _score_steps(actual, prediction.values, weights)
    assert prediction.probabilities is not None
    assert prediction.classes is not None
    return classification_metrics(actual, prediction.probabilities, prediction.classes, weights)


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
