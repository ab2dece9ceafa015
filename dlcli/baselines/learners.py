"""Baselines from scikit-learn, with its own defaults; imported when a config names one."""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcli.errors import UsageError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Learner:
    """Where scikit-learn keeps a model for numbers and one for classes, and what they take."""

    module: str
    regressor: str
    classifier: str
    is_seeded: bool = True
    takes_weights: bool = True
    takes_steps: bool = True
    """Whether it predicts several numbers at once."""


LEARNERS = {
    "tree": Learner(
        module="sklearn.tree",
        regressor="DecisionTreeRegressor",
        classifier="DecisionTreeClassifier",
    ),
    "forest": Learner(
        module="sklearn.ensemble",
        regressor="RandomForestRegressor",
        classifier="RandomForestClassifier",
    ),
    "boosting": Learner(
        module="sklearn.ensemble",
        regressor="HistGradientBoostingRegressor",
        classifier="HistGradientBoostingClassifier",
        takes_steps=False,
    ),
    "knn": Learner(
        module="sklearn.neighbors",
        regressor="KNeighborsRegressor",
        classifier="KNeighborsClassifier",
        is_seeded=False,
        takes_weights=False,
    ),
}
"""By the word in a config."""


@dataclass(frozen=True, kw_only=True)
class StepwiseBaseline:
    """One model for each step, of a kind that predicts one number at a time."""

    steps: tuple["LearnedBaseline", ...]

    def predict(self, features: Array | None, *, num_rows: int) -> Array:
        """Return predictions [rows, steps] in the target's unit."""
        return np.stack([step.predict(features, num_rows=num_rows) for step in self.steps], axis=1)


@dataclass(frozen=True, kw_only=True)
class LearnedBaseline:
    """A fitted model of scikit-learn's; `num_classes` is None for numbers."""

    model: Any
    num_classes: int | None = None

    def predict(self, features: Array | None, *, num_rows: int) -> Array:
        """Return predictions [rows] in the target's unit, or probabilities [rows, classes].

        Predictions of several steps are [rows, steps].
        """
        assert features is not None
        if self.num_classes is None:
            return np.asarray(self.model.predict(features), np.float64)
        # A class without training rows is unknown to the model.
        given = np.zeros((num_rows, self.num_classes))
        given[:, self.model.classes_] = self.model.predict_proba(features)
        return given


def check_installed(names: Sequence[str]) -> None:
    """Raise UsageError where a named baseline needs scikit-learn and it is not there."""
    named = [name for name in names if name in LEARNERS]
    if named and importlib.util.find_spec("sklearn") is None:
        raise UsageError(
            f"baselines: {', '.join(named)} need{'s' if len(named) == 1 else ''} scikit-learn, "
            "which is not installed",
            hint="pip install 'dlcli[baselines]', or leave it at baselines: [mean, linear]",
        )


def fit_learner(
    name: str,
    features: Array,
    target: Array,
    *,
    num_classes: int | None,
    weights: Array | None,
    seed: int,
) -> LearnedBaseline | StepwiseBaseline:
    """Fit a model of LEARNERS to `features` [rows, columns] and numbers or class codes [rows].

    Numbers of several steps are [rows, steps].
    """
    learner = LEARNERS[name]
    if target.ndim > 1 and not learner.takes_steps:
        return StepwiseBaseline(
            steps=tuple(
                _fit(learner, features, column, num_classes, weights, seed) for column in target.T
            )
        )
    return _fit(learner, features, target, num_classes, weights, seed)


def _fit(
    learner: Learner,
    features: Array,
    target: Array,
    num_classes: int | None,
    weights: Array | None,
    seed: int,
) -> LearnedBaseline:
    module: Any = importlib.import_module(learner.module)
    make = getattr(module, learner.regressor if num_classes is None else learner.classifier)
    model = make(**({"random_state": seed} if learner.is_seeded else {}))
    if len(features) < getattr(model, "n_neighbors", 0):
        model.set_params(n_neighbors=len(features))
    given = {"sample_weight": weights} if learner.takes_weights and weights is not None else {}
    return LearnedBaseline(model=model.fit(features, target, **given), num_classes=num_classes)
