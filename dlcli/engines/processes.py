"""A pool of processes on this machine, each started afresh; or none, and the work is done here."""

import json
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from dlcli.engines import Handle, Message, Pool, Work, load_work

ARGUMENTS = "arguments.json"
LAST_LINES = 5
"""Of a dead worker's log."""
MOST_GROWN_BYTES = 2**30
"""Of a worker, by which it grows before another one takes its place."""
_ENDS_WITHIN_SECONDS = 5.0


def start_pool(
    work: str, arguments: dict[str, Any], *, num_workers: int, handle: Handle, logs: Path, **_: Any
) -> Pool:
    """Start workers that make `work` (`module:class`) with these arguments.

    Each writes what libraries say to a file in `logs`. Without workers, tasks run in this process.
    What pools on other machines ask for beside this is here already.
    """
    if num_workers == 0:
        return InlinePool(work=load_work(work, arguments), handle=handle)
    logs.mkdir(parents=True, exist_ok=True)
    # A command line has no room for the text of a long config.
    told = logs.absolute() / ARGUMENTS
    told.write_text(json.dumps(arguments), encoding="utf-8")
    command = [
        # -P: a file of the working directory may be called like a module.
        *(sys.executable, "-P", "-m", "dlcli.engines.worker"),
        *(work, str(told), str(MOST_GROWN_BYTES)),
    ]
    return ProcessPool(command=command, num_workers=num_workers, handle=handle, logs=logs)


@dataclass
class InlinePool:
    """One worker that is this process."""

    work: Work
    handle: Handle
    num_workers: int = 1
    is_here: bool = True
    _is_stopped: bool = False
    _is_busy: bool = False

    def idle_workers(self) -> list[int]:
        return [] if self._is_busy or self._is_stopped else [0]

    def give(self, worker: int, task: Message) -> None:
        self._is_busy = True
        try:
            done = self.work.run(task, self)
        finally:
            self._is_busy = False
        self.handle(worker, {"done": done})

    def poll(self, seconds: float) -> None:
        """Wait: tasks have ended by the time they are given."""
        time.sleep(seconds)

    def stop(self) -> None:
        self._is_stopped = True

    def close(self) -> None:
        self._is_stopped = True

    def tell(self, message: Message) -> None:
        self.handle(0, {"told": message})

    def ask(self, message: Message) -> Message:
        return self.handle(0, {"asked": message}) or {}

    def is_stopped(self) -> bool:
        return self._is_stopped


@dataclass
class _Worker:
    process: subprocess.Popen[str]
    log: Path
    is_busy: bool = False
    is_ready: bool = False
    """Whether it has come so far that it can do a task."""
    is_leaving: bool = False
    """Whether it does no more tasks."""

    def write(self, message: Message) -> None:
        assert self.process.stdin is not None
        # A worker that died says so by the end of its output.
        with suppress(OSError):
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()


class ProcessPool:
    """Workers with a pipe to each: its end tells either side that the other one is gone."""

    is_here = False

    def __init__(self, *, command: list[str], num_workers: int, handle: Handle, logs: Path) -> None:
        self.num_workers = num_workers
        self._command = command
        self._handle = handle
        self._logs = logs
        self._inbox: queue.Queue[tuple[int, _Worker, Message | None]] = queue.Queue()
        self._is_stopped = False
        self._workers = [self._start(number) for number in range(num_workers)]

    def idle_workers(self) -> list[int]:
        if self._is_stopped:
            return []
        workers = enumerate(self._workers)
        return [number for number, each in workers if not each.is_busy and not each.is_leaving]

    def give(self, worker: int, task: Message) -> None:
        self._workers[worker].is_busy = True
        self._workers[worker].write({"task": task})

    def poll(self, seconds: float) -> None:
        try:
            self._take(*self._inbox.get(timeout=seconds))
            while True:
                self._take(*self._inbox.get_nowait())
        except queue.Empty:
            return

    def stop(self) -> None:
        self._is_stopped = True
        for worker in self._workers:
            worker.write({"stop": True})

    def close(self) -> None:
        self._is_stopped = True
        for worker in self._workers:
            assert worker.process.stdin is not None
            with suppress(OSError):
                worker.process.stdin.close()
        for worker in self._workers:
            try:
                worker.process.wait(timeout=_ENDS_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        (self._logs / ARGUMENTS).unlink(missing_ok=True)

    def _start(self, number: int) -> _Worker:
        log = self._logs / f"worker-{number + 1}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                encoding="utf-8",
                # A Ctrl-C in the terminal is for the driver, which tells its workers.
                start_new_session=True,
            )
        worker = _Worker(process=process, log=log)
        assert process.stdout is not None
        arguments = (number, worker, process.stdout)
        threading.Thread(target=self._listen, args=arguments, daemon=True).start()
        return worker

    def _listen(self, number: int, worker: _Worker, lines: TextIO) -> None:
        with lines:
            for line in lines:
                with suppress(ValueError):  # a line that was cut off by its writer's end
                    self._inbox.put((number, worker, json.loads(line)))
        self._inbox.put((number, worker, None))

    def _take(self, number: int, worker: _Worker, message: Message | None) -> None:
        if message is None:
            self._bury(number, worker)
            return
        if "ready" in message:
            worker.is_ready = True
            return
        if "done" in message:
            worker.is_busy, worker.is_leaving = False, message["leaves"]
        answer = self._handle(number, message)
        if "asked" in message:
            worker.write({"answer": answer or {}})

    def _bury(self, number: int, worker: _Worker) -> None:
        exit_code = worker.process.wait()
        assert worker.process.stdin is not None
        with suppress(OSError):
            worker.process.stdin.close()
        was_busy, worker.is_busy = worker.is_busy, False
        if not self._is_stopped:
            self._workers[number] = self._start(number)
        if was_busy or exit_code:
            died = {"died": exit_code, "log": _last_lines(worker.log), "began": worker.is_ready}
            self._handle(number, died)


def _last_lines(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-LAST_LINES:])
