"""The baselines that a config names, fitted to one target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from dlcli.baselines.learners import fit_learner
from dlcli.baselines.linear import fit_classification_baselines, fit_regression_baselines
from dlcli.spec.checks import CLASS_NAMES

Array = np.ndarray[Any, Any]


class Baseline(Protocol):
    """A fitted model."""

    def predict(self, features: Array | None, *, num_rows: int) -> Array:
        """Return predictions [rows] in the target's unit, or probabilities [rows, classes]."""


@dataclass(frozen=True, kw_only=True)
class FittedBaselines:
    """Models by name, and why others that were asked for are not there."""

    models: dict[str, Baseline]
    left_out: dict[str, str]


def fit_baselines(
    names: Sequence[str],
    features: Array | None,
    target: Array,
    *,
    num_classes: int | None = None,
    weights: Array | None = None,
    seed: int = 0,
) -> FittedBaselines:
    """Fit the named baselines to `features` [rows, columns] and numbers or class codes [rows]."""
    called = {name: CLASS_NAMES.get(name, name) if num_classes else name for name in names}
    models: dict[str, Baseline] = {}
    left_out: dict[str, str] = {}
    own = _fit_own(features, target, num_classes=num_classes, weights=weights)
    for name, known_as in called.items():
        why = None
        if name in CLASS_NAMES:
            if known_as in own:
                models[known_as] = own[known_as]
                continue
            why = _why_not_linear(features, target)
        elif features is None:
            why = _NO_INPUT
        if why is not None:
            left_out[known_as] = why
        else:
            assert features is not None
            models[known_as] = fit_learner(
                name, features, target, num_classes=num_classes, weights=weights, seed=seed
            )
    return FittedBaselines(models=models, left_out=left_out)


_NO_INPUT = "no input can be laid out as a table"


def _fit_own(
    features: Array | None, target: Array, *, num_classes: int | None, weights: Array | None
) -> dict[str, Any]:
    if num_classes is None:
        return dict(fit_regression_baselines(features, target, weights=weights))
    return dict(
        fit_classification_baselines(features, target, num_classes=num_classes, weights=weights)
    )


def _why_not_linear(features: Array | None, target: Array) -> str:
    if features is None:
        return _NO_INPUT
    if len(np.unique(target)) < 2:
        return "the training part has one class"
    return f"{len(features):,} rows of {features.shape[1]:,} columns would take too long"
