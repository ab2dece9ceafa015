"""A comparison as tables."""

from collections.abc import Iterator, Sequence

from dlcli.comparison.data import Drift
from dlcli.comparison.records import SHORT, RunRecord
from dlcli.comparison.scores import Contrast, Scores
from dlcli.comparison.settings import Variation
from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.blocks import Block, Mark
from dlcli.report.figures import format_figures

_MARKS: dict[str, Mark] = {"better": "good", "worse": "bad"}


def score_blocks(records: Sequence[RunRecord], scores: Scores) -> Iterator[Block]:
    """Yield each target's figures run by run, then the differences to the first run."""
    labels = [record.label for record in records]
    for target, figures in scores.figures.items():
        rows = [[metric, *format_figures(metric, values)] for metric, values in figures.items()]
        yield Block(title=f"{target} on the {scores.part} part", header=["", *labels], rows=rows)
        contrasts = [each for each in scores.contrasts if each.target == target]
        if contrasts:
            yield _contrast_block(f"{target}: difference to {labels[0]}", contrasts)
    for note in scores.notes:
        yield Block(text=note)


def variation_block(
    title: str, records: Sequence[RunRecord], variations: Sequence[Variation]
) -> Block:
    """Return a table of the keys in which runs differ, or the word that there is none."""
    if not variations:
        return Block(title=f"{title}: no difference")
    rows = [[variation.key, *variation.texts] for variation in variations]
    return Block(title=title, header=["", *(record.label for record in records)], rows=rows)


def drift_block(drift: Sequence[Drift]) -> Block:
    """Return a table of the columns that changed."""
    rows = [
        [
            each.run,
            each.column,
            "" if each.moved is None else f"{each.moved:.0%}",
            translated(each.change),
        ]
        for each in drift
    ]
    header = spoken_each("run", "column", "moved", "change")
    return Block(title="columns of the training part", header=header, rows=rows)


def _contrast_block(title: str, contrasts: Sequence[Contrast]) -> Block:
    header = spoken_each("run", "figure", "difference", "95 % interval", "verdict")
    marks = {
        (row, len(header) - 1): _MARKS[contrast.verdict]
        for row, contrast in enumerate(contrasts)
        if contrast.verdict in _MARKS
    }
    return Block(
        title=title, header=header, rows=[_contrast_row(each) for each in contrasts], marks=marks
    )


def _contrast_row(contrast: Contrast) -> list[str]:
    interval = contrast.difference
    ends = [contrast.value] if interval is None else [contrast.value, interval.low, interval.high]
    value, *rest = _signed(contrast.metric, ends)
    shown = translated(f"{rest[0]} to {rest[1]}") if rest else "-"
    figure = SHORT.get(contrast.metric, contrast.metric)
    return [contrast.run, spoken(figure), value, shown, spoken(contrast.verdict)]


def _signed(metric: str, values: Sequence[float]) -> list[str]:
    return [text if text.startswith("-") else f"+{text}" for text in format_figures(metric, values)]
