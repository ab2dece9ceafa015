"""A learning-rate test as a picture: losses over rates, with what they suggest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from dlcli.drawing import BAND, INK, Suffix, new_figure, plain, save_figure, with_labels
from dlcli.languages import spoken, translated

MARKS = {"steepest": "steepest descent", "tenth": "a tenth of the lowest"}
"""What is marked, and what the mark is called."""


@with_labels()
def draw_rates(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    marks: Mapping[str, float],
    path: Path,
    *,
    title: str,
) -> None:
    """Draw the losses of a learning-rate test to an .svg or .png file; `marks` as in MARKS."""
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    axes.plot(rates, losses, color=BAND, linewidth=0.8, label=spoken("loss of each batch"))
    axes.plot(rates, smoothed, color=INK, label=spoken("smoothed"))
    for style, (mark, rate) in zip(("--", ":"), marks.items(), strict=False):
        label = f"{spoken(MARKS[mark])}: {rate:.2g}"
        axes.axvline(rate, color="black", linestyle=style, linewidth=1.0, label=label)
    axes.set_xscale("log")
    low, high = min(smoothed), max(smoothed)
    room = 0.1 * (high - low) or 1.0
    # Single batches may lie far above; what decides is the smoothed loss.
    axes.set_ylim(min(low, *losses) - room, high + 3 * room)
    axes.set_xlabel(spoken("learning rate"))
    axes.set_ylabel(spoken("loss"))
    axes.set_title(plain(translated(f"{title}: learning-rate test")), fontsize=10)
    axes.legend(fontsize=8)
    suffix = cast(Suffix, path.suffix.lower().removeprefix("."))
    save_figure(figure, path.parent, path.name[: -len(path.suffix)], suffix)
