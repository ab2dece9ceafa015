"""What reading may cost and what a refusal must look like, whatever is read."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcli.errors import DlcliError

MOST_SECONDS = 2.0
"""Of the processor, so that a busy machine changes nothing."""
MOST_BYTES = 1_000_000_000
MOST_LINES = 12
"""Of one problem; a config may have many."""
_BETWEEN_PROBLEMS = "\nerror: "
_RESET_PEAK = "5"
_PEAK = Path("/proc/self/clear_refs")


class OutOfBoundsError(Exception):
    """Something was read, or refused, at too high a price or in too many words."""

    def __init__(self, what: str, figure: str) -> None:
        super().__init__(f"{what}: {figure}")
        self.what = what


@contextmanager
def bounded() -> Iterator[None]:
    """Raise OutOfBoundsError where what happens within takes too much time or memory."""
    _reset_peak()
    began, before = time.process_time(), _peak_bytes()
    try:
        yield
    finally:
        # Also where it was refused: a refusal that takes a minute is no better.
        seconds, grown = time.process_time() - began, _peak_bytes() - before
        if seconds > MOST_SECONDS:
            raise OutOfBoundsError("too slow", f"{seconds:.1f} s")
        if grown > MOST_BYTES:
            raise OutOfBoundsError("too large", f"{grown / 1e6:,.0f} MB")


def check_refusal(error: DlcliError) -> None:
    """Raise OutOfBoundsError for an error with a wrong exit code or too long a message."""
    if not 2 <= error.exit_code <= 7:
        raise OutOfBoundsError("wrong exit code", str(error.exit_code))
    problems = f"{error}\n{error.hint or ''}".split(_BETWEEN_PROBLEMS)
    longest = max(problem.count("\n") + 1 for problem in problems)
    if longest > MOST_LINES:
        raise OutOfBoundsError("too many words", f"{longest} lines")


def _reset_peak() -> None:
    if _PEAK.exists():
        _PEAK.write_text(_RESET_PEAK, encoding="ascii")


def _peak_bytes() -> int:
    # Kilobytes on Linux, where the peak can be reset; elsewhere it only rises.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
