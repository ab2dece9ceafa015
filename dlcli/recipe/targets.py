"""What each target is: a number or classes, and which rows have none."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from dlcli.data.cells import to_text
from dlcli.data.column_profile import ColumnProfile
from dlcli.data.columns.category import sort_names
from dlcli.data.columns.reading import empty_missing
from dlcli.data.profile import TableProfile, format_extent
from dlcli.data.suspects import MISSING_WORDS, Marker
from dlcli.data.table import Table
from dlcli.errors import DataError
from dlcli.recipe.columns import join_words, number_or_text
from dlcli.recipe.text import say

MOST_CLASSES = 200
FEWEST_PER_CLASS = 10
"""Smaller classes cannot be shared out among training, validation and test part."""
MOST_CODED_CLASSES = 10

_CLASS_NAME = re.compile(r"(?i)(^|[\W_])(class|label|target|species|kind|category|type|diagnosis)$")
_NO_CLASSES = MISSING_WORDS - {"unknown", "missing", "undefined"}


@dataclass(frozen=True, kw_only=True)
class TargetPlan:
    """One target."""

    name: str
    task: Literal["number", "binary", "classes"]
    classes: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    """What stands under `columns`, in YAML values."""
    reason: str = ""
    """Why these settings, for the comment."""
    about: str
    """What is predicted, in words."""
    is_stratified: bool = False
    rare_class: str = ""
    """The rarest class with its share, where that is small."""
    also: str = ""
    """How to make it classes, where the numbers could be such."""


def plan_target(profile: TableProfile, table: Table, name: str) -> TargetPlan:
    """Decide what a target is; raises DataError for a column that cannot be one."""
    column = profile.column(name)
    _check_can_be_predicted(column)
    markers = [marker for marker in column.markers if _means_missing(marker, column)]
    settings, reason = _drop_settings(column, markers)
    if column.type == "number" and not _is_coded_class(column):
        low, middle, high = map(format_extent, (column.minimum, column.median, column.maximum))
        return TargetPlan(
            name=name,
            task="number",
            settings=settings,
            reason=reason,
            about=f"a number from {low} to {high}, half of them up to {middle}",
            also=_how_to_classify(column),
        )
    counts = _class_counts(table, name, [marker.text for marker in markers])
    return _plan_classes(column, counts, settings, reason)


def _check_can_be_predicted(column: ColumnProfile) -> None:
    name = column.name
    if column.nature == "empty":
        raise DataError(f"target {name!r} has no value")
    if column.nature == "constant" and column.type != "boolean":
        value = column.minimum if column.minimum is not None else column.top[0][0]
        shown = format_extent(value) if isinstance(value, float) else value
        raise DataError(f"target {name!r} is {shown} in every row: there is nothing to learn")
    if column.type == "date":
        raise DataError(
            f"target {name!r} is a date column; a target holds numbers or classes",
            hint="turn it into a number in the file, e.g. the days until then",
        )
    if column.nature in ("identifier", "text"):
        raise DataError(
            f"target {name!r} cannot be predicted: it {_say_nature(column)}",
            hint="name the column that holds what you want to know of a new row",
        )
    if column.type == "category" and column.distinct > MOST_CLASSES:
        raise DataError(f"target {name!r} has {column.distinct:,} classes: too many to learn")


def _say_nature(column: ColumnProfile) -> str:
    if column.nature == "text":
        return "holds free text"
    return "looks like an identifier, hardly any value of which repeats"


def _means_missing(marker: Marker, column: ColumnProfile) -> bool:
    if column.type == "number":
        return marker.is_certain and marker.text != "-1"
    return marker.text.strip().casefold() in _NO_CLASSES


def _drop_settings(column: ColumnProfile, markers: list[Marker]) -> tuple[dict[str, Any], str]:
    settings: dict[str, Any] = {}
    lacking = column.missing + column.unreadable + sum(marker.count for marker in markers)
    if not lacking:
        return {}, ""
    if markers:
        settings["missing_values"] = [number_or_text(marker.text) for marker in markers]
    if column.unreadable:
        settings["unreadable"] = "drop"
    settings["missing"] = "drop"
    shown = "one row has" if lacking == 1 else f"{lacking:,} rows have"
    return settings, f"{shown} no target and cannot be learnt from"


def _is_coded_class(column: ColumnProfile) -> bool:
    """Tell whether numbers are classes: two of them, or codes under a name that says so."""
    if column.distinct <= 2:
        return True
    low, high = column.minimum, column.maximum
    assert isinstance(low, float)
    assert isinstance(high, float)
    is_coded = column.is_whole and low in (0.0, 1.0) and high - low + 1 == column.distinct
    is_few = column.distinct <= MOST_CODED_CLASSES
    return is_coded and is_few and bool(_CLASS_NAME.search(column.name.strip()))


def _how_to_classify(column: ColumnProfile) -> str:
    if column.nature == "row number":
        return "the numbers of the rows, in order: is it what you want to know of a new row?"
    if not column.is_whole or column.distinct > MOST_CODED_CLASSES:
        return ""
    return (
        f"only {column.distinct} different whole numbers: for classes end in "
        f"Dense: {{units: {column.distinct}, activation: softmax}}, with "
        "loss: sparse_categorical_crossentropy and without target_scale"
    )


def _class_counts(table: Table, name: str, markers: list[str]) -> dict[str, int]:
    column = empty_missing(table.column(name), tuple(markers)).drop_null()
    counted = to_text(column).value_counts()
    texts, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return dict(zip(texts, counts, strict=True))


def _plan_classes(
    column: ColumnProfile, counts: dict[str, int], settings: dict[str, Any], reason: str
) -> TargetPlan:
    names = sort_names(set(counts))
    if len(names) < 2:
        raise DataError(f"target {column.name!r} has one class, {names[0]!r}: nothing to learn")
    rarest = min(names, key=lambda name: counts[name])
    is_stratified = counts[rarest] >= FEWEST_PER_CLASS
    if not is_stratified:
        # Written out, a class that is in no training row is still a class.
        settings = {"type": "category", **settings, "categories": [*map(number_or_text, names)]}
        rows = "row" if counts[rarest] == 1 else "rows"
        few = f"the class {say(repr(rarest))} has {counts[rarest]} {rows}: listed lest it be lost"
        reason = join_words([text for text in (reason, few) if text])
    share = counts[rarest] / sum(counts.values())
    shown = ", ".join(say(name, most=20) for name in names[:4])
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return TargetPlan(
        name=column.name,
        task="binary" if len(names) == 2 else "classes",
        classes=names,
        settings=settings,
        reason=reason,
        about=f"one of {len(names)} classes: {shown}{more}",
        is_stratified=is_stratified,
        rare_class=f"{say(rarest, most=20)} is {share:.0%} of the rows" if share < 0.2 else "",
    )
