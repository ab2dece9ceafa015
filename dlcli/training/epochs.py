"""Whole epochs in one compiled call where the run allows it, and Keras's own fit where not."""

import gc
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from dlcli.errors import RunError, TrainingError
from dlcli.memory import total_bytes
from dlcli.training.batches import Arrays, arrange, count_batches, permutation
from dlcli.training.devices import agreed, is_mirrored, mesh_of_batches
from dlcli.training.kept_networks import CompiledEpochs, Slot
from dlcli.training.loop import Loop, LoopAnswer, LoopPlan, plain_rate
from dlcli.training.memory import empty_aligned
from dlcli.training.plain import fit_plainly
from dlcli.training.state import Keeper, Progress
from dlcli.training.streaming import StoredLeaves
from dlcli.training.watchers import Watcher, is_watchable, watch

__all__ = ["Arrays", "EpochsResult", "permutation", "train_epochs"]

LOOPS = {
    "tensorflow": "dlcli.training.epochs_tensorflow:TensorFlowLoop",
    "jax": "dlcli.training.epochs_jax:JaxLoop",
}
STREAMED_LOOPS = {
    "tensorflow": "dlcli.training.epochs_tensorflow:StreamedTensorFlowLoop",
    "jax": "dlcli.training.epochs_jax:StreamedJaxLoop",
}

BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)
TEST_HOOKS = ("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end")
EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")

CONVOLUTIONS = (
    *(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D),
    *(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose),
    *(keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D),
    *(keras.layers.SeparableConv1D, keras.layers.SeparableConv2D),
)

# Smaller data are left to the collector's own time: collecting takes a tenth of a second.
FREED_AT_ONCE_BYTES = 64 * 2**20
# Long enough to make the cost of a call vanish, short enough for a lively display and Ctrl-C.
SECONDS_PER_CALL = 0.1
MAX_EPOCHS_PER_CALL = 1024
# XLA compiles 0.5 to 2.4 s longer. It wins that back after some 5000 batches of a small network,
# and after 1300 to 3300 of one with 100,000 weights, where it saves more of each
# (`python scripts/measure_xla.py`). The epochs of a tiny network are all overhead, of which XLA
# leaves a fifth: from 512 batches on they run at its pace, for the second that it takes.
XLA_FROM_BATCHES = 5000
XLA_PARAMETERS = 50_000
TINY_FROM_BATCHES = 512
TINY_PARAMETERS = 10_000
MAX_ORDER_CELLS = 2**21  # 8 MiB of row numbers


@dataclass(frozen=True, kw_only=True)
class EpochsResult:
    """What training did."""

    history: list[dict[str, float]]
    """The logs of every epoch, as callbacks left them."""
    rates: list[float]
    """The learning rate of every epoch's last weight update; empty where there is none."""
    path: str
    """`compiled` or `keras`."""
    uses_xla: bool
    reason: str | None
    """Why not compiled; or why without XLA, where the network has something that XLA cannot do."""
    compiled_calls: int
    blocks: int | None
    """Blocks in which an epoch read the training part from host memory; None where it did not."""
    seconds: float
    """The loop alone."""
    first_epoch_seconds: float | None
    """Of the first compiled epoch, which enters its code for the first time."""
    compile_seconds: float
    interrupted: bool
    reused: bool = False
    """Whether the compiled epochs are those of an earlier training."""


def train_epochs(
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
    memory_budget_bytes: int | None = None,
    stop_on_nan: bool = False,
    compiled: bool = True,
    uses_xla: bool | None = None,
    keeper: Keeper | None = None,
    slot: Slot | None = None,
    stored: StoredLeaves | None = None,
) -> EpochsResult:
    """Train a compiled model until epoch `epochs`, as `model.fit` would over the same batches.

    `should_stop` is asked between calls; what was trained until then is kept. `stop_on_nan` ends
    training after an epoch whose loss is not finite; a TerminateOnNaN callback does so within the
    epoch, which takes longer to compile. `compiled=False` asks for Keras's own fit. TensorFlow
    uses XLA where the training is long enough to gain by it, unless `uses_xla` says. Data larger
    than the memory budget (a quarter of the memory, unless it is given) stay in host memory and
    come to the device in blocks, with the same result. `keeper` saves the state now and then, and
    goes on from the one that it found. `slot` keeps the compiled epochs for the next training of
    this very model on arrays of these shapes, or has them already. What is `stored` is read from
    disk in blocks in the place of `train`, which are some of its rows; raises TrainingError for
    what only Keras's own fit could train.
    """
    started = time.perf_counter()
    keeper = keeper or Keeper(None)
    found = keeper.progress
    if found is not None:
        # Dropout draws other numbers with XLA than without, whatever `epochs` is by now.
        uses_xla = found.uses_xla
    reason = _why_plain(model, train, validation, callbacks=callbacks)
    if not compiled:
        reason = "the run asks for Keras's own loop"
    rows = train.num_rows if stored is None else stored.num_rows
    if is_mirrored():
        reason = "several devices train through TensorFlow's MirroredStrategy"
    elif mesh_of_batches() is not None:
        within = _streamed_within(
            train, validation, memory_budget_bytes, is_stored=stored is not None
        )
        _check_for_devices(reason, within)
    conductor: _Conductor | None = None
    if reason is None:
        conductor, reason = _compile(
            model,
            arrange(model, train, class_weight=class_weight),
            None if validation is None else arrange(model, validation),
            rows=rows,
            batch_size=batch_size,
            seed=seed,
            shuffle=shuffle and stored is None,
            callbacks=callbacks,
            epochs=epochs,
            stop_on_nan=stop_on_nan,
            uses_xla=uses_xla,
            streams_within_bytes=_streamed_within(
                train, validation, memory_budget_bytes, is_stored=stored is not None
            ),
            slot=slot,
            stored=stored,
        )
    compile_seconds = time.perf_counter() - started
    if conductor is not None:
        result = conductor.train(
            initial_epoch=initial_epoch,
            should_stop=should_stop,
            compile_seconds=compile_seconds,
            keeper=keeper,
        )
        del conductor
        if train.num_bytes >= FREED_AT_ONCE_BYTES:
            gc.collect()  # compiled functions refer to themselves, and to the device's copy
        return result
    if stored is not None:
        raise TrainingError(
            f"rows that are read from disk train in compiled epochs alone: {reason}",
            hint="leave that out, or train on data that fit into memory",
        )
    history, rates, seconds, interrupted = fit_plainly(
        model,
        train,
        validation,
        batch_size=batch_size,
        epochs=epochs,
        initial_epoch=initial_epoch,
        seed=seed,
        shuffle=shuffle,
        class_weight=class_weight,
        callbacks=callbacks,
        should_stop=should_stop,
        stop_on_nan=stop_on_nan,
        keeper=keeper,
    )
    return EpochsResult(
        history=history,
        rates=rates,
        path="keras",
        uses_xla=False,
        reason=reason,
        compiled_calls=0,
        blocks=None,
        seconds=seconds,
        first_epoch_seconds=None,
        compile_seconds=compile_seconds,
        interrupted=interrupted,
    )


def _check_for_devices(reason: str | None, streams_within_bytes: int | None) -> None:
    """Raise TrainingError for a training that several devices on JAX cannot share."""
    if reason is not None:
        raise TrainingError(
            f"several devices train compiled epochs alone, and {reason}",
            hint="leave that out, or train on one device",
        )
    if streams_within_bytes is not None:
        raise TrainingError(
            "the data are larger than the memory budget, and several devices train what they hold",
            hint="raise --memory-budget, or train on one device",
        )


def _compile(
    model: Any,
    train: tuple[Any, ...],
    validation: tuple[Any, ...] | None,
    *,
    rows: int,
    batch_size: int,
    seed: int,
    shuffle: bool,
    callbacks: Sequence[Any],
    epochs: int,
    stop_on_nan: bool,
    uses_xla: bool | None,
    streams_within_bytes: int | None,
    slot: Slot | None,
    stored: StoredLeaves | None,
) -> tuple["_Conductor | None", str | None]:
    """Return what runs the compiled epochs, or the reason why there is none."""
    streams = streams_within_bytes is not None
    many = not streams and all(_may_wait(callback) for callback in callbacks)
    capacity = max(1, min(MAX_EPOCHS_PER_CALL, MAX_ORDER_CELLS // rows, epochs)) if many else 1
    batches = epochs * count_batches(rows, batch_size)
    gains = wins_by_xla(batches, model.count_params()) and not _is_slow_under_xla(model)
    wants_xla = gains if uses_xla is None else uses_xla
    obstacle = _why_no_xla(model) if wants_xla else None
    plan = LoopPlan(
        batch_size=batch_size,
        rows=rows,
        shuffle=shuffle,
        capacity=capacity,
        uses_xla=wants_xla and obstacle is None,
        ends_on_nan=stop_on_nan,
        stops_on_nan=any(_is(callback, "TerminateOnNaN") for callback in callbacks),
        streams_within_bytes=streams_within_bytes,
        stored=stored,
    )
    key = (plan, _shapes(train), _shapes(validation))
    known = None if slot is None else slot.find(key)
    if slot is not None and known is not None:
        if slot.exchanges_data:
            known.loop.take_over(train, validation)
        return _take_over(model, known, callbacks, epochs, seed), None
    exchanges = slot is not None and slot.exchanges_data and not streams
    compile_plan = partial(
        _compile_plan, model, train, validation, callbacks, epochs, seed, exchanges
    )
    conductor, failure = compile_plan(plan)
    if failure is not None and plan.uses_xla and keras.backend.backend() == "tensorflow":
        obstacle = f"XLA does not compile it: {failure}"
        conductor, failure = compile_plan(replace(plan, uses_xla=False))
    if conductor is None and mesh_of_batches() is not None:
        raise TrainingError(f"this network does not compile for several devices: {failure}")
    if conductor is None:
        # A mistake of the user's fails again under Keras's own fit, which words it better.
        return None, f"it does not compile: {failure}"
    if slot is not None and not streams:
        slot.put(key, CompiledEpochs(loop=conductor.loop, reason=obstacle))
    conductor.reason = obstacle
    return conductor, None


def _take_over(
    model: Any, known: CompiledEpochs, callbacks: Sequence[Any], epochs: int, seed: int
) -> "_Conductor":
    """Return what runs epochs that are compiled already, for callbacks set like those before."""
    loop = known.loop
    watched = [callback for callback in callbacks if is_watchable(callback)]
    watched = watched if all(map(_may_wait, callbacks)) else []
    for callback in watched:
        callback.set_model(model)
    if not all(callback.monitor in loop.names for callback in watched):
        watched = []
    watchers = watch(watched, loop.names)
    loop.follow(watchers)
    conductor = _Conductor(model, loop, loop.plan, watchers, callbacks, epochs=epochs, seed=seed)
    conductor.reused = True
    conductor.reason = known.reason
    return conductor


def _compile_plan(
    model: Any,
    train: tuple[Any, ...],
    validation: tuple[Any, ...] | None,
    callbacks: Sequence[Any],
    epochs: int,
    seed: int,
    exchanges_data: bool,
    plan: LoopPlan,
) -> tuple["_Conductor | None", str | None]:
    """Return what runs the epochs of this plan, or what keeps them from being compiled."""
    loops = LOOPS if plan.streams_within_bytes is None else STREAMED_LOOPS
    module, _, name = loops[keras.backend.backend()].partition(":")
    if exchanges_data:
        name = f"Kept{name}"
    backend: Any = importlib.import_module(module)
    may_watch = plan.streams_within_bytes is None and all(map(_may_wait, callbacks))
    try:
        loop: Loop = getattr(backend, name)(model, train, validation, plan)
        watched = [callback for callback in callbacks if is_watchable(callback)] * may_watch
        for callback in watched:
            callback.set_model(model)  # which knows which way its metrics improve
        if not all(callback.monitor in loop.names for callback in watched):
            # Keras warns of a missing name at every epoch, so every epoch must see its callback.
            watched = []
            plan = replace(plan, capacity=1)
            del loop  # and its copy of the data
            loop = getattr(backend, name)(model, train, validation, plan)
        watchers = watch(watched, loop.names)
        loop.compile(watchers)
    except backend.COMPILE_ERRORS as error:
        return None, _first_line(error)
    return _Conductor(model, loop, plan, watchers, callbacks, epochs=epochs, seed=seed), None


def _shapes(arrays: tuple[Any, ...] | None) -> str:
    """Return the structure, the shapes and the types of arrays as one text."""

    def shape_of(array: Any) -> Any:
        return None if array is None else (array.shape, str(array.dtype))

    return repr(keras.tree.map_structure(shape_of, arrays))


class _Conductor:
    """Runs compiled calls and lets callbacks see the epochs as `model.fit` would show them."""

    def __init__(
        self,
        model: Any,
        loop: Loop,
        plan: LoopPlan,
        watchers: Sequence[Watcher],
        callbacks: Sequence[Any],
        *,
        epochs: int,
        seed: int,
    ) -> None:
        self.model = model
        self.reused = False
        self.reason: str | None = None
        """Why XLA is not used, where the network has something that it cannot do."""
        self.loop = loop
        self.plan = plan
        self.epochs = epochs
        self.callbacks = list(callbacks)
        self.orders = _Orders(plan, seed=seed, epochs=epochs)
        self.watchers = {id(watcher.callback): watcher for watcher in watchers}
        self.places = {id(watcher.callback): place for place, watcher in enumerate(watchers)}
        self.listing = keras.callbacks.CallbackList(
            list(callbacks),
            add_history=True,
            model=model,
            epochs=epochs,
            steps=count_batches(plan.rows, plan.batch_size),
            verbose=0,
        )
        self.beginners = [c for c in self.listing.callbacks if _overrides(c, ["on_epoch_begin"])]
        self.enders = [c for c in self.listing.callbacks if _overrides(c, ["on_epoch_end"])]
        self.testers = [c for c in self.listing.callbacks if _is(c, "TensorBoard")]
        self.nan_checks = [c for c in self.listing.callbacks if _is(c, "TerminateOnNaN")]
        self.history: list[dict[str, float]] = []
        self.rates: list[float] = []

    def train(
        self,
        *,
        initial_epoch: int,
        should_stop: Callable[[], bool],
        compile_seconds: float,
        keeper: Keeper,
    ) -> EpochsResult:
        model = self.model
        started = time.perf_counter()
        model.stop_training = False
        epoch, block = self._start(initial_epoch, keeper)
        calls, per_call, interrupted = 0, 1, False
        first_epoch_seconds: float | None = None
        last_logs: dict[str, float] | None = None

        def pauses() -> bool:
            return should_stop() or keeper.is_due()

        with self.orders:
            while epoch < self.epochs and not model.stop_training:
                count = min(per_call, self.epochs - epoch, self.plan.capacity)
                count, stops = agreed(count, should_stop())
                if stops:
                    interrupted = True
                    break
                if self.plan.capacity == 1 and block == 0:
                    self._begin(epoch)
                orders = self.orders.take(epoch, count)
                self.orders.prepare(epoch + count, count)
                called = time.perf_counter()
                answer = self.loop.run(
                    orders, num_epochs=count, first_epoch=epoch, first_block=block, pauses=pauses
                )
                calls += answer.calls
                block = answer.block
                if answer.epochs:
                    each = (time.perf_counter() - called) / answer.epochs
                    per_call = max(1, int(SECONDS_PER_CALL / each))
                    last_logs = self._show(epoch, answer)
                    first_epoch_seconds = first_epoch_seconds or time.perf_counter() - started
                    epoch += answer.epochs
                if keeper.is_due():
                    self._save(keeper, epoch, block)
        if interrupted:
            self._save(keeper, epoch, block)
        if self.epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        self.listing.on_train_end(logs=last_logs)
        return EpochsResult(
            history=self.history,
            rates=self.rates,
            path="compiled",
            uses_xla=self._uses_xla,
            reason=self.reason,
            compiled_calls=calls,
            blocks=self.loop.blocks,
            seconds=time.perf_counter() - started,
            first_epoch_seconds=first_epoch_seconds,
            compile_seconds=compile_seconds,
            interrupted=interrupted,
            reused=self.reused,
        )

    @property
    def _uses_xla(self) -> bool:
        return self.plan.uses_xla or keras.backend.backend() == "jax"

    def _start(self, initial_epoch: int, keeper: Keeper) -> tuple[int, int]:
        """Let callbacks see the training begin; return the epoch and the block to begin with."""
        found = keeper.progress
        if found is not None:
            if found.block and found.blocks != self.loop.blocks:
                raise RunError(
                    f"{keeper.path}: the training was left within an epoch of {found.blocks} "
                    f"blocks, which would be {self.loop.blocks} now",
                    hint="give the --memory-budget that it began with",
                )
            keeper.restore_model(self.model)
            keeper.prepare_callbacks(self.callbacks)
        self.listing.on_train_begin()
        keeper.start(self.model)
        if found is None:
            # BackupAndRestore says here, as it does to `model.fit`, where a broken run goes on.
            return self.model._initial_epoch or initial_epoch, 0
        keeper.restore_callbacks(self.callbacks)
        self.history.extend(found.history)
        self.rates.extend(found.rates)
        self.model.stop_training = found.stopped
        return found.epoch, found.block

    def _save(self, keeper: Keeper, epoch: int, block: int) -> None:
        progress = Progress(
            epoch=epoch,
            block=block,
            blocks=self.loop.blocks,
            stopped=self.model.stop_training,
            uses_xla=self._uses_xla,
            history=self.history,
            rates=self.rates,
        )
        keeper.save(self.model, self.callbacks, progress)

    def _begin(self, epoch: int) -> None:
        for callback in self.beginners:
            callback.on_epoch_begin(epoch, {})

    def _show(self, first_epoch: int, answer: LoopAnswer) -> dict[str, float]:
        """Let the callbacks see the epochs of one call; return the logs of its last."""
        records = self._records(answer)
        rates = answer.rates.tolist()
        improved: dict[int, Any] = {}
        for index, logs in enumerate(records[:-1]):
            epoch = first_epoch + index
            self._begin(epoch)
            for callback in self.enders:
                if self._pass(callback, epoch, logs, rate=rates[index]):
                    improved[id(callback)] = callback
        for key, callback in improved.items():
            if self.watchers[key].captures:
                callback.best_weights = self.loop.best_weights(self.places[key])
        epoch, logs = first_epoch + answer.epochs - 1, records[-1]
        if self.plan.capacity > 1:
            self._begin(epoch)
        self._check_nan(answer, logs)
        self._show_validation(logs)
        unchanged = dict(logs)
        for callback in self.enders:
            callback.on_epoch_end(epoch, logs)
        if self.plan.ends_on_nan and not np.isfinite(unchanged["loss"]):
            self.model.stop_training = True
        self.history.extend(records)
        if hasattr(self.model.optimizer, "learning_rate"):
            self.rates.extend(map(plain_rate, answer.rates))
        return unchanged

    def _pass(self, callback: Any, epoch: int, logs: dict[str, float], *, rate: float) -> bool:
        """Show a callback an epoch after which training went on; return if it was its best."""
        watcher = self.watchers.get(id(callback))
        if watcher is not None:
            return watcher.skip(epoch, logs, rate=rate)
        if type(callback) is keras.callbacks.History:
            # Its own method also sets an attribute of the model, which takes longer than an epoch
            # of a small one; it runs for the last epoch of each call.
            callback.epoch.append(epoch)
            for name, value in logs.items():
                callback.history.setdefault(name, []).append(value)
        else:
            callback.on_epoch_end(epoch, logs)
        return False

    def _records(self, answer: LoopAnswer) -> list[dict[str, float]]:
        names = self.loop.names
        records: list[dict[str, Any]] = [
            dict(zip(names, row, strict=True)) for row in answer.scalars.tolist()
        ]
        for name, values in answer.arrays.items():
            for record, value in zip(records, values, strict=True):
                record[name] = value
        # `model.fit` sorts the names of what it shows; those of single numbers are sorted already.
        return [dict(sorted(record.items())) for record in records] if answer.arrays else records

    def _check_nan(self, answer: LoopAnswer, logs: dict[str, float]) -> None:
        if not np.isfinite(logs["loss"]):
            for callback in self.nan_checks:
                callback.on_batch_end(answer.batches - 1, {"loss": logs["loss"]})

    def _show_validation(self, logs: dict[str, float]) -> None:
        shown = {
            name.removeprefix("val_"): value
            for name, value in logs.items()
            if name.startswith("val_")
        }
        if shown:
            for callback in self.testers:
                callback.on_test_begin({})
                callback.on_test_end(shown)


class _Orders:
    """The orders of coming epochs, drawn while the device computes."""

    def __init__(self, plan: LoopPlan, *, seed: int, epochs: int) -> None:
        self._plan = plan
        self._seed = seed
        self._epochs = epochs
        shape = (plan.capacity, plan.rows if plan.shuffle else 0)
        self._block = empty_aligned(shape, np.dtype(np.int32))
        self._block[...] = 0
        self._drawn: dict[int, NDArray[np.int32]] = {}
        self._pending: Future[None] | None = None
        self._taken: tuple[int, int] | None = None
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._plan.shuffle:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="orders")
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def take(self, first: int, count: int) -> NDArray[np.int32]:
        """Return [capacity, rows] whose first `count` rows are the orders of these epochs."""
        if self._plan.shuffle and self._taken != (first, count):
            self._taken = (first, count)
            if self._pending is not None:
                self._pending.result()
            for index in range(count):
                drawn = self._drawn.pop(first + index, None)
                self._block[index] = self._draw(first + index) if drawn is None else drawn
        return self._block

    def prepare(self, first: int, count: int) -> None:
        """Draw the orders of these epochs in the background."""
        if self._executor is not None:
            self._pending = self._executor.submit(
                self._fill, first, min(count, self._plan.capacity)
            )

    def _fill(self, first: int, count: int) -> None:
        for epoch in range(first, min(first + count, self._epochs)):
            if epoch not in self._drawn:
                self._drawn[epoch] = self._draw(epoch)

    def _draw(self, epoch: int) -> NDArray[np.int32]:
        return permutation(self._seed, epoch, self._plan.rows)


def _why_plain(
    model: Any,
    train: Arrays,
    validation: Arrays | None,
    *,
    callbacks: Sequence[Any],
) -> str | None:
    """Return why these epochs cannot be compiled, or None where they may be."""
    if model.run_eagerly:
        return "the model is set to run eagerly"
    for callback in callbacks:
        if _is_quiet_between_epochs(callback):
            continue
        if _overrides(callback, BATCH_HOOKS):
            return f"callback {_describe(callback)} runs at every batch"
        if validation is not None and _overrides(callback, TEST_HOOKS):
            return f"callback {_describe(callback)} runs between training and validation"
    for part in (train, validation):
        if part is None:
            continue
        for name, array in [*part.inputs.items(), *part.targets.items()]:
            if array.dtype.kind not in "biuf":
                return f"{name} holds {array.dtype} values, which XLA does not take"
    return None


def _is_slow_under_xla(model: Any) -> bool:
    """Tell whether XLA would take many times as long: for convolutions on a CPU it does.

    A network with 32 and 64 filters on 8 x 8 images took 3.4 s an epoch with it and 0.2 s without.
    """
    if keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
        return False
    return any(isinstance(layer, CONVOLUTIONS) for layer in model._flatten_layers())


def wins_by_xla(batches: int, num_parameters: int) -> bool:
    """Tell whether a training of so many batches is worth what XLA takes to compile."""
    if num_parameters <= TINY_PARAMETERS:
        return batches >= TINY_FROM_BATCHES
    return batches * (1 + num_parameters / XLA_PARAMETERS) >= XLA_FROM_BATCHES


def _why_no_xla(model: Any) -> str | None:
    """Return which layer XLA cannot compile on TensorFlow; JAX compiles every layer."""
    if keras.backend.backend() != "tensorflow":
        return None
    layer = next((each for each in model._flatten_layers() if not each.supports_jit), None)
    return None if layer is None else f"XLA has no form of {type(layer).__name__}"


def _streamed_within(
    train: Arrays, validation: Arrays | None, budget_bytes: int | None, *, is_stored: bool
) -> int | None:
    """Return the memory in which data must be streamed that are larger, or None if these fit."""
    budget = default_memory_budget() if budget_bytes is None else budget_bytes
    needed = train.num_bytes + (0 if validation is None else validation.num_bytes)
    return budget if needed > budget or is_stored else None


def default_memory_budget() -> int:
    """Return a quarter of this machine's memory, in bytes."""
    return total_bytes() // 4


def _is_quiet_between_epochs(callback: Any) -> bool:
    """Say whether this callback of Keras's has batch hooks that do nothing as it is set."""
    if _is(callback, "TerminateOnNaN"):
        return True  # the compiled loop looks for NaN itself
    if _is(callback, "ModelCheckpoint") or _is(callback, "BackupAndRestore"):
        return not isinstance(callback.save_freq, int) or callback.save_freq is False
    if _is(callback, "TensorBoard"):
        return (
            callback.update_freq == "epoch"
            and not callback._should_trace
            and not callback.write_steps_per_second
        )
    return False


def _may_wait(callback: Any) -> bool:
    """Say whether the epochs of a call may be shown to this callback after the call."""
    return (
        getattr(callback, "reads_only_logs", False)
        or _is(callback, "History")
        or _is(callback, "CSVLogger")
        or is_watchable(callback)
        or not _overrides(callback, EPOCH_HOOKS)
    )


def _is(callback: Any, name: str) -> bool:
    return type(callback) is getattr(keras.callbacks, name)


def _overrides(callback: Any, hooks: Sequence[str]) -> bool:
    return any(
        hook in vars(callback)
        or getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook)
        for hook in hooks
    )


def _describe(callback: Any) -> str:
    name = type(callback).__name__
    for setting in ("update_freq", "save_freq"):
        if hasattr(callback, setting):
            return f"{name}({setting}={getattr(callback, setting)!r})"
    return name


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
