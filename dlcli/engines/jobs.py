"""What a worker elsewhere does with a job that it was sent: in a folder of its own, told as it goes."""

import importlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcli.engines import Line, Message
from dlcli.errors import DlcliError, Interrupted
from dlcli.permission import allow_code
from dlcli.training.job import TrainingJob

WORK = "dlcli.engines.jobs:JobWork"
TELLS_EVERY_SECONDS = 0.25
_INIT_MODEL = ".init_model.keras"  # not among the files that are sent back


class JobWork:
    """Does jobs by the function that each one names."""

    def run(self, task: Message, line: Line) -> Message:
        """Do a job; return its outcome, the error that ended it, or that it was stopped."""
        allow_code(bool(task["allowed"]))
        job = _moved(task, Path(task["home"]), Path(task["folder"]))
        module, _, function = task["work"].partition(":")
        work: Any = getattr(importlib.import_module(module), function)
        try:
            outcome = work(job, LineWatcher(line), **_place_among(task, line))
        except Interrupted:
            return {"state": "stopped"}
        except DlcliError as error:
            return {"state": "failed", "error": error}
        return {"state": "done", "outcome": outcome}


def _place_among(task: Message, line: Line) -> dict[str, Any]:
    if "rank" not in task:
        return {}
    return {"rank": task["rank"], "count": task["count"], "line": line}


def _moved(task: Message, home: Path, folder: Path) -> TrainingJob:
    """Return the job with its paths below `home` in `folder` instead."""
    job: TrainingJob = task["job"]

    def moved(path: Path) -> Path:
        found = folder / path.relative_to(home)
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    init_model = None
    if task["init_model"] is not None:
        init_model = folder / _INIT_MODEL
        init_model.write_bytes(task["init_model"])
    own = moved(job.folder)
    own.mkdir(exist_ok=True)
    assert job.state is not None
    return replace(job, folder=own, state=moved(job.state), init_model=init_model)


class LineWatcher:
    """Tells the driver how far a training is, and stops when the driver says so."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._told = 0.0

    def on_stage(self, text: str) -> None:
        self._line.tell({"stage": text})

    def on_start(self, *, epochs: int) -> None:
        self._line.tell({"epochs": epochs})

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        if time.monotonic() - self._told > TELLS_EVERY_SECONDS:
            self._told = time.monotonic()
            self._line.tell({"epoch": epoch, "logs": logs})

    def should_stop(self) -> bool:
        return self._line.is_stopped()
