"""Trials as they run: a table on a terminal, and lines elsewhere."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dlcli.spec.sweep import Axis, Direction
from dlcli.sweeps.text import count_line, short_names, trial_header, trial_line, trial_row
from dlcli.sweeps.trial import FINISHED, Trial, best_trial

MOST_LINES = 180
"""Lines of finished trials where there is no terminal; of more trials, every n-th one."""
MOST_SHOWN = 16
"""Trials of the live table: those that run, and the last that ended."""


class LiveTable(Protocol):
    """A table that is drawn anew."""

    def update(self, header: Sequence[str], rows: Sequence[Sequence[str]], below: str) -> None: ...

    def close(self) -> None: ...


class SilentTrials:
    """Shows nothing."""

    def show(self, trials: list[Trial], progress: dict[int, str]) -> None:
        """Take note of the trials."""

    def close(self) -> None:
        """End the display."""


@dataclass(kw_only=True)
class TrialLines:
    """A line for every trial that ends, within MOST_LINES."""

    say: Callable[[str], None]
    metric: str
    planned: int
    _told: set[int] = field(default_factory=set)
    _is_first: bool = True

    def show(self, trials: list[Trial], progress: dict[int, str]) -> None:
        done = [trial for trial in trials if trial.state in FINISHED]
        if self._is_first:
            self._is_first = False
            self._told = {trial.number for trial in done}
            if done:
                self.say(f"{len(done)} of {self.planned} trials were done before")
        every = math.ceil(self.planned / MOST_LINES)
        for trial in done:
            if trial.number in self._told:
                continue
            self._told.add(trial.number)
            if len(self._told) % every == 0 or len(self._told) == self.planned:
                self.say(trial_line(trial, self.metric, self.planned))

    def close(self) -> None:
        """End the display."""


@dataclass(kw_only=True)
class TrialTable:
    """The trials that run and those that ended last, above how many there are."""

    table: LiveTable
    axes: Sequence[Axis]
    metric: str
    planned: int
    direction: Direction

    def show(self, trials: list[Trial], progress: dict[int, str]) -> None:
        running = [trial for trial in trials if trial.state == "running"]
        ended = [trial for trial in trials if trial.state in FINISHED]
        shown = [*ended[-max(0, MOST_SHOWN - len(running)) :], *running]
        best = best_trial(trials, self.direction)
        below = f"{count_line(trials)}, of {self.planned}"
        if best is not None:
            below += f"; best: trial {best.number}, {self.metric} {best.figure:.5g}"
        rows = [
            trial_row(trial, self.axes, progress=progress.get(trial.number, "")) for trial in shown
        ]
        self.table.update(trial_header(short_names(self.axes), self.metric), rows, below)

    def close(self) -> None:
        self.table.close()
