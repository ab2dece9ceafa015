"""The only module that writes to the terminal: results to stdout, everything else to stderr."""

import math
import sys
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dlcli.errors import DlcliError

MAX_PLAIN_LINES = 200
"""Epoch lines in a log that is no terminal; longer trainings show every n-th."""

REDRAW_SECONDS = 0.1

_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def write_result(text: str) -> None:
    """Write what a command answers to stdout."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Write progress or a remark to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show_error(error: DlcliError) -> None:
    """Write an error and its hint to stderr."""
    lines = [f"error: {error.message}"]
    if error.hint is not None:
        lines.append(f"hint: {error.hint}")
    if not _errors.is_terminal:
        say("\n".join(lines))
        return
    for line in "\n".join(lines).splitlines():
        _errors.print(_painted(line))


def _painted(line: str) -> Text:
    text = Text(line)
    if line.startswith("error:"):
        text.stylize("bold red", 0, 6)
    elif line.startswith("hint:"):
        text.stylize("bold cyan", 0, 5)
    elif line.strip(" |^") == "" and "^" in line:
        text.stylize("red")
    return text


def training_display(*, quiet: bool) -> "QuietDisplay | PlainDisplay | LiveDisplay":
    """Return what shows a training on this stderr."""
    if quiet:
        return QuietDisplay()
    return LiveDisplay() if _errors.is_terminal else PlainDisplay()


class QuietDisplay:
    """Shows nothing."""

    def on_start(self, *, epochs: int) -> None:
        """Take note of the number of epochs."""

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Take note of an epoch, counted from 0."""

    def should_stop(self) -> bool:
        """Never ask for an early end."""
        return False

    def close(self) -> None:
        """End the display."""


class PlainDisplay(QuietDisplay):
    """One line per epoch, at most MAX_PLAIN_LINES of them."""

    def on_start(self, *, epochs: int) -> None:
        self._epochs = epochs
        self._every = math.ceil(epochs / MAX_PLAIN_LINES)
        self._pending = ""

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch % self._every == 0 or epoch == self._epochs - 1:
            self._pending = ""
            say(self._line(epoch, logs))
        else:
            self._last = (epoch, logs)
            self._pending = "x"

    def close(self) -> None:
        if getattr(self, "_pending", ""):
            say(self._line(*self._last))

    def _line(self, epoch: int, logs: dict[str, float]) -> str:
        return f"epoch {epoch + 1}/{self._epochs}  {format_logs(logs)}"


class LiveDisplay(QuietDisplay):
    """A progress bar with the newest figures, redrawn a few times a second."""

    def on_start(self, *, epochs: int) -> None:
        self._epochs = epochs
        self._started = time.monotonic()
        self._drawn = 0.0
        self._done = 0
        self._logs: dict[str, float] = {}
        self._live: Live | None = Live(console=_errors, auto_refresh=False, transient=False)
        self._live.start()
        self._draw()

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        self._done, self._logs = epoch + 1, logs
        now = time.monotonic()
        if now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            self._draw()

    def close(self) -> None:
        live = getattr(self, "_live", None)
        if live is not None:
            self._draw()
            live.stop()
            self._live = None

    def _draw(self) -> None:
        if self._live is None:
            return
        elapsed = time.monotonic() - self._started
        line = Table.grid(padding=(0, 2))
        line.add_row(
            f"epoch {self._done}/{self._epochs}",
            ProgressBar(total=self._epochs, completed=self._done, width=24),
            self._time(elapsed),
        )
        rows = Table.grid()
        rows.add_row(line)
        rows.add_row(Text(format_logs(self._logs), style="dim"))
        self._live.update(rows, refresh=True)

    def _time(self, elapsed: float) -> str:
        if not self._done or self._done == self._epochs:
            return format_seconds(elapsed)
        left = elapsed / self._done * (self._epochs - self._done)
        return f"{format_seconds(elapsed)}, {format_seconds(left)} left"


def format_logs(logs: dict[str, float]) -> str:
    """Format an epoch's figures on one line."""
    return "  ".join(f"{name} {format_number(value)}" for name, value in logs.items())


def format_number(value: Any) -> str:
    """Format a figure with five significant digits."""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:.5g}"


def format_seconds(seconds: float) -> str:
    """Format a duration: 0.4 s, 12 s, 3 min 05 s, 2 h 07 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


class RowCounter:
    """Counts rows on stderr while a long table is worked through."""

    def __init__(self, verb: str, *, quiet: bool) -> None:
        self._verb = verb
        self._quiet = quiet
        self._next = time.monotonic() + 1.0
        self._shown = False

    def show(self, rows: int) -> None:
        """Show the number of rows done so far, once a second on a terminal."""
        now = time.monotonic()
        if self._quiet or now < self._next or not _errors.is_terminal:
            return
        self._next = now + 1.0
        self._shown = True
        sys.stderr.write(f"\r{rows:,} rows {self._verb}")
        sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self._shown:
            sys.stderr.write("\r\033[K")
