"""A run in Markdown, short enough for a comment under a pull request."""

from collections.abc import Iterator, Mapping
from typing import Any

from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.blocks import markdown_blocks
from dlcli.report.figures import DASH, format_figures, short_name, shown_figures
from dlcli.report.folds import folds_blocks
from dlcli.report.policies import policy_effects
from dlcli.report.record import RunRecord
from dlcli.report.text import format_coverage, markdown_table, markdown_text
from dlcli.report.verdict import Verdict, judge

MOST_POLICIES = 8
MOST_CLASSES = 8
"""Classes of a confusion matrix that is shown."""


def markdown_report(record: RunRecord, previous: RunRecord | None) -> str:
    """Return the verdict, the figures, and what is worth a remark."""
    verdicts = judge(record, previous)
    parts = [f"## {markdown_text(record.label)}", verdict_lines(verdicts)]
    for target, figures in record.targets.items():
        if len(record.targets) > 1:
            parts.append(f"### {markdown_text(target)}")
        parts.append(figures_table(record, target, figures))
        matrix = figures.get("ConfusionMatrix")
        if matrix and len(matrix) <= MOST_CLASSES:
            parts.append(_confusion(figures))
    if "folds" in record.metrics:
        parts.append(markdown_blocks(folds_blocks(record.metrics["folds"])))
    parts += ["\n".join(f"- {markdown_text(translated(text))}" for text in _remarks(record))]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict_lines(verdicts: tuple[Verdict, ...]) -> str:
    """Return the verdict on every target, a paragraph each."""
    if not verdicts:
        return translated("Trained on all its rows: there is no part left to judge it by.")
    lines = []
    for verdict in verdicts:
        name = f"{verdict.target}: " if len(verdicts) > 1 else ""
        said = f"{name}{translated(verdict.sentence())}{spoken('.')}"
        lines.append(f"**{markdown_text(said)}**")
    return "\n\n".join(lines)


def figures_table(record: RunRecord, target: str, figures: Mapping[str, Any]) -> str:
    """Return a target's figures with their intervals, beside those of the baselines."""
    baselines, intervals = record.baselines(target), record.intervals.get(target, {})
    header = ["", *spoken_each(str(record.part), "95 % interval"), *baselines]
    rows = []
    for figure in shown_figures(figures):
        ends = intervals.get(figure)
        values = [figures.get(figure), *(each.get(figure) for each in baselines.values())]
        written = format_figures(figure, [*values, *(ends.values() if ends else ())])
        between = translated(f"{written[-2]} to {written[-1]}") if ends else DASH
        rows.append([short_name(figure), written[0], between, *written[1 : len(values)]])
    return markdown_table(header, rows)


def _confusion(figures: Mapping[str, Any]) -> str:
    classes = list(figures["Classes"])
    rows = [
        [name, *(f"{cell:g}" for cell in line)]
        for name, line in zip(classes, figures["ConfusionMatrix"], strict=True)
    ]
    return markdown_table([spoken("actual \\ predicted"), *classes], rows)


def _remarks(record: RunRecord) -> Iterator[str]:
    manifest = record.manifest
    data, epochs = manifest["data"], manifest["epochs"]
    sizes = ", ".join(f"{size:,} {spoken(part)}" for part, size in data["split"]["sizes"].items())
    yield f"data: {sizes} rows; {epochs['done']:,} of {epochs['asked']:,} epochs"
    for text in format_coverage(record.metrics.get("coverage", {})):
        yield f"intervals: {text}"
    if not record.is_complete:
        yield "the training was interrupted; these are the weights it had reached"
    if data.get("validation_is_test"):
        yield "the test part was watched while training: this is not an independent test"
    effects = sorted(policy_effects(data.get("counts", {})), key=lambda effect: -effect.rows)
    for effect in effects[:MOST_POLICIES]:
        yield f"{effect.rows:,} rows: {effect.column} {effect.what}"
    if len(effects) > MOST_POLICIES:
        yield f"and {len(effects) - MOST_POLICIES} more policies took effect"
    for warning in data.get("warnings", []):
        yield f"warning: {warning}"
    for text in manifest.get("overrides", []):
        yield f"--set {text}"
