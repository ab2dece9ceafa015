"""What the page's charts show, as JSON values for its script; the figure around each as HTML."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.languages import spoken, spoken_each
from dlcli.report.curves import (
    Calibration,
    calibrate,
    histogram,
    precision_recall_curve,
    roc_curve,
    thin,
)
from dlcli.report.html.elements import Markup, element
from dlcli.report.tested import TestedTarget

MOST_EPOCHS = 1000
"""Epochs of a curve; of more, every n-th one and the last."""
DIGITS = 6
"""Significant digits that charts are given."""


_SAID = ("Light", "Dark", "row", "rows", "to", "log", "reset zoom")
"""What the page's script says."""


@dataclass
class Charts:
    """The charts of a page, numbered as they are added."""

    values: list[dict[str, Any]] = field(default_factory=list)

    def add(self, title: str, about: str, chart: Mapping[str, Any]) -> Markup:
        """Take a chart into the page's data; return the figure that it is drawn in."""
        identity = f"chart-{len(self.values) + 1}"
        title, about = spoken(title), spoken(about)
        self.values.append({"id": identity, **chart})
        return element(
            "figure",
            element("figcaption", element("strong", title), element("span", about)),
            element("div", class_="plot", role="img", aria_label=f"{title}: {about}"),
            class_="chart",
            id=identity,
        )

    def to_json(self) -> str:
        """Return the data as JSON that may stand inside a script element."""
        text = json.dumps(self.values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        for character in "<>&\u2028\u2029":
            text = text.replace(character, f"\\u{ord(character):04x}")
        return text


def script_words() -> Markup | None:
    """Return what the page's script says, where that is not English."""
    said = dict(zip(_SAID, spoken_each(*_SAID), strict=True))
    if all(text == shown for text, shown in said.items()):
        return None
    text = json.dumps(said, ensure_ascii=False)
    return Markup(f'<script type="application/json" id="words">{text}</script>')


def lines(
    x: Sequence[Any] | NDArray[Any],
    series: Sequence[Mapping[str, Any]],
    *,
    labels: Sequence[str],
    **options: Any,
) -> dict[str, Any]:
    """Return a chart of lines that share their `x`."""
    shown = [{**each, "values": _numbers(each["values"])} for each in series]
    return {
        "kind": "lines", "x": _numbers(x), "series": shown,
        "xLabel": labels[0], "yLabel": labels[1], **options,
    }  # fmt: skip


def thin_epochs(num_epochs: int) -> NDArray[np.int64]:
    """Return the positions of the epochs that a curve shows."""
    step = -(-num_epochs // MOST_EPOCHS)
    return np.unique(np.append(np.arange(0, num_epochs, max(1, step)), num_epochs - 1))


def scatter(tested: TestedTarget, *, residuals: bool) -> tuple[dict[str, Any], str]:
    """Return a chart of predictions against what was measured, and what was thinned out of it.

    With `residuals`, of the errors against the predictions.
    """
    chosen = thin(tested.losses)
    error = tested.predicted - tested.actual
    x, y = (tested.predicted, error) if residuals else (tested.actual, tested.predicted)
    chosen = chosen[np.argsort(x[chosen], kind="stable")]
    actual, predicted, error_name = spoken_each("actual", "predicted", "predicted less actual")
    labels = (predicted, error_name) if residuals else (actual, predicted)
    chart = {
        "kind": "scatter",
        "x": _numbers(x[chosen]),
        "y": _numbers(y[chosen]),
        "rows": tested.rows[chosen].tolist(),
        "xLabel": f"{labels[0]} {tested.target}",
        "yLabel": labels[1],
        "line": "zero" if residuals else "diagonal",
    }
    return chart, thinned_text(len(chosen), len(x))


def thinned_text(shown: int, of: int) -> str:
    """Say what a chart leaves out, or nothing."""
    if shown == of:
        return f"{of:,} rows"
    return f"{shown:,} of {of:,} rows: the 200 furthest off, and an even choice of the others"


def residual_bars(tested: TestedTarget) -> dict[str, Any]:
    """Return a histogram of the errors."""
    edges, counts = histogram(np.asarray(tested.predicted - tested.actual))
    return {
        "kind": "bars", "edges": _numbers(edges), "counts": counts.tolist(),
        "xLabel": spoken("predicted less actual"), "yLabel": spoken("rows"), "line": "zero",
    }  # fmt: skip


def ranking_curves(tested: TestedTarget, *, kind: str) -> dict[str, Any] | None:
    """Return the ROC (`roc`) or precision-recall (`pr`) curves; None where none is defined."""
    assert tested.classes is not None
    assert tested.probabilities is not None
    curve = roc_curve if kind == "roc" else precision_recall_curve
    series, grid = [], None
    for code in tested.judged_classes():
        found = curve(tested.actual == code, tested.probabilities[:, code])
        if found is not None:
            grid = found[0]
            series.append({"label": tested.classes[code], "values": found[1]})
    if grid is None:
        return None
    labels = {
        "roc": spoken_each("false positive rate", "true positive rate"),
        "pr": spoken_each("recall", "precision"),
    }[kind]
    line = {"line": "diagonal"} if kind == "roc" else {}
    return lines(grid, series, labels=labels, unit=True, **line)


def calibration(tested: TestedTarget) -> dict[str, Any]:
    """Return a chart of probabilities against how often it was so."""
    assert tested.classes is not None
    assert tested.probabilities is not None
    if len(tested.classes) == 2:
        found, label = calibrate(tested.actual == 1, tested.probabilities[:, 1]), tested.classes[1]
    else:
        # What the run predicted, which need not be what is most probable.
        given = tested.probabilities[np.arange(tested.predicted.size), tested.predicted]
        right = tested.predicted == tested.actual
        found, label = calibrate(right, given), spoken("predicted class")
    return lines(
        found.predicted,
        [{"label": label, "values": found.happened, **_band(found)}],
        labels=spoken_each("probability given", "share of rows"),
        unit=True,
        points=True,
        line="diagonal",
        rows=found.rows.tolist(),
    )


def _band(found: Calibration) -> dict[str, Any]:
    return {"low": _numbers(found.low), "high": _numbers(found.high)}


def _numbers(values: Any) -> list[float | int | None]:
    """Return JSON numbers with as many digits as a chart can show; gaps are None."""
    return [_number(value) for value in values]


def _number(value: Any) -> float | int | None:
    if value is None or not np.isfinite(value):
        return None
    short = float(f"{float(value):.{DIGITS}g}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short
