"""Evaluate: a run's stored test figures, or its figures on new labelled data."""

import importlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dlcli.checks.judging import (
    Figures,
    Verdict,
    figures_of,
    judge_checks,
    names_in,
    parse_for_new_data,
    run_before,
)
from dlcli.checks.text import format_verdicts
from dlcli.errors import RunError, UsageError
from dlcli.languages import translated
from dlcli.report import format_coverage, format_scores, format_temperatures, format_thresholds
from dlcli.runs import RunFolder, open_run
from dlcli.spec.checks import parse_check
from dlcli.terminal_text import counted


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures per target on one part or file; `baselines` are there for the run's own parts."""

    run: RunFolder
    what: str
    rows: int
    targets: dict[str, Any]
    keras: dict[str, Any]
    baselines: dict[str, Any]
    counts: dict[str, Any]
    warnings: tuple[str, ...] = ()
    thresholds: dict[str, Any] = field(default_factory=dict)
    """From which probability on the second class is predicted, by target."""
    temperatures: dict[str, float] = field(default_factory=dict)
    """What the logits of a target are divided by, where probabilities were calibrated."""
    coverage: dict[str, Any] = field(default_factory=dict)
    """What the run's intervals hold of these rows, as `metrics.json` says it."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why baselines that were asked for are not there."""
    verdicts: tuple[Verdict, ...] = ()

    def to_text(self) -> str:
        """Lay out the figures beside the baselines', and the checks below them."""
        head = [f"{self.run.path} on {self.what}, {counted(self.rows, 'row')}"]
        head += [f"threshold: {text}" for text in format_thresholds(self.thresholds)]
        head += [f"calibrated: {text}" for text in format_temperatures(self.temperatures)]
        head += [f"intervals: {text}" for text in format_coverage(self.coverage)]
        blocks = ["\n".join(map(translated, head)), format_scores(self.targets, self.baselines)]
        if self.verdicts:
            blocks.append(format_verdicts(self.verdicts))
        return "\n\n".join(blocks)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "run": str(self.run.path),
            "what": self.what,
            "rows": self.rows,
            "targets": self.targets,
            "keras": self.keras,
            "thresholds": self.thresholds,
            "temperatures": self.temperatures,
            "coverage": self.coverage,
            "baselines": self.baselines,
            "left_out": self.left_out,
            "counts": self.counts,
            "warnings": list(self.warnings),
            "checks": [verdict.to_json() for verdict in self.verdicts],
        }


def evaluate(
    run: str,
    data: tuple[Path, ...] = (),
    *,
    threads: int | None = None,
    checks: tuple[str, ...] = (),
    previous: str | None = None,
) -> Evaluation:
    """Score a run on its stored test part, or on the labelled files `data`, and judge checks.

    The stored figures are held against the config's own checks too.
    """
    folder = open_run(run)
    if not data:
        return judge_stored(stored_evaluation(folder), checks, previous)
    if previous is not None:
        raise UsageError(
            "--previous goes with the run's own test part",
            hint="--data scores other rows; dlcli compare holds runs against each other",
        )
    # Arrow and ONNX Runtime are needed for other data alone.
    module: Any = importlib.import_module("dlcli.commands.evaluate_files")
    evaluation: Evaluation = module.evaluate_files(folder, data, threads=threads)
    if not checks:
        return evaluation
    parsed = [parse_for_new_data(text, evaluation.targets) for text in checks]
    part = {"targets": evaluation.targets, "keras": evaluation.keras}
    figures = Figures(metrics={"parts": {"data": part}, "baselines": {}}, manifest={})
    return replace(evaluation, verdicts=judge_checks(parsed, figures, None))


def judge_stored(
    evaluation: Evaluation, checks: tuple[str, ...] = (), previous: str | None = None
) -> Evaluation:
    """Add the verdicts of the run's own checks and of others."""
    own = [each["check"] for each in evaluation.run.load_manifest().get("checks", [])]
    texts = list(dict.fromkeys([*own, *checks]))
    if not texts:
        return evaluation
    figures = figures_of(evaluation.run)
    parsed = [parse_check(text, names_in(figures.metrics)) for text in texts]
    before = run_before(evaluation.run) if previous is None else open_run(previous)
    verdicts = judge_checks(parsed, figures, None if before is None else figures_of(before))
    return replace(evaluation, verdicts=verdicts)


def stored_evaluation(run: RunFolder) -> Evaluation:
    """Return the figures that training wrote: of the test part, else of the validation part."""
    run.check_files(run.metrics)
    metrics = run.load_metrics()
    parts = metrics["parts"]
    what = next((name for name in ("test", "validation") if name in parts), None)
    if what is None:
        raise RunError(
            f"{run.path} was trained on all its rows: it has no test part",
            hint=f"dlcli evaluate {run.path} --data FILE scores it on other rows",
        )
    return Evaluation(
        run=run,
        what=f"{what} part",
        rows=parts[what]["rows"],
        targets=parts[what]["targets"],
        keras=parts[what]["keras"],
        baselines={name: parts.get(what, {}) for name, parts in metrics["baselines"].items()},
        counts={},
        thresholds=metrics.get("thresholds", {}),
        temperatures=metrics.get("temperatures", {}),
        coverage=metrics.get("coverage", {}),
        left_out=metrics.get("left_out", {}),
    )
