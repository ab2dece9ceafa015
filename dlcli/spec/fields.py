"""The type language of the grammar: each field checks a value and describes itself as JSON Schema."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from dlcli.spec.problems import KeyPath, Problems, closest, join_names, show_value, suggest

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
    """Text that is not empty, optionally following a pattern described by `expectation`."""

    expectation: str = "text"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if isinstance(value, str) and value:
            return value
        return report_unexpected(self, value, path, problems)

    def schema(self) -> JsonSchema:
        return {"type": "string", "minLength": 1}


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
    """A finite number within bounds; `integer` refuses fractions."""

    integer: bool = False
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
        words = []
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
            return report_unexpected(self, value, path, problems, hint=_number_hint(value))
        if not self.accepts(value) or not self._within(value):
            return report_unexpected(self, value, path, problems)
        return value

    def _within(self, value: float) -> bool:
        return (
            math.isfinite(value)
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
            return report_unexpected(self, value, path, problems)
        if len(value) < self.least:
            problems.add(path, f"expected at least {self.least} item, got {show_value(value)}")
            return INVALID
        items = [self.item.check(item, (*path, i), problems) for i, item in enumerate(value)]
        return INVALID if any(item is INVALID for item in items) else tuple(items)

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
        parsed = {
            str(key): self.value.check(item, (*path, key), problems) for key, item in value.items()
        }
        return INVALID if any(item is INVALID for item in parsed.values()) else parsed

    def schema(self) -> JsonSchema:
        return {"type": "object", "additionalProperties": self.value.schema()}


@dataclass(frozen=True)
class OneOf:
    """The first of several kinds that accepts the value."""

    kinds: tuple[Field, ...]

    @property
    def expectation(self) -> str:
        return join_alternatives([kind.expectation for kind in self.kinds])

    def accepts(self, value: object) -> bool:
        return any(kind.accepts(value) for kind in self.kinds)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        for kind in self.kinds:
            if kind.accepts(value):
                return kind.check(value, path, problems)
        hint = None
        if isinstance(value, str):
            words = [w for kind in self.kinds if isinstance(kind, Choice) for w in kind.choices]
            near = closest(value, words)
            hint = f"did you mean {near!r}?" if near else _number_hint(value)
        return report_unexpected(self, value, path, problems, hint=hint)

    def schema(self) -> JsonSchema:
        return {"anyOf": [kind.schema() for kind in self.kinds]}


@dataclass(frozen=True)
class Section:
    """A mapping with fixed keys: the fields of a frozen dataclass made with `setting`."""

    cls: type

    @property
    def expectation(self) -> str:
        return f"a mapping ({join_names(self.settings(), most=5)})"

    def settings(self) -> dict[str, "Setting"]:
        return {
            item.name: item.metadata["setting"]
            for item in dataclasses.fields(self.cls)
            if "setting" in item.metadata
        }

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if not isinstance(value, dict):
            return report_unexpected(self, value, path, problems)
        settings = self.settings()
        self._report_unknown(value, path, problems)
        parsed: dict[str, Any] = {}
        for name, setting in settings.items():
            if name in value:
                parsed[name] = setting.kind.check(value[name], (*path, name), problems)
            elif setting.required:
                problems.add(
                    path, f"{name!r} is missing{_inside(path)}", hint=setting.help, on_key=True
                )
                parsed[name] = INVALID
        if any(item is INVALID for item in parsed.values()):
            return INVALID
        return self.cls(**parsed)

    def _report_unknown(self, value: Mapping[Any, object], path: KeyPath, problems: Problems) -> None:
        settings = self.settings()
        for key in value:
            if key not in settings:
                problems.add(
                    (*path, key),
                    f"unknown key {str(key)!r}{_inside(path)}",
                    hint=suggest(key, settings),
                    on_key=True,
                )

    def schema(self) -> JsonSchema:
        settings = self.settings()
        return {
            "type": "object",
            "properties": {
                name: {**setting.kind.schema(), "description": setting.help}
                for name, setting in settings.items()
            },
            "required": [name for name, setting in settings.items() if setting.required],
            "additionalProperties": False,
        }


@dataclass(frozen=True)
class Setting:
    """One key of a section: its kind, whether it must be given, and its reference text."""

    kind: Field
    help: str
    required: bool


def setting(kind: Field, help: str, **default: Any) -> Any:
    """Declare a key of a section dataclass; without `default=` it must be given."""
    described = Setting(kind, help, not default)
    return dataclasses.field(metadata={"setting": described}, **default)


def join_alternatives(words: tuple[str, ...] | list[str]) -> str:
    """Join words as a choice: "a, b or c"."""
    unique = list(dict.fromkeys(words))
    if len(unique) == 1:
        return unique[0]
    return f"{', '.join(unique[:-1])} or {unique[-1]}"


def _inside(path: KeyPath) -> str:
    return f" in {path[-1]}" if path else ""


def _plain(number: float) -> str:
    return f"{number:g}"


def _number_hint(value: object) -> str | None:
    if isinstance(value, str):
        try:
            float(value.replace(",", "."))
        except ValueError:
            return None
        return "write the number without quotes, with a decimal point"
    return None
