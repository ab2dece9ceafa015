"""Bars: what a measurement must reach."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Spread, format_number, format_range, format_table


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One promise beside its measurement."""

    what: str
    bound: float
    measured: Spread | None
    """None where it was not measured."""
    unit: str = "times"
    at_least: bool = True

    @property
    def is_met(self) -> bool | None:
        """Tell whether the median is within the bound; None where nothing was measured."""
        if self.measured is None:
            return None
        value = self.measured.median
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one group of measurements prints and promises."""

    markdown: str
    bars: tuple[Bar, ...] = ()
    samples: object = None
    """Every sample, as JSON values."""


def format_bars(bars: Sequence[Bar]) -> str:
    """Format the bars as a Markdown table."""
    return format_table(
        ["bar", "bound", "measured, median (range)", "met"], [_row(bar) for bar in bars]
    )


def _row(bar: Bar) -> list[str]:
    sign = "≥" if bar.at_least else "≤"
    bound = f"{sign} {_value(bar.bound, bar.unit)}"
    if bar.measured is None:
        return [bar.what, bound, "not measured", ""]
    found = bar.measured
    measured = f"{_value(found.median, bar.unit)} ({format_range(found)})"
    return [bar.what, bound, measured, "yes" if bar.is_met else "**no**"]


def _value(value: float, unit: str) -> str:
    return f"{format_number(value)} {unit}"
