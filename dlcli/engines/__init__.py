"""Where jobs run: engine names to the functions that run one."""

import importlib
from collections.abc import Callable

from dlcli.training.job import TrainingJob, TrainingOutcome, Watcher

ENGINES = {"local": "dlcli.engines.local:run"}


def load_engine(name: str) -> Callable[[TrainingJob, Watcher], TrainingOutcome]:
    """Import an engine by name; its module loads what it needs only now."""
    module, _, function = ENGINES[name].partition(":")
    engine: Callable[[TrainingJob, Watcher], TrainingOutcome] = getattr(
        importlib.import_module(module), function
    )
    return engine
