"""A learning-rate test as a picture: losses over rates, with what they suggest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from dlcli.drawing import BAND, INK, Suffix, new_figure, plain, save_figure


def draw_rates(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    marks: Mapping[str, float],
    path: Path,
    *,
    title: str,
) -> None:
    """Draw the losses of a learning-rate test, with marked rates, to an .svg or .png file."""
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    axes.plot(rates, losses, color=BAND, linewidth=0.8, label="loss of each batch")
    axes.plot(rates, smoothed, color=INK, label="smoothed")
    for style, (text, rate) in zip(("--", ":"), marks.items(), strict=False):
        label = f"{text}: {rate:.2g}"
        axes.axvline(rate, color="black", linestyle=style, linewidth=1.0, label=label)
    axes.set_xscale("log")
    low, high = min(smoothed), max(smoothed)
    room = 0.1 * (high - low) or 1.0
    # Single batches may lie far above; what decides is the smoothed loss.
    axes.set_ylim(min(low, *losses) - room, high + 3 * room)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.set_title(plain(title), fontsize=10)
    axes.legend(fontsize=8)
    suffix = cast(Suffix, path.suffix.lower().removeprefix("."))
    save_figure(figure, path.parent, path.name[: -len(path.suffix)], suffix)
