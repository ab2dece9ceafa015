"""Figures of runs beside each other; differences on the same rows with paired bootstrap intervals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcli.comparison.data import has_same_rows
from dlcli.comparison.records import RunRecord
from dlcli.errors import RunError
from dlcli.intervals import Difference, classification_differences, regression_differences
from dlcli.report.figures import is_larger_better, is_regression, shown_figures
from dlcli.report.tested import TestedTarget, read_tested
from dlcli.runs import RunFolder, load_json

SEED = 0
"""Of the resamples, so that a comparison says the same each time."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A run against the first one in one figure; without an interval where rows are not paired."""

    run: str
    target: str
    metric: str
    value: float
    difference: Difference | None

    @property
    def verdict(self) -> str:
        """The outcome in a word or two."""
        if self.value == 0:
            return "equal"
        if self.difference is None:
            return "no interval"
        if not self.difference.is_certain:
            return "within chance"
        return "better" if (self.value > 0) == is_larger_better(self.metric) else "worse"

    def to_json(self) -> dict[str, Any]:
        """Return the contrast as JSON values."""
        interval = self.difference and {"low": self.difference.low, "high": self.difference.high}
        return {
            "run": self.run,
            "target": self.target,
            "metric": self.metric,
            "difference": self.value,
            "interval": interval,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The figures of the targets that all runs have, on one part."""

    part: str
    targets: tuple[str, ...]
    figures: dict[str, dict[str, list[float | None]]]
    """Target to metric to every run's value."""
    contrasts: tuple[Contrast, ...]
    notes: tuple[str, ...]
    """Why a pair of runs has no intervals, or which targets are left out."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "part": self.part,
            "figures": self.figures,
            "differences": [contrast.to_json() for contrast in self.contrasts],
            "notes": list(self.notes),
        }


def compare_scores(records: Sequence[RunRecord]) -> Scores:
    """Compare runs with the first; raises RunError where they predict nothing in common."""
    part = _shared_part(records)
    targets = _shared_targets(records, part)
    figures = {
        target: {
            metric: [record.parts[part]["targets"][target].get(metric) for record in records]
            for metric in _metrics(records, part, target)
        }
        for target in targets
    }
    first, *others = records
    contrasts: list[Contrast] = []
    notes = list(_left_out(records, part, targets))
    rows = {} if _why_unpaired(first, first, part) else {first.label: read_rows(first.run)}
    for record in others:
        why = _why_unpaired(first, record, part)
        if why is None:
            rows[record.label] = read_rows(record.run)
            if not _is_paired(rows[first.label], rows[record.label], targets):
                why = f"{record.label} and {first.label} hold other rows in predictions.csv"
        if why is not None:
            notes.append(f"no intervals for {record.label}: {why}")
        for target in targets:
            differences: Mapping[str, Difference | None] = {}
            if why is None:
                pair = (rows[record.label], rows[first.label])
                differences = _differences(pair, target)
            contrasts += _contrasts(record, first, part, target, figures[target], differences)
    return Scores(
        part=part,
        targets=tuple(targets),
        figures=figures,
        contrasts=tuple(contrasts),
        notes=tuple(notes),
    )


def read_rows(run: RunFolder) -> dict[str, TestedTarget]:
    """Return the targets of `predictions.csv`; raises RunError."""
    run.check_files(run.predictions, run.preprocessing)
    return read_tested(run.predictions, load_json(run.preprocessing))


def _contrasts(
    record: RunRecord,
    first: RunRecord,
    part: str,
    target: str,
    figures: Mapping[str, Any],
    differences: Mapping[str, Difference | None],
) -> Iterator[Contrast]:
    for metric in figures:
        values = [each.parts[part]["targets"][target].get(metric) for each in (record, first)]
        if values[0] is None or values[1] is None:
            continue
        yield Contrast(
            run=record.label,
            target=target,
            metric=metric,
            value=values[0] - values[1],
            difference=differences.get(metric),
        )


def _differences(
    pair: tuple[Mapping[str, TestedTarget], Mapping[str, TestedTarget]], target: str
) -> Mapping[str, Difference | None]:
    one, other = (rows[target] for rows in pair)
    if one.probabilities is None or other.probabilities is None:
        return regression_differences(one.actual, (one.predicted, other.predicted), seed=SEED)
    probabilities = (one.probabilities, other.probabilities)
    return classification_differences(one.actual, probabilities, seed=SEED)


def _is_paired(
    one: Mapping[str, TestedTarget], other: Mapping[str, TestedTarget], targets: Sequence[str]
) -> bool:
    return all(
        name in one
        and name in other
        and one[name].classes == other[name].classes
        and np.array_equal(one[name].rows, other[name].rows)
        and np.array_equal(one[name].actual, other[name].actual)
        for name in targets
    )


def _why_unpaired(one: RunRecord, other: RunRecord, part: str) -> str | None:
    if part not in ("test", "validation"):
        return f"predictions.csv holds no rows of the {part} part"
    if part == "validation" and any("test" in record.parts for record in (one, other)):
        return "predictions.csv holds the rows of the test part"
    if not has_same_rows(one.manifest, other.manifest, part):
        return f"its {part} part has other rows than that of {one.label}"
    if any(_weighs_rows(record.run) for record in (one, other)):
        return "its rows are weighted, and predictions.csv holds no weights"
    return None


def _weighs_rows(run: RunFolder) -> bool:
    return load_json(run.preprocessing)["table"].get("sample_weight") is not None


def _shared_part(records: Sequence[RunRecord]) -> str:
    for part in ("test", "validation", "train"):
        if all(part in record.parts for record in records):
            return part
    parts = "; ".join(f"{record.label} has {', '.join(record.parts)}" for record in records)
    raise RunError(f"these runs have no part in common: {parts}")


def _shared_targets(records: Sequence[RunRecord], part: str) -> list[str]:
    """Return the targets that every run has, as numbers in all of them or as classes in all."""
    tables = [record.parts[part]["targets"] for record in records]
    shared = [
        target
        for target, figures in tables[0].items()
        if all(
            target in table and is_regression(table[target]) == is_regression(figures)
            for table in tables
        )
    ]
    if not shared:
        predicted = "; ".join(
            f"{record.label} predicts {', '.join(record.parts[part]['targets'])}"
            for record in records[:5]
        )
        raise RunError(
            f"these runs predict nothing in common: {predicted}",
            hint="compare runs of the same target; `dlcli runs` lists them",
        )
    return shared


def _left_out(records: Sequence[RunRecord], part: str, shared: list[str]) -> Iterator[str]:
    for record in records:
        own = [name for name in record.parts[part]["targets"] if name not in shared]
        if own:
            yield f"only in {record.label}: {', '.join(own)}"


def _metrics(records: Sequence[RunRecord], part: str, target: str) -> list[str]:
    shown = (shown_figures(record.parts[part]["targets"][target]) for record in records)
    return list(dict.fromkeys(name for names in shown for name in names))
