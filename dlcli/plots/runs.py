"""A run in pictures: its training, its predictions, and the curve of a single input."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from dlcli.drawing import BAR, FAINT, INK, LINES, Picture, plain
from dlcli.languages import spoken, spoken_each, translated
from dlcli.plots.fit import FittedCurve
from dlcli.report.curves import calibrate, histogram, precision_recall_curve, roc_curve, thin
from dlcli.report.record import RunRecord
from dlcli.report.tested import TestedTarget

MOST_CLASSES = 30
"""Classes of a confusion matrix that is drawn."""
_MOST_WRITTEN = 12
_ACROSS = 3
_VALIDATION = "val_"
_ROWS = {"train": "training rows", "validation": "validation rows", "test": "test rows"}


def run_pictures(record: RunRecord, curve: FittedCurve | None = None) -> list[Picture]:
    """Return the pictures of a run, the network's drawing left out."""
    pictures = []
    names = [name for name in record.history if name != "epoch"]
    shown = [name for name in names if not name.startswith(_VALIDATION)]
    if shown:
        size = (3.6 * min(_ACROSS, len(shown)), 2.8 * -(-len(shown) // _ACROSS))
        draw = partial(_draw_training, record=record, names=shown)
        pictures.append(Picture(stem="training", size=size, draw=draw))
    for name, tested in record.tested.items():
        if len(tested.actual):
            pictures += _target_pictures(record, name, tested)
    if curve is not None:
        draw = partial(_draw_fit, curve=curve)
        pictures.append(Picture(stem=f"fit-{curve.target}", size=(6.0, 4.2), draw=draw))
    return pictures


def _target_pictures(record: RunRecord, name: str, tested: TestedTarget) -> list[Picture]:
    if tested.classes is None:
        draw = partial(_draw_numbers, tested=tested)
        return [Picture(stem=f"predictions-{name}", size=(11.0, 3.6), draw=draw)]
    pictures = []
    if len(tested.classes) <= MOST_CLASSES:
        size = 2.4 + 0.42 * len(tested.classes)
        matrix = record.targets.get(name, {}).get("ConfusionMatrix")
        draw = partial(_draw_confusion, tested=tested, matrix=matrix)
        pictures.append(Picture(stem=f"confusion-{name}", size=(size + 0.8, size), draw=draw))
    draw = partial(_draw_rankings, tested=tested)
    pictures.append(Picture(stem=f"curves-{name}", size=(11.0, 3.6), draw=draw))
    return pictures


def _draw_training(figure: Any, *, record: RunRecord, names: Sequence[str]) -> None:
    across = min(_ACROSS, len(names))
    grid = figure.subplots(-(-len(names) // across), across, squeeze=False).ravel()
    for axes, name in zip(grid, names, strict=False):
        labels = spoken_each("training", "validation")
        keys = (name, f"{_VALIDATION}{name}")
        for place, (label, key) in enumerate(zip(labels, keys, strict=True)):
            if key in record.history:
                values = [np.nan if v is None else v for v in record.history[key]]
                epochs = np.arange(1, len(values) + 1)
                axes.plot(epochs, values, color=LINES[place], label=label, linewidth=1.4)
        if f"{_VALIDATION}{name}" in record.history:
            axes.legend(fontsize=7, frameon=False)
        axes.set_title(plain(name), fontsize=9)
        axes.set_xlabel(spoken("epoch"), fontsize=8)
        _soften(axes)
    for axes in grid[len(names) :]:
        axes.set_axis_off()


def _draw_numbers(figure: Any, *, tested: TestedTarget) -> None:
    """Draw actual against predicted, residuals along the predictions, and how many are how large."""
    against, along, counted = figure.subplots(1, 3)
    chosen = thin(tested.losses)
    actual, predicted = tested.actual[chosen], tested.predicted[chosen]
    error = predicted - actual
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    dots = {"s": 14, "color": BAR, "alpha": 0.6, "linewidths": 0}
    against.plot(ends, ends, color=FAINT, linestyle="--", linewidth=1)
    against.scatter(actual, predicted, **dots)
    against.set_xlabel(f"{spoken('actual')} {plain(tested.target)}", fontsize=8)
    against.set_ylabel(spoken("predicted"), fontsize=8)
    along.axhline(0, color=FAINT, linestyle="--", linewidth=1)
    along.scatter(predicted, error, **dots)
    along.set_xlabel(spoken("predicted"), fontsize=8)
    along.set_ylabel(spoken("predicted less actual"), fontsize=8)
    edges, counts = histogram(np.asarray(tested.predicted - tested.actual))
    counted.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BAR, edgecolor="white")
    counted.axvline(0, color=INK, linestyle="--", linewidth=1)
    counted.set_xlabel(spoken("predicted less actual"), fontsize=8)
    counted.set_ylabel(spoken("rows"), fontsize=8)
    for axes in (against, along, counted):
        _soften(axes)
    if len(chosen) < len(tested.actual):
        text = f"{len(chosen):,} of {len(tested.actual):,} rows, the furthest off among them"
        figure.suptitle(translated(text), fontsize=8)


def _draw_confusion(
    figure: Any, *, tested: TestedTarget, matrix: Sequence[Sequence[float]] | None
) -> None:
    assert tested.classes is not None
    size = len(tested.classes)
    counts = np.asarray(matrix if matrix is not None else tested.confusion(), np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    labels = [plain(label, 20) for label in tested.classes]
    axes.set_xticks(
        range(size), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8
    )
    axes.set_yticks(range(size), labels, fontsize=8)
    axes.set_xlabel(spoken("predicted"), fontsize=8)
    axes.set_ylabel(f"{spoken('actual')} {plain(tested.target)}", fontsize=8)
    if size <= _MOST_WRITTEN:
        for row, column in np.ndindex(counts.shape):
            colour = "white" if shares[row, column] > 0.6 else "black"
            text = f"{counts[row, column]:,.4g}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label(spoken("share of the actual class"), fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _draw_rankings(figure: Any, *, tested: TestedTarget) -> None:
    """Draw ROC, precision-recall and calibration curves."""
    assert tested.classes is not None
    assert tested.probabilities is not None
    roc, recall, calibration = figure.subplots(1, 3)
    for place, code in enumerate(tested.judged_classes()):
        positive, scores = tested.actual == code, tested.probabilities[:, code]
        style = {"color": LINES[place], "label": plain(tested.classes[code], 20), "linewidth": 1.4}
        for axes, curve in ((roc, roc_curve), (recall, precision_recall_curve)):
            found = curve(positive, scores)
            if found is not None:
                axes.plot(*found, **style)
    _draw_calibration(calibration, tested)
    for axes in (roc, calibration):
        axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1, zorder=0)
    for axes, (title, across, up) in (
        (roc, spoken_each("ROC", "false positive rate", "true positive rate")),
        (recall, spoken_each("precision and recall", "recall", "precision")),
        (calibration, spoken_each("calibration", "probability given", "share of rows")),
    ):
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(across, fontsize=8)
        axes.set_ylabel(up, fontsize=8)
        _soften(axes)
    if roc.lines[:-1]:
        roc.legend(fontsize=7, frameon=False, loc="lower right")


def _draw_calibration(axes: Any, tested: TestedTarget) -> None:
    assert tested.classes is not None
    assert tested.probabilities is not None
    if len(tested.classes) == 2:
        found = calibrate(tested.actual == 1, tested.probabilities[:, 1])
    else:
        right = tested.probabilities.argmax(axis=1) == tested.actual
        found = calibrate(right, tested.probabilities.max(axis=1))
    axes.fill_between(found.predicted, found.low, found.high, color=BAR, alpha=0.2, linewidth=0)
    axes.plot(found.predicted, found.happened, "o-", color=INK, markersize=4, linewidth=1.2)


def _draw_fit(figure: Any, *, curve: FittedCurve) -> None:
    axes = figure.subplots()
    for place, (part, (inputs, actual)) in enumerate(curve.points.items()):
        colour = FAINT if part == "train" else LINES[place]
        axes.scatter(inputs, actual, s=14, color=colour, linewidths=0, label=spoken(_ROWS[part]))
    axes.plot(curve.inputs, curve.predicted, color=INK, linewidth=1.8, label=spoken("network"))
    axes.set_xlabel(plain(curve.input), fontsize=9)
    axes.set_ylabel(plain(curve.target), fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    _soften(axes)


def _soften(axes: Any) -> None:
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
