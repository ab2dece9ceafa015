"""Curves as pictures: a learning-rate test, and what a network of one input has learned."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlcli.errors import UsageError

SUFFIXES = (".svg", ".png")

Points = tuple[Sequence[float], Sequence[float]]

_DPI = 144
_INK, _BAND = "#1f4e79", "#9ecae1"
_PARTS = {"train": "#b8c4ce", "validation": "#7fb3d5", "test": "#e08214"}


def draw_rates(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    marks: Mapping[str, float],
    path: Path,
    *,
    title: str,
) -> None:
    """Draw the losses of a learning-rate test, with its suggestions marked, into a file."""
    figure = _figure(6.4, 4.2)
    axes = figure.subplots()
    axes.plot(rates, losses, color=_BAND, linewidth=0.8, label="loss of each batch")
    axes.plot(rates, smoothed, color=_INK, label="smoothed")
    for style, (text, rate) in zip(("--", ":"), marks.items(), strict=False):
        axes.axvline(
            rate, color="black", linestyle=style, linewidth=1.0, label=f"{text}: {rate:.2g}"
        )
    axes.set_xscale("log")
    low, high = min(smoothed), max(smoothed)
    room = 0.1 * (high - low) or 1.0
    # Single batches may lie far above; what decides is the smoothed loss.
    axes.set_ylim(min(low, *losses) - room, high + 3 * room)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.set_title(_plain(title), fontsize=10)
    axes.legend(fontsize=8)
    _save(figure, path)


def draw_fit(
    points: Mapping[str, Points], line: Points, path: Path, *, input_name: str, target: str
) -> None:
    """Draw the rows of every part, and the network's predictions as a line, into a file."""
    figure = _figure(6.4, 4.2)
    axes = figure.subplots()
    for part, (inputs, values) in points.items():
        axes.plot(inputs, values, ".", markersize=3, color=_PARTS[part], label=f"{part} rows")
    axes.plot(*line, color=_INK, linewidth=1.5, label="network")
    axes.set_xlabel(_plain(input_name))
    axes.set_ylabel(_plain(target))
    axes.legend(fontsize=8)
    _save(figure, path)


def check_picture(path: Path) -> None:
    """Raise UsageError for a file name that no picture can have."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: a picture's name ends in .svg or .png")


def _figure(width: float, height: float) -> Any:
    # Without pyplot no window system is asked for and no figure stays in memory.
    figure = importlib.import_module("matplotlib.figure")
    return figure.Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: Path) -> None:
    check_picture(path)
    matplotlib = importlib.import_module("matplotlib")
    # The same picture gives the same bytes: no date, no random ids.
    settings = {"svg.hashsalt": "dlcli", "svg.fonttype": "none"}
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context(settings):
            figure.savefig(path, dpi=_DPI, metadata=metadata)
    except OSError as error:
        raise UsageError(f"{path}: cannot write a picture here: {error.strerror}") from None


def _plain(text: str) -> str:
    """Return text that matplotlib takes as it is: a dollar sign would begin a formula."""
    return text.replace("$", r"\$")
