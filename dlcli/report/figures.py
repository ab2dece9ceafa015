"""Which figures a run is shown with, and how they are written: calmly, side by side."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.languages import spoken

REGRESSION_FIGURES = (
    "RootMeanSquaredError",
    "MeanAbsoluteError",
    "R2Score",
    "MeanAbsolutePercentageError",
)
CLASS_FIGURES = (
    "Accuracy",
    "BalancedAccuracy",
    "LogLoss",
    "CalibrationError",
    "Precision",
    "Recall",
    "F1Score",
    "AUC",
    "AveragePrecision",
)

_SHARES = {
    "R2Score",
    "Accuracy",
    "BalancedAccuracy",
    "Precision",
    "Recall",
    "F1Score",
    "AUC",
    "AveragePrecision",
}
"""Figures that 1 is the best of; three decimals say what their rows can."""

_OF_ONE = {*_SHARES, "CalibrationError"}
"""Figures between 0 and 1, whichever end is the better one."""

_SHORT = {
    "MeanSquaredError": "MSE",
    "RootMeanSquaredError": "RMSE",
    "MeanAbsoluteError": "MAE",
    "R2Score": "R²",
    "MeanAbsolutePercentageError": "MAPE, %",
    "BalancedAccuracy": "balanced accuracy",
    "Accuracy": "accuracy",
    "LogLoss": "log loss",
    "CalibrationError": "calibration error",
    "Precision": "precision",
    "Recall": "recall",
    "F1Score": "F1",
    "AUC": "ROC AUC",
    "AveragePrecision": "average precision",
}
"""Figures as people call them; their full names are those of Keras."""

_UNEQUAL = 1.5
"""Classes are unequal where the largest has this many times the rows of the smallest."""

DASH = "-"
MINUS = "\N{MINUS SIGN}"


def is_larger_better(figure: str) -> bool:
    """Tell whether more of a figure is better: errors and losses are better when small."""
    return figure in _SHARES


def short_name(figure: str) -> str:
    """Return what people call a figure, e.g. RMSE; an unknown name as it is."""
    return spoken(_SHORT.get(figure, figure))


def is_regression(figures: Mapping[str, Any]) -> bool:
    """Tell the figures of a target of numbers from those of classes."""
    return "R2Score" in figures


def main_figure(figures: Mapping[str, Any]) -> str:
    """Return the one figure that a target's verdict is about."""
    if is_regression(figures):
        return "RootMeanSquaredError"
    return "BalancedAccuracy" if has_unequal_classes(figures) else "Accuracy"


def shown_figures(figures: Mapping[str, Any]) -> list[str]:
    """Return the figures that a target is shown with, in their order.

    A percentage error that is not defined is left out, as is the balanced accuracy of classes
    that occur equally often: it would be the accuracy again. Precision and recall are shown of
    two classes.
    """
    if is_regression(figures):
        optional, wanted = {"MeanAbsolutePercentageError"}, list(REGRESSION_FIGURES)
    else:
        optional, wanted = {"AveragePrecision"}, list(CLASS_FIGURES)
        if not has_unequal_classes(figures):
            wanted.remove("BalancedAccuracy")
        if "AveragePrecision" not in figures:
            wanted = [name for name in wanted if name not in ("Precision", "Recall")]
    return [
        name
        for name in wanted
        if name in figures and not (name in optional and figures[name] is None)
    ]


def has_unequal_classes(figures: Mapping[str, Any]) -> bool:
    """Tell whether one class has clearly more rows than another."""
    support = [each.get("Support", 0) for each in (figures.get("Classes") or {}).values()]
    return bool(support) and max(support) > _UNEQUAL * min(support)


def format_figures(figure: str, values: Sequence[Any]) -> list[str]:
    """Write values of one figure with the same number of decimals; what is undefined is a dash."""
    numbers = [float(value) for value in values if _is_number(value)]
    places = _share_places(numbers) if figure in _OF_ONE else _places(numbers)
    return [_write(value, places) if _is_number(value) else DASH for value in values]


def format_difference(figure: str, numbers: Sequence[float], *, like: float) -> list[str]:
    """Write differences of a figure with one decimal more than the figure `like` has, and signs."""
    places = _share_places([like]) if figure in _OF_ONE else _places([like])
    places = None if places is None else places + 1
    return [_write(number, places).replace("-", MINUS) for number in numbers]


def format_value(value: Any) -> str:
    """Write one value with four significant digits: 1234, 12.35, 0.001235; text as it is."""
    if value is None:
        return DASH
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    size = abs(value)
    if not 1e-4 <= size < 1e7:
        return f"{value:.3e}".replace("e-0", "e-").replace("e+0", "e")
    digits = max(0, 3 - math.floor(math.log10(size)))
    return f"{value:,.{digits}f}" if size >= 10_000 else f"{value:.{digits}f}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _share_places(numbers: Sequence[float]) -> int:
    """Return three decimals, more where they would show a figure short of 1 as 1."""
    short = [1 - value for value in numbers if 0 < 1 - value < 0.0005]
    return min(8, max([3, *(math.ceil(-math.log10(each)) for each in short)]))


def _places(numbers: Sequence[float]) -> int | None:
    """Return how many decimals show four digits of the middle size; None is for exponents."""
    sizes = sorted(abs(value) for value in numbers if value)
    if not sizes:
        return 0
    smallest, largest = sizes[0], sizes[-1]
    if smallest < 1e-6 or largest >= 1e9 or largest / smallest > 1e6:
        return None
    # The largest with four digits, and never fewer than three of the smallest.
    wanted = max(3 - _exponent(largest), 2 - _exponent(smallest))
    return max(0, min(wanted, 8))


def _exponent(value: float) -> int:
    return math.floor(math.log10(value))


def _write(value: float, places: int | None) -> str:
    if places is None:
        return f"{value:.3e}"
    text = f"{value:,.{places}f}"
    # What rounds to 0 has no sign.
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
