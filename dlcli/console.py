"""The only module that writes to the terminal: results to stdout, everything else to stderr."""

import math
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dlcli.errors import CheckError, DlcliError, Interrupted, UsageError
from dlcli.github import annotations_of, is_github
from dlcli.languages import translated
from dlcli.report.blocks import Block, Mark, format_blocks, is_numeric, markdown_blocks

MAX_PLAIN_LINES = 180
"""Epoch lines in a log that is no terminal; longer trainings show every n-th."""

REDRAWS_PER_SECOND = 8

counts = {"results": 0}
"""What was written so far, for whoever must not write a second document to stdout."""

_LABELS = {"error:": "bold red", "hint:": "bold cyan"}

_STYLES: dict[Mark, str] = {"good": "green", "bad": "red", "dim": "dim"}

_errors = Console(stderr=True, highlight=False, soft_wrap=True)

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def write_result(text: str) -> None:
    """Write what a command answers to stdout; a reader who has enough does not end the work."""
    counts["results"] += 1
    with suppress(BrokenPipeError):
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()


def write_message(text: str) -> None:
    """Write to stdout what a command answers in words."""
    write_result(translated(text))


def write_blocks(blocks: Sequence[Block], *, as_markdown: bool = False) -> None:
    """Write tables to stdout: drawn to its width on a terminal, else plain or as Markdown."""
    blocks = [
        replace(block, title=translated(block.title), text=translated(block.text))
        for block in blocks
    ]
    if as_markdown:
        write_result(markdown_blocks(blocks))
        return
    terminal = Console(highlight=False)
    if not terminal.is_terminal:
        write_result(format_blocks(blocks))
        return
    for index, block in enumerate(blocks):
        if index:
            terminal.print()
        _draw_block(terminal, block)


def _draw_block(terminal: Console, block: Block) -> None:
    if block.title:
        terminal.print(Text(block.title, style="bold"))
    if not block.header:
        if block.text:
            terminal.print(Text(block.text))
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for index, name in enumerate(block.header):
        cells = [row[index] for row in block.rows]
        right = is_numeric(cells)
        # The first column names what a row is about, and figures are no use cut in two.
        table.add_column(
            Text(name), justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    for row, line in enumerate(block.rows):
        marks = (block.marks.get((row, column)) for column in range(len(line)))
        table.add_row(
            *(
                Text(cell, style=_STYLES[mark] if mark else "")
                for cell, mark in zip(line, marks, strict=True)
            )
        )
    terminal.print(table)


def confirm(question: str) -> bool:
    """Ask on stderr for a yes; raises UsageError where nobody can answer."""
    if not (sys.stdin.isatty() and _errors.is_terminal):
        raise UsageError("this asks before it does anything", hint="add --yes to do it unasked")
    sys.stderr.write(translated(f"{question}continue? [y/N]") + " ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def say(text: str) -> None:
    """Write progress or a remark to stderr."""
    write_remark(translated(text))


def write_remark(text: str) -> None:
    """Write to stderr what is no message of ours, as it is."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show_error(error: DlcliError) -> None:
    """Write an error and its hint to stderr."""
    lines = [f"error: {_harmless(error.message)}"]
    if error.hint is not None:
        lines.append(f"hint: {_harmless(error.hint)}")
    if is_github() and not isinstance(error, CheckError):
        # What a check fell short of is marked where the check is written.
        write_remark("\n".join(annotations_of(error.message, hint=error.hint)))
    text = translated("\n".join(lines))
    if not _errors.is_terminal:
        write_remark(text)
        return
    for line in text.splitlines():
        _errors.print(_painted(line))


def abandon() -> None:
    """Tell that the process ends in the middle of something that does not end by itself."""
    if _errors.is_terminal:
        sys.stderr.write("\r\033[K\033[?25h")  # a live display had hidden the cursor
    show_error(
        Interrupted(
            "interrupted, in the middle of what takes longer to stop",
            hint="the same command with --resume goes on from what was saved",
        )
    )


def _harmless(text: str) -> str:
    """Escape what would move the cursor or turn the text around, as cells and names may hold it."""
    return "\n".join(_CONTROL.sub(_escaped, line) for line in text.split("\n"))


def _escaped(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")


def _painted(line: str) -> Text:
    text = Text(line)
    for label, style in _LABELS.items():
        shown = translated(f"{label} 0").removesuffix("0").rstrip()
        if line.startswith(shown):
            text.stylize(style, 0, len(shown))
            return text
    if line.strip(" |^") == "" and "^" in line:
        text.stylize("red")
    return text


def is_live() -> bool:
    """Tell whether stderr is a terminal, on which lines can be drawn anew."""
    return _errors.is_terminal


class LiveRows:
    """A table on a terminal's stderr that is drawn anew as it changes, and stays at its end."""

    def __init__(self) -> None:
        self._live = Live(console=_errors, refresh_per_second=REDRAWS_PER_SECOND)
        self._is_live = False

    def update(self, header: Sequence[str], rows: Sequence[Sequence[str]], below: str) -> None:
        """Draw the table, with a line below it."""
        if not self._is_live:
            self._live.start()
            self._is_live = True
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
        for index, name in enumerate(header):
            right = is_numeric([row[index] for row in rows])
            table.add_column(Text(name, overflow="fold"), justify="right" if right else "left")
        for row in rows:
            table.add_row(*(Text(_harmless(cell)) for cell in row))
        self._live.update(Group(table, Text(translated(below), style="dim")))

    def close(self) -> None:
        """Leave the table as it is."""
        if self._is_live:
            self._live.stop()
            self._is_live = False


def training_display(
    *, quiet: bool, stages_only: bool = False
) -> "QuietDisplay | PlainDisplay | LiveDisplay":
    """Return what shows a training on this stderr; in a log perhaps its stages alone."""
    if quiet:
        return QuietDisplay()
    if _errors.is_terminal:
        return LiveDisplay()
    return StageLines() if stages_only else PlainDisplay()


class QuietDisplay:
    """Shows nothing."""

    def on_stage(self, text: str) -> None:
        """Take note of what begins now."""

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
    """One line per stage and per epoch, at most MAX_PLAIN_LINES of these."""

    def __init__(self) -> None:
        self._epochs = 0
        self._every = 1
        self._stage = ""
        self._held: tuple[int, dict[str, float]] | None = None

    def on_stage(self, text: str) -> None:
        self.close()
        # What follows a colon is how far it is, which a log need not hold.
        stage = text.partition(":")[0]
        if stage != self._stage:
            say(stage)
        self._stage = stage

    def on_start(self, *, epochs: int) -> None:
        self._epochs = epochs
        self._every = math.ceil(epochs / MAX_PLAIN_LINES)

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        self._held = (epoch, logs)
        if epoch % self._every == 0 or epoch == self._epochs - 1:
            self._say_held()

    def close(self) -> None:
        # The last epoch of a training that stopped early is shown too.
        self._say_held()

    def _say_held(self) -> None:
        if self._held is not None:
            epoch, logs = self._held
            write_remark(f"{_epoch_text(epoch + 1, self._epochs)}  {format_logs(logs)}")
            self._held = None


class StageLines(PlainDisplay):
    """One line per stage, for a training that is one of many."""

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Take note of an epoch."""


class LiveDisplay(QuietDisplay):
    """The stage, a progress bar and the newest figures, redrawn a few times a second."""

    def __init__(self) -> None:
        self._stage = ""
        self._epochs = 0
        self._done = 0
        self._logs: dict[str, float] = {}
        self._started = time.monotonic()
        self._live = Live(
            console=_errors,
            get_renderable=self._render,
            refresh_per_second=REDRAWS_PER_SECOND,
            transient=True,
        )
        self._is_live = False

    def on_stage(self, text: str) -> None:
        self._stage = text
        if not self._is_live:
            self._live.start()
            self._is_live = True

    def on_start(self, *, epochs: int) -> None:
        self._epochs = epochs
        self.on_stage("compiling")

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        # Setting fields costs nothing; another thread draws.
        if not self._done:
            self._started = time.monotonic()
        self._done, self._logs = epoch + 1, logs

    def close(self) -> None:
        if not self._is_live:
            return
        self._live.stop()
        self._is_live = False
        if self._done:
            seconds = format_seconds(time.monotonic() - self._started)
            done = _epoch_text(self._done, self._epochs)
            write_remark(f"{done}  {translated(seconds)}\n{format_logs(self._logs)}")

    def _render(self) -> RenderableType:
        if not self._done or self._stage != "compiling":
            style = "line" if _errors.options.ascii_only else "dots"
            return Spinner(style, Text(translated(self._stage)))
        line = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=self._epochs, completed=self._done, width=24)
        done = _epoch_text(self._done, self._epochs)
        line.add_row(done, bar, translated(self._time()))
        return Group(line, Text(format_logs(self._logs), style="dim"))

    def _time(self) -> str:
        elapsed = time.monotonic() - self._started
        left = elapsed / self._done * (self._epochs - self._done)
        return f"{format_seconds(elapsed)}, {format_seconds(left)} left"


def _epoch_text(done: int, epochs: int) -> str:
    return translated(f"epoch {done}/{epochs}")


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


class StageLine:
    """One line on a terminal's stderr that says how far long work is, from its second second on."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._is_shown = _errors.is_terminal and not quiet
        self._next = time.monotonic() + 1.0
        self._has_written = False

    def show(self, text: str) -> None:
        """Show what happens now, once a second."""
        now = time.monotonic()
        if not self._is_shown or now < self._next:
            return
        self._next = now + 1.0
        self._has_written = True
        sys.stderr.write(f"\r\033[K{translated(text)}")
        sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self._has_written:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


class RowCounter:
    """Counts rows on stderr, and how many a second, while a long table is worked through."""

    def __init__(self, verb: str, *, quiet: bool) -> None:
        self._verb = verb
        self._line = StageLine(quiet=quiet)
        self._started: tuple[float, int] | None = None

    def show(self, rows: int, share: float | None = None) -> None:
        """Show the number of rows done so far, and when the others will be if `share` is known."""
        self._line.show(f"{rows:,} rows {self._verb}{self._pace(rows, share)}")

    def _pace(self, rows: int, share: float | None) -> str:
        """Say the rows per second since the first of them, before which the model is opened."""
        now = time.monotonic()
        if self._started is None:
            self._started = (now, rows)
        began, first = self._started
        if rows <= first:
            return ""
        rate = (rows - first) / max(now - began, 1e-9)
        left = "" if share is None else f", {format_seconds(rows * (1 / share - 1) / rate)} left"
        return f", {rate:,.0f} rows/s{left}"

    def close(self) -> None:
        """End the line."""
        self._line.close()
