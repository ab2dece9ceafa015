"""Lengths of schedules: a number of steps, or of epochs, which training turns into steps."""

import re
from dataclasses import dataclass
from typing import Any

from dlcli.spec.fields import INVALID, JsonSchema, Number, report_unexpected
from dlcli.spec.problems import KeyPath, Problems

_EPOCHS = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*epochs?\s*")


@dataclass(frozen=True)
class Length:
    """A number within bounds, or text such as `10 epochs` whose number is."""

    steps: Number

    @property
    def expectation(self) -> str:
        return f"{self.steps.expectation} (of steps), or of epochs as in '10 epochs'"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) or self.steps.accepts(value)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if not isinstance(value, str):
            if self.steps.accepts(value):
                return self.steps.check(value, path, problems)
            return report_unexpected(self, value, path, problems)
        found = _EPOCHS.fullmatch(value)
        if found is None:
            return report_unexpected(self, value, path, problems, hint="e.g. 10 epochs")
        if self.steps.check(float(found[1]), path, problems) is INVALID:
            return INVALID
        return f"{found[1]} epochs"

    def schema(self) -> JsonSchema:
        epochs = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*epochs?\s*$"}
        return {"anyOf": [self.steps.schema(), epochs]}


def count_steps(length: float | str, *, steps_per_epoch: int) -> float:
    """Return a length in steps; what epochs come to is rounded, and at least one step of them."""
    if not isinstance(length, str):
        return length
    epochs = _epochs_of(length)
    return float(max(1, round(epochs * steps_per_epoch))) if epochs else 0.0


def shorten_epochs(length: str, share: float) -> str:
    """Return a length in epochs times a share."""
    return f"{_epochs_of(length) * share:.6f} epochs"


def _epochs_of(length: str) -> float:
    found = _EPOCHS.fullmatch(length)
    assert found is not None
    return float(found[1])
