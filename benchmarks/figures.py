"""Samples to medians, ratios and Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median of some samples, with the least and the greatest."""

    median: float
    least: float
    greatest: float


def spread(samples: Sequence[float]) -> Spread:
    """Summarize samples; there must be one."""
    return Spread(median=median(samples), least=min(samples), greatest=max(samples))


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Summarize the ratios of paired samples."""
    pairs = zip(numerators, denominators, strict=True)
    return spread([numerator / denominator for numerator, denominator in pairs])


def differences(minuends: Sequence[float], subtrahends: Sequence[float]) -> Spread:
    """Summarize the differences of paired samples."""
    return spread([a - b for a, b in zip(minuends, subtrahends, strict=True)])


def alternate(items: Sequence[Any], pair: int) -> list[Any]:
    """Return the order in which one pair runs the items: every other pair backwards."""
    return list(items) if pair % 2 == 0 else list(reversed(items))


def format_number(value: float) -> str:
    """Format with three significant digits and no exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:#.3g}"


def format_ratio(ratio: Spread) -> str:
    """Format a ratio with its range."""
    return f"{format_number(ratio.median)}x ({format_range(ratio)})"


def format_range(samples: Spread) -> str:
    """Format the least and the greatest sample."""
    return f"{format_number(samples.least)} to {format_number(samples.greatest)}"


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table, its columns aligned; missing cells are empty."""
    lines = [[*line, *[""] * (len(header) - len(line))] for line in [header, *rows]]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(header))]
    formatted = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([formatted[0], rule, *formatted[1:]])
