"""Whole epochs in one call on TensorFlow, with Keras's own train_step and test_step."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework import config

from dlcli.training.loop import LoopAnswer, LoopPlan, last_rate, never
from dlcli.training.memory import as_aligned
from dlcli.training.streamed_loop import StreamedLoop
from dlcli.training.streaming import Block, Feed
from dlcli.training.watchers import Watcher

COMPILE_ERRORS = (tf.errors.OpError, NotImplementedError, TypeError, ValueError)


class TensorFlowSteps:
    """Keras's own steps, built for the arrays of the parts, and what they log."""

    def __init__(
        self,
        model: Any,
        train: tuple[Any, ...],
        validation: tuple[Any, ...] | None,
        plan: LoopPlan,
    ) -> None:
        self._model = model
        self._plan = plan
        first = keras.tree.map_structure(lambda array: array[: plan.batch_size], train)
        model._symbolic_build(data_batch=first)
        self._learns_at_a_rate = hasattr(model.optimizer, "learning_rate")
        names, shapes = _log_shapes(model, validated=validation is not None)
        self.names = tuple(name for name, shape in zip(names, shapes, strict=True) if shape == [])
        self._wide = {name: shape for name, shape in zip(names, shapes, strict=True) if shape != []}
        # Traced once for batches of any size, as `model.fit` traces them: Keras weighs the losses
        # of several outputs by batch size only where it knows that size while tracing.
        self._train_step = _traced(model.train_step, train)
        self._test_step = _traced(model.test_step, validation)

    def _rate(self) -> Any:
        if not self._learns_at_a_rate:
            return tf.constant(0.0)
        return tf.cast(last_rate(self._model.optimizer), tf.float32)


class TensorFlowLoop(TensorFlowSteps):
    """A `tf.while_loop` over epochs, inside it one over batches; state stays in the variables."""

    blocks = None

    def __init__(
        self,
        model: Any,
        train: tuple[Any, ...],
        validation: tuple[Any, ...] | None,
        plan: LoopPlan,
    ) -> None:
        super().__init__(model, train, validation, plan)
        self._train = keras.tree.map_structure(self._hold, train)
        self._validation = (
            None if validation is None else keras.tree.map_structure(self._hold, validation)
        )
        self._watchers: Sequence[Watcher] = ()
        self._kept: dict[int, list[tf.Variable]] = {}
        self._call: Any = None

    def _hold(self, array: NDArray[Any]) -> Any:
        return to_device(array)

    def compile(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers
        self._kept = {
            index: [tf.Variable(weight.value, trainable=False) for weight in self._model.weights]
            for index, watcher in enumerate(watchers)
            if watcher.captures
        }
        plan = self._plan
        function = tf.function(
            self._epochs,
            jit_compile=plan.uses_xla,
            autograph=False,
            input_signature=[
                tf.TensorSpec([plan.capacity, plan.rows if plan.shuffle else 0], tf.int32),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([len(watchers), 4], tf.float64),
            ],
        )
        orders = np.zeros([plan.capacity, plan.rows if plan.shuffle else 0], dtype=np.int32)
        with without_op_determinism():
            # Called through the function itself, TensorFlow would warn of the fifth network's trace.
            self._call = function.get_concrete_function()
            self.run(orders, num_epochs=0, first_epoch=0)

    def run(
        self,
        orders: NDArray[np.int32],
        *,
        num_epochs: int,
        first_epoch: int,
        first_block: int = 0,
        pauses: Callable[[], bool] = never,
    ) -> LoopAnswer:
        states = np.array([watcher.state() for watcher in self._watchers], dtype=np.float64)
        ran, batches, scalars, rates, *wide = self._call(
            to_device(orders),
            tf.constant(num_epochs),
            tf.constant(first_epoch),
            tf.constant(states.reshape(-1, 4)),
        )
        count = int(ran)
        return LoopAnswer(
            epochs=count,
            scalars=scalars.numpy()[:count],
            arrays={
                name: values.numpy()[:count] for name, values in zip(self._wide, wide, strict=True)
            },
            rates=rates.numpy()[:count],
            batches=int(batches),
        )

    @property
    def plan(self) -> LoopPlan:
        """What was fixed when it was compiled."""
        return self._plan

    def follow(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers

    def best_weights(self, watcher: int) -> list[NDArray[Any]]:
        return [variable.numpy() for variable in self._kept[watcher]]

    def _epochs(self, orders: Any, num_epochs: Any, first_epoch: Any, states: Any) -> Any:
        capacity = self._plan.capacity

        def goes_on(ran: Any, acts: Any, *_: Any) -> Any:
            return (ran < num_epochs) & ~acts

        def epoch(ran: Any, acts: Any, batches: Any, states: Any, *stacks: Any) -> Any:
            logs, batches = self._epoch(orders, ran)
            scalars = tf.stack([tf.cast(logs[name], tf.float64) for name in self.names])
            rate = self._rate()
            written = [
                stack.write(ran, value)
                for stack, value in zip(
                    stacks, [scalars, rate, *(logs[name] for name in self._wide)], strict=True
                )
            ]
            acts = tf.constant(False)
            if self._plan.stops_on_nan or self._plan.ends_on_nan:
                acts = ~tf.math.is_finite(logs["loss"])
            following = []
            for index, watcher in enumerate(self._watchers):
                state, calls, best = watcher.step(
                    states[index], scalars[watcher.column], rate=rate, epoch=first_epoch + ran
                )
                following.append(state)
                acts = acts | calls
                if watcher.captures:
                    self._keep(index, best)
            states = tf.stack(following) if following else states
            return ran + 1, acts, batches, states, *written

        stacks = [
            tf.TensorArray(tf.float64, capacity, element_shape=[len(self.names)]),
            tf.TensorArray(tf.float32, capacity, element_shape=[]),
            *(tf.TensorArray(tf.float32, capacity, element_shape=s) for s in self._wide.values()),
        ]
        ran, _, batches, _, *stacks = tf.while_loop(
            goes_on,
            epoch,
            [tf.constant(0), tf.constant(False), tf.constant(0), states, *stacks],
            parallel_iterations=1,
        )
        return ran, batches, *(stack.stack() for stack in stacks)

    def _epoch(self, orders: Any, ran: Any) -> tuple[dict[str, Any], Any]:
        """Train over every batch and validate; return the logs and the number of batches."""
        model, plan = self._model, self._plan
        model.reset_metrics()
        order = orders[ran] if plan.shuffle else None

        def take(start: Any, size: int) -> Any:
            if order is None:
                return rows_of(self._train, start, size)
            rows = tf.slice(order, [start], [size])
            return keras.tree.map_structure(lambda array: tf.gather(array, rows), self._train)

        def train(done: Any, _: Any) -> Any:
            logs = self._train_step(take(done * plan.batch_size, plan.batch_size))
            fine = tf.math.is_finite(logs["loss"]) if plan.stops_on_nan else tf.constant(True)
            return done + 1, fine

        done, fine = tf.constant(0), tf.constant(True)
        if plan.full_batches:
            done, fine = tf.while_loop(
                lambda done, fine: (done < plan.full_batches) & fine,
                train,
                [done, fine],
                parallel_iterations=1,
            )
        if plan.rest:

            def train_rest() -> Any:
                self._train_step(take(plan.full_batches * plan.batch_size, plan.rest))
                return done + 1

            done = tf.cond(fine, train_rest, lambda: done) if plan.stops_on_nan else train_rest()
        logs = dict(model.get_metrics_result())
        if self._validation is not None:
            model.reset_metrics()
            self._validate()
            logs |= {f"val_{name}": value for name, value in model.get_metrics_result().items()}
        return logs, done

    def _validate(self) -> None:
        size = self._plan.batch_size
        full, rest = divmod(int(keras.tree.flatten(self._validation)[0].shape[0]), size)

        def test(done: Any) -> Any:
            self._test_step(rows_of(self._validation, done * size, size))
            return (done + 1,)

        if full:
            tf.while_loop(lambda done: done < full, test, [tf.constant(0)], parallel_iterations=1)
        if rest:
            self._test_step(rows_of(self._validation, full * size, rest))

    def _keep(self, index: int, best: Any) -> None:
        weights = self._model.weights

        def keep() -> Any:
            for variable, weight in zip(self._kept[index], weights, strict=True):
                variable.assign(weight.value)
            return tf.constant(0)

        tf.cond(best, keep, lambda: tf.constant(0))


class KeptTensorFlowLoop(TensorFlowLoop):
    """Keeps the data in variables, so that others of the same shapes can take their place."""

    def _hold(self, array: NDArray[Any]) -> Any:
        return tf.Variable(array, trainable=False)

    def take_over(self, train: tuple[Any, ...], validation: tuple[Any, ...] | None) -> None:
        """Train on other arrays from now on."""
        for held, given in ((self._train, train), (self._validation, validation)):
            pairs = zip(keras.tree.flatten(held), keras.tree.flatten(given), strict=True)
            for variable, array in pairs:
                if variable is not None:
                    variable.assign(array)


class StreamedTensorFlowLoop(TensorFlowSteps, StreamedLoop):
    """Blocks of rows through a `tf.while_loop` over batches; state stays in the variables."""

    def __init__(
        self,
        model: Any,
        train: tuple[Any, ...],
        validation: tuple[Any, ...] | None,
        plan: LoopPlan,
    ) -> None:
        TensorFlowSteps.__init__(self, model, train, validation, plan)
        StreamedLoop.__init__(self, model, train, validation, plan, to_device=to_device)

    def compile(self, watchers: Sequence[Watcher]) -> None:
        with without_op_determinism():
            super().compile(watchers)

    def _start(self, *, goes_on: bool) -> None:
        if not goes_on:
            self._model.reset_metrics()

    def _with_fresh_metrics(self, state: None) -> None:
        self._model.reset_metrics()

    def _run(self, calls: dict[int, Any], state: None, block: Block) -> tuple[None, int, bool]:
        call = calls[block.batch_size]
        done, fine = call(block.arrays, tf.constant(block.first), tf.constant(block.stop))
        return None, int(done), bool(fine)

    def _logs(self, state: None) -> dict[str, NDArray[Any]]:
        logs = self._model.get_metrics_result()
        return {name: np.asarray(keras.ops.convert_to_numpy(logs[name])) for name in logs}

    def _rate_of(self, state: None) -> float:
        return float(self._rate())

    def _leave(self, state: None) -> None:
        """Leave the state where it is."""

    def _calls(self, feed: Feed, *, train: bool) -> dict[int, Any]:
        structure = self._structures["train" if train else "validation"]
        made = {}
        for size, rows in feed.block_rows.items():
            specs = [tf.TensorSpec([rows, *leaf.shape[1:]], leaf.dtype) for leaf in feed.leaves]
            made[size] = tf.function(
                self._over_batches(structure, size, train=train),
                jit_compile=self._plan.uses_xla,
                autograph=False,
                input_signature=[specs, *[tf.TensorSpec([], tf.int32)] * 2],
            ).get_concrete_function()
            nothing = [tf.zeros(spec.shape, spec.dtype) for spec in specs]
            made[size](nothing, tf.constant(0), tf.constant(0))
        return made

    def _over_batches(self, structure: Any, size: int, *, train: bool) -> Any:
        checks = train and self._plan.stops_on_nan

        def over_batches(arrays: Any, first: Any, stop: Any) -> Any:
            part = keras.tree.pack_sequence_as(structure, arrays)

            def step(done: Any, _: Any) -> Any:
                batch = rows_of(part, done * size, size)
                logs = self._train_step(batch) if train else self._test_step(batch)
                fine = tf.math.is_finite(logs["loss"]) if checks else tf.constant(True)
                return done + 1, fine

            return tf.while_loop(
                lambda done, fine: (done < stop) & fine,
                step,
                [first, tf.constant(True)],
                parallel_iterations=1,
            )

        return over_batches


def to_device(array: NDArray[Any]) -> Any:
    """Return a tensor of the array; on a CPU it shares the memory of an aligned one."""
    # `tf.constant` would leave two copies of a large array behind. TensorFlow aborts on memory
    # that is not aligned.
    shared = tf.experimental.dlpack.from_dlpack(as_aligned(array).__dlpack__())
    return tf.identity(shared)  # which copies it to a GPU


@contextlib.contextmanager
def without_op_determinism() -> Iterator[None]:
    """Let XLA compile for CPUs, where it is deterministic, what it would refuse to for GPUs."""
    if not config.is_op_determinism_enabled() or tf.config.list_physical_devices("GPU"):
        yield
        return
    config.disable_op_determinism()
    try:
        yield
    finally:
        config.enable_op_determinism()


def _traced(step: Any, arrays: Any) -> Any:
    if arrays is None:
        return None
    signature = keras.tree.map_structure(
        lambda array: tf.TensorSpec([None, *array.shape[1:]], array.dtype), arrays
    )
    return tf.function(step, autograph=False, input_signature=[signature])


def rows_of(arrays: Any, start: Any, size: int) -> Any:
    return keras.tree.map_structure(
        lambda array: tf.slice(
            array,
            tf.concat([[start], tf.zeros(array.shape.rank - 1, tf.int32)], 0),
            [size, *array.shape[1:]],
        ),
        arrays,
    )


def _log_shapes(model: Any, *, validated: bool) -> tuple[list[str], list[list[int]]]:
    shapes = {
        name: list(value.shape)
        for name, value in keras.tree.map_structure(
            tf.convert_to_tensor, model.get_metrics_result()
        ).items()
    }
    if validated:
        shapes |= {f"val_{name}": shape for name, shape in shapes.items()}
    return sorted(shapes), [shapes[name] for name in sorted(shapes)]
