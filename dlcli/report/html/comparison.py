"""Several runs on one page: who is best, curves over each other, and in what they differ."""

from collections.abc import Mapping, Sequence

from dlcli.languages import spoken, translated
from dlcli.report.blocks import Block, is_numeric
from dlcli.report.html.charts import Charts, lines, thin_epochs
from dlcli.report.html.document import document
from dlcli.report.html.elements import Markup, chart_grid, element, note, section, table
from dlcli.report.html.page import header, navigation
from dlcli.report.html.scores import verdict_card
from dlcli.report.record import RunRecord
from dlcli.report.verdict import Verdict, rank

MOST_CHARTS = 6
_LEARNING_RATE = "learning_rate"
_VALIDATION = "val_"
_BADGES = {
    "better": ("clearly the best", "better"),
    "even": ("the best, but not clearly", "even"),
    "worse": ("the best", "better"),
}

Series = list[float | None]


def build_comparison(
    records: Sequence[RunRecord], parts: Mapping[str, Sequence[Block]], targets: Sequence[str]
) -> str:
    """Return the page of several runs; `parts` are tables under titles of their own."""
    charts = Charts()
    verdicts = [verdict for target in targets if (verdict := rank(records, target)) is not None]
    curves = _curves(records, charts)
    sections = [
        section(f"part-{number}", title, *map(_block, blocks))
        for number, (title, blocks) in enumerate(parts.items(), 1)
    ]
    names = {f"part-{number}": spoken(title) for number, title in enumerate(parts, 1)}
    if curves is not None:
        sections.insert(1, curves)
        names["curves"] = spoken("Curves")
    title = translated(f"{len(records)} runs compared")
    labels = ", ".join(record.label for record in records)
    main = element("main", _cards(verdicts), *sections)
    return document(title, header(title, labels), navigation(names), main, charts=charts)


def _cards(verdicts: Sequence[Verdict]) -> Markup:
    cards = [
        verdict_card(verdict, of_target=len(verdicts) > 1, badge=_badge(verdict))
        for verdict in verdicts
    ]
    return element("section", element("div", *cards, class_="cards"), id="verdict")


def _badge(verdict: Verdict) -> tuple[str, str]:
    if not verdict.rivals:
        return spoken("nothing to compare with"), "none"
    strongest = verdict.rivals[0]
    text, kind = _BADGES[strongest.standing]
    if strongest.difference is None:
        ahead = f"{verdict.name} is ahead; on other rows, so without an interval"
        return translated(ahead), "none"
    return translated(f"{verdict.name} is {text}"), kind


def _curves(records: Sequence[RunRecord], charts: Charts) -> Markup | None:
    """Lay each logged figure of the runs over each other: on the validation rows where all have it."""
    names = dict.fromkeys(
        name.removeprefix(_VALIDATION) for record in records for name in record.history
    )
    figures: list[Markup] = []
    for name in names:
        if name in ("epoch", _LEARNING_RATE) or len(figures) == MOST_CHARTS:
            continue
        watched = f"{_VALIDATION}{name}"
        shown = watched if all(watched in record.history for record in records) else name
        found = {r.label: r.history[shown] for r in records if shown in r.history}
        if len(found) > 1:
            about = "on the validation rows" if shown == watched else "on the training rows"
            figures.append(charts.add(name, about, _overlay(found, name)))
    return section("curves", "Curves", chart_grid(figures)) if figures else None


def _overlay(found: Mapping[str, Series], name: str) -> dict[str, object]:
    longest = max(map(len, found.values()))
    epochs = thin_epochs(longest)
    series = [
        {
            "label": label,
            "values": [values[at] if at < len(values) else None for at in epochs.tolist()],
        }
        for label, values in found.items()
    ]
    return lines(epochs + 1, series, labels=(spoken("epoch"), name), wholeX=True, canLog=True)


def _block(block: Block) -> Markup | None:
    if not block.header:
        return note(block.title or block.text)
    columns = list(zip(*block.rows, strict=True)) if block.rows else []
    numeric = [place for place, cells in enumerate(columns) if place and is_numeric(cells)]
    heading = element("h3", translated(block.title)) if block.title else None
    return element("div", heading, table(block.header, block.rows, numeric=numeric))
