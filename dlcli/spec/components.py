"""Keras objects as configs write them: a name from the catalogue with its arguments."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from dlcli.spec import catalog
from dlcli.spec.catalog import Argument, Entry
from dlcli.spec.containers import ListOf, MapOf, OneOf
from dlcli.spec.fields import (
    INVALID,
    Anything,
    Boolean,
    Choice,
    Field,
    JsonSchema,
    Null,
    Number,
    Text,
    join_alternatives,
    report_unexpected,
)
from dlcli.spec.lengths import Length, count_steps, shorten_epochs
from dlcli.spec.problems import (
    KeyPath,
    Problems,
    closest,
    did_you_mean,
    join_names,
    show_flow,
    show_value,
)

_EXAMPLES = {
    "activation": "relu",
    "callback": "EarlyStopping: {patience: 20}",
    "constraint": "MaxNorm: 3",
    "initializer": "HeNormal",
    "layer": "Dense: 64",
    "loss": "mse",
    "metric": "mae",
    "optimizer": "Adam: {learning_rate: 1e-3}",
    "regularizer": "L2: 0.01",
    "schedule": "CosineDecay: {initial_learning_rate: 1e-3, decay_steps: 1000}",
}
_WRITTEN_AS = {"activation": "Activation: {}"}
"""How another kind is written in the layer list."""
_HABITS = {
    "lr": "learning_rate",
    "decay": "weight_decay",
    "p": "rate",
    "regularizer": "kernel_regularizer",
    "initializer": "kernel_initializer",
    "constraint": "kernel_constraint",
}
"""Argument names from elsewhere, for hints."""
_ELSEWHERE = {
    ("SparseCategoricalCrossentropy", "label_smoothing"): "SmoothedSparseCategoricalCrossentropy: "
    "0.1 smooths labels that are whole numbers",
}
"""Arguments that another component has, for hints."""
_DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "string"),
)


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

    @property
    def example(self) -> str:
        """How one is written."""
        return _EXAMPLES[self.kind]

    def accepts(self, value: object) -> bool:
        return isinstance(value, str | dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if isinstance(value, str):
            entry = self._find(value, path, problems, on_key=False)
            return INVALID if entry is None else self._with({}, entry, value, path, problems)
        if not isinstance(value, dict):
            return report_unexpected(self, value, path, problems, hint=f"e.g. {self.example}")
        if len(value) != 1:
            message = f"expected one {self.kind} name, got {show_value(value)}"
            problems.add(path, message, hint=self._one_name_hint(value))
            return INVALID
        name, arguments = next(iter(value.items()))
        entry = self._find(name, (*path, name), problems, on_key=True)
        if entry is None:
            return INVALID
        return self._with_written(arguments, entry, name, (*path, name), problems)

    def _one_name_hint(self, value: dict[str, object]) -> str:
        """Tell forgotten indentation from a forgotten '-'."""
        names = list(value)
        if not names:
            return f"e.g. {self.example}"
        if len(names) > 1 and catalog.find(self.kind, names[0]):
            if catalog.find(self.kind, names[1]):
                return f"begin {names[1]!r} with a '- ' of its own"
            return f"all arguments stand below the name: {_gathered(names[0], value, self.kind)}"
        return f"one name with its arguments below it, e.g. {self.example}"

    def _find(self, name: str, path: KeyPath, problems: Problems, *, on_key: bool) -> Entry | None:
        entry = catalog.find(self.kind, name) or problems.own.get((self.kind, name))
        if entry is None:
            message = f"unknown {self.kind} {name!r}"
            own = [known for kind, known in problems.own if kind == self.kind]
            near = closest(name, own)
            hint = did_you_mean(name, near) if near else self._hint(name)
            problems.add(path, message, hint=hint, on_key=on_key)
        elif entry.refused:
            problems.add(path, f"{entry.name} cannot be used: {entry.refused}", on_key=on_key)
            return None
        return entry

    def _hint(self, name: str) -> str:
        kinds = catalog.kinds_of(name)
        if kinds:
            hint = f"{name} is {Component(kinds[0]).expectation}"
            written = _WRITTEN_AS.get(kinds[0]) if self.kind == "layer" else None
            return f"{hint}; as a layer it is written {written.format(name)}" if written else hint
        near = _nearest(self.kind, name)
        if near is not None:
            return did_you_mean(name, near)
        return f"e.g. {self.example}; `dlcli explain --list {self.kind}` lists them"

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
        meant = _meant_argument(written, entry)
        if not field_of(first).accepts(written) and meant is not None:
            problems.add(
                path,
                f"a bare value is the first argument of {entry.name}, {first.name}: expected "
                f"{field_of(first).expectation}, got {show_value(written)}",
                hint=f"did you mean {name}: {{{meant}: {show_flow(written)}}}?",
            )
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
        meant: set[str | None] = set()
        for key, value in written.items():
            argument = catalog.argument(entry, key)
            if argument is None:
                meant.add(_report_unknown(key, entry, path, problems))
                continue
            where = path if bare else (*path, key)
            if key == "vocabulary" and isinstance(value, str):
                arguments[key] = INVALID
                message = f"vocabulary: a config cannot read other files, got {show_value(value)}"
                problems.add(where, message, hint="list the words themselves, e.g. [red, green]")
                continue
            arguments[key] = field_of(argument).check(value, where, problems)
        _report_missing({*written, *meant}, entry, path, problems)
        if any(value is INVALID for value in arguments.values()) or problems.within(path):
            return INVALID
        alias = name if name != entry.name else None
        return ComponentSpec(kind=self.kind, name=entry.name, arguments=arguments, alias=alias)

    def schema(self) -> JsonSchema:
        return {"$ref": f"#/$defs/{self.kind}"}


def _nearest(kind: str, name: str) -> str | None:
    """Return the usable name that was probably meant; short ones may have letters swapped."""
    entries = [catalog.find(kind, each) for each in catalog.names(kind)]
    usable = [entry for entry in entries if entry is not None and not entry.refused]
    spellings = [word for entry in usable for word in (*catalog.aliases(entry), entry.name)]
    letters = sorted(name)
    anagrams = [word for word in spellings if sorted(word) == letters]
    near = anagrams[0] if anagrams else catalog.suggest(kind, name)
    return near if near in spellings else None


def _gathered(name: str, written: dict[str, object], kind: str) -> str:
    """Write a name with the arguments that stand beside it below it."""
    entry = catalog.find(kind, name)
    first = catalog.first_argument(entry) if entry is not None else None
    own = written[name]
    arguments = dict(own) if isinstance(own, dict) else {}
    if first is not None and own is not None and not isinstance(own, dict):
        arguments[first.name] = own
    arguments |= {key: value for key, value in written.items() if key != name}
    return f"{name}: {show_flow(arguments)}"


def _report_unknown(name: str, entry: Entry, path: KeyPath, problems: Problems) -> str | None:
    """Report an unknown argument and return the one that was probably meant."""
    names = [argument.name for argument in entry.arguments]
    habit = _HABITS.get(name)
    near = habit if habit in names else closest(name, names)
    hint = did_you_mean(name, near) if near else f"{entry.name} takes {join_names(names) or 'none'}"
    hint = _ELSEWHERE.get((entry.name, name), hint)
    message = f"{entry.name} has no argument {name!r}"
    problems.add((*path, name), message, hint=hint, on_key=True)
    return near


def _report_missing(
    written: set[str | None], entry: Entry, path: KeyPath, problems: Problems
) -> None:
    required = [argument for argument in entry.arguments if argument.required]
    missing = [argument.name for argument in required if argument.name not in written]
    if missing:
        example = ", ".join(f"{item.name}: {show_flow(item.example)}" for item in required)
        problems.add(
            path,
            f"{entry.name} needs {join_alternatives(missing, word='and')}",
            hint=f"e.g. {entry.name}: {{{example}}}",
            on_key=True,
        )


def _meant_argument(value: object, entry: Entry) -> str | None:
    """Return the argument that a value was probably meant for: the first that takes no other kind."""
    for argument in entry.arguments:
        kind, problems = field_of(argument), Problems()
        is_whole = isinstance(kind, Number) and kind.integer
        if (
            kind.accepts(value)
            and is_whole == isinstance(value, int)
            and argument.name not in ("name", "dtype")
        ):
            kind.check(value, (), problems)
            if not problems:
                return argument.name
    return None


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


@cache
def field_of(argument: Argument) -> Field:
    """Return the field that checks an argument's value."""
    words = argument.type.split(" | ")
    if argument.name == "vocabulary":
        # Text here would be the name of a file to read, which a config from elsewhere must not.
        words = [word for word in words if word != "text"]
    if argument.name == "dtype":
        words = [f'"{name}"' for name in _DTYPES] + [word for word in words if word != "text"]
    literals = tuple(word.strip('"') for word in words if word.startswith('"'))
    kinds = [_field_of_word(word, argument) for word in words if not word.startswith('"')]
    if literals:
        kinds.insert(0, Choice(literals))
    return kinds[0] if len(kinds) == 1 else OneOf(tuple(kinds))


def in_steps(component: ComponentSpec, *, steps_per_epoch: int) -> ComponentSpec:
    """Return a component with every length that is given in epochs as a number of steps."""

    def count(length: str, *, is_boundary: bool) -> float:
        # The last step at which Keras still takes the rate before the boundary.
        return count_steps(length, steps_per_epoch=steps_per_epoch) - int(is_boundary)

    return _with_lengths(component, count)


def shortened(component: ComponentSpec, share: float) -> ComponentSpec:
    """Return a component with every length that is given in epochs times a share."""

    def shorten(length: str, *, is_boundary: bool) -> str:
        return shorten_epochs(length, share)

    return _with_lengths(component, shorten)


def _with_lengths(component: ComponentSpec, change: Callable[..., Any]) -> ComponentSpec:
    """Return a component with every length in epochs changed; a list of them holds boundaries."""
    entry = catalog.find(component.kind, component.name)
    assert entry is not None

    def convert(name: str, value: Any) -> Any:
        if isinstance(value, ComponentSpec):
            return _with_lengths(value, change)
        argument = catalog.argument(entry, name)
        if argument is None or "steps" not in argument.type:
            return value
        if isinstance(value, tuple):
            return tuple(
                change(item, is_boundary=True) if isinstance(item, str) else item for item in value
            )
        return change(value, is_boundary=False) if isinstance(value, str) else value

    converted = {name: convert(name, value) for name, value in component.arguments.items()}
    return replace(component, arguments=converted)


def _field_of_word(word: str, argument: Argument) -> Field:
    if word in catalog.KINDS:
        return Component(word)
    if word.startswith("list["):
        return ListOf(_field_of_word(word[5:-1], argument))
    if word.startswith("mapping["):
        return MapOf(_field_of_word(word[8:-1], argument))
    if word == "steps":
        return Length(_number(argument, as_float=True))
    if word in ("integer", "number"):
        return _number(argument, integer=word == "integer", as_float=word == "number")
    return _SIMPLE[word]


def _number(argument: Argument, *, integer: bool = False, as_float: bool = False) -> Number:
    return Number(
        integer=integer,
        as_float=as_float,
        minimum=argument.minimum,
        maximum=argument.maximum,
        exclusive_minimum=argument.exclusive_minimum,
        exclusive_maximum=argument.exclusive_maximum,
    )


_SIMPLE: dict[str, Field] = {
    "boolean": Boolean(),
    "text": Text(),
    "list": ListOf(Anything()),
    "mapping": MapOf(Anything()),
    "any": Anything(),
    "null": Null(),
}
