"""Whole epochs in one XLA call on JAX, with Keras's own train_step and test_step."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec
from numpy.typing import NDArray

from dlcli.training.devices import mesh_of_batches
from dlcli.training.loop import LoopAnswer, LoopPlan, last_rate, never
from dlcli.training.memory import as_aligned
from dlcli.training.streamed_loop import StreamedLoop
from dlcli.training.streaming import Block, Feed
from dlcli.training.watchers import Watcher

COMPILE_ERRORS = (jax.errors.JaxRuntimeError, NotImplementedError, TypeError, ValueError)


class JaxSteps:
    """Keras's stateless steps, built for the arrays of the parts, and the state that they pass.

    The state is Keras's own tuple of lists: the values of the trainable, the other, the
    optimizer's and the metrics' variables.
    """

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
        model.reset_metrics()
        self._fresh_metrics = [np.asarray(v.value) for v in model.metrics_variables]
        shapes = {name: jnp.shape(value) for name, value in model.get_metrics_result().items()}
        if validation is not None:
            shapes |= {f"val_{name}": shape for name, shape in shapes.items()}
        self.names = tuple(name for name in sorted(shapes) if shapes[name] == ())
        self._wide = {name: shapes[name] for name in sorted(shapes) if shapes[name] != ()}
        self._learns_at_a_rate = hasattr(model.optimizer, "learning_rate")

    def _variables(self) -> tuple[list[Any], ...]:
        model = self._model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )

    def _state(self) -> tuple[list[Any], ...]:
        return tuple([variable.value for variable in group] for group in self._variables())

    def _with_fresh_metrics(self, state: Any) -> Any:
        return (*state[:3], [jnp.asarray(value) for value in self._fresh_metrics])

    def _results(self, state: Any) -> dict[str, Any]:
        mapping = list(zip(self._model.metrics_variables, state[3], strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            results = self._model.get_metrics_result()
        return {name: jnp.asarray(value) for name, value in results.items()}

    def _rate(self, state: Any) -> Any:
        if not self._learns_at_a_rate:
            return jnp.float32(0)
        optimizer = self._model.optimizer
        mapping = list(zip(optimizer.variables, state[2], strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return keras.ops.cast(last_rate(optimizer), "float32")

    def _weights(self, state: Any) -> list[Any]:
        model = self._model
        values = {
            id(variable): value
            for variables, group in zip(self._variables()[:2], state[:2], strict=True)
            for variable, value in zip(variables, group, strict=True)
        }
        return [values[id(weight)] for weight in model.weights]

    def _write_back(self, state: Any) -> None:
        for variables, values in zip(self._variables(), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


class JaxLoop(JaxSteps):
    """A while loop over epochs, inside it one over batches, writing the state back at its end."""

    blocks = None

    def __init__(
        self,
        model: Any,
        train: tuple[Any, ...],
        validation: tuple[Any, ...] | None,
        plan: LoopPlan,
    ) -> None:
        super().__init__(model, train, validation, plan)
        self._mesh = mesh_of_batches()
        self._train, self._validation = self._all_placed(train), self._all_placed(validation)
        # Shards are of one size, so that the last one may have rows beyond the part's own.
        self._validation_rows = 0 if validation is None else len(jax.tree.leaves(validation)[0])
        self._watchers: Sequence[Watcher] = ()
        self._kept: list[list[Any]] = []
        self._call: Any = None

    def compile(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers
        self._kept = [
            [jnp.array(weight.value) for weight in self._model.weights] if watcher.captures else []
            for watcher in watchers
        ]
        everywhere = None if self._mesh is None else _sharding(self._mesh)
        self._call = jax.jit(self._epochs, donate_argnums=(0, 1), out_shardings=everywhere)
        orders = np.zeros(
            [self._plan.capacity, self._plan.rows if self._plan.shuffle else 0], dtype=np.int32
        )
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
        states = np.array([watcher.state() for watcher in self._watchers], dtype=np.float32)
        state, self._kept, answer = self._call(
            self._state(),
            self._kept,
            (self._train, self._validation),
            orders,
            np.int32(num_epochs),
            np.int32(first_epoch),
            states.reshape(-1, 4),
        )
        self._write_back(state)
        ran, batches, scalars, rates, wide = jax.device_get(answer)
        count = int(ran)
        return LoopAnswer(
            epochs=count,
            scalars=scalars[:count],
            arrays={name: values[:count] for name, values in zip(self._wide, wide, strict=True)},
            rates=rates[:count],
            batches=int(batches),
        )

    def _all_placed(self, arrays: tuple[Any, ...] | None) -> Any:
        return None if arrays is None else keras.tree.map_structure(self._placed, arrays)

    def _placed(self, array: NDArray[Any]) -> Any:
        """Return a tensor of the array: on the one device, or a shard of its rows on each."""
        return to_device(array) if self._mesh is None else to_devices(array, self._mesh)

    def _shared(self, batch: Any, size: int) -> Any:
        """Let every device take its share of a batch; one that cannot be shared is done by all."""
        if self._mesh is None or size % self._mesh.size:
            return batch
        constrain: Any = lax.with_sharding_constraint
        return constrain(batch, _sharding(self._mesh, *self._mesh.axis_names))

    @property
    def plan(self) -> LoopPlan:
        """What was fixed when it was compiled."""
        return self._plan

    def follow(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers

    def best_weights(self, watcher: int) -> list[NDArray[Any]]:
        return [np.array(value) for value in self._kept[watcher]]

    def _epochs(
        self,
        state: Any,
        kept: Any,
        parts: Any,
        orders: Any,
        num_epochs: Any,
        first_epoch: Any,
        states: Any,
    ) -> Any:
        capacity = self._plan.capacity

        def goes_on(carry: Any) -> Any:
            return (carry["ran"] < num_epochs) & ~carry["acts"]

        def epoch(carry: Any) -> Any:
            ran = carry["ran"]
            state, logs, batches = self._epoch(carry["state"], parts, orders, ran)
            scalars = jnp.stack([logs[name].astype(jnp.float32) for name in self.names])
            rate = self._rate(state)
            acts = jnp.array(False)
            if self._plan.stops_on_nan or self._plan.ends_on_nan:
                acts = ~jnp.isfinite(logs["loss"])
            following, kept = [], list(carry["kept"])
            for index, watcher in enumerate(self._watchers):
                watched, calls, best = watcher.step(
                    carry["states"][index],
                    scalars[watcher.column],
                    rate=rate,
                    epoch=first_epoch + ran,
                )
                following.append(watched)
                acts = acts | calls
                if watcher.captures:
                    kept[index] = lax.cond(
                        best,
                        lambda new, _: new,
                        lambda _, old: old,
                        self._weights(state),
                        kept[index],
                    )
            return {
                "ran": ran + 1,
                "acts": acts,
                "batches": batches,
                "state": state,
                "kept": kept,
                "states": jnp.stack(following) if following else carry["states"],
                "scalars": carry["scalars"].at[ran].set(scalars),
                "rates": carry["rates"].at[ran].set(rate),
                "wide": [
                    stack.at[ran].set(logs[name])
                    for stack, name in zip(carry["wide"], self._wide, strict=True)
                ],
            }

        carry = lax.while_loop(
            goes_on,
            epoch,
            {
                "ran": jnp.int32(0),
                "acts": jnp.array(False),
                "batches": jnp.int32(0),
                "state": state,
                "kept": kept,
                "states": states,
                "scalars": jnp.zeros([capacity, len(self.names)], jnp.float32),
                "rates": jnp.zeros([capacity], jnp.float32),
                "wide": [jnp.zeros([capacity, *shape]) for shape in self._wide.values()],
            },
        )
        answer = tuple(carry[name] for name in ("ran", "batches", "scalars", "rates", "wide"))
        return carry["state"], carry["kept"], answer

    def _epoch(
        self, state: Any, parts: Any, orders: Any, ran: Any
    ) -> tuple[Any, dict[str, Any], Any]:
        """Train over every batch and validate; return the state, logs and number of batches."""
        model, plan = self._model, self._plan
        train, validation = parts
        order = orders[ran] if plan.shuffle else None

        def take(start: Any, size: int) -> Any:
            if order is None:
                return self._shared(rows_of(train, start, size), size)
            rows = lax.dynamic_slice(order, (start,), (size,))
            return self._shared(jax.tree.map(lambda array: array[rows], train), size)

        def step(carry: Any, size: int) -> Any:
            done, _, state = carry
            logs, following = model.train_step(state, take(done * plan.batch_size, size))
            fine = jnp.isfinite(logs["loss"]) if plan.stops_on_nan else jnp.array(True)
            return done + 1, fine, like(following, state)

        carry = (jnp.int32(0), jnp.array(True), self._with_fresh_metrics(state))
        if plan.full_batches:
            carry = lax.while_loop(
                lambda carry: (carry[0] < plan.full_batches) & carry[1],
                lambda carry: step(carry, plan.batch_size),
                carry,
            )
        if plan.rest and plan.stops_on_nan:
            carry = lax.cond(
                carry[1], lambda carry: step(carry, plan.rest), lambda carry: carry, carry
            )
        elif plan.rest:
            carry = step(carry, plan.rest)
        done, _, state = carry
        logs = self._results(state)
        if validation is not None:
            state = self._validate(self._with_fresh_metrics(state), validation)
            logs |= {f"val_{name}": value for name, value in self._results(state).items()}
        return state, logs, done

    def _validate(self, state: Any, validation: Any) -> Any:
        trainable, other, optimizer, metrics = state
        size = self._plan.batch_size
        full, rest = divmod(self._validation_rows, size)

        def step(index: Any, carry: Any, size_now: int) -> Any:
            other, metrics = carry
            batch = self._shared(rows_of(validation, index * size, size_now), size_now)
            _, (_, *following) = self._model.test_step((trainable, other, metrics), batch)
            return like(tuple(following), carry)

        carry = (other, metrics)
        if full:
            carry = lax.fori_loop(0, full, lambda index, carry: step(index, carry, size), carry)
        if rest:
            carry = step(full, carry, rest)
        return trainable, carry[0], optimizer, carry[1]


class KeptJaxLoop(JaxLoop):
    """Lets data of the same shapes take the place of what it holds."""

    def take_over(self, train: tuple[Any, ...], validation: tuple[Any, ...] | None) -> None:
        """Train on other arrays from now on."""
        self._train, self._validation = self._all_placed(train), self._all_placed(validation)


class StreamedJaxLoop(JaxSteps, StreamedLoop):
    """Blocks of rows through a while loop over batches, which passes the state on."""

    def __init__(
        self,
        model: Any,
        train: tuple[Any, ...],
        validation: tuple[Any, ...] | None,
        plan: LoopPlan,
    ) -> None:
        JaxSteps.__init__(self, model, train, validation, plan)
        StreamedLoop.__init__(self, model, train, validation, plan, to_device=to_device)

    def _start(self, *, goes_on: bool) -> Any:
        return self._state() if goes_on else self._with_fresh_metrics(self._state())

    def _run(self, calls: dict[int, Any], state: Any, block: Block) -> tuple[Any, int, bool]:
        following, done, fine = calls[block.batch_size](
            state, block.arrays, np.int32(block.first), np.int32(block.stop)
        )
        # Reading the number waits for the call, whose block's memory is used again.
        return following, int(done), bool(fine)

    def _logs(self, state: Any) -> dict[str, NDArray[Any]]:
        return {name: np.asarray(value) for name, value in self._results(state).items()}

    def _rate_of(self, state: Any) -> float:
        return float(self._rate(state))

    def _leave(self, state: Any) -> None:
        self._write_back(state)

    def _calls(self, feed: Feed, *, train: bool) -> dict[int, Any]:
        made = {}
        for size, rows in feed.block_rows.items():
            made[size] = jax.jit(self._over_batches(size, train=train), donate_argnums=0)
            nothing = [
                jnp.asarray(np.zeros((rows, *leaf.shape[1:]), leaf.dtype)) for leaf in feed.leaves
            ]
            state = self._with_fresh_metrics(self._state())
            state, *_ = made[size](state, nothing, np.int32(0), np.int32(0))
            self._write_back(state)
        return made

    def _over_batches(self, size: int, *, train: bool) -> Any:
        structure = self._structures["train" if train else "validation"]
        checks = train and self._plan.stops_on_nan

        def over_batches(state: Any, arrays: Any, first: Any, stop: Any) -> Any:
            part = keras.tree.pack_sequence_as(structure, arrays)

            def step(carry: Any) -> Any:
                done, _, state = carry
                batch = rows_of(part, done * size, size)
                if train:
                    logs, following = self._model.train_step(state, batch)
                else:
                    trainable, other, optimizer, metrics = state
                    logs, (_, other, metrics) = self._model.test_step(
                        (trainable, other, metrics), batch
                    )
                    following = (trainable, other, optimizer, metrics)
                fine = jnp.isfinite(logs["loss"]) if checks else jnp.array(True)
                return done + 1, fine, like(following, state)

            done, fine, state = lax.while_loop(
                lambda carry: (carry[0] < stop) & carry[1], step, (first, jnp.array(True), state)
            )
            return state, done, fine

        return over_batches


def to_device(array: NDArray[Any]) -> Any:
    """Return a tensor of the array; on a CPU it may share the memory of an aligned one."""
    # `jnp.asarray` would leave two copies of a large array behind.
    shared = jnp.from_dlpack(as_aligned(array))
    return jax.device_put(shared, jax.devices()[0]).block_until_ready()


def to_devices(array: NDArray[Any], mesh: Any) -> Any:
    """Return a tensor whose rows are cut into shards, of which this process fills its own.

    Rows of zeros follow the last one where the shards would else differ in size.
    """
    rows = -(-len(array) // mesh.size) * mesh.size
    whole = np.zeros((rows, *array.shape[1:]), array.dtype)
    whole[: len(array)] = array
    by_rows = _sharding(mesh, *mesh.axis_names)
    return jax.make_array_from_callback(whole.shape, by_rows, lambda index: whole[index])


def _sharding(mesh: Any, *axes: str) -> NamedSharding:
    """Return how an array is cut: its rows along an axis of the mesh, or, without one, nowhere."""
    spec: Any = PartitionSpec
    return NamedSharding(mesh, spec(*axes))


def rows_of(arrays: Any, start: Any, size: int) -> Any:
    return jax.tree.map(lambda array: lax.dynamic_slice_in_dim(array, start, size), arrays)


def like(state: Any, reference: Any) -> Any:
    """Return the state with the types of the reference, which a loop must keep."""
    return jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), state, reference)
