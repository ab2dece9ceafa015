"""Fields that hold other fields: lists, mappings, and choices between kinds."""

from dataclasses import dataclass
from typing import Any, TypeGuard

from dlcli.spec.fields import (
    INVALID,
    Choice,
    Field,
    JsonSchema,
    Number,
    Text,
    join_alternatives,
    number_hint,
    quote_hint,
    report_unexpected,
)
from dlcli.spec.problems import KeyPath, Problems, closest, did_you_mean
from dlcli.spec.sections import Section


@dataclass(frozen=True)
class ListOf:
    """A list whose items are all of one kind; it becomes a tuple."""

    item: Field
    least: int = 0

    @property
    def expectation(self) -> str:
        return f"a list ({self.item.expectation} each)"

    def accepts(self, value: object) -> bool:
        return isinstance(value, list)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if not isinstance(value, list):
            return report_unexpected(self, value, path, problems, hint=self._hint(value))
        if len(value) < self.least:
            return report_unexpected(self, value, path, problems, hint="it needs at least one item")
        items = []
        for index, item in enumerate(value):
            if problems.is_full:
                return INVALID
            items.append(self.item.check(item, (*path, index), problems))
        return INVALID if any(item is INVALID for item in items) else tuple(items)

    def _hint(self, value: object) -> str | None:
        if isinstance(value, dict) and value and self.item.accepts(value):
            return "begin every item with '- '"
        if isinstance(value, str | int | float) and self.item.accepts(value):
            return f"in brackets it is a list: [{value}]"
        return None

    def schema(self) -> JsonSchema:
        schema: JsonSchema = {"type": "array", "items": self.item.schema()}
        return schema | ({"minItems": self.least} if self.least else {})


@dataclass(frozen=True)
class MapOf:
    """A mapping from names of the user's to values of one kind."""

    value: Field
    keys: str = "names"

    @property
    def expectation(self) -> str:
        return f"a mapping from {self.keys} to values ({self.value.expectation} each)"

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if not isinstance(value, dict):
            return report_unexpected(self, value, path, problems)
        parsed = {}
        for key, item in value.items():
            if problems.is_full:
                return INVALID
            parsed[str(key)] = self.value.check(item, (*path, key), problems)
        return INVALID if any(item is INVALID for item in parsed.values()) else parsed

    def schema(self) -> JsonSchema:
        return {"type": "object", "additionalProperties": self.value.schema()}


@dataclass(frozen=True)
class OneOf:
    """The first of several kinds that accepts the value."""

    kinds: tuple[Field, ...]

    @property
    def expectation(self) -> str:
        words: list[str] = []
        for kind in self.kinds:
            words += kind.choices if isinstance(kind, Choice) else [kind.expectation]
        return join_alternatives(words)

    def accepts(self, value: object) -> bool:
        return any(kind.accepts(value) for kind in self.kinds)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if not self._is_number_in_quotes(value):
            accepting = [kind for kind in self.kinds if kind.accepts(value)]
            if accepting:
                return _meant(accepting, value).check(value, path, problems)
        return report_unexpected(self, value, path, problems, hint=self._hint(value))

    def _is_number_in_quotes(self, value: object) -> bool:
        """Tell text that must be meant as a number, whatever names other kinds would look up."""
        kinds = {type(kind) for kind in self.kinds}
        return Number in kinds and Text not in kinds and number_hint(value) is not None

    def _hint(self, value: object) -> str | None:
        hints = [
            self._nearest_word(value),
            number_hint(value),
            *(k.hint(value) for k in self.kinds if isinstance(k, Number) and _is_float(value)),
            *(quote_hint(value) for kind in self.kinds if isinstance(kind, Text)),
            *(f"e.g. {kind.example}" for kind in self.kinds if hasattr(kind, "example")),
        ]
        return next((hint for hint in hints if hint is not None), None)

    def _nearest_word(self, value: object) -> str | None:
        words = [w for kind in self.kinds if isinstance(kind, Choice) for w in kind.choices]
        near = closest(value, words) if isinstance(value, str) else None
        return None if near is None else did_you_mean(str(value), near)

    def schema(self) -> JsonSchema:
        return {"anyOf": [kind.schema() for kind in self.kinds]}


def _meant(kinds: list[Field], value: object) -> Field:
    """Return the section whose key a mapping has, or nearly has; else the first kind."""
    owners = {key: each for each in kinds if isinstance(each, Section) for key in each.settings()}
    keys = [str(key) for key in value] if isinstance(value, dict) else []
    near = next((found for key in keys if (found := closest(key, owners))), None)
    return kinds[0] if near is None else owners[near]


def _is_float(value: object) -> TypeGuard[float]:
    """Tell a number that is written with a decimal point or an exponent."""
    return isinstance(value, float)
