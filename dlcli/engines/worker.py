"""What runs in a worker process: tasks come on its standard input, and messages go back."""

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from dlcli.engines import Message, load_work
from dlcli.memory import resident_bytes


class PipeLine:
    """The pipes to the driver; when the driver is gone, the work is to end."""

    def __init__(self, reading: TextIO, writing: TextIO) -> None:
        self._reading = reading
        self._writing = writing
        self._stopped = threading.Event()
        self._answers: queue.Queue[Message] = queue.Queue()
        self.tasks: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, message: Message) -> None:
        self._write({"told": message})

    def ask(self, message: Message) -> Message:
        if self._stopped.is_set():
            return {}
        self._write({"asked": message})
        return self._answers.get()

    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def greet(self) -> None:
        """Tell the driver that tasks can be done here."""
        self._write({"ready": True})

    def finish(self, done: Message, *, leaves: bool) -> None:
        """Give back what came of a task, and whether it was the last one here."""
        self._write({"done": done, "leaves": leaves})

    def _write(self, message: Message) -> None:
        try:
            self._writing.write(json.dumps(message) + "\n")
            self._writing.flush()
        except OSError:
            self._stopped.set()

    def _listen(self) -> None:
        for line in self._reading:
            message = json.loads(line)
            if "task" in message:
                self.tasks.put(message["task"])
            elif "answer" in message:
                self._answers.put(message["answer"])
            else:
                self._stop()
        self._stop()

    def _stop(self) -> None:
        self._stopped.set()
        self._answers.put({})
        self.tasks.put(None)


def main() -> None:
    """Do tasks until the driver has no more of them, or is gone.

    What XLA compiles stays until its process ends. One that has grown by so many bytes since its
    first task leaves its place to a new one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What libraries print goes to the log, and nothing of it between the messages.
    writing = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    line = PipeLine(os.fdopen(os.dup(0), "r", encoding="utf-8"), writing)
    work = load_work(sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    most_grown = int(sys.argv[3])
    line.greet()
    at_first = None
    while (task := line.tasks.get()) is not None:
        done = work.run(task, line)
        at_first = at_first or resident_bytes()
        leaves = resident_bytes() - at_first > most_grown
        line.finish(done, leaves=leaves)
        if leaves:
            return


if __name__ == "__main__":
    main()
