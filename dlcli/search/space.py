"""The inputs that are searched, between which bounds, and the table that a point becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.cells import parse_dates
from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.reading import FALSE_WORDS, TRUE_WORDS
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.table import Origin, Table
from dlcli.errors import UsageError
from dlcli.spec.problems import closest, did_you_mean, join_names, suggest

Kind = Literal["number", "integer", "category", "boolean"]
Points = NDArray[np.float64]
"""[points, variables]: numbers in the file's unit, 0/1, or category codes."""

BOOLEANS = ("false", "true")


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An input that is searched."""

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    choices: tuple[int, ...] = ()
    """Codes that a category or boolean may take."""
    labels: tuple[str, ...] = ()
    """What the codes stand for."""
    trained: tuple[float, float] | None = None
    """Smallest and largest training value of a number."""
    is_given: bool = False
    """Whether the bounds are the user's rather than the training range."""

    @property
    def levels(self) -> int:
        """How many values it can take; 0 where it is continuous."""
        if self.kind == "number":
            return 0
        return len(self.choices) if self.choices else round(self.high - self.low) + 1

    @property
    def extrapolates(self) -> bool:
        """Tell whether the bounds reach beyond the training range."""
        return self.trained is not None and (
            self.low < self.trained[0] or self.high > self.trained[1]
        )

    def to_json(self) -> dict[str, Any]:
        """Return what is searched as JSON values."""
        if self.choices:
            return {"kind": self.kind, "choices": [self.labels[code] for code in self.choices]}
        return {"kind": self.kind, "low": self.low, "high": self.high}


@dataclass(frozen=True, kw_only=True)
class Space:
    """The searched inputs beside the fixed ones."""

    columns: tuple[InputColumn, ...]
    """The run's input columns, in order."""
    variables: tuple[Variable, ...]
    fixed: Mapping[str, Any]
    """Number, category code (int) or 0/1 by input; the text of a date or text input."""

    @cached_property
    def levels(self) -> NDArray[np.int64]:
        """Number of values of each variable; 0 where it is continuous."""
        return np.array([variable.levels for variable in self.variables], dtype=np.int64)

    @cached_property
    def is_ordered(self) -> NDArray[np.bool_]:
        """Tell which variables have neighbouring values."""
        return np.array([not v.choices for v in self.variables], dtype=bool)

    def decode(self, units: NDArray[np.float64]) -> Points:
        """Return the points of the unit cube [points, variables] in the file's units."""
        points = np.empty_like(units)
        for index, variable in enumerate(self.variables):
            unit = units[:, index]
            if not variable.levels:
                points[:, index] = variable.low + unit * (variable.high - variable.low)
                # Rounding must not step over a bound.
                np.clip(points[:, index], variable.low, variable.high, out=points[:, index])
                continue
            steps = np.clip(np.floor(unit * variable.levels), 0, variable.levels - 1)
            if variable.choices:
                points[:, index] = np.array(variable.choices)[steps.astype(np.int64)]
            else:
                points[:, index] = variable.low + steps
        return points

    def encode(self, points: Points) -> NDArray[np.float64]:
        """Return where points lie in the unit cube; what is outside the bounds moves to them."""
        units = np.empty_like(points)
        for index, variable in enumerate(self.variables):
            values = points[:, index]
            if not variable.levels:
                width = variable.high - variable.low
                units[:, index] = (values - variable.low) / width if width else 0.5
            elif variable.choices:
                steps = np.array(variable.choices)
                nearest = np.abs(values[:, None] - steps[None, :]).argmin(axis=1)
                units[:, index] = (nearest + 0.5) / variable.levels
            else:
                units[:, index] = (np.round(values - variable.low) + 0.5) / variable.levels
        return np.clip(units, 0.0, 1.0)

    def values(self, points: Points) -> dict[str, NDArray[np.float64]]:
        """Return numbers, 0/1 and category codes by input, searched and fixed [points]."""
        found = {variable.name: points[:, i] for i, variable in enumerate(self.variables)}
        for name, value in self.fixed.items():
            if not isinstance(value, str):
                found[name] = np.full(len(points), float(value))
        return {
            c.settings.name: found[c.settings.name]
            for c in self.columns
            if c.settings.name in found
        }

    def table(self, points: Points) -> Table:
        """Return points as the rows of a table that the run can predict."""
        values = self.values(points)
        arrays = {
            column.settings.name: _cells(
                column,
                values.get(column.settings.name),
                self.fixed.get(column.settings.name),
                len(points),
            )
            for column in self.columns
        }
        origin = Origin(path=Path("the search"), first_row=1, num_rows=len(points), unit="point")
        return Table.from_arrow(pa.table(arrays), origin)

    def label(self, name: str, value: float) -> Any:
        """Return a value as the file writes it: a number, true or false, or a category."""
        column = next(c for c in self.columns if c.settings.name == name)
        if isinstance(column, CategoryInput):
            code = int(value)
            return column.categories[code] if code >= 0 else None
        if isinstance(column, BooleanInput):
            return bool(value)
        return int(value) if float(value).is_integer() else float(value)


def build_space(
    preprocessing: Preprocessing,
    *,
    bounds: Sequence[str] = (),
    fixed: Sequence[str] = (),
    integers: Sequence[str] = (),
) -> Space:
    """Read the bounds, `NAME=LOW:HIGH` or `NAME=one,other`, and the fixed inputs `NAME=VALUE`.

    Without bounds an input is searched over its training range. Raises UsageError.
    """
    columns = {column.settings.name: column for column in preprocessing.input_columns}
    given = _by_name(bounds, "--bounds", preprocessing)
    held = _by_name(fixed, "--fix", preprocessing)
    for name in integers:
        _check_input(name, "--integer", preprocessing)
        if not isinstance(columns[name], NumberInput):
            raise UsageError(f"--integer {name}: the input holds {_kind_text(columns[name])}")
    for name in held:
        if name in given or name in integers:
            other = "--bounds" if name in given else "--integer"
            raise UsageError(f"{name!r} is in both --fix and {other}", hint="keep one of them")
    values = {name: _fixed_value(columns[name], text) for name, text in held.items()}
    variables = tuple(
        _variable(column, given.get(name), is_integer=name in integers)
        for name, column in columns.items()
        if name not in held
    )
    return Space(columns=tuple(columns.values()), variables=variables, fixed=values)


def _by_name(texts: Sequence[str], option: str, preprocessing: Preprocessing) -> dict[str, str]:
    found: dict[str, str] = {}
    names = preprocessing.needed_columns
    for text in texts:
        # A column's name may hold an equals sign itself.
        known = [name for name in names if text.startswith(f"{name}=")]
        name = max(known, key=len) if known else text.partition("=")[0]
        value = text[len(name) + 1 :].strip()
        if not value:
            raise UsageError(
                f"{option} {text}: expected NAME=VALUE",
                hint=f"e.g. {option} {names[0]}={'LOW:HIGH' if option == '--bounds' else 'VALUE'}",
            )
        _check_input(name, f"{option} {text}", preprocessing)
        if name in found:
            raise UsageError(f"{option} names {name!r} twice", hint="keep one of them")
        found[name] = value
    return found


def _check_input(name: str, context: str, preprocessing: Preprocessing) -> None:
    names = preprocessing.needed_columns
    if name in names:
        return
    if name in (target.name for target in preprocessing.targets):
        raise UsageError(
            f"{context}: {name!r} is a target of the run, not an input",
            hint=f"a limit on a prediction is a condition: --subject-to '{name} <= 100'",
        )
    raise UsageError(f"{context}: the run has no input {name!r}", hint=suggest(name, names))


def _variable(column: InputColumn, text: str | None, *, is_integer: bool) -> Variable:
    name = column.settings.name
    if isinstance(column, NumberInput):
        return _number(column, text, is_integer=is_integer)
    if isinstance(column, BooleanInput):
        codes = (
            (0, 1)
            if text is None
            else tuple(
                dict.fromkeys(
                    _boolean(name, item.strip(), f"--bounds {name}={text}")
                    for item in text.split(",")
                )
            )
        )
        return Variable(
            name=name, kind="boolean", choices=codes, labels=BOOLEANS, is_given=text is not None
        )
    if isinstance(column, CategoryInput):
        codes = tuple(range(len(column.categories)))
        if text is not None:
            codes = _choices(column, text)
        return Variable(
            name=name,
            kind="category",
            choices=codes,
            labels=column.categories,
            is_given=text is not None,
        )
    raise UsageError(
        f"input {name!r} holds {_kind_text(column)}, which cannot be searched",
        hint=f"hold it at one value: --fix {name}=VALUE",
    )


def _number(column: NumberInput, text: str | None, *, is_integer: bool) -> Variable:
    name, trained = column.settings.name, (column.minimum, column.maximum)
    low, high = trained if text is None else _low_high(name, text)
    kind: Kind = "integer" if is_integer else "number"
    if is_integer:
        low, high = float(np.ceil(low)), float(np.floor(high))
        if low > high:
            shown = f"{trained[0]:g}:{trained[1]:g}" if text is None else text
            raise UsageError(f"--integer {name}: no whole number lies between {shown}")
    return Variable(
        name=name, kind=kind, low=low, high=high, trained=trained, is_given=text is not None
    )


def _low_high(name: str, text: str) -> tuple[float, float]:
    context = f"--bounds {name}={text}"
    parts = [_number_in(part) for part in text.split(":")]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        one = len(parts) == 1 and parts[0] is not None
        hint = f"one value alone is --fix {name}={text}" if one else f"e.g. --bounds {name}=0:10"
        raise UsageError(f"{context}: expected LOW:HIGH, two numbers", hint=hint)
    low, high = parts[0], parts[1]
    if low > high:
        raise UsageError(
            f"{context}: the lower bound {low:g} is above the upper bound {high:g}",
            hint=f"write --bounds {name}={high:g}:{low:g}",
        )
    return low, high


def _number_in(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) and "_" not in text else None


def _choices(column: CategoryInput, text: str) -> tuple[int, ...]:
    # A category that holds a comma itself is meant when the whole text names it.
    listed = [text] if text in column.categories else [item.strip() for item in text.split(",")]
    context = f"--bounds {column.settings.name}={text}"
    return tuple(dict.fromkeys(_code(column, item, context) for item in listed))


def _code(column: CategoryInput, text: str, context: str) -> int:
    if text in column.categories:
        return column.categories.index(text)
    near = closest(text, column.categories)
    known = join_names(column.categories)
    raise UsageError(
        f"{context}: {text!r} is no category of input {column.settings.name!r}",
        hint=did_you_mean(text, near) if near is not None else f"training knows {known}",
    )


def _boolean(name: str, text: str, context: str) -> int:
    if text.casefold() in TRUE_WORDS | FALSE_WORDS:
        return int(text.casefold() in TRUE_WORDS)
    raise UsageError(f"{context}: input {name!r} is true or false, got {text!r}")


def _fixed_value(column: InputColumn, text: str) -> Any:
    name, context = column.settings.name, f"--fix {column.settings.name}={text}"
    if isinstance(column, NumberInput):
        number = _number_in(text)
        if number is None:
            raise UsageError(f"{context}: expected a number, got {text!r}")
        return number
    if isinstance(column, BooleanInput):
        return _boolean(name, text, context)
    if isinstance(column, CategoryInput):
        return _code(column, text, context)
    if column.settings.type == "date" and not _is_date(text, column.settings.format):
        written = column.settings.format or "2024-12-31"
        raise UsageError(f"{context}: expected a date written like {written}, got {text!r}")
    return text


def _is_date(text: str, written: str | None) -> bool:
    return not len(parse_dates(pa.chunked_array([[text]]), written)[1])


def _kind_text(column: InputColumn) -> str:
    kinds = {"category": "categories", "boolean": "true and false", "date": "dates"}
    return kinds.get(column.settings.type, column.settings.type)


def _cells(
    column: InputColumn, values: NDArray[np.float64] | None, fixed: Any, num_rows: int
) -> pa.Array:
    if values is None:
        return pa.array([fixed] * num_rows, pa.string())
    if isinstance(column, CategoryInput):
        return pa.array(column.categories, pa.string()).take(pa.array(values.astype(np.int64)))
    if isinstance(column, BooleanInput):
        return pa.array(values != 0)
    return pa.array(values)
