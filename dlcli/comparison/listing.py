"""Runs as tables: one for each name, newest last."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from dlcli.comparison.records import SHORT, RunRecord, natural_ranking
from dlcli.languages import spoken, translated
from dlcli.report.blocks import Block, Mark
from dlcli.report.figures import DASH, format_figures, is_regression

MOST_TARGETS = 3
"""Targets that get a column of their own."""


def list_blocks(records: Sequence[RunRecord]) -> Iterator[Block]:
    """Yield a table for every name, and the runs that cannot be read below it."""
    for name, group in groupby(records, key=lambda record: record.name):
        listed = list(group)
        readable = [record for record in listed if record.problem is None]
        if readable:
            yield _table(name, readable)
        for record in listed:
            if record.problem is not None:
                yield Block(text=f"{record.label}: {record.problem}")


def _table(name: str, records: list[RunRecord]) -> Block:
    columns = dict(_columns(records))
    best = natural_ranking(records)
    winner = best.best(records) if best is not None and len(records) > 1 else None
    marks: dict[tuple[int, int], Mark] = {}
    for row, record in enumerate(records):
        if record is winner:
            marks[row, 0] = "good"
        elif not record.is_complete:
            marks.update({(row, column): "dim" for column in range(len(columns))})
    rows = [list(cells) for cells in zip(*columns.values(), strict=True)]
    part = records[-1].judged
    title = f"{name}, {part} part" if part is not None else name
    if winner is not None and best is not None:
        metric = SHORT.get(best.metric, best.metric)
        title += f" (best {metric} of the {best.part} part: {winner.label})"
    return Block(title=title, header=list(columns), rows=rows, marks=marks)


def _columns(records: list[RunRecord]) -> Iterator[tuple[str, list[str]]]:
    yield spoken("run"), [record.label for record in records]
    yield spoken("created"), [f"{record.created:%Y-%m-%d %H:%M}" for record in records]
    yield spoken("epochs"), [_epochs(record) for record in records]
    yield (
        spoken("seconds"),
        [f"{record.manifest['seconds'].get('train', 0):.1f}" for record in records],
    )
    if not all(record.is_complete for record in records):
        yield spoken("status"), [spoken(str(record.manifest["status"])) for record in records]
    if any(record.checks is not None for record in records):
        yield spoken("checks"), [_checks(record) for record in records]
    yield from _figure_columns(records)


def _figure_columns(records: list[RunRecord]) -> Iterator[tuple[str, list[str]]]:
    targets = list(dict.fromkeys(name for record in records for name in record.targets))
    for target in targets[:MOST_TARGETS]:
        shown = dict.fromkeys(
            metric
            for record in records
            if target in record.targets
            for metric in _figures_of(record, target, alone=len(targets) == 1)
        )
        for metric in shown:
            values = [record.targets.get(target, {}).get(metric) for record in records]
            short = spoken(SHORT.get(metric, metric))
            title = short if len(targets) == 1 else f"{target} {short}"
            yield title, format_figures(metric, values)
    if len(targets) > MOST_TARGETS:
        yield translated(f"and {len(targets) - MOST_TARGETS} targets"), [DASH] * len(records)


def _figures_of(record: RunRecord, target: str, *, alone: bool) -> Iterable[str]:
    figures = record.targets[target]
    wanted = ("RootMeanSquaredError", "R2Score") if is_regression(figures) else (
        "Accuracy", "LogLoss",
    )  # fmt: skip
    return wanted if alone else wanted[:1]


def _epochs(record: RunRecord) -> str:
    epochs = record.manifest["epochs"]
    return f"{epochs['done']}/{epochs['asked']}"


def _checks(record: RunRecord) -> str:
    if record.checks is None:
        return DASH
    return translated(f"{record.checks[0]}/{record.checks[1]} met")
