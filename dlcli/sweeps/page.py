"""The page of a sweep: its best trial, the history, what matters, all trials; opens without a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.html.charts import Charts, lines
from dlcli.report.html.document import document
from dlcli.report.html.elements import Markup, element, join, note, section, table
from dlcli.report.html.page import header, navigation
from dlcli.report.text import format_figure
from dlcli.spec.points import show_label
from dlcli.spec.sweep import Axis, Direction
from dlcli.sweeps.text import count_line, trial_header, trial_row
from dlcli.sweeps.trial import Trial, best_trial

MOST_LINES = 400
"""Trials in the plot of parallel coordinates: the best ones."""
MOST_TICKS = 12

_WIDTH, _HEIGHT, _MARGIN, _TOP = 1000.0, 340.0, 70.0, 34.0


@dataclass(frozen=True, kw_only=True)
class SweepRecord:
    """What a page shows of a sweep."""

    name: str
    created: str
    version: str
    axes: Sequence[Axis]
    trials: list[Trial]
    metric: str
    direction: Direction
    shares: Mapping[str, float]
    """The share of the figure's variance that each axis explains."""
    best_run: str | None
    """The folder of the refitted run."""
    by_folds: bool = False
    notes: Sequence[str] = ()


def build_page(record: SweepRecord) -> str:
    """Return the page of a sweep."""
    charts = Charts()
    found = {
        "verdict": _verdict(record),
        "history": _history(record, charts),
        "importance": _importance(record),
        "parallel": _parallel(record),
        "trials": _trials(record),
        "errors": _errors(record),
    }
    shown = {name: content for name, content in found.items() if content is not None}
    titles = {
        "history": "History",
        "importance": "Importance",
        "parallel": "Parallel coordinates",
        "trials": "Trials",
        "errors": "Failed trials",
    }
    names = {name: spoken(title) for name, title in titles.items() if name in shown}
    about = f"{count_line(record.trials)}; {record.created}, dlcli {record.version}"
    main = element("main", *shown.values())
    title = translated(f"Sweep of {record.name}")
    return document(title, header(title, translated(about)), navigation(names), main, charts=charts)


def _verdict(record: SweepRecord) -> Markup:
    best = best_trial(record.trials, record.direction)
    if best is None:
        card = element("div", element("p", spoken("No trial is complete.")), class_="card")
        return element("section", card, id="verdict")
    figure = element("span", format_figure(best.figure), class_="big")
    named = element(
        "span", translated(f"{record.metric} of trial {best.number}"), class_="interval"
    )
    values = [(axis.key, show_label(best.values[axis.key])) for axis in record.axes]
    run = None if record.best_run is None else note(f"Trained again as a run: {record.best_run}")
    card = element(
        "div",
        element("p", figure, named),
        table(spoken_each("key", "value"), values, class_="facts"),
        run,
        *map(note, record.notes),
        class_="card",
    )
    return element("section", card, id="verdict")


def _history(record: SweepRecord, charts: Charts) -> Markup | None:
    done = [each for each in record.trials if each.state == "complete" and each.figure is not None]
    if len(done) < 2:
        return None
    figures = np.array([trial.figure for trial in done], np.float64)
    collect = np.maximum if record.direction == "maximize" else np.minimum
    series = [
        {"label": spoken("trial"), "values": figures},
        {"label": spoken("best so far"), "values": collect.accumulate(figures)},
    ]
    chart = lines(
        [trial.number for trial in done],
        series,
        labels=(spoken("trial"), record.metric),
        wholeX=True,
        points=True,
        canLog=True,
    )
    figure = charts.add(record.metric, "every complete trial, and the best so far", chart)
    return section("history", "History", figure)


def _importance(record: SweepRecord) -> Markup | None:
    if not record.shares:
        return None
    rows = [[key, f"{share:.0%}", _bar(share)] for key, share in record.shares.items()]
    told = (
        f"The share of the variance of {record.metric} that lies between the values of a key "
        "(omega squared; ranges in quarters). What keys do together is in none of them."
    )
    drawn = table([*spoken_each("key", "share"), ""], rows, numeric=(1,))
    return section("importance", "Importance", drawn, note(told))


def _bar(share: float) -> Markup:
    rect = element("rect", x="0", y="0", width=f"{100 * share:.1f}", height="10")
    return element(
        "svg",
        rect,
        class_="bar own",
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _parallel(record: SweepRecord) -> Markup | None:
    done = [each for each in record.trials if each.state == "complete" and each.figure is not None]
    if len(done) < 2:
        return None
    larger = record.direction == "maximize"
    done.sort(key=lambda trial: float(trial.figure or 0.0), reverse=larger)
    shown = done[:MOST_LINES]
    scales = [_axis_scale(axis, shown) for axis in record.axes]
    scales.append(_figure_scale(record.metric, shown))
    gap = (_WIDTH - 2 * _MARGIN) / max(1, len(scales) - 1)
    places = [_MARGIN + index * gap for index in range(len(scales))]
    drawn = []
    for rank, trial in reversed(list(enumerate(shown))):
        values = [
            *(trial.values[axis.key] for axis in record.axes),
            trial.figure,
        ]
        heights = [scale.place(value) for scale, value in zip(scales, values, strict=True)]
        tenth = min(9, 10 * rank // len(shown))
        drawn.append(_line(places, heights, tenth, trial, record.metric))
    axes = [_scale(scale, x) for scale, x in zip(scales, places, strict=True)]
    told = "Each line is a trial, the stronger the better; the best one is thick."
    if len(shown) < len(done):
        told += f" The best {len(shown)} of {len(done)} trials."
    picture = element(
        "svg",
        element("title", spoken("The values of every trial beside its figure")),
        *drawn,
        *axes,
        class_="parallel",
        role="img",
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
    )
    content = element("div", picture, class_="drawing")
    return section("parallel", "Parallel coordinates", content, note(told))


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """One upright axis: where values stand, from 0 at its foot to 1, and what is written there."""

    name: str
    ticks: Sequence[tuple[float, str]]
    labels: Sequence[Any] = ()
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False

    def place(self, value: Any) -> float:
        if self.labels:
            return (self.labels.index(value) + 0.5) / len(self.labels)
        ends = (self.low, self.high, float(value))
        low, high, at = (float(np.log(end)) for end in ends) if self.is_log else ends
        return 0.5 if high == low else (at - low) / (high - low)


def _axis_scale(axis: Axis, trials: Sequence[Trial]) -> _Scale:
    if not axis.range:
        labels = axis.labels
        step = -(-len(labels) // MOST_TICKS)
        ticks = [
            ((place + 0.5) / len(labels), _short(show_label(label)))
            for place, label in enumerate(labels)
            if place % step == 0
        ]
        return _Scale(name=axis.key, labels=labels, ticks=ticks)
    ticks = [(0.0, f"{axis.low:g}"), (1.0, f"{axis.high:g}")]
    return _Scale(
        name=axis.key, ticks=ticks, low=axis.low, high=axis.high, is_log=axis.range == "log"
    )


def _figure_scale(metric: str, trials: Sequence[Trial]) -> _Scale:
    figures = np.array([trial.figure for trial in trials], np.float64)
    low, high = float(figures.min()), float(figures.max())
    # A few that went wrong would press all others to one end.
    is_log = low > 0 and high / low > 20
    ticks = [(0.0, format_figure(low)), (1.0, format_figure(high))]
    return _Scale(name=metric, ticks=ticks, low=low, high=high, is_log=is_log)


def _y(share: float) -> float:
    return _HEIGHT - _TOP / 2 - share * (_HEIGHT - 2 * _TOP)


def _line(
    places: Sequence[float], heights: Sequence[float], tenth: int, trial: Trial, metric: str
) -> Markup:
    points = " ".join(f"{x:.1f},{_y(y):.1f}" for x, y in zip(places, heights, strict=True))
    told = f"trial {trial.number}: {metric} {format_figure(trial.figure)}"
    return element(
        "polyline",
        element("title", translated(told)),
        points=points,
        fill="none",
        stroke_opacity=f"{1 - 0.09 * tenth:.2f}",
    )


def _scale(scale: _Scale, x: float) -> Markup:
    name = element("text", _short(scale.name, 34), x=f"{x:.1f}", y="12", class_="heading")
    line = element(
        "line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=f"{_y(0):.1f}", y2=f"{_y(1):.1f}", class_="axis"
    )
    ticks = [
        element("text", text, x=f"{x + 5:.1f}", y=f"{_y(share) + 4:.1f}", class_="tick")
        for share, text in scale.ticks
    ]
    return element("g", line, name, join(ticks))


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else f"...{text[3 - most :]}"


def _trials(record: SweepRecord) -> Markup | None:
    if not record.trials:
        return None
    head = trial_header([axis.key for axis in record.axes], record.metric, by_folds=record.by_folds)
    rows = [trial_row(trial, record.axes, by_folds=record.by_folds) for trial in record.trials]
    best = best_trial(record.trials, record.direction)
    strong = () if best is None else (record.trials.index(best),)
    numeric = (0, 2, len(head) - 2, len(head) - 1)
    return section("trials", "Trials", table(head, rows, numeric=numeric, strong=strong))


def _errors(record: SweepRecord) -> Markup | None:
    failed = [trial for trial in record.trials if trial.error is not None]
    if not failed:
        return None
    rows = [
        [
            str(each.number),
            translated(str(each.error["message"])),
            translated(str(each.error.get("hint") or "")),
        ]
        for each in failed
        if each.error is not None
    ]
    return section("errors", "Failed trials", table(spoken_each("trial", "error", "hint"), rows))
