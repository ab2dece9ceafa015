"""Shows a training that is one of several as a single stage."""

from dlcli.training.job import Watcher


class StageWatcher:
    """Passes a training on to a watcher as a stage of its name, with how far it is."""

    def __init__(self, watcher: Watcher, name: str) -> None:
        self._watcher = watcher
        self._name = name
        self._epochs = 0

    def on_stage(self, text: str) -> None:
        self._watcher.on_stage(f"{self._name}: {text}")

    def on_start(self, *, epochs: int) -> None:
        self._epochs = epochs

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        self._watcher.on_stage(f"{self._name}: epoch {epoch + 1} of {self._epochs}")

    def should_stop(self) -> bool:
        return self._watcher.should_stop()
