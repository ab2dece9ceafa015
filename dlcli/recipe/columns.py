"""What becomes of each input column: how it is read, or why it is left out."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from dlcli.data.column_profile import ColumnProfile
from dlcli.data.suspects import Marker, has_id_name
from dlcli.recipe.text import flow, say
from dlcli.spec.layers import FEATURES

MOST_CATEGORIES = 50
"""Up to this many categories become a feature each, whatever the number of rows."""
MOST_FREQUENT_CATEGORIES = 500
"""Up to this many do where each has `ROWS_PER_CATEGORY` rows on average."""
ROWS_PER_CATEGORY = 20
ROWS_PER_VECTOR = 2
MOST_VECTORS = 20_000
"""More categories become learnt vectors up to this many, of so many rows on average, where the target
is seen to depend on them."""
FEWEST_SEEN = 15
"""A category of fewer rows may be absent from the training part: 0.7 ** 15 is 0.5 %."""
FEWEST_EMBEDDED = 3
"""Of fewer categories, a feature says as much as a vector."""
MOST_DROPPED_SHARE = 0.05
"""Rows without a date are dropped up to this share; above it dates are filled."""

_CODE_NAME = re.compile(
    r"(?i)(?:^|[\W_])(station|store|shop|zip|zipcode|postal|region|district|zone|code|category|"
    r"group|cluster|sector|dept|department|branch|segment|country|state|city)s?(?:$|[\W_])"
)


@dataclass(frozen=True, kw_only=True)
class InputPlan:
    """One column of the table that is no target."""

    name: str
    is_input: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    """What stands under `columns`, in YAML values."""
    reason: str = ""
    """Why, for the comment."""
    doubtful: tuple[Marker, ...] = ()
    """Cells that perhaps mean missing, which the user should decide."""
    is_text: bool = False
    is_number: bool = False
    """Whether it gives numbers of any size, not only 0 and 1."""
    words: int = 0
    categories: int = 0
    """How many categories it has, where it is none of numbers and no boolean."""
    is_embedded: bool = False
    """Whether each category becomes a learnt vector, instead of a feature of 0 and 1."""
    has_rare: bool = False
    """Whether a category has so few rows that training may not see it."""
    crowd: "InputPlan | None" = None
    """As what a column is read that was left out for its many categories, should they tell much."""


def plan_input(column: ColumnProfile, num_rows: int) -> InputPlan:
    """Decide what becomes of a column."""
    reason = _why_not(column, num_rows)
    if reason:
        is_text = column.nature == "text"
        return InputPlan(
            name=column.name,
            is_input=False,
            reason=reason,
            is_text=is_text,
            words=column.words or 0,
            crowd=_plan_category(column) if _is_crowd(column, num_rows) else None,
        )
    if column.type == "number" and not _holds_codes(column, num_rows):
        return _plan_number(column)
    if column.type == "date":
        return _plan_date(column, num_rows)
    return _plan_category(column)


_FEATURE_EACH = ", a feature for each"


def embed_categories(plan: InputPlan) -> InputPlan:
    """Give every category of a column a learnt vector; two of them stay a feature each.

    So do those of a column that is named like the input of all numbers, which its own would hide.
    """
    if not plan.is_input or plan.categories < FEWEST_EMBEDDED or plan.name == FEATURES:
        return plan
    about = f"a learnt vector for each of {plan.categories} categories"
    known = [plan.reason.replace(_FEATURE_EACH, "")] if plan.reason else []
    return replace(
        plan,
        settings={**plan.settings, "encode": "ordinal"},
        reason="; ".join([*known, about]),
        is_embedded=True,
    )


def plan_text(plan: InputPlan, *, vocabulary: int) -> InputPlan:
    """Turn a text column that was left out into an input of its own."""
    length = int(min(max(10, plan.words), 300))
    return InputPlan(
        name=plan.name,
        settings={"type": "text", "vocabulary": vocabulary, "length": length},
        reason=f"the {vocabulary:,} most frequent words are known; texts are cut at {length} words",
        is_text=True,
        words=plan.words,
    )


def _why_not(column: ColumnProfile, num_rows: int) -> str:
    """Return why a column is no input, or nothing."""
    if column.nature == "constant" and column.missing and column.type != "number":
        return ""  # Whether the cell is filled may tell something.
    if column.nature == "text":
        return f"free text, up to {column.words} words; `type: text` would need an Embedding"
    if column.nature == "identifier" and column.distinct * 2 <= num_rows - column.missing:
        return f"{column.distinct:,} different texts are too many for one feature each"
    if column.nature is not None:
        reasons = {
            "empty": "has no value",
            "constant": "is the same in every row",
            "row number": "only numbers the rows",
            "identifier": "looks like an identifier: hardly any value repeats",
        }
        return reasons[column.nature]
    if column.type == "category" and column.distinct > MOST_CATEGORIES:
        is_frequent = column.distinct * ROWS_PER_CATEGORY <= num_rows
        if column.distinct > MOST_FREQUENT_CATEGORIES or not is_frequent:
            return f"{column.distinct:,} categories in {num_rows:,} rows are too many to learn"
    return ""


def _is_crowd(column: ColumnProfile, num_rows: int) -> bool:
    """Tell whether a column left out holds categories of some rows each, which a vector could tell."""
    is_left_out_for_it = column.nature in (None, "identifier") and column.type == "category"
    is_seen_again = column.distinct * ROWS_PER_VECTOR <= num_rows
    return is_left_out_for_it and is_seen_again and column.distinct <= MOST_VECTORS


def _holds_codes(column: ColumnProfile, num_rows: int) -> bool:
    """Tell whether whole numbers are names, such as 1 to 25 for stations."""
    if not column.is_whole or column.unreadable or any(m.text[:1] == "-" for m in column.markers):
        return False
    is_named = has_id_name(column.name) or bool(_CODE_NAME.search(column.name))
    is_few = 3 <= column.distinct <= MOST_CATEGORIES and column.distinct * 10 <= num_rows
    return is_named and is_few


def _plan_number(column: ColumnProfile) -> InputPlan:
    settings: dict[str, Any] = {}
    reasons = []
    markers = [marker for marker in column.markers if marker.is_certain]
    if markers:
        settings["missing_values"] = [number_or_text(marker.text) for marker in markers]
        reasons += [say_marker(marker) for marker in markers]
    if column.unreadable:
        settings["unreadable"] = "missing"
        reasons.append(f"{_cells(column.unreadable)} no number ({say(column.first_unreadable)})")
    if column.missing:
        reasons.append(f"{_cells(column.missing)} empty")
    if settings or column.missing:
        settings["missing"] = "median"
    return InputPlan(
        name=column.name,
        settings=settings,
        reason=f"{join_words(reasons)}; the median is put there" if reasons else "",
        doubtful=tuple(marker for marker in column.markers if not marker.is_certain),
        is_number=True,
    )


def _plan_date(column: ColumnProfile, num_rows: int) -> InputPlan:
    settings: dict[str, Any] = {}
    reasons = [f"{column.minimum} to {column.maximum}"]
    if column.date_format is not None:
        settings |= {"type": "date", "format": column.date_format}
    if any(" " in str(value) for value in (column.minimum, column.median, column.maximum)):
        settings["parts"] = ["year", "month", "day", "weekday", "hour"]
    markers = [marker.text for marker in column.markers]
    if markers:
        settings["missing_values"] = markers
    if column.unreadable:
        settings["unreadable"] = "missing"
        reasons.append(f"{_cells(column.unreadable)} no date ({say(column.first_unreadable)})")
    lacking = column.missing + column.unreadable + sum(m.count for m in column.markers)
    if lacking:
        is_rare = lacking <= MOST_DROPPED_SHARE * num_rows
        settings["missing"] = "drop" if is_rare else "median"
        what = "their rows are dropped" if is_rare else "the median is put there"
        reasons.append(f"{_cells(lacking)} missing, {what}")
    return InputPlan(
        name=column.name,
        settings=settings,
        reason="; ".join(reasons) if settings else "",
        is_number=True,
    )


def _plan_category(column: ColumnProfile) -> InputPlan:
    settings: dict[str, Any] = {}
    reasons = []
    has_gaps = bool(column.missing or column.markers)
    if column.type == "number":
        settings["type"] = "category"
        reasons.append(f"{column.distinct} whole numbers that look like names{_FEATURE_EACH}")
    if column.markers:
        settings["missing_values"] = [marker.text for marker in column.markers]
        reasons += [say_marker(marker) for marker in column.markers]
    if column.missing:
        reasons.append(f"{_cells(column.missing)} empty")
    if has_gaps:
        settings |= {"type": "category", "missing": {"constant": "missing"}}
        reasons.append("missing is a category of its own")
    rare = column.rarest is not None and column.rarest < FEWEST_SEEN
    return InputPlan(
        name=column.name,
        settings=dict(sorted(settings.items(), key=lambda item: item[0] != "type")),
        reason="; ".join(reasons),
        categories=0 if column.type == "boolean" else column.distinct + int(has_gaps),
        has_rare=rare and column.type != "boolean",
    )


def say_marker(marker: Marker) -> str:
    """Tell in words how many cells hold what probably means missing."""
    shown = say(flow(number_or_text(marker.text)), most=30)
    return (
        f"one cell holds {shown}" if marker.count == 1 else f"{marker.count:,} cells hold {shown}"
    )


def number_or_text(marker: str) -> float | str:
    """Return a marker as YAML would write it: a number where it is one."""
    try:
        number = float(marker)
    except ValueError:
        return marker
    return int(number) if number.is_integer() else marker


def join_words(words: list[str]) -> str:
    """Join with commas and a final 'and'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _cells(count: int) -> str:
    return "one cell is" if count == 1 else f"{count:,} cells are"
