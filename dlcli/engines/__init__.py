"""Where jobs run: engine names to the functions that run one, and to the pools that run many."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dlcli.spec.engine import Engine, engine_name
from dlcli.training.job import JudgedNetwork, TrainingJob, TrainingOutcome, Watcher
from dlcli.training.kept_networks import KeptNetworks

ENGINES = {"local": "dlcli.engines.local", "ray": "dlcli.engines.ray_training"}
"""Modules with `run`, `check_is_there`, `threads_of` and `SPREAD`; the local one has `judge` too."""
POOLS = {
    "local": "dlcli.engines.processes:start_pool",
    "ray": "dlcli.engines.ray_pool:start_pool",
}

Message = dict[str, Any]
"""What workers and their driver tell each other: JSON values."""


class Judge(Protocol):
    """Trains a job to judge its network, which is not kept."""

    def __call__(
        self, job: TrainingJob, watcher: Watcher, *, parts: Sequence[str], networks: KeptNetworks
    ) -> JudgedNetwork: ...


class Line(Protocol):
    """What a task has of its driver."""

    def tell(self, message: Message) -> None:
        """Tell the driver something that needs no answer."""

    def ask(self, message: Message) -> Message:
        """Ask the driver and wait for its answer; it is empty where the work is to end."""

    def is_stopped(self) -> bool:
        """Tell whether the work is to end."""


class Work(Protocol):
    """What a worker does, task after task; it is named as `module:class` and made once."""

    def run(self, task: Message, line: Line) -> Message:
        """Do a task; return what came of it."""


class Pool(Protocol):
    """Workers that live until they are closed, on whatever engine."""

    num_workers: int
    is_here: bool
    """Whether tasks run in this process, so that a Ctrl-C ends them and not the wait for them."""

    def idle_workers(self) -> list[int]:
        """Return the workers that wait for a task, counted from 0."""

    def give(self, worker: int, task: Message) -> None:
        """Give a task to a worker that waits for one."""

    def poll(self, seconds: float) -> None:
        """Take what workers tell, for up to so long; it goes to the pool's `handle`.

        That is called with the worker and `{"told": ...}`, `{"asked": ...}` (what it returns is
        the answer), `{"done": ...}`, or `{"died": exit code, "log": last lines, "began": whether
        it came so far as to do a task}`, after which another worker has taken the place.
        """

    def stop(self) -> None:
        """Ask every worker to break off and keep what it has."""

    def close(self) -> None:
        """End every worker."""


Handle = Callable[[int, Message], Message | None]
StartPool = Callable[..., Pool]


@dataclass(frozen=True, kw_only=True)
class JobTask:
    """A training that is one of several; what comes of it stands in files beside its state."""

    name: str
    job: TrainingJob
    work: str
    """The function that does it, `module:name`, called with the job and a watcher."""
    home: Path
    """The folder that holds the job's own one and its state."""
    own: tuple[str, ...]
    """Files in `home` that it goes on from, by their names in it."""


Spread = Callable[[Iterable[JobTask], int, Engine, Watcher], None]
"""Does as many tasks at once as the engine has workers, of so many; raises what they raise."""


def check_engine_is_there(engine: Engine) -> None:
    """Raise DlcliError where the engine is not installed, or not within reach."""
    _module(engine).check_is_there(engine)


def load_engine(engine: Engine) -> Callable[[TrainingJob, Watcher], TrainingOutcome]:
    """Import an engine; its module loads what it needs only now."""
    run: Callable[[TrainingJob, Watcher], TrainingOutcome] = _module(engine).run
    return run


def load_spread(engine: Engine) -> Spread | None:
    """Import what does several jobs at once; None where each is done when it is its turn."""
    spread: Spread | None = _module(engine).SPREAD
    return spread


def load_judge(name: str) -> Judge:
    """Import by name the engine that trains networks to be judged."""
    found: Judge = importlib.import_module(ENGINES[name]).judge
    return found


def load_pool(engine: Engine) -> StartPool:
    """Import what starts an engine's workers."""
    module, _, function = POOLS[engine_name(engine)].partition(":")
    found: StartPool = getattr(importlib.import_module(module), function)
    return found


def threads_of(engine: Engine, workers: int) -> int | None:
    """Return the threads of each worker; where there is one, it takes what its network asks for."""
    threads: int | None = _module(engine).threads_of(engine, workers)
    return threads


def _module(engine: Engine) -> Any:
    return importlib.import_module(ENGINES[engine_name(engine)])


def load_work(name: str, arguments: dict[str, Any]) -> Work:
    """Make what a worker does, by `module:class`."""
    module, _, cls = name.partition(":")
    made: Work = getattr(importlib.import_module(module), cls)(**arguments)
    return made
