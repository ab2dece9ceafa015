"""How long the stages of a piece of work take."""

import time


class Clock:
    """Wall-clock seconds of each stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a stage, and begin the next one."""
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
