"""The type language of the grammar: each field checks a value and describes itself as JSON Schema."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from dlcli.spec.problems import KeyPath, Problems, closest, show_value

JsonSchema = dict[str, Any]

INVALID: Any = object()
"""What a check returns for a value it has reported; callers pass it on or drop it."""


@runtime_checkable
class Field(Protocol):
    """One kind of value."""

    @property
    def expectation(self) -> str:
        """The kind in words, for messages: "a number above 0"."""
        ...

    def accepts(self, value: object) -> bool:
        """Tell by the outer type alone whether `check` should judge this value."""
        ...

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        """Return the parsed value, or report and return INVALID."""
        ...

    def schema(self) -> JsonSchema:
        """Return the JSON Schema (draft 2020-12) of this kind."""
        ...


def report_unexpected(
    field: Field, value: object, path: KeyPath, problems: Problems, *, hint: str | None = None
) -> Any:
    """Report that `value` is not what `field` expects."""
    subject = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
    if value is None and path and isinstance(path[-1], int):
        hint = "nothing follows this '-': give it a value or take it out"
    problems.add(path, f"{subject}expected {field.expectation}, got {show_value(value)}", hint=hint)
    return INVALID


@dataclass(frozen=True)
class Anything:
    """Any value; what it means is checked elsewhere."""

    expectation: str = "a value"

    def accepts(self, value: object) -> bool:
        return True

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        return value

    def schema(self) -> JsonSchema:
        return {}


@dataclass(frozen=True)
class Null:
    """No value."""

    expectation: str = "nothing"

    def accepts(self, value: object) -> bool:
        return value is None

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        return None if value is None else report_unexpected(self, value, path, problems)

    def schema(self) -> JsonSchema:
        return {"type": "null"}


@dataclass(frozen=True)
class Text:
    """Text that is not empty, of at most `most` characters, described by `expectation`."""

    expectation: str = "text"
    most: int | None = None

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if isinstance(value, str) and value and (self.most is None or len(value) <= self.most):
            return value
        hint = quote_hint(value)
        if value == "\\t":
            hint = 'in double quotes it is a tab: "\\t"'
        return report_unexpected(self, value, path, problems, hint=hint)

    def schema(self) -> JsonSchema:
        most = {} if self.most is None else {"maxLength": self.most}
        return {"type": "string", "minLength": 1, **most}


@dataclass(frozen=True)
class Boolean:
    """true or false."""

    expectation: str = "true or false"

    def accepts(self, value: object) -> bool:
        return isinstance(value, bool)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if isinstance(value, bool):
            return value
        hint = None
        if str(value).casefold() in {"yes", "no", "on", "off"}:
            hint = "write true or false"
        return report_unexpected(self, value, path, problems, hint=hint)

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Number:
    """A finite number within bounds; `integer` refuses fractions.

    `as_float` turns whole numbers into floats, since Keras refuses whole ones in places.
    """

    integer: bool = False
    as_float: bool = False
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None

    @property
    def expectation(self) -> str:
        noun = "a whole number" if self.integer else "a number"
        return " ".join([noun, *self._bounds_in_words()])

    def _bounds_in_words(self) -> list[str]:
        if self.minimum is not None and self.maximum is not None:
            return [f"from {_plain(self.minimum)} to {_plain(self.maximum)}"]
        words: list[str] = []
        for bound, text in (
            (self.minimum, "of at least"),
            (self.exclusive_minimum, "above"),
            (self.maximum, "of at most"),
            (self.exclusive_maximum, "below"),
        ):
            if bound is not None:
                words.append(f"{'and ' if words else ''}{text} {_plain(bound)}")
        return words

    def accepts(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return not self.integer or isinstance(value, int)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return report_unexpected(self, value, path, problems, hint=number_hint(value))
        if not self.accepts(value) or not self._within(value):
            return report_unexpected(self, value, path, problems, hint=self.hint(value))
        return float(value) if self.as_float else value

    def hint(self, value: float) -> str | None:
        """Return what to write instead of a number that is refused."""
        if isinstance(value, int) and abs(value) >= _LARGEST:
            return "it is too large to compute with"
        if not math.isfinite(value):
            return "it must be finite"
        if self.integer and value == int(value) and abs(value) < _LARGEST and self._within(value):
            return f"write {int(value)}"
        return None

    def _within(self, value: float) -> bool:
        return (
            (abs(value) < _LARGEST if isinstance(value, int) else math.isfinite(value))
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.exclusive_minimum is None or value > self.exclusive_minimum)
            and (self.exclusive_maximum is None or value < self.exclusive_maximum)
        )

    def schema(self) -> JsonSchema:
        bounds = {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "exclusiveMinimum": self.exclusive_minimum,
            "exclusiveMaximum": self.exclusive_maximum,
        }
        kept = {key: bound for key, bound in bounds.items() if bound is not None}
        return {"type": "integer" if self.integer else "number", **kept}


_LARGEST = 2**63
"""Whole numbers from here on fit into no tensor."""


def Integer(  # noqa: N802 - reads as the kind it is
    *, minimum: int | None = None, maximum: int | None = None
) -> Number:
    """Return the kind of whole numbers within bounds."""
    return Number(integer=True, minimum=minimum, maximum=maximum)


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    choices: tuple[str, ...]

    @property
    def expectation(self) -> str:
        return join_alternatives(self.choices)

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value in self.choices

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if self.accepts(value):
            return value
        near = closest(value, self.choices) if isinstance(value, str) else None
        hint = f"did you mean {near!r}?" if near else None
        return report_unexpected(self, value, path, problems, hint=hint)

    def schema(self) -> JsonSchema:
        return {"enum": list(self.choices)}


def join_alternatives(words: tuple[str, ...] | list[str], *, word: str = "or") -> str:
    """Join words as a choice: "a, b or c"."""
    unique = list(dict.fromkeys(words))
    if len(unique) == 1:
        return unique[0]
    return f"{', '.join(unique[:-1])} {word} {unique[-1]}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def quote_hint(value: object) -> str | None:
    """Return how to write a number or truth value that was meant as text, None for others."""
    if isinstance(value, bool | int | float):
        return f"quotes make it text: '{show_value(value)}'"
    return None


def number_hint(value: object) -> str | None:
    """Return how to write text that was meant as a number, None for other values."""
    if not isinstance(value, str):
        return None
    plain = value.strip().replace(",", ".").replace("_", "")
    is_percentage = plain.endswith("%")
    try:
        number = float(plain.removesuffix("%"))
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    if is_percentage:
        return f"write {number / 100:g}"
    return "write it without quotes" if plain == value else f"write {plain}"
