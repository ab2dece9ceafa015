"""Sections of which one key may be written alone, as `folds: 10` for `folds: {n_splits: 10}`."""

from dataclasses import dataclass
from typing import Any

from dlcli.spec.containers import OneOf
from dlcli.spec.fields import INVALID, Field, JsonSchema
from dlcli.spec.problems import KeyPath, Problems
from dlcli.spec.sections import Section


@dataclass(frozen=True)
class Abbreviated:
    """A section, or the value of its `key` alone, a `short`; either becomes the section."""

    section: type
    key: str
    short: Field

    @property
    def _kind(self) -> OneOf:
        return OneOf((self.short, Section(self.section)))

    @property
    def expectation(self) -> str:
        return self._kind.expectation

    def accepts(self, value: object) -> bool:
        return self._kind.accepts(value)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        checked = self._kind.check(value, path, problems)
        if checked is INVALID or isinstance(checked, self.section):
            return checked
        return self.section(**{self.key: checked})

    def schema(self) -> JsonSchema:
        return self._kind.schema()
