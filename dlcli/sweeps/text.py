"""Trials as lines of tables."""

from collections.abc import Sequence

from dlcli.languages import spoken, spoken_each
from dlcli.report.blocks import Block
from dlcli.report.text import format_figure
from dlcli.spec.points import describe_point, show_label
from dlcli.spec.sweep import Axis
from dlcli.sweeps.trial import Trial

MOST_ROWS = 10
"""Trials of the table that the command ends with; the page lists all."""


def trial_header(names: Sequence[str], metric: str, *, by_folds: bool = False) -> list[str]:
    """Return the names of the columns of a table of trials, whose axes have these names."""
    spread = spoken_each("deviation") if by_folds else []
    start, end = spoken_each("trial", "state"), spoken_each("epochs", "seconds")
    return [*start, metric, *spread, *names, *end]


def short_names(axes: Sequence[Axis]) -> list[str]:
    """Return the end of each axis's key that no other one ends with, for tables of a terminal."""
    keys = [axis.key for axis in axes]
    return [_shortest_end(key, [other for other in keys if other != key]) for key in keys]


def _shortest_end(key: str, others: Sequence[str]) -> str:
    words = key.split(".")
    ends = (".".join(words[-count:]) for count in range(1, len(words)))
    apart = (end for end in ends if not any(f".{other}".endswith(f".{end}") for other in others))
    return next(apart, key)


def trial_row(
    trial: Trial, axes: Sequence[Axis], *, by_folds: bool = False, progress: str = ""
) -> list[str]:
    """Return a trial's cells."""
    spread = [format_figure(trial.deviation)] if by_folds else []
    return [
        str(trial.number),
        progress or spoken(trial.state),
        format_figure(trial.figure),
        *spread,
        *(show_label(trial.values[axis.key]) if trial.values else "" for axis in axes),
        "-" if trial.epochs is None else str(trial.epochs),
        "-" if trial.seconds is None else f"{trial.seconds:.1f}",
    ]


def trial_line(trial: Trial, metric: str, planned: int) -> str:
    """Tell of a finished trial on one line."""
    figure = "" if trial.figure is None else f"  {metric} {format_figure(trial.figure)}"
    why = "" if trial.error is None else f"  {str(trial.error['message']).splitlines()[0]}"
    told = f"trial {trial.number} of {planned}  {trial.state}{figure}"
    return f"{told}  {describe_point(trial.values)}{why}"


def count_line(trials: Sequence[Trial]) -> str:
    """Count the trials by what became of them."""
    states = [trial.state for trial in trials]
    counts = {state: states.count(state) for state in dict.fromkeys(sorted(states))}
    return ", ".join(f"{count} {spoken(state)}" for state, count in counts.items())


def best_block(
    trials: Sequence[Trial],
    axes: Sequence[Axis],
    metric: str,
    *,
    larger: bool,
    by_folds: bool = False,
) -> Block:
    """Return the best trials as a table."""
    done = [trial for trial in trials if trial.state == "complete" and trial.figure is not None]
    done.sort(key=lambda trial: float(trial.figure or 0.0), reverse=larger)
    header = trial_header(short_names(axes), metric, by_folds=by_folds)
    rows = [trial_row(trial, axes, by_folds=by_folds) for trial in done[:MOST_ROWS]]
    return Block(header=header, rows=rows)
