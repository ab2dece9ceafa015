"""One run as reports show it: what its folder holds, read once; what is not there is None."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dlcli.errors import RunError
from dlcli.report.tested import TestedTarget, read_tested
from dlcli.runs import RunFolder, list_runs, load_json

_NEEDED = ("name", "created", "status", "epochs", "data", "layers", "seconds")


@dataclass(frozen=True, kw_only=True, eq=False)
class RunRecord:
    """A finished run, as far as its folder tells."""

    run: RunFolder
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    """Empty where the run has none."""
    history: dict[str, list[float | None]]
    """Logged name to one value an epoch; empty where the run has none."""
    config: str | None
    preprocessing: dict[str, Any] | None
    profile: dict[str, Any] | None

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def label(self) -> str:
        """The name with the number: `concrete 003`; a folder of another name as it is."""
        own = self.run.path.resolve()
        if own.name.isdigit():
            return f"{self.name} {own.name}"
        return self.name if own.name == self.name else f"{self.name} ({own.name})"

    @cached_property
    def part(self) -> str | None:
        """The part that judges the network; None where every row was trained on."""
        parts = self.metrics.get("parts", {})
        return next((name for name in ("test", "validation") if name in parts), None)

    @property
    def num_rows(self) -> int:
        """The rows of that part."""
        return 0 if self.part is None else int(self.metrics["parts"][self.part]["rows"])

    @property
    def targets(self) -> dict[str, Any]:
        """The figures of every target on that part."""
        return {} if self.part is None else dict(self.metrics["parts"][self.part]["targets"])

    @property
    def intervals(self) -> dict[str, Any]:
        """Target to figure to `low` and `high`, on that part."""
        if self.part is None:
            return {}
        return dict(self.metrics["parts"][self.part].get("intervals") or {})

    def baselines(self, target: str) -> dict[str, dict[str, Any]]:
        """Return the figures of every baseline on that part."""
        found = {}
        for name, parts in self.metrics.get("baselines", {}).items():
            figures = parts.get(self.part, {}).get("targets", {}).get(target)
            if figures:
                found[name] = figures
        return found

    def differences(self, target: str) -> dict[str, dict[str, Any]]:
        """Return the network's figures less every baseline's, with their intervals."""
        found = {}
        for name, parts in self.metrics.get("baselines", {}).items():
            figures = parts.get(self.part, {}).get("differences", {}).get(target)
            if figures:
                found[name] = figures
        return found

    @cached_property
    def tested(self) -> dict[str, TestedTarget]:
        """Actual and predicted values of every target that `predictions.csv` holds."""
        if self.preprocessing is None or not self.run.predictions.is_file():
            return {}
        return read_tested(self.run.predictions, self.preprocessing)

    @property
    def split_hash(self) -> str | None:
        """The sha256 of the rows of that part: the same rows have the same one."""
        hashes = self.manifest["data"].get("split", {}).get("sha256", {})
        return hashes.get(self.part) if self.part is not None else None

    @property
    def is_complete(self) -> bool:
        return bool(self.manifest["status"] == "complete")


def load_record(run: RunFolder) -> RunRecord:
    """Read a run; raises RunError where a file of it is gone, cut off or changed."""
    manifest = run.load_manifest()
    missing = [key for key in _NEEDED if key not in manifest]
    if missing:
        raise RunError(
            f"{run.manifest}: expected {missing[0]!r}, which every run's manifest holds",
            hint="it was changed by hand or by another program; copy the run again",
        )
    recorded = manifest.get("files", {})
    wanted = [run.metrics, run.history, run.predictions, run.preprocessing]
    wanted += [run.profile, run.config]
    run.check_files(*(path for path in wanted if path.name in recorded))
    there = {path for path in wanted if path.is_file()}
    return RunRecord(
        run=run,
        manifest=manifest,
        metrics=run.load_metrics() if run.metrics in there else {},
        history=_read_history(run.history) if run.history in there else {},
        config=run.config.read_text(encoding="utf-8") if run.config in there else None,
        preprocessing=load_json(run.preprocessing) if run.preprocessing in there else None,
        profile=load_json(run.profile) if run.profile in there else None,
    )


def find_previous(record: RunRecord) -> RunRecord | None:
    """Return the numbered run of the same name before this one, where it can be read."""
    own = record.run.path.resolve()
    if not own.name.isdigit():
        return None
    before = [run for run in list_runs(own.parent) if int(run.path.name) < int(own.name)]
    for run in reversed(before):
        try:
            previous = load_record(run)
        except RunError:
            continue
        if previous.is_complete and previous.name == record.name and previous.part is not None:
            return previous
    return None


def _read_history(path: Path) -> dict[str, list[float | None]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    try:
        columns = zip(
            *([float(cell) if cell else None for cell in row] for row in rows), strict=True
        )
        return dict(zip(header, map(list, columns), strict=True)) if rows else {}
    except ValueError:
        raise RunError(
            f"{path}: expected a table of numbers, one row an epoch", hint="copy the run again"
        ) from None
