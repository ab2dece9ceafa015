"""Training through Keras's own fit, over the batches that compiled epochs would take."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from dlcli.training.batches import Arrays, arrange, count_batches, row_order
from dlcli.training.loop import last_rate, plain_rate
from dlcli.training.state import Keeper, Progress

SECONDS_TO_END_AN_EPOCH = 2.0
"""An epoch that lasts longer from a request to stop on is cut off, and runs again when resumed."""


class OrderedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of the rows in the order of the epoch; `epoch` says which comes next."""

    def __init__(
        self, batch_source: tuple[Any, ...], *, rows: int, batch_size: int, seed: int, shuffle: bool
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.epoch = 0
        self._source = batch_source
        self._rows = rows
        self._batch_size = batch_size
        self._seed = seed
        self._shuffle = shuffle
        self._order = self._next_order()

    def __len__(self) -> int:
        return count_batches(self._rows, self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return tuple(keras.tree.map_structure(lambda array: array[rows], self._source))

    def on_epoch_begin(self) -> None:
        self._order = self._next_order()

    def _next_order(self) -> np.ndarray[Any, Any]:
        return row_order(seed=self._seed, epoch=self.epoch, rows=self._rows, shuffle=self._shuffle)


class _Conductor(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the batches which epoch begins, and stops a training that diverged or lasts too long."""

    def __init__(
        self, batches: OrderedBatches, should_stop: Callable[[], bool], *, stop_on_nan: bool
    ) -> None:
        super().__init__()
        self._stop_on_nan = stop_on_nan
        self.is_cut = False
        """Whether the last epoch was left before its end."""
        self.rates: list[float] = []
        self._batches = batches
        self._should_stop = should_stop
        self._asked: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batches.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # Before any callback of the user's sets the rate of the next epoch.
        if hasattr(self.model.optimizer, "learning_rate"):
            self.rates.append(plain_rate(last_rate(self.model.optimizer)))
        if self._stop_on_nan and not np.isfinite((logs or {}).get("loss", 0.0)):
            self.model.stop_training = True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self._should_stop():
            return
        if self._asked is None:
            self._asked = time.monotonic()
        if time.monotonic() - self._asked > SECONDS_TO_END_AN_EPOCH:
            self.is_cut = True
            self.model.stop_training = True


class _Saver(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the state after every other callback has seen an epoch, and ends a stopped training."""

    def __init__(
        self,
        keeper: Keeper,
        callbacks: Sequence[Any],
        conductor: _Conductor,
        should_stop: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._keeper = keeper
        self._callbacks = callbacks
        self._conductor = conductor
        self._should_stop = should_stop
        self._history: list[dict[str, Any]] = []
        self.interrupted = False

    def on_train_begin(self, logs: Any = None) -> None:
        found = self._keeper.progress
        if found is not None:
            self._keeper.restore_callbacks(self._callbacks)
            self._history = list(found.history)
            self._conductor.rates = list(found.rates)
        self._keeper.start(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._conductor.is_cut:
            self.interrupted = True
            return
        self._history.append(dict(logs or {}))
        stopped = bool(self.model.stop_training)
        asked = not stopped and epoch + 1 < self.params["epochs"] and self._should_stop()
        if asked or self._keeper.is_due():
            progress = Progress(
                epoch=epoch + 1,
                stopped=stopped,
                uses_xla=False,
                history=self._history,
                rates=self._conductor.rates,
            )
            self._keeper.save(self.model, self._callbacks, progress)
        if asked:
            self.interrupted = True
            self.model.stop_training = True


def fit_plainly(
    model: Any,
    train: Arrays,
    validation: Arrays | None,
    *,
    batch_size: int,
    epochs: int,
    initial_epoch: int = 0,
    seed: int,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    callbacks: Sequence[Any] = (),
    should_stop: Callable[[], bool] = lambda: False,
    stop_on_nan: bool = False,
    keeper: Keeper | None = None,
) -> tuple[list[dict[str, float]], list[float], float, bool]:
    """Train with `model.fit`; return every epoch's logs and rate, the seconds, and if interrupted."""
    keeper = keeper or Keeper(None)
    found = keeper.progress
    if found is not None:
        keeper.restore_model(model)
        keeper.prepare_callbacks(callbacks)
        initial_epoch = epochs if found.stopped else found.epoch
    batches = OrderedBatches(
        arrange(model, train, class_weight=class_weight),
        rows=train.num_rows,
        batch_size=batch_size,
        seed=seed,
        shuffle=shuffle,
    )
    conductor = _Conductor(batches, should_stop, stop_on_nan=stop_on_nan)
    saver = _Saver(keeper, callbacks, conductor, should_stop)
    watched = None
    if validation is not None:
        watched = OrderedBatches(
            arrange(model, validation),
            rows=validation.num_rows,
            batch_size=batch_size,
            seed=seed,
            shuffle=False,
        )
    started = time.perf_counter()
    history = model.fit(
        batches,
        validation_data=watched,
        epochs=epochs,
        initial_epoch=initial_epoch,
        callbacks=[conductor, *callbacks, saver],
        shuffle=False,  # the batches come in the order of the epoch already
        verbose=0,
    )
    seconds = time.perf_counter() - started
    logs = history.history
    rows = [
        {name: values[index] for name, values in logs.items()}
        for index in range(len(history.epoch))
    ]
    earlier = [] if found is None else found.history
    return [*earlier, *rows], conductor.rates, seconds, saver.interrupted
