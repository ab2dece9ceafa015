"""Importances and dependence curves as pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcli.drawing import (
    BAND,
    BAR,
    FAINT,
    INK,
    Suffix,
    chart_path,
    make_folder,
    new_figure,
    plain,
    save_figure,
    with_labels,
)
from dlcli.files import check_output
from dlcli.importance.dependence import Curve
from dlcli.importance.permutation import TargetImportance
from dlcli.languages import spoken, translated

IMPORTANCE, DEPENDENCE = "importance", "dependence"
"""What the names of the charts begin with; the target follows."""
MOST_BARS = 30
"""Inputs in one chart."""

_COLUMNS = 3


def check_charts(folder: Path, targets: Sequence[str], *, suffix: Suffix, force: bool) -> None:
    """Make the folder; raise UsageError where the charts cannot be written or would replace some."""
    make_folder(folder)
    for target in targets:
        for kind in (IMPORTANCE, DEPENDENCE):
            check_output(chart_path(folder, f"{kind}-{target}", suffix), force=force)


@with_labels()
def draw_importance(found: TargetImportance, folder: Path, *, suffix: Suffix) -> Path:
    """Draw the inputs of one target as bars with their intervals into `folder`."""
    shown = found.inputs[:MOST_BARS][::-1]
    figure = new_figure(6.4, 1.0 + 0.32 * len(shown))
    axes = figure.subplots()
    places = range(len(shown))
    widths = [each.increase for each in shown]
    colours = [BAR if each.is_certain else FAINT for each in shown]
    # The bootstrap's interval need not hold the plain estimate.
    below = [max(0.0, each.increase - each.low) for each in shown]
    above = [max(0.0, each.high - each.increase) for each in shown]
    axes.barh(places, widths, color=colours, xerr=[below, above], ecolor=INK, capsize=2)
    axes.set_yticks(places, [" + ".join(plain(name) for name in each.inputs) for each in shown])
    axes.axvline(0.0, color="black", linewidth=0.8)
    figure_name = "RMSE" if found.figure == "RootMeanSquaredError" else spoken("log loss")
    text = f"increase of the {figure_name} of {plain(found.target)}, now {found.value:.4g}"
    axes.set_xlabel(translated(text))
    return save_figure(figure, folder, f"{IMPORTANCE}-{found.target}", suffix)


@with_labels()
def draw_dependence(
    curves: Sequence[Curve], target: str, folder: Path, *, suffix: Suffix
) -> Path | None:
    """Draw the curves of one target beside each other into `folder`; None where it has none."""
    inputs = list(dict.fromkeys(curve.input for curve in curves))
    if not inputs:
        return None
    across = min(_COLUMNS, len(inputs))
    down = -(-len(inputs) // across)
    figure = new_figure(3.4 * across, 2.8 * down)
    grid = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for axes, name in zip(grid, inputs, strict=False):
        own = [curve for curve in curves if curve.input == name]
        for curve in own:
            _draw_curve(axes, curve, has_band=len(own) == 1)
        axes.set_xlabel(plain(name))
        if len(own) > 1:
            axes.legend(fontsize=7)
    for axes in grid[len(inputs) :]:
        axes.set_axis_off()
    for axes in grid[::across]:
        labels = {curve.label for curve in curves}
        one = next(iter(labels)) if len(labels) == 1 else None
        axes.set_ylabel(plain(target if one is None else f"{spoken('probability of')} {one}"))
    return save_figure(figure, folder, f"{DEPENDENCE}-{target}", suffix)


def _draw_curve(axes: Any, curve: Curve, *, has_band: bool) -> None:
    if curve.is_ordered:
        if has_band:
            axes.fill_between(curve.values, curve.low, curve.high, color=BAND, linewidth=0)
        colour = {"color": INK} if has_band else {}
        axes.plot(curve.values, curve.mean, label=plain(str(curve.label)), **colour)
        return
    places = range(len(curve.values))
    below = [max(0.0, mean - low) for mean, low in zip(curve.mean, curve.low, strict=True)]
    above = [max(0.0, high - mean) for mean, high in zip(curve.mean, curve.high, strict=True)]
    if has_band:
        axes.bar(places, curve.mean, color=BAR, yerr=[below, above], ecolor=INK, capsize=2)
    else:
        axes.plot(places, curve.mean, "o", label=plain(str(curve.label)))
    labels = [plain(str(value)) for value in curve.values]
    axes.set_xticks(places, labels, rotation=45, ha="right", fontsize=7)
