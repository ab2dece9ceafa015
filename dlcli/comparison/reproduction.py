"""A run against the same training done again: what came out the same, and why not where it did not."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dlcli.comparison.settings import environment_of
from dlcli.files import hash_file
from dlcli.runs import RunFolder

TOLERANCE = 1e-4
"""Relative: what other machines' arithmetic adds up to in a training of usual length."""

Word = Literal["identical", "equal within tolerance", "differs"]

_CAUSES = {
    "data": "the data files are not the same bytes",
    "split": "the rows fell into other parts",
    "epochs": "the first run was stopped early",
    "versions": "other versions compute in another order",
    "machine": "another processor rounds in its own way",
    "threads": "sums over another number of threads are added in another order",
    "path": "the training ran in another way, compiled or not",
    "unknown": "nothing that a run records differs: an operation whose order is left to chance",
}
_MACHINE = ("platform.system", "platform.machine", "platform.processor", "platform.byteorder")
_THREADS = ("training.threads", "platform.cores")


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A figure of one epoch or of the end that came out otherwise."""

    where: str
    figure: str
    before: float | None
    after: float | None

    @property
    def relative(self) -> float:
        """The distance relative to the larger of both; infinite where one is missing."""
        if self.before is None or self.after is None:
            return float("inf")
        size = max(abs(self.before), abs(self.after))
        return abs(self.before - self.after) / size if size else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the deviation as JSON values."""
        return {
            "where": self.where,
            "figure": self.figure,
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """The verdict on a run that was trained again."""

    verdict: Word
    tolerance: float
    epochs: int
    first: Deviation | None
    """What first came out otherwise at all."""
    largest: Deviation | None
    same_files: tuple[str, ...]
    """Files that are the same byte for byte."""
    changes: tuple[tuple[str, Any, Any], ...]
    """What computed the runs, where it differs: name, before, after."""
    causes: tuple[str, ...]

    @property
    def is_reproduced(self) -> bool:
        return self.verdict != "differs"

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {
            "verdict": self.verdict,
            "tolerance": self.tolerance,
            "epochs": self.epochs,
            "first_deviation": self.first and self.first.to_json(),
            "largest_deviation": self.largest and self.largest.to_json(),
            "same_files": list(self.same_files),
            "changes": [
                {"name": name, "before": before, "after": after}
                for name, before, after in self.changes
            ],
            "causes": list(self.causes),
        }


def judge_reproduction(
    before: RunFolder, after: RunFolder, *, tolerance: float = TOLERANCE
) -> Reproduction:
    """Hold a run against the same training done again: every epoch, every figure, every file."""
    manifests = before.load_manifest(), after.load_manifest()
    histories = _read_history(before), _read_history(after)
    found = [*_history_deviations(*histories), *_metric_deviations(before, after)]
    same = tuple(
        name
        for name in ("history.csv", "metrics.json", "predictions.csv", "model.onnx")
        if _has_same_bytes(before, after, name)
    )
    largest = max(found, key=lambda each: each.relative, default=None)
    needed = ("history.csv", "predictions.csv")
    is_identical = not found and all(name in same for name in needed)
    within = largest is None or largest.relative <= tolerance
    changes = tuple(_changes(*manifests))
    verdict: Word = "differs"
    if is_identical:
        verdict = "identical"
    elif within and len(histories[0]) == len(histories[1]):
        verdict = "equal within tolerance"
    return Reproduction(
        verdict=verdict,
        tolerance=tolerance,
        epochs=len(histories[1]),
        first=found[0] if found else None,
        largest=largest,
        same_files=same,
        changes=changes,
        causes=() if is_identical else tuple(_causes(*manifests, changes)),
    )


def _read_history(run: RunFolder) -> list[dict[str, float]]:
    run.check_files(run.history)
    with run.history.open(encoding="utf-8", newline="") as file:
        return [
            {name: float(cell) for name, cell in row.items() if cell and name != "epoch"}
            for row in csv.DictReader(file)
        ]


def _history_deviations(
    before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]]
) -> Iterator[Deviation]:
    for epoch, (old, new) in enumerate(zip(before, after, strict=False), 1):
        yield from _deviations(f"epoch {epoch}", old, new)
    if len(before) != len(after):
        last = min(len(before), len(after))
        yield Deviation(
            where=f"after epoch {last}",
            figure="epochs done",
            before=float(len(before)),
            after=float(len(after)),
        )


def _metric_deviations(before: RunFolder, after: RunFolder) -> Iterator[Deviation]:
    trees = [
        json.loads(run.metrics.read_text(encoding="utf-8"))["parts"] for run in (before, after)
    ]
    for part in trees[0]:
        old, new = trees[0][part]["targets"], trees[1].get(part, {}).get("targets", {})
        for target, figures in old.items():
            numbers = [_numbers(figures), _numbers(new.get(target, {}))]
            yield from _deviations(f"{part} part, {target}", *numbers)


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if isinstance(value, int | float)}


def _deviations(
    where: str, old: Mapping[str, float], new: Mapping[str, float]
) -> Iterator[Deviation]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Deviation(where=where, figure=name, before=old.get(name), after=new.get(name))


def _has_same_bytes(before: RunFolder, after: RunFolder, name: str) -> bool:
    files = before.path / name, after.path / name
    return all(file.is_file() for file in files) and hash_file(files[0]) == hash_file(files[1])


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    old, new = environment_of(before), environment_of(after)
    for name in dict.fromkeys((*old, *new)):
        # Runs of older versions did not record everything.
        if old.get(name) != new.get(name) and old.get(name) is not None:
            yield name, old.get(name), new.get(name)


def _causes(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    changes: Sequence[tuple[str, Any, Any]],
) -> Iterator[str]:
    """Yield what most likely made the runs differ, the likeliest first."""
    names = {name for name, _, _ in changes}
    hashes = [[each["sha256"] for each in run["data"]["sources"]] for run in (before, after)]
    splits = [run["data"]["split"]["sha256"] for run in (before, after)]
    held = {
        "data": hashes[0] != hashes[1],
        "split": hashes[0] == hashes[1] and splits[0] != splits[1],
        "epochs": before["status"] != "complete",
        "versions": bool(names - {*_MACHINE, *_THREADS, "training.path", "training.uses_xla"}),
        "path": bool(names & {"training.path", "training.uses_xla"}),
        "machine": bool(names & set(_MACHINE)),
        "threads": bool(names & set(_THREADS)),
    }
    likely = [_CAUSES[key] for key, is_so in held.items() if is_so]
    yield from likely or [_CAUSES["unknown"]]
