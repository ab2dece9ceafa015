"""Bounds and fixed inputs as the user writes them, to the space that is searched."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dlcli.data.cells import parse_dates
from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.reading import FALSE_WORDS, TRUE_WORDS
from dlcli.data.preprocessing import Preprocessing
from dlcli.errors import UsageError
from dlcli.search.space import BOOLEANS, Kind, Space, Variable
from dlcli.spec.problems import closest, did_you_mean, join_names, suggest


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
