"""The verdict on a run, and its figures beside those of its baselines."""

from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.figures import (
    DASH,
    MINUS,
    format_difference,
    format_figures,
    is_larger_better,
    short_name,
    shown_figures,
)
from dlcli.report.folds import ABOUT, folds_blocks, folds_title
from dlcli.report.html.elements import Markup, details, element, join, note, section, table
from dlcli.report.record import RunRecord
from dlcli.report.text import heading
from dlcli.report.verdict import Rival, Verdict

_BAR_WIDTH, _BAR_HEIGHT = 180, 16
_STANDINGS = {
    "better": "better than every baseline",
    "even": "not clearly better than its baselines",
    "worse": "worse than a baseline",
    None: "no baseline to compare with",
}


def verdict_section(record: RunRecord, verdicts: Sequence[Verdict]) -> Markup:
    """Return the verdict on every target, in one line each."""
    if not verdicts:
        text = "Trained on all its rows: there is no part left to judge it by."
        return element("section", element("p", translated(text), class_="verdict"), id="verdict")
    cards = [
        verdict_card(
            verdict,
            of_target=len(verdicts) > 1,
            badge=(spoken(_STANDINGS[verdict.standing]), verdict.standing or "none"),
        )
        for verdict in verdicts
    ]
    remarks = []
    if record.manifest["data"].get("validation_is_test"):
        remarks.append(
            note("The test part was watched while training: this is not an independent test.")
        )
    if not record.is_complete:
        remarks.append(note("The training was interrupted; these are the weights it had reached."))
    return element("section", element("div", *cards, class_="cards"), *remarks, id="verdict")


def scores_section(record: RunRecord, verdicts: Sequence[Verdict]) -> Markup | None:
    """Return every figure of every target: on each part, with intervals, beside the baselines'."""
    if not record.targets:
        return None
    blocks = []
    for target, figures in record.targets.items():
        blocks += [
            element("h3", target) if len(record.targets) > 1 else None,
            _figures_table(record, target, figures),
            _classes_table(figures),
        ]
    return section("scores", "Figures", *blocks, note(_about_intervals(record)))


def folds_section(record: RunRecord) -> Markup | None:
    """Return what the folds have together, and each one's main figure."""
    folds = record.metrics.get("folds")
    if folds is None:
        return None
    blocks = [table(block.header, block.rows, numeric=(1, 2, 3)) for block in folds_blocks(folds)]
    return section(
        "folds", "Folds", element("p", translated(folds_title(folds))), *blocks, note(ABOUT)
    )


def verdict_card(verdict: Verdict, *, of_target: bool, badge: tuple[str, str]) -> Markup:
    """Return a verdict with its figures side by side; `badge` is a text and its standing."""
    shown = format_figures(verdict.figure, [verdict.value])[0]
    label = short_name(verdict.figure)
    label += translated(f" of {verdict.target}") if of_target else ""
    interval = None
    if verdict.interval is not None:
        low, high = format_figures(
            verdict.figure, [verdict.interval["low"], verdict.interval["high"]]
        )
        interval = element("span", translated(f"95 % interval {low} to {high}"), class_="interval")
    return element(
        "article",
        element("p", element("span", shown, class_="big"), element("span", label), interval),
        element("p", translated(verdict.sentence()) + spoken("."), class_="verdict"),
        element("p", element("span", badge[0], class_=f"badge {badge[1]}")),
        _rivals_table(verdict),
        class_="card",
    )


def _rivals_table(verdict: Verdict) -> Markup | None:
    if not verdict.rivals or verdict.value is None:
        return None
    values = [verdict.value, *(rival.value for rival in verdict.rivals)]
    written = format_figures(verdict.figure, values)
    most = max(max(values), verdict.interval["high"] if verdict.interval else 0.0)
    names: list[Any] = [heading(verdict.name), *(rival.name for rival in verdict.rivals)]
    bars = [
        _bar(value, most, verdict.interval if place == 0 else None)
        for place, value in enumerate(values)
    ]
    differences = ["", *(_difference(verdict, rival) for rival in verdict.rivals)]
    first = heading("network") if verdict.name == "network" else spoken("best")
    header = ["", Markup("&nbsp;"), short_name(verdict.figure), translated(f"{first} less this")]
    rows = [list(cells) for cells in zip(names, bars, written, differences, strict=True)]
    if not any(differences):
        header, rows = header[:3], [row[:3] for row in rows]
    return table(header, rows, numeric=(2, 3), class_="rivals", strong=(0,))


def _difference(verdict: Verdict, rival: Rival) -> str:
    if rival.difference is None or verdict.value is None:
        return ""
    ends = [rival.difference["value"], rival.difference["low"], rival.difference["high"]]
    value, low, high = format_difference(verdict.figure, ends, like=verdict.value)
    return translated(f"{value} ({low} to {high})")


def _bar(value: float, most: float, interval: Mapping[str, float] | None) -> Markup:
    """Draw a figure as a bar, with its interval as a line over its end."""
    scale = (_BAR_WIDTH - 2) / most if most > 0 else 0.0
    middle = _BAR_HEIGHT / 2
    shapes = [
        element(
            "rect",
            x="0",
            y="3",
            width=f"{max(0.0, value * scale):.1f}",
            height=f"{_BAR_HEIGHT - 6}",
            rx="2",
        )
    ]
    if interval is not None:
        low, high = (max(0.0, interval[end] * scale) for end in ("low", "high"))
        ends = "".join(f"M{x:.1f} {middle - 4}V{middle + 4}" for x in (low, high))
        shapes.append(element("path", d=f"M{low:.1f} {middle}H{high:.1f}{ends}"))
    return element(
        "svg",
        *shapes,
        class_="bar own" if interval is not None else "bar",
        viewBox=f"0 0 {_BAR_WIDTH} {_BAR_HEIGHT}",
        aria_hidden="true",
    )


def _figures_table(record: RunRecord, target: str, figures: Mapping[str, Any]) -> Markup:
    parts = {
        name: part["targets"].get(target, {}) for name, part in record.metrics["parts"].items()
    }
    intervals = record.intervals.get(target, {})
    columns = {**parts, **record.baselines(target)}
    header = [
        "",
        *map(spoken, parts),
        *(spoken_each("95 % interval") if intervals else []),
        *record.baselines(target),
    ]
    rows = []
    for figure in shown_figures(figures):
        values = [column.get(figure) for column in columns.values()]
        ends = intervals.get(figure)
        written = [
            text if text == DASH else text.replace("-", MINUS)
            for text in format_figures(figure, [*values, *(ends.values() if ends else ())])
        ]
        between = (
            [translated(f"{written[-2]} to {written[-1]}") if ends else DASH] if intervals else []
        )
        cells = [*written[: len(parts)], *between, *written[len(parts) : len(columns)]]
        arrow = "\N{UPWARDS ARROW}" if is_larger_better(figure) else "\N{DOWNWARDS ARROW}"
        name = join(
            [
                element("span", short_name(figure), title=figure),
                element("span", f" {arrow}", class_="soft", aria_hidden="true"),
            ]
        )
        rows.append([name, *cells])
    return table(header, rows, numeric=range(1, len(header)), class_="figures")


MOST_CLASSES = 30
"""Classes listed one by one; of more, the ones with the lowest F1."""
_OPEN_CLASSES = 12
"""Classes of a table that is not folded away."""


def _classes_table(figures: Mapping[str, Any]) -> Markup | None:
    classes = figures.get("Classes")
    if not classes:
        return None
    shown = list(classes.items())
    if len(shown) > MOST_CLASSES:
        present = [item for item in shown if item[1]["Support"]]
        shown = sorted(present, key=lambda item: item[1]["F1Score"])[:MOST_CLASSES]
    rows = [
        [
            name,
            *(f"{scores[each]:.3f}" for each in ("Precision", "Recall", "F1Score")),
            f"{scores['Support']:,.4g}",
        ]
        for name, scores in shown
    ]
    listed = table(
        spoken_each("class", "precision", "recall", "F1", "rows"), rows, numeric=range(1, 5)
    )
    if len(shown) > _OPEN_CLASSES:
        listed = details(f"{len(shown)} classes", listed)
    if len(classes) == len(shown):
        return listed
    left = f"The {len(shown)} of {len(classes):,} classes with the lowest F1; metrics.json has all."
    return join([listed, note(left)])


def _about_intervals(record: RunRecord) -> str:
    arrows = (
        "\N{UPWARDS ARROW} larger is better, \N{DOWNWARDS ARROW} smaller is better; "
        "figures in the target's unit."
    )
    if not any(record.intervals.values()):
        return arrows
    return (
        f"{arrows} Intervals hold 95 % of 1,000 bootstrap samples of the {record.part} rows, "
        f"seed {record.manifest.get('seed', 0)}. A difference whose interval holds 0 may be chance."
    )
