"""The record of a training: versions, seed, timings, hashes, counts."""

import os
import platform
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlcli import __version__
from dlcli.files import hash_file
from dlcli.runs import RunFolder
from dlcli.spec.refit import takes_all_epochs
from dlcli.spec.run import RunSpec
from dlcli.training.job import TrainingJob, TrainingOutcome


def build_manifest(
    job: TrainingJob, outcome: TrainingOutcome, *, overrides: tuple[str, ...]
) -> dict[str, Any]:
    """Return what `manifest.json` says of a training, as JSON values."""
    dataset, spec = job.dataset, job.spec
    return {
        "name": spec.name,
        "status": "interrupted" if outcome.interrupted else "complete",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "dlcli": __version__,
        "seed": spec.seed,
        "backend": spec.backend,
        "epochs": {"asked": spec.epochs, "done": len(outcome.history)},
        "training": {
            "path": outcome.path,
            "uses_xla": outcome.uses_xla,
            "reason": outcome.reason,
            "compiled_calls": outcome.compiled_calls,
            "blocks": outcome.blocks,
            "threads": job.threads,
            "saves": outcome.saves,
            "went_on_after": outcome.went_on_after,
        },
        "seconds": {
            name: None if value is None else round(value, 4)
            for name, value in outcome.seconds.items()
        },
        "overrides": list(overrides),
        "config": _config_record(spec),
        "imports": [Path(file).name for file in job.spec.imports],
        "data": {
            "sources": [
                {"path": str(item.path), "sha256": item.sha256, "bytes": item.num_bytes}
                for item in dataset.sources
            ],
            "split": dataset.split_record,
            "validation_is_test": dataset.validation_is_test,
            "counts": dataset.counts,
            "image_files": dataset.image_files,
            "warnings": list(dataset.warnings),
            **({} if dataset.disk_record is None else {"from_disk": dataset.disk_record}),
            **({} if dataset.window_record is None else {"windows": dataset.window_record}),
        },
        "refit": _refit_record(job),
        "members": next((e.members for e in job.objectives if e.members is not None), None),
        "init_from": _start_record(spec, outcome),
        "frozen": list(outcome.frozen),
        "onnx": asdict(outcome.onnx),
        "num_parameters": outcome.num_parameters,
        "layers": [asdict(layer) for layer in outcome.layers],
        "versions": {"python": platform.python_version(), **outcome.versions},
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "byteorder": sys.byteorder,
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
    }


def _refit_record(job: TrainingJob) -> dict[str, Any] | None:
    """Return how many epochs the training on all rows took, and of how many they were chosen."""
    if job.selection is None:
        return None
    assert job.dataset.validation is not None
    return {
        "epochs": job.selection.epochs,
        "chosen_of": None if takes_all_epochs(job.spec.refit) else len(job.selection.history),
        "rows": job.dataset.train.num_rows + job.dataset.validation.num_rows,
    }


def _config_record(spec: RunSpec) -> dict[str, Any]:
    """Return where the config came from; of environment variables the names alone."""
    assert spec.origin is not None
    return {
        "file": str(spec.origin.file),
        "extends": [str(base) for base in spec.origin.bases],
        "variables": list(spec.origin.variables),
    }


def _processor() -> str:
    """Return what the processor calls itself; its arithmetic units decide the last digits."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _start_record(spec: RunSpec, outcome: TrainingOutcome) -> dict[str, Any] | None:
    """Return which run the weights and the preprocessing came from, and which layers took them."""
    if spec.init_from is None or outcome.started_from is None:
        return None
    model = RunFolder(Path(spec.init_from.run)).model
    record = asdict(outcome.started_from)
    return {
        **record,
        "taken": list(record["taken"]),
        "sha256": hash_file(model),
        "preprocessing": spec.init_from.preprocessing,
    }
