"""Checks against the figures of a run, of its baselines and of the run before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dlcli.runs import RunFolder, list_runs
from dlcli.spec.arithmetic import Comparison, column_names, compute_number
from dlcli.spec.checks import (
    BASELINE,
    NEW_DATA,
    PARTS,
    PREVIOUS,
    RUN,
    Check,
    FigureNames,
    TargetFigures,
    parse_check,
    steps_of,
    write_path,
)
from dlcli.spec.figures import (
    CLASSIFICATION_METRICS,
    LOSS,
    REGRESSION_METRICS,
    undefined_reasons,
)

_HOLDS = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "==": lambda value, limit: value == limit,
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a run measured: `metrics.json`, and of its manifest what `run.` names."""

    metrics: Mapping[str, Any]
    manifest: Mapping[str, Any]

    def value(self, steps: Sequence[str]) -> float | None:
        """Return a figure by the steps of its path; None where the run has no such figure."""
        if steps[0] == RUN:
            return self._of_run(steps[1])
        if steps[0] == BASELINE:
            part = self.metrics["baselines"].get(steps[1], {}).get(steps[2])
            return None if part is None else _in_part(part, steps[3:])
        part = self.metrics["parts"].get(steps[0])
        return None if part is None else _in_part(part, steps[1:])

    def _of_run(self, name: str) -> float:
        if name == "parameters":
            return float(self.manifest["num_parameters"])
        if name == "epochs":
            return float(self.manifest["epochs"]["done"])
        return float(self.manifest["seconds"]["train"])


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One check and how the run stands to it; `is_met` is None where nothing is there to compare.

    `value` and `limit` are the two sides of the comparison that decided.
    """

    check: str
    is_met: bool | None
    value: float | None = None
    symbol: str | None = None
    limit: float | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {
            key: item for key, item in asdict(self).items() if item is not None or key == "is_met"
        }


def judge_checks(
    checks: Sequence[Check], figures: Figures, previous: Figures | None
) -> tuple[Verdict, ...]:
    """Hold every check against a run; what needs a run before it passes where there is none."""
    return tuple(_judge(check, figures, previous) for check in checks)


def figures_of(run: RunFolder) -> Figures:
    """Read what a run measured; raises RunError where a file is missing or changed."""
    run.check_files(run.metrics)
    return Figures(metrics=run.load_metrics(), manifest=run.load_manifest())


def run_before(run: RunFolder) -> RunFolder | None:
    """Return the finished run of the same name with the next lower number."""
    if not run.path.name.isdecimal():
        return None
    number = int(run.path.name)
    earlier = [each for each in list_runs(run.path.parent) if int(each.path.name) < number]
    return newest_complete(earlier)


def newest_complete(runs: Sequence[RunFolder]) -> RunFolder | None:
    """Return the last of these runs that was not interrupted."""
    finished = (run for run in reversed(runs) if run.load_manifest()["status"] == "complete")
    return next(finished, None)


def names_in(metrics: Mapping[str, Any]) -> FigureNames:
    """Return the figures that a run has."""
    first = next(iter(metrics["parts"].values()))
    return FigureNames(
        parts=tuple(metrics["parts"]),
        targets={name: _measured(found) for name, found in first["targets"].items()},
        baselines=tuple(metrics["baselines"]),
    )


def parse_for_new_data(text: str, targets: Mapping[str, Any]) -> Check:
    """Read a check of figures on other rows, which are called `data`; raises UsageError."""
    names = names_in({"parts": {NEW_DATA: {"targets": targets}}, "baselines": {}})
    absent = dict.fromkeys(PARTS, "other rows than the run's own are judged")
    return parse_check(text, replace(names, has_run=False, absent=absent))


def _measured(figures: Mapping[str, Any]) -> TargetFigures:
    known = CLASSIFICATION_METRICS if "Classes" in figures else REGRESSION_METRICS
    classes = tuple(figures["Classes"]) if figures.get("Classes") else None
    return TargetFigures(metrics=known, classes=classes)


def _judge(check: Check, figures: Figures, previous: Figures | None) -> Verdict:
    values: dict[str, float] = {}
    for name in sorted(check.figures):
        steps = steps_of(name)
        of_previous = steps[0] == PREVIOUS
        if of_previous and previous is None:
            return Verdict(check=check.text, is_met=None, note="there is no run before this one")
        source = previous if of_previous and previous is not None else figures
        own_steps = steps[1:] if of_previous else steps
        value = source.value(own_steps)
        if value is None:
            return Verdict(check=check.text, is_met=False, note=_why_missing(source, steps))
        values[name] = value
    verdicts = [_compare(check, each, values) for each in check.comparisons]
    decided = next((verdict for verdict in verdicts if not verdict.is_met), verdicts[0])
    if (
        decided.is_met is not None
        and previous is not None
        and _other_rows(check, figures, previous)
    ):
        return Verdict(**{**asdict(decided), "note": "the run before was judged on other rows"})
    return decided


def _compare(check: Check, comparison: Comparison, values: Mapping[str, float]) -> Verdict:
    left, right = compute_number(comparison.left, values), compute_number(comparison.right, values)
    is_met = bool(_HOLDS[comparison.symbol](left, right))
    symbol = comparison.symbol
    if not column_names(comparison.left):
        # A bound that is written first is a limit all the same.
        left, right, symbol = right, left, _TURNED[symbol]
    note = None if math.isfinite(left) and math.isfinite(right) else "a side of it is not defined"
    return Verdict(
        check=check.text,
        is_met=is_met,
        value=left if math.isfinite(left) else None,
        symbol=symbol,
        limit=right if math.isfinite(right) else None,
        note=note,
    )


def _in_part(part: Mapping[str, Any], steps: Sequence[str]) -> float | None:
    if list(steps) == [LOSS]:
        found = part.get("keras", {}).get(LOSS)
    elif len(steps) == 3:
        figures = part["targets"].get(steps[0], {})
        found = (figures.get("Classes") or {}).get(steps[1], {}).get(steps[2])
    else:
        found = part["targets"].get(steps[0], {}).get(steps[1])
    return None if found is None else float(found)


def _why_missing(figures: Figures, steps: Sequence[str]) -> str:
    own = steps[1:] if steps[0] == PREVIOUS else steps
    whose = "the run before" if steps[0] == PREVIOUS else "this run"
    if own[0] == BASELINE and own[1] not in figures.metrics["baselines"]:
        reason = figures.metrics.get("left_out", {}).get(own[1])
        return f"{whose} has no baseline {own[1]!r}" + (f": {reason}" if reason else "")
    reasons = undefined_reasons({own[-1]: None})
    part = figures.metrics["parts"].get(own[0], {}).get("targets", {})
    is_undefined = len(own) > 2 and own[-1] in part.get(own[1], {})
    if is_undefined:
        return f"{own[-1]} is not defined: {reasons[own[-1]]}"
    return f"{whose} has no figure {write_path(own)}"


def _other_rows(check: Check, figures: Figures, previous: Figures) -> bool:
    """Tell whether a figure of the run before was measured on other rows than this run's."""
    of_previous = [steps_of(name) for name in check.figures if steps_of(name)[0] == PREVIOUS]
    parts = {steps[1] if steps[1] != BASELINE else steps[3] for steps in of_previous}
    return any(_rows_of(figures, part) != _rows_of(previous, part) for part in parts if part != RUN)


def _rows_of(figures: Figures, part: str) -> Any:
    data = figures.manifest["data"]
    return data["split"]["sha256"].get(part), [each["sha256"] for each in data["sources"]]
