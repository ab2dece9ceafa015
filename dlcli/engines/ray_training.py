"""Training on a Ray cluster: by one worker, by several at once, or one network by all together."""

import importlib
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dlcli.data.sources import fingerprint
from dlcli.engines import JobTask, Message, Pool
from dlcli.engines.jobs import WORK
from dlcli.engines.needs import Needs, needs_of
from dlcli.engines.ray_cluster import join_cluster
from dlcli.engines.ray_pool import start_pool
from dlcli.errors import TrainingError
from dlcli.permission import is_allowed
from dlcli.spec.engine import Engine, as_trained_here, num_processes, ray_settings
from dlcli.training.job import TrainingJob, TrainingOutcome, Watcher
from dlcli.training.stopping import StopRequest

MOST_ATTEMPTS = 3
"""How often a job is given to a worker, before it is taken for what ends the workers."""
_POLL_SECONDS = 0.2
_STATE = "resume/state.npz"
_RESUME = "resume"
LOGS = "workers"


def check_is_there(engine: Engine) -> None:
    """Join the cluster; raises DlcliError where that cannot be."""
    join_cluster(ray_settings(engine))


def threads_of(engine: Engine, workers: int) -> int:
    """Return the threads of each worker: the CPUs that are kept for it."""
    return max(1, math.floor(ray_settings(engine).num_cpus))


def run(job: TrainingJob, watcher: Watcher) -> TrainingOutcome:
    """Train on the cluster; raises what training here would raise, and RunError.

    An ensemble's members train at once and are joined here. Any other network is trained by one
    worker, or by all of them together, and judged by the first one.
    """
    engine = job.spec.engine
    assert job.dataset.stored is None, "data for a cluster are read into memory"
    if job.spec.ensemble is not None:
        local: Any = importlib.import_module("dlcli.engines.local")
        _spread(local.member_tasks(job, watcher), job.spec.ensemble.members, engine, watcher)
        outcome: TrainingOutcome = local.run(job, watcher)
        return outcome
    return _Crew(job=job, watcher=watcher, size=num_processes(job.spec)).run()


def _state(job: TrainingJob) -> Path:
    assert job.state is not None, "what is done elsewhere has a state to go on from"
    return job.state


def _needs(job: TrainingJob) -> Needs:
    files = [fingerprint(Path(each)) for each in job.spec.imports]
    return needs_of(job.spec.backend, [(each.path, each.sha256) for each in files])


def _task(job: TrainingJob, work: str, home: Path) -> Message:
    """Return what a worker is told of a job."""
    engine = job.spec.engine
    sent = replace(
        job,
        spec=as_trained_here(job.spec),
        threads=job.threads or threads_of(engine, 1),
        resumes=True,
    )
    return {
        "job": sent,
        "work": work,
        "folder": str(home),
        "allowed": bool(job.spec.imports) and is_allowed(),
        "init_model": None if job.init_model is None else job.init_model.read_bytes(),
    }


@dataclass(kw_only=True)
class _Crew:
    """Workers that train one network together; where one is lost, all begin again where it was."""

    job: TrainingJob
    watcher: Watcher
    size: int
    _outcome: TrainingOutcome | None = None
    _address: str | None = None
    _done: int = 0
    _lost: str | None = None

    def run(self) -> TrainingOutcome:
        """Train until a crew comes to the end; raises TrainingError where none does."""
        whom = f"{self.size} workers" if self.size > 1 else "a worker"
        self.watcher.on_stage(f"waiting for {whom}")
        with StopRequest() as stop:
            for _ in range(MOST_ATTEMPTS):
                self._train(stop)
                if self._lost is None:
                    assert self._outcome is not None
                    return self._outcome
        raise TrainingError(
            f"workers were lost {MOST_ATTEMPTS} times, the last one so:\n{self._lost}",
            hint="they may need more memory than there is",
        )

    def _train(self, stop: StopRequest) -> None:
        self._done, self._lost, self._address = 0, None, None
        pool = start_pool(
            WORK,
            {},
            num_workers=self.size,
            handle=self._handle,
            logs=self.job.folder / _RESUME / LOGS,
            engine=self.job.spec.engine,
            needs=_needs(self.job),
        )
        try:
            waiting = set(range(self.size))
            tasks = self._tasks()
            asked = False
            while self._done < self.size and self._lost is None:
                for worker in waiting.intersection(pool.idle_workers()):
                    pool.give(worker, tasks[worker])
                    waiting.discard(worker)
                pool.poll(_POLL_SECONDS)
                if not asked and (stop.is_requested() or self.watcher.should_stop()):
                    if waiting:
                        raise KeyboardInterrupt  # they have not met, and there is nothing to keep
                    pool.stop()
                    asked = True
        finally:
            pool.close()

    def _tasks(self) -> list[Message]:
        """Return what each worker is told; each goes on from the same state."""
        home = self.job.folder
        work = "dlcli.engines.local:run" if self.size == 1 else "dlcli.engines.ranks:run"
        files = [item.name for item in home.iterdir() if item.name != _RESUME]
        shared = {**_task(self.job, work, home), "own": (*files, _STATE)}
        if self.size == 1:
            return [shared]
        # Each has a folder of its own, and only the first one's is the run's.
        return [
            {**shared, "rank": rank, "count": self.size, "keeps": rank == 0}
            for rank in range(self.size)
        ]

    def _handle(self, worker: int, message: Message) -> Message | None:
        if "died" in message:
            self._lost = str(message["log"])
        elif "asked" in message:
            return {"address": self._address} if self._address else {}
        elif "told" in message and worker == 0:
            self._note(message["told"])
        elif "done" in message:
            self._end(worker, message["done"])
        return None

    def _note(self, told: Message) -> None:
        if "address" in told:
            self._address = told["address"]
        _show(told, self.watcher)

    def _end(self, worker: int, done: Message) -> None:
        if done["state"] == "failed":
            raise done["error"]
        if done["state"] == "stopped":
            raise KeyboardInterrupt
        self._done += 1
        if worker == 0:
            self._outcome = done["outcome"]


def _show(told: Message, watcher: Watcher) -> None:
    if "stage" in told:
        watcher.on_stage(told["stage"])
    elif "epochs" in told:
        watcher.on_start(epochs=told["epochs"])
    elif "epoch" in told:
        watcher.on_epoch(told["epoch"], told["logs"])


def _spread(tasks: Iterable[JobTask], count: int, engine: Engine, watcher: Watcher) -> None:
    """Do as many tasks at once as there are workers; raises what the first one raises that fails.

    A task whose worker is lost goes on elsewhere. KeyboardInterrupt where the user ends it.
    """
    _Row(tasks=iter(tasks), count=count, engine=engine, watcher=watcher).run()


SPREAD = _spread


@dataclass(kw_only=True)
class _Row:
    """Tasks on their way through the workers."""

    tasks: Iterator[JobTask]
    count: int
    engine: Engine
    watcher: Watcher
    _again: deque[JobTask] = field(default_factory=deque)
    _given: dict[int, JobTask] = field(default_factory=dict)
    """Worker to the task that it does."""
    _attempts: dict[str, int] = field(default_factory=dict)
    _epochs: dict[str, str] = field(default_factory=dict)
    _ended: int = 0
    _was_stopped: bool = False

    def run(self) -> None:
        first = next(self.tasks, None)
        if first is None:
            return
        self._again.append(first)
        workers = min(ray_settings(self.engine).workers, self.count)
        self.watcher.on_stage("waiting for workers")
        pool = start_pool(
            WORK,
            {},
            num_workers=workers,
            handle=self._handle,
            logs=_state(first.job).parent / LOGS,
            engine=self.engine,
            needs=_needs(first.job),
        )
        try:
            with StopRequest() as stop:
                self._work(pool, stop)
        finally:
            pool.close()
        if self._was_stopped:
            raise KeyboardInterrupt

    def _work(self, pool: Pool, stop: StopRequest) -> None:
        while self._given or (self._waits() and not self._was_stopped):
            for worker in pool.idle_workers():
                if not self._waits():
                    break
                self._give(pool, worker, self._again.popleft())
            pool.poll(_POLL_SECONDS)
            if not self._was_stopped and (stop.is_requested() or self.watcher.should_stop()):
                pool.stop()
                self._was_stopped = True

    def _waits(self) -> bool:
        """Tell whether there is a task to give; the next one is made when it is asked for."""
        if not self._again and (following := next(self.tasks, None)) is not None:
            self._again.append(following)
        return bool(self._again)

    def _give(self, pool: Pool, worker: int, task: JobTask) -> None:
        self._given[worker] = task
        self._attempts[task.name] = self._attempts.get(task.name, 0) + 1
        pool.give(worker, {**_task(task.job, task.work, task.home), "own": task.own})

    def _handle(self, worker: int, message: Message) -> Message | None:
        task = self._given.get(worker)
        if task is None:
            return None
        if "died" in message:
            del self._given[worker]
            self._epochs.pop(task.name, None)
            self._mourn(task, message)
        elif "told" in message:
            self._note(task, message["told"])
        elif "done" in message:
            del self._given[worker]
            self._epochs.pop(task.name, None)
            if message["done"]["state"] == "failed":
                raise message["done"]["error"]
            self._was_stopped |= message["done"]["state"] == "stopped"
            self._ended += 1
        return None

    def _mourn(self, task: JobTask, message: Message) -> None:
        if self._attempts[task.name] < MOST_ATTEMPTS and not self._was_stopped:
            self._again.append(task)
            return
        raise TrainingError(
            f"{task.name}: its worker was lost {self._attempts[task.name]} times, the last one "
            f"so:\n{message['log']}",
            hint="it may need more memory than there is",
        )

    def _note(self, task: JobTask, told: Message) -> None:
        if "epoch" in told:
            self._epochs[task.name] = f"{task.name}, epoch {told['epoch'] + 1}"
            running = "; ".join(self._epochs[name] for name in sorted(self._epochs))
            self.watcher.on_stage(f"{self._ended} of {self.count} done; {running}")
