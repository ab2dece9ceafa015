"""The driver of a sweep: gives trials to workers until none is left, and records what comes back."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dlcli.engines import Message, Pool
from dlcli.errors import RunError
from dlcli.sweeps.study import MOST_ATTEMPTS, Claim, Study
from dlcli.sweeps.trial import Trial

TRIALS = "trials"
_POLL_SECONDS = 0.2
_REFRESH_SECONDS = 0.5
_MOST_DEATHS = 3
"""Workers that may end, one after the other, before they have done anything."""
_STOPS_WITHIN_SECONDS = 20.0


class SweepDisplay(Protocol):
    """Whoever shows the trials."""

    def show(self, trials: list[Trial], progress: dict[int, str]) -> None:
        """Show every trial, and of those that run how far they are."""

    def close(self) -> None:
        """End the display."""


@dataclass(kw_only=True)
class Driver:
    """Runs the trials of a study in a pool, until all are done or the time is up."""

    study: Study
    folder: Path
    planned: int
    timeout: float | None
    display: SweepDisplay
    _claims: dict[int, Claim] = field(default_factory=dict)
    """Worker to the trial that it runs."""
    _progress: dict[int, str] = field(default_factory=dict)
    _deaths: int = 0
    _was_stopped: bool = False
    """Whether a trial has broken off, which nobody but the user asks for."""
    _shown: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def run(self, start: Callable[[Callable[[int, Message], Message | None]], Pool]) -> None:
        """Start the pool and run what waits; a KeyboardInterrupt lets the running trials save.

        Raises RunError where workers end before they do anything.
        """
        self.study.give_back_orphans()
        if self.study.is_finished(self.planned):
            return
        pool = start(self._handle)
        try:
            self._work(pool)
        except KeyboardInterrupt:
            self._break_off(pool)
            raise
        finally:
            pool.close()
            for claim in self._claims.values():
                self.study.give_back(claim.number)
            self._claims.clear()
            self._show(at_once=True)
            self.display.close()

    @property
    def is_over(self) -> bool:
        """Tell whether the time is up."""
        return self.timeout is not None and time.monotonic() - self._began > self.timeout

    def _work(self, pool: Pool) -> None:
        while True:
            self.study.beat()
            gave = False
            for worker in pool.idle_workers():
                claim = None if self.is_over else self.study.claim()
                if claim is None:
                    break
                self._give(pool, worker, claim)
                gave = True
                if pool.is_here and self._was_stopped:
                    raise KeyboardInterrupt
            if not self._claims and (self.is_over or self.study.is_finished(self.planned)):
                return
            pool.poll(0.0 if gave and pool.is_here else _POLL_SECONDS)
            self._show()

    def _give(self, pool: Pool, worker: int, claim: Claim) -> None:
        self._claims[worker] = claim
        self._show()
        task = {
            "point": claim.point,
            "folder": str(self.folder / TRIALS / f"{claim.number:04d}"),
            "rungs": self.study.rungs,
        }
        pool.give(worker, task)

    def _handle(self, worker: int, message: Message) -> Message | None:
        claim = self._claims.get(worker)
        if "died" in message:
            self._mourn(worker, claim, message)
            return None
        self._deaths = 0
        if claim is None:
            return None
        if "asked" in message:
            asked = message["asked"]
            self._note(claim, asked)
            return {"prune": self.study.report(claim.number, asked["value"], asked["step"])}
        if "told" in message:
            self._note(claim, message["told"])
            return None
        self._end(worker, claim, message["done"])
        return None

    def _note(self, claim: Claim, told: Message) -> None:
        value = told["value"]
        shown = "" if value is None else f", {value:.5g}"
        unit = "fold" if self.study.by_folds else "epoch"
        self._progress[claim.number] = f"{unit} {told['step']}{shown}"

    def _end(self, worker: int, claim: Claim, done: dict[str, Any]) -> None:
        del self._claims[worker]
        self._progress.pop(claim.number, None)
        if done["state"] == "stopped":
            self._was_stopped = True
            self.study.give_back(claim.number)
            return
        self.study.finish(claim.number, done["state"], done.get("figure"), done["record"])
        self._show()

    def _mourn(self, worker: int, claim: Claim | None, message: Message) -> None:
        """Let the trial of a dead worker wait again, unless it is what kills workers."""
        exit_code, log = int(message["died"]), str(message["log"])
        if claim is not None:
            del self._claims[worker]
            self._progress.pop(claim.number, None)
        if claim is None or not message["began"]:
            if claim is not None:
                self.study.give_back(claim.number)
            self._deaths += 1
            if self._deaths >= _MOST_DEATHS:
                raise RunError(
                    f"workers end as soon as they start, with exit code {exit_code}:\n{log}",
                    hint="--workers 0 trains in this process and shows the error whole",
                )
            return
        was_killed = exit_code < 0
        if was_killed and claim.attempts < MOST_ATTEMPTS:
            self.study.give_back(claim.number)
            return
        why = f"signal {-exit_code}" if was_killed else f"exit code {exit_code}"
        times = f", {claim.attempts} times" if was_killed else ""
        text = f"the worker ended with {why}{times}"
        last = "" if was_killed else f": {log.splitlines()[-1] if log else 'it wrote nothing'}"
        hint = "it may need more memory than there is" if was_killed else None
        error: dict[str, Any] = {
            "message": f"{text}{last}",
            "hint": hint,
            "exit_code": exit_code,
            "problems": [],
        }
        self.study.finish(claim.number, "failed", None, {"error": error})

    def _break_off(self, pool: Pool) -> None:
        """Ask for an end, and wait until the running trials have saved where they are."""
        pool.stop()
        until = time.monotonic() + _STOPS_WITHIN_SECONDS
        while self._claims and time.monotonic() < until:
            pool.poll(_POLL_SECONDS)

    def _show(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._shown >= _REFRESH_SECONDS:
            self._shown = now
            self.display.show(self.study.trials(), dict(self._progress))
