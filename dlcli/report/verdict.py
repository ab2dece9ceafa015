"""The verdict on a run: its main figure beside those of its baselines and of the run before."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from dlcli.intervals import classification_differences, regression_differences
from dlcli.languages import translated
from dlcli.report.figures import format_figures, is_larger_better, main_figure, short_name
from dlcli.report.record import RunRecord

Standing = Literal["better", "even", "worse"]

_SMALLEST_CHANGE = 1e-9
"""Relative; what differs by less was computed in another order."""


@dataclass(frozen=True, kw_only=True)
class Rival:
    """What a network's figure is compared with."""

    name: str
    value: float
    standing: Standing
    """Of the network against it; `even` where the difference may be chance."""
    difference: Mapping[str, float] | None
    """The network's figure less this one, with `low` and `high`; None where rows differ."""
    is_baseline: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One target's main figure, and what it is compared with, the strongest baseline first."""

    target: str
    figure: str
    value: float | None
    interval: Mapping[str, float] | None
    rivals: tuple[Rival, ...]
    part: str
    num_rows: int
    unit: str = "rows"
    name: str = "network"
    """What the figure is of, where it is not a run alone with its baselines."""

    @property
    def standing(self) -> Standing | None:
        """The network against its baselines: what it is to the strongest; None without any."""
        strongest = next((rival for rival in self.rivals if rival.is_baseline), None)
        return None if strongest is None else strongest.standing

    def sentence(self) -> str:
        """Say it in one line."""
        name = short_name(self.figure)
        if self.value is None:
            return f"{name} is not defined on the {self.part} rows"
        shown = format_figures(self.figure, [self.value])[0]
        parts = [f"{name} {shown} on {self.num_rows:,} {self.part} {self.unit}"]
        strongest = next((rival for rival in self.rivals if rival.is_baseline), None)
        before = next((rival for rival in self.rivals if not rival.is_baseline), None)
        parts += [
            _compare(self.figure, self.value, rival) for rival in (strongest, before) if rival
        ]
        return "; ".join(map(translated, parts))


def judge(record: RunRecord, previous: RunRecord | None) -> tuple[Verdict, ...]:
    """Return the verdict on every target of a run; empty without a part that judges it."""
    return tuple(
        _judge(record, previous, target, figures) for target, figures in record.targets.items()
    )


def rank(records: Sequence[RunRecord], target: str) -> Verdict | None:
    """Return the best of several runs beside the others; None where none has the figure."""
    figure = main_figure(records[0].targets[target])
    values = {record: record.targets.get(target, {}).get(figure) for record in records}
    known = [record for record in records if values[record] is not None]
    if not known:
        return None
    known.sort(key=lambda each: values[each], reverse=is_larger_better(figure))
    best, *others = known
    rivals = [
        _rival(
            figure,
            values[best],
            each.label,
            values[each],
            _difference(best, each, target, figure),
            is_baseline=False,
        )
        for each in others
    ]
    return Verdict(
        target=target,
        figure=figure,
        value=values[best],
        interval=best.intervals.get(target, {}).get(figure),
        rivals=tuple(rival for rival in rivals if rival is not None),
        part=str(best.part),
        num_rows=best.num_rows,
        name=best.label,
    )


def _judge(
    record: RunRecord, previous: RunRecord | None, target: str, figures: dict[str, Any]
) -> Verdict:
    figure = main_figure(figures)
    value = figures.get(figure)
    rivals = []
    differences = record.differences(target)
    for name, theirs in record.baselines(target).items():
        difference = differences.get(name, {}).get(figure)
        rivals.append(_rival(figure, value, name, theirs.get(figure), difference, is_baseline=True))
    known = [rival for rival in rivals if rival is not None]
    known.sort(key=lambda rival: -rival.value if is_larger_better(figure) else rival.value)
    if previous is not None:
        theirs = previous.targets.get(target, {}).get(figure)
        difference = _difference(record, previous, target, figure)
        rival = _rival(figure, value, previous.label, theirs, difference, is_baseline=False)
        known += [] if rival is None else [rival]
    return Verdict(
        target=target,
        figure=figure,
        value=value,
        interval=record.intervals.get(target, {}).get(figure),
        rivals=tuple(known),
        part=str(record.part),
        num_rows=record.num_rows,
        unit="windows" if "windows" in record.manifest["data"] else "rows",
    )


def _rival(
    figure: str,
    value: float | None,
    name: str,
    theirs: float | None,
    difference: Mapping[str, float] | None,
    *,
    is_baseline: bool,
) -> Rival | None:
    if value is None or theirs is None:
        return None
    gain = value - theirs if is_larger_better(figure) else theirs - value
    standing: Standing = "better" if gain > 0 else "worse"
    is_chance = difference is not None and difference["low"] <= 0 <= difference["high"]
    if is_chance or abs(gain) <= _SMALLEST_CHANGE * max(abs(value), abs(theirs)):
        standing = "even"
    return Rival(
        name=name, value=theirs, standing=standing, difference=difference, is_baseline=is_baseline
    )


def _difference(
    record: RunRecord, previous: RunRecord, target: str, figure: str
) -> Mapping[str, float] | None:
    """Return the difference of two runs on the same rows; None where they have others."""
    if record.split_hash is None or record.split_hash != previous.split_hash:
        return None
    one, other = record.tested.get(target), previous.tested.get(target)
    if one is None or other is None or not np.array_equal(one.rows, other.rows):
        return None
    if one.classes != other.classes or not np.array_equal(one.actual, other.actual):
        return None
    seed = int(record.manifest.get("seed", 0))
    if one.probabilities is None or other.probabilities is None:
        found = regression_differences(one.actual, (one.predicted, other.predicted), seed=seed)
    else:
        pair = (one.probabilities, other.probabilities)
        found = classification_differences(one.actual, pair, seed=seed)
    difference = found.get(figure)
    return None if difference is None else asdict(difference)


def _compare(figure: str, value: float, rival: Rival) -> str:
    theirs = format_figures(figure, [rival.value, value])[0]
    against = f"{rival.name} ({theirs})"
    gap = abs(value - rival.value)
    if gap <= _SMALLEST_CHANGE * max(abs(value), abs(rival.value)):
        return f"the same as {against}"
    chance = ", which may be chance" if rival.standing == "even" else ""
    if is_larger_better(figure) or not rival.value:
        change = format_figures(figure, [gap])[0]
    else:
        share = gap / abs(rival.value)
        if share >= 1:
            return f"{value / rival.value:.1f} times that of {against}{chance}"
        change = f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"
    if value > rival.value:
        return f"{change} above {against}{chance}"
    return f"{change} below {against}{chance}"
