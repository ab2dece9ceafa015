"""Runs: list them, show one, find the best, remove what is no longer wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlcli.commands.summarize import run_json, run_text
from dlcli.comparison.listing import list_blocks
from dlcli.comparison.records import (
    Ranking,
    RunRecord,
    find_records,
    natural_ranking,
)
from dlcli.errors import RunError, UsageError
from dlcli.report.blocks import Block
from dlcli.runs import RUNS, RunFolder, open_run, remove_run
from dlcli.spec.checks import PARTS, FigureNames, TargetFigures, steps_of
from dlcli.spec.figures import CLASSIFICATION_METRICS, REGRESSION_METRICS


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Runs as tables and as JSON values."""

    blocks: tuple[Block, ...]
    values: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One run as text, as tables and as JSON values."""

    text: str
    blocks: tuple[Block, ...]
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best run with the figure that it is best in."""

    record: RunRecord
    ranking: Ranking
    value: float
    num_runs: int

    @property
    def figure(self) -> str:
        """The figure in words."""
        ranking = self.ranking
        return f"{ranking.metric} of {ranking.target} on the {ranking.part} part"

    def to_json(self) -> dict[str, Any]:
        """Return the run and its figure as JSON values."""
        return {
            "run": str(self.record.run.path),
            "part": self.ranking.part,
            "target": self.ranking.target,
            "metric": self.ranking.metric,
            "value": self.value,
            "of_runs": self.num_runs,
        }


def list_all(names: Sequence[str], *, last: int | None = None) -> Listing:
    """List the runs of these names, or all; of each name the `last` ones alone."""
    records = _records(names)
    if last is not None:
        by_name: dict[str, list[RunRecord]] = {}
        for record in records:
            by_name.setdefault(record.name, []).append(record)
        records = [record for group in by_name.values() for record in group[-last:]]
    return Listing(
        blocks=tuple(list_blocks(records)), values=[record.to_json() for record in records]
    )


def find_best(name: str, figure: str | None = None) -> Best:
    """Return the run of a name that is best in a figure; its main one without.

    Raises RunError where no finished run has the figure.
    """
    records = [record for record in _records([name]) if record.problem is None]
    ranking = natural_ranking(records) if figure is None else _ranking(figure, records)
    best = None if ranking is None else ranking.best(records)
    if ranking is None or best is None:
        what = "figures" if ranking is None else ranking.metric
        raise RunError(f"{name}: no finished run has {what}", hint="dlcli runs lists them all")
    value = ranking.value(best)
    assert value is not None
    return Best(record=best, ranking=ranking, value=value, num_runs=len(records))


def show(run: str) -> Shown:
    """Describe one run: its figures, where it came from, and its files with their sizes."""
    folder = open_run(run)
    manifest = folder.load_manifest()
    rows = [
        [
            name,
            f"{(folder.path / name).stat().st_size:,}" if (folder.path / name).is_file() else "-",
        ]
        for name in (*manifest["files"], folder.manifest.name)
    ]
    facts = [
        ["created", manifest["created"]],
        ["seed", str(manifest["seed"])],
        *([["overrides", " ".join(manifest["overrides"])]] if manifest["overrides"] else []),
        *(["data", f"{item['path']}, {item['bytes']:,} bytes, sha256 {item['sha256'][:12]}"]
          for item in manifest["data"]["sources"]),
        ["dlcli", manifest["dlcli"]],
        *([name, version] for name, version in manifest["versions"].items()),
        ["platform", " ".join(map(str, manifest["platform"].values()))],
    ]  # fmt: skip
    return Shown(
        text=run_text(folder),
        blocks=(
            Block(header=["made with", ""], rows=facts),
            Block(header=["file", "bytes"], rows=rows),
        ),
        values=run_json(folder),
    )


def find_removable(runs: Sequence[str]) -> list[RunFolder]:
    """Return runs that are named one by one; raises UsageError for a name that has several."""
    found = []
    for text in runs:
        run = open_run(text, packed=False)
        if text.rstrip("/").endswith(run.path.name) is False:
            raise UsageError(
                f"{text!r} names all runs of {text}, of which {run.path} is the newest",
                hint=f"name each, e.g. dlcli runs rm {run.path.relative_to(RUNS).as_posix()}",
            )
        found.append(run)
    return list(dict.fromkeys(found))


def find_old(names: Sequence[str], *, keep: int) -> list[RunFolder]:
    """Return the runs beyond the newest `keep` of each name; the best of a name is never one."""
    by_name: dict[str, list[RunRecord]] = {}
    for record in _records(names):
        # Runs that are no number were named by the user.
        if record.run.path.name.isdecimal():
            by_name.setdefault(record.run.path.parent.name, []).append(record)
    old = []
    for records in by_name.values():
        readable = [record for record in records if record.problem is None]
        ranking = natural_ranking(readable)
        best = None if ranking is None else ranking.best(readable)
        old += [record.run for record in records[:-keep] if record is not best]
    return old


def remove(runs: Sequence[RunFolder]) -> None:
    """Remove run folders with all that is in them."""
    for run in runs:
        remove_run(run)


def _records(names: Sequence[str]) -> list[RunRecord]:
    for name in names:
        open_run(name, packed=False)
    return find_records(names)


def _ranking(figure: str, records: Sequence[RunRecord]) -> Ranking:
    if not records:
        raise RunError("there are no runs to choose from")
    newest = records[-1]
    targets = {
        name: TargetFigures(
            metrics=CLASSIFICATION_METRICS if "Classes" in figures else REGRESSION_METRICS
        )
        for name, figures in newest.targets.items()
    }
    parts = tuple(part for part in PARTS if part in newest.parts)
    names = FigureNames(parts=parts, targets=targets, baselines=(), has_run=False)
    steps = steps_of(names.find(figure, context=f"--by {figure}"))
    if len(steps) != 3:
        raise UsageError(f"--by {figure}: expected PART.METRIC or PART.TARGET.METRIC")
    return Ranking(part=steps[0], target=steps[1], metric=steps[2])
