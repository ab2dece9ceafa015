"""Evaluate: a run's stored test figures, or its figures on new labelled data."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.errors import RunError
from dlcli.runs import RunFolder, load_json, open_run


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

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "run": str(self.run.path),
            "what": self.what,
            "rows": self.rows,
            "targets": self.targets,
            "keras": self.keras,
            "baselines": self.baselines,
            "counts": self.counts,
            "warnings": list(self.warnings),
        }


def evaluate(run: str, data: tuple[Path, ...] = (), *, threads: int | None = None) -> Evaluation:
    """Score a run on its stored test part, or on the labelled files `data`."""
    folder = open_run(run)
    if not data:
        return stored_evaluation(folder)
    # Arrow and ONNX Runtime are needed for other data alone.
    module: Any = importlib.import_module("dlcli.commands.evaluate_files")
    evaluation: Evaluation = module.evaluate_files(folder, data, threads=threads)
    return evaluation


def stored_evaluation(run: RunFolder) -> Evaluation:
    """Return the figures that training wrote: of the test part, else of the validation part."""
    run.check_files(run.metrics)
    metrics = load_json(run.metrics)
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
    )
