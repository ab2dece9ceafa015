"""Verdicts as tables for terminals and Markdown, and the error that a failed check ends in."""

from collections.abc import Sequence

from dlcli.checks.judging import Verdict
from dlcli.errors import CheckError
from dlcli.languages import spoken, spoken_each, translated
from dlcli.report import format_figure, format_table, markdown_table

_WORDS = {True: "met", False: "not met", None: "skipped"}
_HEADER = ("check", "value", "limit", "result")


def format_verdicts(verdicts: Sequence[Verdict]) -> str:
    """Lay out every check with what the run reached; a blank where there is nothing to compare."""
    return format_table(spoken_each(*_HEADER), [_row(verdict) for verdict in verdicts])


def markdown_verdicts(verdicts: Sequence[Verdict]) -> str:
    """Lay out every check as a Markdown table."""
    return markdown_table(spoken_each(*_HEADER), [_row(verdict) for verdict in verdicts])


def check_error(verdicts: Sequence[Verdict], *, where: str) -> CheckError | None:
    """Return the error that tells which checks fell short, None where all are met."""
    missed = [verdict for verdict in verdicts if verdict.is_met is False]
    if not missed:
        return None
    count = "the check is" if len(verdicts) == 1 else f"{len(missed)} of {len(verdicts)} checks are"
    shown = [f"  {describe(verdict)}" for verdict in missed[:8]]
    if len(missed) > 8:
        shown.append(f"  and {len(missed) - 8} more")
    return CheckError("\n".join([f"{where}: {count} not met", *shown]), hint="the run is kept")


def describe(verdict: Verdict) -> str:
    """Say in one line how the run stands to a check."""
    if verdict.value is None or verdict.limit is None:
        return f"{verdict.check}: {verdict.note}"
    value, limit = format_figure(verdict.value), format_figure(verdict.limit)
    by = format_figure(abs(verdict.value - verdict.limit))
    note = "" if verdict.note is None else f" ({verdict.note})"
    if verdict.value == verdict.limit:
        return f"{verdict.check}: {value} is equal {limit}{note}"
    if verdict.value < verdict.limit:
        return f"{verdict.check}: {value} is {by} below {limit}{note}"
    return f"{verdict.check}: {value} is {by} above {limit}{note}"


def _row(verdict: Verdict) -> list[str]:
    result = spoken(_WORDS[verdict.is_met])
    if verdict.note is not None:
        result = translated(f"{result}: {verdict.note}")
    value = "" if verdict.value is None else format_figure(verdict.value)
    limit = "" if verdict.limit is None else f"{verdict.symbol} {format_figure(verdict.limit)}"
    return [verdict.check, value, limit, result]
