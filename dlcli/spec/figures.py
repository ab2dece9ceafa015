"""The figures that a run is scored with, and why one of them may not be defined."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from dlcli.spec import catalog

CLASS_METRICS = ("Precision", "Recall", "F1Score")
"""What each class is scored with, beside its rows in `Support`."""

REGRESSION_METRICS = (
    "MeanSquaredError",
    "RootMeanSquaredError",
    "MeanAbsoluteError",
    "R2Score",
    "MeanAbsolutePercentageError",
)
CLASSIFICATION_METRICS = (
    "Accuracy",
    "LogLoss",
    "CalibrationError",
    *CLASS_METRICS,
    "AUC",
    "BalancedAccuracy",
    "AveragePrecision",
)
_SHARES = (
    "Accuracy",
    "CalibrationError",
    *CLASS_METRICS,
    "AUC",
    "BalancedAccuracy",
    "AveragePrecision",
)
LOSS = "loss"
"""The figure that training makes small, over all outputs, in the scale that it sees."""


def figure_named(name: str, known: Iterable[str]) -> str | None:
    """Return the figure that `name` means, by its own name or by an alias of Keras's, or None."""
    listed = tuple(known)
    if name in listed:
        return name
    entry = catalog.find("metric", name)
    return entry.name if entry is not None and entry.name in listed else None


def possible_range(figure: str) -> tuple[float, float]:
    """Return the smallest and the largest value that a figure of ours can have."""
    if figure in _SHARES:
        return 0.0, 1.0
    if figure == "R2Score":
        return -math.inf, 1.0
    is_error = figure in REGRESSION_METRICS or figure == "LogLoss"
    return (0.0 if is_error else -math.inf), math.inf


def other_names(figure: str) -> tuple[str, ...]:
    """Return the aliases that Keras has for a figure."""
    entry = catalog.find("metric", figure)
    return () if entry is None else catalog.aliases(entry)


def undefined_reasons(figures: Mapping[str, Any]) -> dict[str, str]:
    """Return, for every score that is None, why it is not defined."""
    return {
        name: REASONS.get(name, "there are no rows, or a prediction is not a number")
        for name, value in figures.items()
        if value is None
    }


REASONS = {
    "R2Score": "every target value is the same",
    "MeanAbsolutePercentageError": "a target value is 0",
    "AUC": "a class has no rows",
    "AveragePrecision": "the last class has no rows",
}
