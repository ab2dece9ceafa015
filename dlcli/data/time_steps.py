"""The step of a time column: found from its stamps, checked between them, and continued."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[Any]
"""int64 microseconds since 1970, or float64 numbers."""

REGULAR_SHARE = 0.5
"""From this share of equal distances on, they are the step and others are gaps."""

_NUMBER_TOLERANCE = 1e-6
"""Of the step: what rounding may do to numbers such as 0.1, 0.2, 0.3."""

_UNITS = {
    "day": 86_400_000_000,
    "hour": 3_600_000_000,
    "minute": 60_000_000,
    "second": 1_000_000,
    "millisecond": 1000,
    "microsecond": 1,
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far apart two time stamps in a row are."""

    months: int = 0
    """Calendar months, of different lengths; 0 where the step has one length."""
    month_ends: bool = False
    """Whether the stamps are the last days of their months."""
    amount: float = 0.0
    """Microseconds between dates, or the distance of numbers; 0 for months."""
    is_date: bool = True

    def __str__(self) -> str:
        if self.months:
            years, months = divmod(self.months, 12)
            return _counted(self.months, "month") if months else _counted(years, "year")
        if not self.is_date:
            return f"{self.amount:g}"
        return duration_text(self.amount)

    def are_next(self, stamps: Stamps) -> NDArray[np.bool_]:
        """Tell for every stamp but the first whether it comes one step after the one before."""
        if self.months:
            parts = _MonthParts.of(stamps, month_ends=self.month_ends)
            same = parts.within[1:] == parts.within[:-1]
            return np.asarray((np.diff(parts.months) == self.months) & same)
        distances = np.diff(stamps)
        if self.is_date:
            return np.asarray(distances == round(self.amount))
        return np.asarray(np.abs(distances - self.amount) <= _NUMBER_TOLERANCE * self.amount)

    def advance(self, stamp: float, steps: NDArray[np.int64]) -> Stamps:
        """Return the stamps that come `steps` steps after `stamp`."""
        if not self.months:
            stamps = stamp + steps * self.amount
            return np.rint(stamps).astype(np.int64) if self.is_date else np.asarray(stamps)
        parts = _MonthParts.of(np.array([stamp], np.int64), month_ends=self.month_ends)
        later = (parts.months + steps * self.months).astype("datetime64[M]")
        begin = later.astype("datetime64[us]")
        if self.month_ends:
            following = (later + np.timedelta64(1, "M")).astype("datetime64[D]")
            begin = (following - np.timedelta64(1, "D")).astype("datetime64[us]")
        return np.asarray(begin.astype(np.int64) + parts.within)

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**state)


def find_step(series: list[Stamps], *, is_date: bool) -> Step | None:
    """Return the step that most neighbouring stamps have, None where no distance is common.

    Every one of `series` rises, without repeats. Months count as one step whatever their days.
    """
    series = [stamps for stamps in series if len(stamps) > 1]
    if not series:
        return None
    if is_date and (months := _find_months(series)) is not None:
        return months
    distances = np.concatenate([np.diff(stamps) for stamps in series])
    if not is_date:
        # Rounding makes 0.30000000000000004 - 0.2 and 0.2 - 0.1 two distances.
        digits = 9 - int(np.floor(np.log10(np.median(distances))))
        distances = np.round(distances, digits)
    amounts, counts = np.unique(distances, return_counts=True)
    if counts.max() < REGULAR_SHARE * len(distances):
        return None
    return Step(amount=float(amounts[counts.argmax()]), is_date=is_date)


def duration_text(microseconds: float) -> str:
    """Return a length of time in the largest unit that counts it in whole numbers."""
    for unit, length in _UNITS.items():
        count = microseconds / length
        if count == int(count):
            return _counted(int(count), unit)
    return f"{microseconds:g} microseconds"


def stamp_text(stamp: float, *, is_date: bool, format: str | None = None) -> str:
    """Write a stamp as its column does: with `format`, else ISO 8601 or a plain number."""
    if not is_date:
        return str(int(stamp)) if float(stamp).is_integer() else repr(float(stamp))
    if format is not None:
        seconds, rest = divmod(int(stamp), 1_000_000)
        moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
        return moment.strftime(format)
    day, _, clock = str(np.datetime64(int(stamp), "us")).partition("T")
    if clock == "00:00:00.000000":
        return day
    clock = clock.removesuffix(".000000")
    return f"{day} {clock.removesuffix(':00') if clock.endswith(':00') else clock}"


@dataclass(frozen=True, kw_only=True)
class _MonthParts:
    """Stamps as months and the place in them; every array is [stamps]."""

    months: NDArray[np.int64]
    within: NDArray[np.int64]
    """Microseconds since the month's beginning, of its last day: since that day's beginning."""
    are_ends: bool

    @classmethod
    def of(cls, stamps: Stamps, *, month_ends: bool | None = None) -> Self:
        moments = stamps.astype("datetime64[us]")
        months, days = moments.astype("datetime64[M]"), moments.astype("datetime64[D]")
        last = (days + np.timedelta64(1, "D")).astype("datetime64[M]") != months
        are_ends = bool(last.all()) if month_ends is None else month_ends
        begin = months.astype("datetime64[us]")
        if are_ends:
            begin = np.where(last, days.astype("datetime64[us]"), begin)
        within = (moments - begin).astype(np.int64)
        return cls(months=months.astype(np.int64), within=within, are_ends=are_ends)


def _find_months(series: list[Stamps]) -> Step | None:
    parts = _MonthParts.of(np.concatenate(series))
    if (parts.within != parts.within[0]).any():
        return None
    distances = np.concatenate([np.diff(_MonthParts.of(each).months) for each in series])
    amounts, counts = np.unique(distances, return_counts=True)
    if amounts[0] == 0 or counts.max() < REGULAR_SHARE * len(distances):
        return None
    return Step(months=int(amounts[counts.argmax()]), month_ends=parts.are_ends)


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'s' * (count != 1)}"
