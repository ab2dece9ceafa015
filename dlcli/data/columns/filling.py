"""What takes the place of a missing cell: the policy's value, from the training part."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.cells import cell_text, parse_dates
from dlcli.data.columns.reading import FALSE_WORDS, TRUE_WORDS, ReadColumn
from dlcli.data.columns.settings import ColumnSettings, column_hint
from dlcli.errors import DataError
from dlcli.spec.data import ConstantPolicy

STATISTICS = {
    "number": ("mean", "median", "mode"),
    "date": ("mean", "median", "mode"),
    "boolean": ("mode",),
    "category": ("mode",),
    "text": (),
    "image": (),
}
"""The statistics that a column of each type has; every type can be filled with a constant."""


def fills(settings: ColumnSettings) -> bool:
    """Tell whether the policy puts a value in the place of a missing cell."""
    return settings.missing not in ("error", "drop")


def check_policy(settings: ColumnSettings) -> None:
    """Raise DataError when the missing policy gives no value that this type of column can hold."""
    if not fills(settings):
        return
    name, kind = settings.name, settings.type
    article = "an" if kind == "image" else "a"
    if isinstance(settings.missing, ConstantPolicy):
        if fill_constant(settings) is None:
            raise DataError(
                f"column {name!r} is {article} {kind} column: its missing cells cannot become "
                f"{settings.missing.constant!r}",
                hint=_own_policy(settings),
            )
    elif settings.missing not in STATISTICS[kind]:
        raise DataError(
            f"column {name!r} is {article} {kind} column: it has no {settings.missing} to take the place "
            "of its missing cells",
            hint=_own_policy(settings),
        )


def fit_fill(settings: ColumnSettings, read: ReadColumn) -> float | str | None:
    """Return the value for missing cells: a number, microseconds, 0/1, or a text; None for none.

    `read` holds the training rows. A policy of the whole table that this column cannot follow
    gives None: `settle` has seen to it that no cell needs it.
    """

    def statistic(policy: str) -> float | str | None:
        values = read.values[read.valid]
        if not values.size:
            return None
        if settings.type in ("category", "text"):
            return _commonest_name(values, read.names)
        return _statistic(values, policy, whole=settings.type == "date")

    return choose_fill(settings, statistic)


def choose_fill(
    settings: ColumnSettings, statistic: Callable[[str], float | str | None]
) -> float | str | None:
    """Return what `fit_fill` does; `statistic` gives a policy's value, None where there is none."""
    if not fills(settings):
        return None
    try:
        check_policy(settings)
    except DataError:
        if settings.missing_is_own:
            raise
        return None
    if isinstance(settings.missing, ConstantPolicy):
        return fill_constant(settings)
    value = statistic(str(settings.missing))
    if value is None:
        raise DataError(
            f"column {settings.name!r} has no value in the training part, so no {settings.missing}",
            hint=f"leave it out with `drop`, or set `{_constant_hint(settings)}`",
        )
    return value


def no_value(settings: ColumnSettings) -> DataError:
    """Build the error for a column without a value in the training part."""
    return DataError(
        f"column {settings.name!r} has no value in the training part",
        hint="leave it out with `drop`",
    )


def tells_missing(settings: ColumnSettings, read: ReadColumn) -> bool:
    """Tell whether a column gets a feature for its missing cells; `read` holds the training rows."""
    return settings.missing_indicator and bool(read.missing.any())


def indicator_names(settings: ColumnSettings, *, has_indicator: bool) -> tuple[str, ...]:
    """Return the name of the feature that tells where cells were missing, if there is one."""
    return (f"{settings.name}=missing",) if has_indicator else ()


def with_indicator(
    features: NDArray[np.float32], read: ReadColumn, *, has_indicator: bool
) -> NDArray[np.float32]:
    """Put the feature that tells where cells were missing after the others, [rows, features]."""
    if not has_indicator:
        return features
    return np.hstack([features, read.missing.astype(np.float32)[:, None]])


def fill_constant(settings: ColumnSettings) -> float | str | None:
    """Return the policy's constant as the column's type reads it, or None when it cannot."""
    assert isinstance(settings.missing, ConstantPolicy)
    if settings.type == "image":
        return None
    text = cell_text(settings.missing.constant)
    if settings.type in ("category", "text"):
        return text
    if settings.type == "date":
        dates, bad = parse_dates(pa.chunked_array([[text]]), settings.format)
        return None if len(bad) else float(dates.astype(np.int64)[0])
    if settings.type == "boolean":
        word = text.casefold()
        return 1.0 if word in TRUE_WORDS else 0.0 if word in FALSE_WORDS else None
    constant = settings.missing.constant
    return float(constant) if isinstance(constant, int | float) else None


def _statistic(values: NDArray[np.float64], policy: str, *, whole: bool) -> float:
    if policy == "mode":
        distinct, counts = np.unique(values, return_counts=True)
        return float(distinct[counts.argmax()])
    value = float(values.mean() if policy == "mean" else np.median(values))
    return float(round(value)) if whole else value


def _commonest_name(codes: NDArray[np.int32], names: tuple[str, ...]) -> str:
    counts = np.bincount(codes, minlength=len(names))
    return min(name for name, count in zip(names, counts, strict=True) if count == counts.max())


def _own_policy(settings: ColumnSettings) -> str:
    statistics = STATISTICS[settings.type]
    best = "median" if "median" in statistics else "mode" if statistics else None
    if settings.type == "image":
        return f"nothing can stand in for an image: `{column_hint(settings.name, missing='drop')}`"
    words = [] if best is None else [f"`{column_hint(settings.name, missing=best)}`"]
    words.append(f"`{_constant_hint(settings)}`")
    words.append(f"`{column_hint(settings.name, missing='drop')}`")
    return f"give the column a policy of its own: {', '.join(words[:-1])} or {words[-1]}"


def _constant_hint(settings: ColumnSettings) -> str:
    examples = {
        "number": 0,
        "boolean": "false",
        "category": "unknown",
        "date": "2000-01-01",
        "text": "none",
    }
    return column_hint(settings.name, missing={"constant": examples[settings.type]})
