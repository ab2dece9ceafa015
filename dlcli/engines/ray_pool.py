"""A pool of workers on a Ray cluster, each an actor in a process of its own on some machine."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcli.engines import Handle, Message, Pool
from dlcli.engines.mirror import apply_changes, read_files
from dlcli.engines.needs import Needs
from dlcli.engines.ray_cluster import check_room, join_cluster
from dlcli.engines.ray_worker import RayWorker
from dlcli.spec.engine import Engine, ray_settings

LISTENS_SECONDS = 10.0
STARTS_WITHIN_SECONDS = 60.0
"""How long a task waits for other workers, to hear whether any of them lacks something."""
LAST_LINES = 5
KILLED = -9
"""The exit code of a worker that is gone without a word: Ray does not tell another one."""
CRASHED = 1
_THREADS = 4  # one works, one listens, one answers, one stops


def start_pool(
    work: str,
    arguments: dict[str, Any],
    *,
    num_workers: int,
    handle: Handle,
    logs: Path,
    engine: Engine = "ray",
    needs: Needs | None = None,
) -> Pool:
    """Start workers that make `work` (`module:class`) with these arguments, on a cluster.

    Raises RunError where the cluster is not to be reached, or has no room for so many, and
    DataError where a worker lacks a file.
    """
    settings = ray_settings(engine)
    count = max(1, num_workers)
    ray = join_cluster(settings)
    check_room(ray, settings, count)
    actor = ray.remote(RayWorker).options(
        num_cpus=settings.num_cpus,
        num_gpus=settings.num_gpus,
        max_concurrency=_THREADS,
        scheduling_strategy="SPREAD",
    )
    logs.mkdir(parents=True, exist_ok=True)
    started = (work, arguments, needs or Needs())
    pool = RayPool(
        ray=ray, actor=actor, started=started, num_workers=count, handle=handle, logs=logs
    )
    try:
        pool.await_workers(STARTS_WITHIN_SECONDS)
    except BaseException:
        pool.close()
        raise
    return pool


@dataclass
class _Worker:
    actor: Any
    listening: Any
    """The pending answer to what it has to say; None of one that is gone for good."""
    working: Any = None
    """The pending end of its task."""
    folder: Path | None = None
    """Where the files of its task go."""
    keeps: bool = True
    """Whether they do."""
    is_ready: bool = False
    is_busy: bool = False


@dataclass
class RayPool:
    """Actors, each of which is asked over and over what it has to say."""

    ray: Any
    actor: Any
    started: tuple[Any, ...]
    num_workers: int
    handle: Handle
    logs: Path
    is_here: bool = False
    _is_stopped: bool = False
    _workers: list[_Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._workers = [self._start(number) for number in range(self.num_workers)]

    def await_workers(self, seconds: float) -> None:
        """Wait until all workers are there; those that the cluster has no room for yet may follow."""
        passed = 0.0
        while passed < seconds and not all(worker.is_ready for worker in self._workers):
            self.poll(1.0)
            passed += 1.0

    def idle_workers(self) -> list[int]:
        if self._is_stopped:
            return []
        return [
            number
            for number, worker in enumerate(self._workers)
            if worker.is_ready and not worker.is_busy
        ]

    def give(self, worker: int, task: Message) -> None:
        given = self._workers[worker]
        given.is_busy = True
        given.folder = Path(task["folder"])
        given.keeps = bool(task.get("keeps", True))
        files = read_files(given.folder, task.get("own"))
        given.working = given.actor.run.remote({**task, "files": files})

    def poll(self, seconds: float) -> None:
        pending = {
            reference: number
            for number, worker in enumerate(self._workers)
            for reference in (worker.listening, worker.working)
            if reference is not None
        }
        if not pending:
            time.sleep(seconds)
            return
        self.ray.wait(list(pending), num_returns=1, timeout=seconds)
        ready, _ = self.ray.wait(list(pending), num_returns=len(pending), timeout=0)
        for reference in ready:
            number = pending[reference]
            worker = self._workers[number]
            if reference in (worker.listening, worker.working):
                self._take(number, worker, reference)

    def stop(self) -> None:
        self._is_stopped = True
        for worker in self._workers:
            worker.actor.stop.remote()

    def close(self) -> None:
        self._is_stopped = True
        for worker in self._workers:
            self.ray.kill(worker.actor)

    def _start(self, number: int) -> _Worker:
        actor = self.actor.remote(*self.started, f"worker {number + 1}")
        return _Worker(actor=actor, listening=actor.listen.remote(LISTENS_SECONDS))

    def _take(self, number: int, worker: _Worker, reference: Any) -> None:
        errors = self.ray.exceptions
        try:
            said = self.ray.get(reference)
        except errors.RayActorError as error:
            was_killed = "creation task" not in str(error)
            self._bury(number, worker, KILLED if was_killed else CRASHED, str(error))
            return
        except errors.RayTaskError as error:
            self.ray.kill(worker.actor)
            self._bury(number, worker, CRASHED, str(error))
            return
        if reference == worker.working:
            worker.working = None
            return
        worker.listening = worker.actor.listen.remote(LISTENS_SECONDS)
        for message in said:
            self._hear(number, worker, message)

    def _hear(self, number: int, worker: _Worker, message: Message) -> None:
        if "refused" in message:
            raise message["refused"]
        if "ready" in message:
            worker.is_ready = True
            return
        if "changed" in message:
            if worker.keeps:
                assert worker.folder is not None
                apply_changes(worker.folder, message["changed"])
            return
        if "done" in message:
            worker.is_busy = False
        answer = self.handle(number, message)
        if "asked" in message:
            worker.actor.answer.remote(answer or {})

    def _bury(self, number: int, worker: _Worker, exit_code: int, text: str) -> None:
        worker.listening = worker.working = None
        if not self._is_stopped:
            self._workers[number] = self._start(number)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        with (self.logs / f"worker-{number + 1}.log").open("a", encoding="utf-8") as log:
            log.write("\n".join([*lines, ""]))
        last = "\n".join(lines[-LAST_LINES:])
        self.handle(number, {"died": exit_code, "log": last, "began": worker.is_ready})
