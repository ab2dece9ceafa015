"""A polite end of training: the first SIGINT or SIGTERM asks, the second one ends the process."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Self

from dlcli.errors import ExitCode

SIGNALS = (signal.SIGINT, signal.SIGTERM)

LEAVES_AFTER_SECONDS = 4.0
"""What is not done this long after the first signal is left undone."""
LEAVES_AT_ONCE_SECONDS = 0.5
"""How long a process may clean up after the second signal."""


class StopRequest:
    """While entered, turns the first signal into a request that training asks for between calls."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        # Only the main thread may handle signals; elsewhere whoever started us does.
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def is_requested(self) -> bool:
        """Tell whether a signal came."""
        return self._event.is_set()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._event.is_set():
            raise KeyboardInterrupt
        self._event.set()


@contextlib.contextmanager
def sigterm_as_sigint() -> Iterator[None]:
    """While entered, let SIGTERM end this process as Ctrl-C does, with all that it leaves tidy."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def leaves_in_time(say: Callable[[], None]) -> Iterator[None]:
    """While entered, end a process that does not come to an end by itself after a signal.

    Python sees a signal only when a call into Arrow, XLA or ONNX Runtime returns; this thread sees
    it at once. `say` is called before the process ends with the exit code of an interruption.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    done = threading.Event()
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    thread = threading.Thread(target=_watch, args=(reading, done, say), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        done.set()
        os.write(writing, b"\0")
        thread.join()
        os.close(reading)
        os.close(writing)


def _watch(reading: int, done: threading.Event, say: Callable[[], None]) -> None:
    if not _read_signal(reading, done):
        return
    late = threading.Timer(LEAVES_AFTER_SECONDS, _leave, (say,))
    late.daemon = True
    late.start()
    if _read_signal(reading, done):
        done.wait(LEAVES_AT_ONCE_SECONDS)
        if not done.is_set():
            _leave(say)
    late.cancel()


def _read_signal(reading: int, done: threading.Event) -> bool:
    """Wait for one of the signals that end us; False where nobody waits for that any more."""
    while not done.is_set():
        if os.read(reading, 1) in {bytes([number]) for number in SIGNALS}:
            return True
    return False


def _leave(say: Callable[[], None]) -> None:
    say()
    os._exit(ExitCode.INTERRUPTED)
