"""What runs in a worker on a Ray cluster: an actor that is given tasks and asked what came of them."""

import contextlib
import os
import queue
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcli.engines import Message, load_work
from dlcli.engines.mirror import Mirror
from dlcli.engines.needs import Needs, check_needs

MIRRORS_EVERY_SECONDS = 1.0


class RayWorker:
    """The work of one worker, whose methods Ray calls in threads of their own.

    `run` does a task while `listen` hands out what it has to say.
    """

    def __init__(self, work: str, arguments: dict[str, Any], needs: Needs, where: str) -> None:
        _share_gpus()
        self._stopped = threading.Event()
        self._answers: queue.Queue[Message] = queue.Queue()
        self._outbox: queue.Queue[Message] = queue.Queue()
        refusal = check_needs(needs, f"{where} on {socket.gethostname()}")
        if refusal is not None:
            self._outbox.put({"refused": refusal})
            return
        self._work = load_work(work, arguments)
        self._outbox.put({"ready": True})

    def run(self, task: Message) -> None:
        """Do a task in a folder of this machine, whose files go to where it was given."""
        mirror = Mirror(folder=Path(tempfile.mkdtemp(prefix="dlcli-")))
        mirror.fill(task["files"])
        # Files come to stand in `home`, on the machine of the driver.
        given = {name: value for name, value in task.items() if name != "files"}
        given |= {"folder": str(mirror.folder), "home": task["folder"]}
        try:
            with self._copied(mirror):
                found = self._work.run(given, self)
            self._tell_changes(mirror)
        finally:
            mirror.close()
        self._outbox.put({"done": found})

    def listen(self, seconds: float) -> list[Message]:
        """Return what there is to say, after waiting for up to so long for something."""
        said: list[Message] = []
        with contextlib.suppress(queue.Empty):
            said.append(self._outbox.get(timeout=seconds))
            while True:
                said.append(self._outbox.get_nowait())
        return said

    def answer(self, message: Message) -> None:
        """Take the answer to what was asked."""
        self._answers.put(message)

    def stop(self) -> None:
        """Break the task off."""
        self._stopped.set()
        self._answers.put({})

    def tell(self, message: Message) -> None:
        self._outbox.put({"told": message})

    def ask(self, message: Message) -> Message:
        if self._stopped.is_set():
            return {}
        self._outbox.put({"asked": message})
        return self._answers.get()

    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    @contextlib.contextmanager
    def _copied(self, mirror: Mirror) -> Iterator[None]:
        """While entered, tell now and then what has changed in the folder."""
        done = threading.Event()

        def copy() -> None:
            while not done.wait(MIRRORS_EVERY_SECONDS):
                self._tell_changes(mirror)

        copying = threading.Thread(target=copy, daemon=True)
        copying.start()
        try:
            yield
        finally:
            done.set()
            copying.join()

    def _tell_changes(self, mirror: Mirror) -> None:
        changes = mirror.changes()
        if changes:
            self._outbox.put({"changed": changes})


def _share_gpus() -> None:
    """Let a backend take memory of a GPU as it needs it, since others may be on the same one."""
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
