"""Preprocessing taken over from an earlier run, checked against the table that it now prepares."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dlcli.data.columns.targets import ClassTarget, TargetColumn
from dlcli.data.preprocessing import Preprocessing
from dlcli.errors import DataError
from dlcli.spec.problems import join_names

_HINT = "`init_from: {run: RUN, preprocessing: refit}` fits the preprocessing to these data instead"


def keep_preprocessing(fitted: Preprocessing, earlier: Preprocessing) -> Preprocessing:
    """Return what an earlier run knows of the columns, for the table that `fitted` was made of.

    The inputs must be the same columns of the same kinds. A target of the same name keeps its
    scale and its classes; another one is taken as fitted. Raises DataError for what differs.
    """
    new = {column.settings.name: column for column in fitted.input_columns}
    old = {column.settings.name: column for column in earlier.input_columns}
    differences = [
        *_listed([name for name in old if name not in new], "there and not here"),
        *_listed([name for name in new if name not in old], "here and not there"),
        *(
            f"{name!r} is a {_kind(old[name])} there and a {_kind(new[name])} here"
            for name in old
            if name in new and type(old[name]) is not type(new[name])
        ),
    ]
    if differences:
        raise DataError(
            "init_from: the inputs are not those of that run: " + join_names(differences, most=5),
            hint=f"name the same columns under data.inputs; {_HINT}",
        )
    targets = {column.settings.name: column for column in earlier.target_columns}
    return replace(
        fitted,
        input_columns=earlier.input_columns,
        target_columns=tuple(
            _target(column, targets.get(column.settings.name)) for column in fitted.target_columns
        ),
    )


def _listed(names: list[str], where: str) -> Iterator[str]:
    if names:
        shown = join_names([repr(name) for name in names], most=5)
        yield f"{shown} {'is' if len(names) == 1 else 'are'} {where}"


def _target(new: TargetColumn, old: TargetColumn | None) -> TargetColumn:
    if old is None:
        return new
    name = new.settings.name
    if type(old) is not type(new):
        raise DataError(
            f"init_from: target {name!r} is a {_kind(old)} there and a {_kind(new)} here",
            hint=_HINT,
        )
    if not isinstance(new, ClassTarget) or not isinstance(old, ClassTarget):
        return old
    unknown = [label for label in new.classes if label not in old.classes]
    if unknown:
        raise DataError(
            f"init_from: target {name!r} has classes that this run does not know: "
            f"{join_names(unknown, most=5)}; it knows {join_names(old.classes, most=5)}",
            hint=_HINT,
        )
    counts = dict(zip(new.classes, new.counts, strict=True))
    return replace(old, counts=tuple(counts.get(label, 0) for label in old.classes))


def _kind(column: Any) -> str:
    return type(column).__name__.removesuffix("Input").removesuffix("Target").lower()
