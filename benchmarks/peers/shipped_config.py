"""One config of ours in one process: its compiled epochs beside `model.fit` on the same arrays."""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.model.keras_import import load_keras
from dlcli.spec.run import load_spec
from dlcli.training.batches import arrange

MAX_COMPILED_EPOCHS = 100
FIT_EPOCHS = 5


class Comparison:
    """Stands in for `train_epochs` in a real run: trains both ways, in alternating order."""

    def __init__(self, train_epochs: Any, pairs: int) -> None:
        self._train_epochs = train_epochs
        self._pairs = pairs
        self.path = ""
        self.compiled_seconds: list[float] = []
        self.fit_seconds: list[float] = []

    def __call__(self, model: Any, train: Any, validation: Any, **settings: Any) -> Any:
        self._fit(model, train, validation, settings, epochs=1)  # traces
        result: Any = None
        for pair in range(self._pairs):
            if pair % 2:
                self._compare_fit(model, train, validation, settings)
            result = self._train_epochs(model, train, validation, **settings)
            self.path = result.path
            self.compiled_seconds.append(result.seconds / len(result.history))
            if not pair % 2:
                self._compare_fit(model, train, validation, settings)
        return result

    def _compare_fit(self, *arguments: Any) -> None:
        started = time.perf_counter()
        epochs = self._fit(*arguments, epochs=FIT_EPOCHS)
        self.fit_seconds.append((time.perf_counter() - started) / epochs)

    def _fit(
        self, model: Any, train: Any, validation: Any, settings: dict[str, Any], *, epochs: int
    ) -> int:
        x, y, *weight = arrange(model, train, class_weight=settings.get("class_weight"))
        history = model.fit(
            x,
            y,
            sample_weight=weight[0] if weight else None,
            validation_data=None if validation is None else arrange(model, validation),
            batch_size=settings["batch_size"],
            epochs=epochs,
            shuffle=settings.get("shuffle", True),
            callbacks=[each for each in settings["callbacks"] if not _is_ours(each)],
            verbose=0,
        )
        return len(history.epoch)


def _is_ours(callback: Any) -> bool:
    """Tell whether dlcli adds this callback; they would slow down `model.fit`."""
    return hasattr(callback, "reads_only_logs") or type(callback).__name__ == "TerminateOnNaN"


def main() -> None:
    """Train the config and report."""
    config, pairs = Path(sys.argv[1]), int(sys.argv[2])
    spec = load_spec(config)
    load_keras(spec.backend)
    fitting: Any = importlib.import_module("dlcli.training.fit")
    comparison = fitting.train_epochs = Comparison(fitting.train_epochs, pairs)
    epochs = f"epochs={min(spec.epochs, MAX_COMPILED_EPOCHS)}"
    train(config, TrainOptions(overrides=(epochs,)), QuietDisplay())
    values = {
        "path": comparison.path,
        "compiled_seconds": comparison.compiled_seconds,
        "fit_seconds": comparison.fit_seconds,
    }
    sys.stdout.write(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
