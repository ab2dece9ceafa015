"""What a list of runs needs of each: read from its two small JSON files, nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dlcli.errors import RunError
from dlcli.report.figures import is_larger_better, main_figure
from dlcli.runs import RUNS, RunFolder, list_runs

SHORT = {
    "MeanSquaredError": "MSE",
    "RootMeanSquaredError": "RMSE",
    "MeanAbsoluteError": "MAE",
    "MeanAbsolutePercentageError": "MAPE",
    "R2Score": "R2",
    "LogLoss": "log loss",
    "Accuracy": "accuracy",
    "BalancedAccuracy": "balanced accuracy",
}
"""What narrow tables call the figures."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run in short; `problem` tells why the rest is not there."""

    run: RunFolder
    manifest: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)
    """Part to rows and figures, as in `metrics.json`."""
    problem: str | None = None

    @property
    def label(self) -> str:
        """The shortest text that names the run on the command line."""
        return label_of(self.run)

    @property
    def name(self) -> str:
        return str(self.manifest.get("name", self.run.path.parent.name))

    @property
    def is_complete(self) -> bool:
        return self.manifest.get("status") == "complete"

    @property
    def created(self) -> datetime | None:
        """When it was written, in this machine's time zone."""
        text = self.manifest.get("created")
        return None if text is None else datetime.fromisoformat(text).astimezone()

    @property
    def judged(self) -> str | None:
        """The part whose figures are shown: test, else validation, else train."""
        return next((each for each in ("test", "validation", "train") if each in self.parts), None)

    @property
    def targets(self) -> Mapping[str, Any]:
        """The figures of every target on the part that is shown."""
        found: Mapping[str, Any] = self.parts[self.judged]["targets"] if self.judged else {}
        return found

    @property
    def checks(self) -> tuple[int, int] | None:
        """How many checks are met, of how many that could be judged; None without checks."""
        judged = [each for each in self.manifest.get("checks", []) if each["is_met"] is not None]
        return (sum(each["is_met"] for each in judged), len(judged)) if judged else None

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        if self.problem is not None:
            return {"run": str(self.run.path), "problem": self.problem}
        manifest = self.manifest
        return {
            "run": str(self.run.path),
            "name": self.name,
            "status": manifest["status"],
            "created": manifest["created"],
            "epochs": manifest["epochs"],
            "seconds": manifest["seconds"],
            "num_parameters": manifest["num_parameters"],
            "backend": manifest["backend"],
            "overrides": manifest["overrides"],
            "checks": manifest.get("checks", []),
            "parts": {
                name: {"rows": part["rows"], "targets": _plain(part["targets"])}
                for name, part in self.parts.items()
            },
        }


def read_record(run: RunFolder) -> RunRecord:
    """Read one run; what keeps it from being read is told in the record."""
    try:
        manifest = run.load_manifest()
        parts = run.load_metrics()["parts"]
    except RunError as error:
        return RunRecord(run=run, problem=error.message)
    missing = {"name", "status", "created", "epochs", "seconds", "data"} - manifest.keys()
    if missing:
        return RunRecord(run=run, problem=f"{run.manifest} has no {min(missing)!r}")
    return RunRecord(run=run, manifest=manifest, parts=parts)


def label_of(run: RunFolder) -> str:
    """Return a run's folder, below `runs/` where it is there."""
    path = run.path
    return path.relative_to(RUNS).as_posix() if path.is_relative_to(RUNS) else str(path)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """By which figure runs are ranked: part, target and metric."""

    part: str
    target: str
    metric: str

    @property
    def is_larger_better(self) -> bool:
        return is_larger_better(self.metric)

    def value(self, record: RunRecord) -> float | None:
        """Return a run's figure, None where it has none."""
        found = record.parts.get(self.part, {}).get("targets", {}).get(self.target, {})
        value = found.get(self.metric)
        return None if value is None else float(value)

    def best(self, records: Iterable[RunRecord]) -> RunRecord | None:
        """Return the best of the finished runs that have the figure; the oldest of equals."""
        ranked = [
            (value, record)
            for record in records
            for value in [self.value(record)]
            if value is not None and record.is_complete
        ]
        if not ranked:
            return None
        pick = max if self.is_larger_better else min
        return pick(ranked, key=lambda pair: pair[0])[1]


def natural_ranking(records: Iterable[RunRecord]) -> Ranking | None:
    """Rank by the main figure of the first target: on the validation part where there is one.

    The test part would no longer be independent of a run that was chosen by it.
    """
    for record in records:
        part = "validation" if "validation" in record.parts else record.judged
        if part is not None and record.is_complete:
            target, figures = next(iter(record.parts[part]["targets"].items()))
            return Ranking(part=part, target=target, metric=main_figure(figures))
    return None


def find_records(names: Iterable[str] = (), folder: Path = RUNS) -> list[RunRecord]:
    """Read the runs of these names, or of all, by name and number."""
    from_all = sorted(item for item in folder.iterdir()) if folder.is_dir() else []
    folders = [folder / name for name in names] or [item for item in from_all if item.is_dir()]
    return [read_record(run) for each in folders for run in _runs_in(each)]


def _runs_in(folder: Path) -> list[RunFolder]:
    if (folder / "manifest.json").is_file():
        return [RunFolder(folder)]
    return list_runs(folder)


def _plain(targets: Mapping[str, Any]) -> dict[str, Any]:
    return {
        target: {key: value for key, value in figures.items() if not isinstance(value, dict | list)}
        for target, figures in targets.items()
    }
