"""How far long work on data is, and when it will be done: from its second second on."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_SOON_SECONDS = 1.0
"""A first second tells little about the others."""


class ShareProgress:
    """Tells of a stage which share of it is done."""

    def __init__(
        self,
        stage: str,
        tell: Callable[[str], None],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage = stage
        self._tell = tell
        self._now = now
        self._began = now()

    def at(self, share: float) -> None:
        """Tell that a share of it is done, and how long the rest takes at this pace."""
        seconds = self._now() - self._began
        if share > 0 and seconds >= _SOON_SECONDS:
            left = seconds * (1 - share) / share
            self._tell(f"{self._stage}: {share:.0%}, {left:.0f} s left")


class ReadingProgress:
    """Adds up the bytes of files as they are read, and tells how far that is.

    Of workbooks, whose cells are read in three steps, each step counts as a share of the file.
    Streams count as nothing.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        tell: Callable[[str], None] = lambda text: None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = 0
        for path in paths:
            with suppress(OSError):
                self._total += path.stat().st_size
        self._tell = tell
        self._now = now
        self._began = now()
        self._done = 0

    @property
    def share(self) -> float | None:
        """The part of all bytes that was read; None while none was, or where their number is not known."""
        return min(1.0, self._done / self._total) if self._total and self._done else None

    def take(self, num_bytes: int) -> None:
        """Count bytes more."""
        self._done += num_bytes
        share, seconds = self.share, self._now() - self._began
        if share is None or seconds < _SOON_SECONDS:
            return
        left = seconds * (1 - share) / share
        size = f"{self._total / 1e6:,.0f} MB"
        self._tell(f"reading the data: {share:.0%} of {size}, {left:.0f} s left")
