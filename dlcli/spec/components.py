"""Keras objects as configs write them: a name from the catalogue with its arguments."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dlcli.spec import catalog
from dlcli.spec.catalog import Argument, Entry
from dlcli.spec.fields import (
    INVALID,
    Anything,
    Boolean,
    Choice,
    Field,
    JsonSchema,
    ListOf,
    MapOf,
    Null,
    Number,
    OneOf,
    Text,
    report_unexpected,
)
from dlcli.spec.problems import KeyPath, Problems, closest, join_names, show_value


@dataclass(frozen=True, kw_only=True)
class ComponentSpec:
    """A Keras object by name; argument values may hold components of their own."""

    kind: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    alias: str | None = field(default=None, compare=False)
    """The name as written where it is another one that Keras knows, such as `mse`."""

    def to_yaml(self) -> Any:
        """Return the form a config would write."""
        name = self.alias or self.name
        if not self.arguments:
            return name
        return {name: {key: _plain(value) for key, value in self.arguments.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, ComponentSpec):
        return value.to_yaml()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


@dataclass(frozen=True)
class Component:
    """A catalogue entry of one kind: a bare name, or a name with arguments."""

    kind: str

    @property
    def expectation(self) -> str:
        article = "an" if self.kind[0] in "aeiou" else "a"
        return f"{article} {self.kind}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str | dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if isinstance(value, str):
            entry = self._find(value, path, problems, on_key=False)
            return INVALID if entry is None else self._with({}, entry, value, path, problems)
        if not isinstance(value, dict):
            return report_unexpected(self, value, path, problems, hint=self._example())
        if len(value) != 1:
            problems.add(
                path,
                f"expected one {self.kind} name, got {show_value(value)}",
                hint=f"one name with its arguments below it: {self._example()}",
            )
            return INVALID
        name, arguments = next(iter(value.items()))
        entry = self._find(name, (*path, name), problems, on_key=True)
        if entry is None:
            return INVALID
        return self._with_written(arguments, entry, name, (*path, name), problems)

    def _example(self) -> str:
        examples = {
            "layer": "Dense: 64",
            "optimizer": "Adam: {learning_rate: 1e-3}",
            "callback": "EarlyStopping: {patience: 20}",
        }
        return examples.get(self.kind, f"a name from `dlcli explain --list {self.kind}`")

    def _find(self, name: str, path: KeyPath, problems: Problems, *, on_key: bool) -> Entry | None:
        entry = catalog.find(self.kind, name)
        if entry is None:
            problems.add(path, f"unknown {self.kind} {name!r}", hint=self._hint(name), on_key=on_key)
        elif entry.refused:
            problems.add(path, f"{entry.name} cannot be used: {entry.refused}", on_key=on_key)
            return None
        return entry

    def _hint(self, name: str) -> str:
        near = catalog.suggest(self.kind, name)
        if near is not None:
            return f"did you mean {near!r}?"
        kinds = [kind for kind in catalog.kinds_of(name) if kind != self.kind]
        if kinds:
            return f"{name} is {Component(kinds[0]).expectation}"
        return f"`dlcli explain --list {self.kind}` lists them"

    def _with_written(
        self, written: object, entry: Entry, name: str, path: KeyPath, problems: Problems
    ) -> Any:
        if written is None:
            return self._with({}, entry, name, path, problems)
        if isinstance(written, dict) and not _is_first_argument(written, entry):
            return self._with(written, entry, name, path, problems)
        first = catalog.first_argument(entry)
        if first is None:
            problems.add(path, f"{entry.name} takes no arguments, got {show_value(written)}")
            return INVALID
        return self._with({first.name: written}, entry, name, path, problems, bare=True)

    def _with(
        self,
        written: dict[str, object],
        entry: Entry,
        name: str,
        path: KeyPath,
        problems: Problems,
        *,
        bare: bool = False,
    ) -> Any:
        arguments: dict[str, Any] = {}
        for key, value in written.items():
            argument = catalog.argument(entry, key)
            if argument is None:
                self._report_unknown(key, entry, path, problems)
                continue
            where = path if bare else (*path, key)
            arguments[key] = field_of(argument).check(value, where, problems)
        self._report_missing(written, entry, path, problems)
        if any(value is INVALID for value in arguments.values()) or problems.within(path):
            return INVALID
        alias = name if name != entry.name else None
        return ComponentSpec(kind=self.kind, name=entry.name, arguments=arguments, alias=alias)

    def _report_unknown(self, name: str, entry: Entry, path: KeyPath, problems: Problems) -> None:
        names = [argument.name for argument in entry.arguments]
        near = closest(name, names)
        hint = f"did you mean {near!r}?" if near else f"{entry.name} takes {join_names(names) or 'none'}"
        problems.add(
            (*path, name), f"{entry.name} has no argument {name!r}", hint=hint, on_key=True
        )

    def _report_missing(
        self, written: dict[str, object], entry: Entry, path: KeyPath, problems: Problems
    ) -> None:
        missing = [a for a in entry.arguments if a.required and a.name not in written]
        if missing:
            names = join_names(argument.name for argument in missing)
            problems.add(
                path,
                f"{entry.name} needs {names}",
                hint=f"e.g. {entry.name}: {{{missing[0].name}: {_example_of(missing[0])}}}",
                on_key=True,
            )

    def schema(self) -> JsonSchema:
        return {"$ref": f"#/$defs/{self.kind}"}


def _is_first_argument(written: dict[str, object], entry: Entry) -> bool:
    """Tell `Bidirectional: {LSTM: 32}` (the first argument itself) from a mapping of arguments."""
    if len(written) != 1:
        return False
    (name,) = written
    first = catalog.first_argument(entry)
    if first is None or catalog.argument(entry, name) is not None:
        return False
    kinds = [word for word in first.type.split(" | ") if word in catalog.KINDS]
    return any(catalog.find(kind, name) is not None for kind in kinds)


def _example_of(argument: Argument) -> str:
    if "integer" in argument.type:
        return "32"
    if "number" in argument.type:
        return "0.1"
    return "..."


@cache
def field_of(argument: Argument) -> Field:
    """Return the field that checks an argument's value."""
    words = argument.type.split(" | ")
    literals = tuple(word.strip('"') for word in words if word.startswith('"'))
    kinds = [_field_of_word(word, argument) for word in words if not word.startswith('"')]
    if literals:
        kinds.insert(0, Choice(literals))
    return kinds[0] if len(kinds) == 1 else OneOf(tuple(kinds))


def _field_of_word(word: str, argument: Argument) -> Field:
    if word in catalog.KINDS:
        return Component(word)
    if word.startswith("list["):
        return ListOf(_field_of_word(word[5:-1], argument))
    if word in ("integer", "number"):
        return Number(
            integer=word == "integer",
            minimum=argument.minimum,
            maximum=argument.maximum,
            exclusive_minimum=argument.exclusive_minimum,
            exclusive_maximum=argument.exclusive_maximum,
        )
    return _SIMPLE[word]


_SIMPLE: dict[str, Field] = {
    "boolean": Boolean(),
    "text": Text(),
    "list": ListOf(Anything()),
    "mapping": MapOf(Anything()),
    "any": Anything(),
    "null": Null(),
}


