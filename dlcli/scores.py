"""Scores of a network and of its baselines on one part, per target and in the target's unit."""

from dataclasses import asdict
from typing import Any

from numpy.typing import NDArray

from dlcli.baselines import Baseline, fit_classification_baselines, fit_regression_baselines
from dlcli.data.dataset import Part
from dlcli.data.preprocessing import TargetInfo
from dlcli.intervals import Interval, classification_intervals, regression_intervals
from dlcli.metrics import classification_metrics, regression_metrics
from dlcli.predictions import TargetPrediction
from dlcli.spec.layers import FEATURES


def score_predictions(
    predictions: dict[str, TargetPrediction],
    actual: dict[str, NDArray[Any]],
    weights: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Return every target's figures, JSON-ready; `actual` holds numbers or class codes [rows]."""
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
    return scored


def _fit(train: Part, info: TargetInfo) -> dict[str, Baseline]:
    features, target = train.inputs.get(FEATURES), train.targets[info.name]
    if info.classes is None:
        return fit_regression_baselines(features, target, weights=train.sample_weight)
    return fit_classification_baselines(
        features, target, num_classes=len(info.classes), weights=train.sample_weight
    )


def _predict(baseline: Baseline, part: Part, info: TargetInfo) -> TargetPrediction:
    given = baseline.predict(part.inputs.get(FEATURES), num_rows=part.num_rows)
    if info.classes is None:
        return TargetPrediction(target=info.name, values=given)
    return TargetPrediction(target=info.name, probabilities=given, classes=info.classes)


def _intervals(
    prediction: TargetPrediction, actual: NDArray[Any], weights: NDArray[Any] | None, *, seed: int
) -> dict[str, Interval | None]:
    if prediction.values is not None:
        return regression_intervals(actual, prediction.values, weights, seed=seed)
    assert prediction.probabilities is not None
    return classification_intervals(actual, prediction.probabilities, weights, seed=seed)


def _score(
    prediction: TargetPrediction, actual: NDArray[Any], weights: NDArray[Any] | None
) -> dict[str, Any]:
    if prediction.values is not None:
        return regression_metrics(actual, prediction.values, weights)
    assert prediction.probabilities is not None
    assert prediction.classes is not None
    return classification_metrics(actual, prediction.probabilities, prediction.classes, weights)
