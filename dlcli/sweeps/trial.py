"""What is known of one trial, apart from any storage."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dlcli.spec.sweep import Direction

State = Literal["waiting", "running", "complete", "pruned", "failed"]
FINISHED: tuple[State, ...] = ("complete", "pruned", "failed")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial of a sweep."""

    number: int
    """Counts from 0, as in Optuna."""
    state: State
    values: dict[str, Any]
    """Axis to the label of its value; empty until the sampler has chosen."""
    figure: float | None = None
    """What it is judged by: of its final network; of a pruned one where it ended."""
    metrics: dict[str, float] = field(default_factory=dict)
    """All figures that the network was judged by."""
    deviation: float | None = None
    """Of the figure over the folds, where there are any."""
    epochs: int | None = None
    seconds: float | None = None
    num_parameters: int | None = None
    reused: bool | None = None
    """Whether its epochs were compiled by an earlier trial of the same process."""
    went_on_after: int | None = None
    """Epochs that an earlier process had done, where it was broken off."""
    attempts: int = 1
    error: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the trial as JSON values."""
        return asdict(self)


def best_trial(trials: list[Trial], direction: Direction) -> Trial | None:
    """Return the complete trial with the best figure, the first of equals; None without one."""
    done = [trial for trial in trials if trial.state == "complete" and trial.figure is not None]
    sign = -1.0 if direction == "maximize" else 1.0
    return min(done, key=lambda trial: sign * float(trial.figure or 0.0), default=None)
