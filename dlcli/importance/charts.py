"""Importances and dependence curves as pictures."""

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from dlcli.files import check_output, writing, written_whole
from dlcli.importance.dependence import Curve
from dlcli.importance.permutation import TargetImportance

Suffix = Literal["svg", "png"]

IMPORTANCE, DEPENDENCE = "importance", "dependence"
"""What the names of the charts begin with; the target follows."""
MOST_BARS = 30
"""Inputs in one chart."""

_COLUMNS = 3
_DPI = 144
_INK, _BAND, _BAR, _FAINT = "#1f4e79", "#c6dbef", "#4a86b8", "#b8c4ce"


def check_charts(folder: Path, targets: Sequence[str], *, suffix: Suffix, force: bool) -> None:
    """Make the folder; raise UsageError where the charts cannot be written or would replace some."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for target in targets:
        for kind in (IMPORTANCE, DEPENDENCE):
            check_output(chart_path(folder, f"{kind}-{target}", suffix), force=force)


def chart_path(folder: Path, stem: str, suffix: Suffix) -> Path:
    """Return where a chart goes, under a name that every file system takes."""
    name = re.sub(r"[^\w.-]+", "_", stem)
    return folder / f"{name}.{suffix}"


def draw_importance(found: TargetImportance, folder: Path, *, suffix: Suffix) -> Path:
    """Draw the inputs of one target as bars with their intervals into `folder`."""
    shown = found.inputs[:MOST_BARS][::-1]
    figure = _figure(6.4, 1.0 + 0.32 * len(shown))
    axes = figure.subplots()
    places = range(len(shown))
    widths = [each.increase for each in shown]
    colours = [_BAR if each.is_certain else _FAINT for each in shown]
    # The bootstrap's interval need not hold the plain estimate.
    below = [max(0.0, each.increase - each.low) for each in shown]
    above = [max(0.0, each.high - each.increase) for each in shown]
    axes.barh(places, widths, color=colours, xerr=[below, above], ecolor=_INK, capsize=2)
    axes.set_yticks(places, [" + ".join(_plain(name) for name in each.inputs) for each in shown])
    axes.axvline(0.0, color="black", linewidth=0.8)
    figure_name = "RMSE" if found.figure == "RootMeanSquaredError" else "log loss"
    axes.set_xlabel(
        f"increase of the {figure_name} of {_plain(found.target)}, now {found.value:.4g}"
    )
    return _save(figure, folder, f"{IMPORTANCE}-{found.target}", suffix)


def draw_dependence(
    curves: Sequence[Curve], target: str, folder: Path, *, suffix: Suffix
) -> Path | None:
    """Draw the curves of one target beside each other into `folder`; None where it has none."""
    inputs = list(dict.fromkeys(curve.input for curve in curves))
    if not inputs:
        return None
    across = min(_COLUMNS, len(inputs))
    down = -(-len(inputs) // across)
    figure = _figure(3.4 * across, 2.8 * down)
    grid = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for axes, name in zip(grid, inputs, strict=False):
        own = [curve for curve in curves if curve.input == name]
        for curve in own:
            _draw_curve(axes, curve, has_band=len(own) == 1)
        axes.set_xlabel(_plain(name))
        if len(own) > 1:
            axes.legend(fontsize=7)
    for axes in grid[len(inputs) :]:
        axes.set_axis_off()
    for axes in grid[::across]:
        labels = {curve.label for curve in curves}
        one = next(iter(labels)) if len(labels) == 1 else None
        axes.set_ylabel(_plain(target if one is None else f"probability of {one}"))
    return _save(figure, folder, f"{DEPENDENCE}-{target}", suffix)


def _draw_curve(axes: Any, curve: Curve, *, has_band: bool) -> None:
    if curve.is_ordered:
        if has_band:
            axes.fill_between(curve.values, curve.low, curve.high, color=_BAND, linewidth=0)
        colour = {"color": _INK} if has_band else {}
        axes.plot(curve.values, curve.mean, label=_plain(str(curve.label)), **colour)
        return
    places = range(len(curve.values))
    below = [max(0.0, mean - low) for mean, low in zip(curve.mean, curve.low, strict=True)]
    above = [max(0.0, high - mean) for mean, high in zip(curve.mean, curve.high, strict=True)]
    if has_band:
        axes.bar(places, curve.mean, color=_BAR, yerr=[below, above], ecolor=_INK, capsize=2)
    else:
        axes.plot(places, curve.mean, "o", label=_plain(str(curve.label)))
    labels = [_plain(str(value)) for value in curve.values]
    axes.set_xticks(places, labels, rotation=45, ha="right", fontsize=7)


def _figure(width: float, height: float) -> Any:
    # Without pyplot no window system is asked for and no figure stays in memory.
    figure = importlib.import_module("matplotlib.figure")
    return figure.Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, folder: Path, stem: str, suffix: Suffix) -> Path:
    path = chart_path(folder, stem, suffix)
    matplotlib = importlib.import_module("matplotlib")
    # The same picture gives the same bytes: no date, no random ids.
    settings = {"svg.hashsalt": "dlcli", "svg.fonttype": "none"}
    metadata = {"Date": None} if suffix == "svg" else None
    with writing(path), written_whole(path) as whole, matplotlib.rc_context(settings):
        figure.savefig(whole, format=suffix, dpi=_DPI, metadata=metadata)
    return path


def _plain(text: str) -> str:
    """Return text that matplotlib takes as it is: a dollar sign would begin a formula."""
    return text.replace("$", r"\$")
