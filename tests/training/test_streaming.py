"""Data over the memory budget, in blocks; DLCLI_TEST_BACKEND chooses the backend."""

import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.model.keras_import import load_keras

BACKEND = os.environ.get("DLCLI_TEST_BACKEND", "tensorflow")
keras: Any = load_keras(BACKEND)

from keras import layers, optimizers

from dlcli.commands.train import parse_bytes
from dlcli.errors import TrainingError, UsageError
from dlcli.training import epochs as epochs_module
from dlcli.training.batches import permutation
from dlcli.training.epochs import Arrays, EpochsResult, train_epochs
from dlcli.training.memory import ALIGNMENT, as_aligned, empty_aligned
from dlcli.training.streaming import (
    MAX_BLOCK_BYTES,
    KeptBlocks,
    StoredBlocks,
    StreamedBlocks,
    feed_parts,
)

BATCH, SEED = 8, 3
ROWS = 10 * BATCH + 3
ROW_BYTES = 5 * 4
VALIDATION_ROWS = 2 * BATCH + 5
# Lets a block hold two batches, beside the whole validation part.
TWO_BATCHES = (4 * 2 * BATCH + VALIDATION_ROWS) * ROW_BYTES

tensorflow_only = pytest.mark.skipif(BACKEND != "tensorflow", reason="asked of TensorFlow")


def part(rows: int, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return Arrays(
        inputs={"x": rng.normal(size=(rows, 4)).astype("float32")},
        targets={"y": rng.normal(size=(rows, 1)).astype("float32")},
    )


def trained(
    *,
    budget: int | None,
    optimizer: Any = None,
    parts: tuple[Arrays, Arrays | None] | None = None,
    **options: Any,
) -> tuple[Any, EpochsResult]:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(6, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer=optimizer or optimizers.Adam(1e-2), loss="mse", metrics=["mae"])
    settings: dict[str, Any] = {"batch_size": BATCH, "epochs": 2, "seed": SEED}
    parts = parts or (part(ROWS, 0), part(VALIDATION_ROWS, 1))
    result = train_epochs(model, *parts, memory_budget_bytes=budget, **settings | options)
    return model, result


def assert_equal(model: Any, other: Any, result: EpochsResult, expected: EpochsResult) -> None:
    assert result.history == expected.history
    for weight, wanted in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


@pytest.mark.parametrize(
    ("budget", "blocks", "options"),
    [
        pytest.param(1, 10, {}, marks=tensorflow_only),
        pytest.param(TWO_BATCHES, 5, {"uses_xla": True}, marks=tensorflow_only),
        (TWO_BATCHES, 5, {"shuffle": False}),
    ],
)
def test_gives_the_very_weights_and_logs_of_resident_data(
    budget: int, blocks: int, options: dict[str, Any]
) -> None:
    model, result = trained(budget=budget, **options)
    other, expected = trained(budget=None, **options)
    assert (result.path, result.reason, result.blocks) == ("compiled", None, blocks)
    assert (expected.path, expected.blocks) == ("compiled", None)
    assert_equal(model, other, result, expected)


def test_counts_a_call_for_every_block() -> None:
    _, result = trained(budget=1, epochs=3)
    assert result.compiled_calls == 3 * (10 + 1 + 2 + 1)  # with a short batch in either part


@tensorflow_only
def test_streams_fewer_rows_than_a_batch() -> None:
    parts = (part(5, 0), None)
    model, result = trained(budget=1, parts=parts)
    other, expected = trained(budget=None, parts=parts)
    assert result.blocks == 1
    assert_equal(model, other, result, expected)


def test_callbacks_see_what_they_would_see() -> None:
    def callbacks() -> list[Any]:
        return [
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=1.0),
            keras.callbacks.EarlyStopping("val_mae", patience=2, restore_best_weights=True),
        ]

    seen, expected_seen = callbacks(), callbacks()
    model, result = trained(budget=1, epochs=12, callbacks=seen)
    other, expected = trained(budget=None, epochs=12, callbacks=expected_seen)
    assert_equal(model, other, result, expected)
    for callback, wanted in zip(seen, expected_seen, strict=True):
        assert (callback.best, callback.wait) == pytest.approx((wanted.best, wanted.wait))


def test_a_loss_that_is_not_finite_ends_the_epoch_at_its_batch() -> None:
    steps = []
    for budget in (1, None):
        model, result = trained(
            budget=budget,
            epochs=9,
            optimizer=optimizers.SGD(1e12),
            callbacks=[keras.callbacks.TerminateOnNaN()],
        )
        steps.append((len(result.history), int(model.optimizer.iterations)))
    assert steps[0] == steps[1]
    assert steps[0][1] % 11 != 0  # in the midst of an epoch


@tensorflow_only
def test_a_loss_that_is_not_finite_ends_training() -> None:
    _, result = trained(budget=1, epochs=9, optimizer=optimizers.SGD(1e12), stop_on_nan=True)
    assert len(result.history) < 9


@tensorflow_only
def test_stops_between_epochs_when_asked() -> None:
    asked = iter([False] * 11 + [True])  # once before the epoch, then before each further block
    _, result = trained(budget=1, epochs=9, should_stop=lambda: next(asked))
    assert result.interrupted
    assert len(result.history) == 1


# ---- blocks


def blocks_of(feed: Any, order: Any = None) -> Iterator[tuple[int, list[Any]]]:
    for block in feed.read(order):
        for index in range(block.first, block.stop):
            rows = slice(index * block.batch_size, (index + 1) * block.batch_size)
            yield block.batch_size, [array[rows].copy() for array in block.arrays]


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 16, 40, 47, 83])
@pytest.mark.parametrize("batches_per_block", [0.1, 1, 2, 3, 99])
@pytest.mark.parametrize("shuffled", [False, True])
def test_blocks_hold_every_batch_once_and_in_order(
    rows: int, batches_per_block: float, shuffled: bool
) -> None:
    numbers = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    flags = np.arange(rows) % 3 == 0
    feed = StreamedBlocks(
        [numbers, flags],
        batch_size=8,
        block_bytes=int(8 * 13 * batches_per_block),
        to_device=lambda array: array,
    )
    order = permutation(1, 0, rows) if shuffled else None
    for _ in range(2):
        taken = list(blocks_of(feed, order))
        expected = np.arange(rows) if order is None else order
        assert [size for size, _ in taken] == [8] * (rows // 8) + [rows % 8] * (rows % 8 > 0)
        np.testing.assert_array_equal(
            np.concatenate([arrays[0] for _, arrays in taken]), numbers[expected]
        )
        np.testing.assert_array_equal(
            np.concatenate([arrays[1] for _, arrays in taken]), flags[expected]
        )
    assert len(feed.block_rows) <= 2  # shapes to compile


def test_two_blocks_are_all_that_is_held() -> None:
    held: weakref.WeakSet[Any] = weakref.WeakSet()
    most, addresses = 0, set()

    class Tensor:
        def __init__(self, array: Any) -> None:
            nonlocal most
            addresses.add(array.ctypes.data)
            held.add(self)
            most = max(most, len(held))

    numbers = np.zeros((80, 2), dtype=np.float32)
    feed = StreamedBlocks([numbers], batch_size=8, block_bytes=64, to_device=Tensor)
    for _ in range(2):
        for block in feed.read(permutation(1, 0, 80)):
            del block
    assert feed.num_blocks == 10
    assert most <= 2
    assert len(addresses) == 2
    assert all(address % ALIGNMENT == 0 for address in addresses)


def test_the_next_block_is_gathered_while_this_one_trains() -> None:
    gathered = threading.Event()
    calls: list[str] = []

    def to_device(array: Any) -> Any:
        calls.append(threading.current_thread().name)
        if len(calls) == 2:
            gathered.set()
        return array

    numbers = np.zeros((24, 1), dtype=np.float32)
    feed = StreamedBlocks([numbers], batch_size=8, block_bytes=1, to_device=to_device)
    blocks = feed.read()
    next(blocks)
    assert gathered.wait(timeout=10)
    assert len(calls) == 2
    assert all(name.startswith("blocks") for name in calls)
    blocks.close()


def test_an_error_in_the_background_reaches_the_loop() -> None:
    def to_device(array: Any) -> Any:
        raise MemoryError

    feed = StreamedBlocks([np.zeros((8, 1))], batch_size=8, block_bytes=1, to_device=to_device)
    with pytest.raises(MemoryError):
        next(feed.read())


def test_validation_stays_whole_where_half_the_budget_holds_it() -> None:
    leaves = [np.zeros((100, 5), dtype=np.float32)]  # 2000 bytes

    def feeds(budget: int) -> tuple[Any, Any]:
        return feed_parts(
            leaves, leaves, batch_size=10, budget_bytes=budget, to_device=lambda array: array
        )

    train, validation = feeds(4000)
    assert isinstance(validation, KeptBlocks)
    assert train.num_blocks == 5  # of 500 bytes: two of 200-byte batches
    train, validation = feeds(3999)
    assert isinstance(validation, StreamedBlocks)
    assert (
        feed_parts(leaves, None, batch_size=10, budget_bytes=1, to_device=lambda array: array)[1]
        is None
    )
    assert MAX_BLOCK_BYTES > 2**20


# ---- copies


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's own count")
def test_the_device_holds_one_copy_of_resident_data() -> None:
    if BACKEND == "jax":
        from dlcli.training.epochs_jax import to_device
    else:
        from dlcli.training.epochs_tensorflow import to_device
    array = np.ones((2**20, 16), dtype=np.float32)  # 64 MiB
    to_device(np.ones(3, dtype=np.float32))
    before = resident_bytes()
    tensor = to_device(array)
    copies = (resident_bytes() - before) / array.nbytes
    assert tuple(tensor.shape) == array.shape
    assert 0.9 < copies < 1.2


@pytest.mark.parametrize("budget", [None, 1])
def test_what_the_device_held_is_free_after_training(
    budget: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs_module, "FREED_AT_ONCE_BYTES", 0)
    # Estimators of other tests may keep theirs for the next training of their shape.
    before = {id(each) for each in loops()}
    _, result = trained(budget=budget, epochs=1)
    assert result.path == "compiled"
    assert {id(each) for each in loops()} <= before


def loops() -> list[Any]:
    return [each for each in gc.get_objects() if type(each).__name__.endswith("Loop")]


def test_memory_is_shared_only_where_that_is_safe() -> None:
    array = empty_aligned((7, 3), np.dtype(np.float32))
    assert array.ctypes.data % ALIGNMENT == 0
    assert as_aligned(array) is array
    frozen = empty_aligned((7, 3), np.dtype(np.float32))
    frozen.flags.writeable = False
    for other in (array[1:], array.T, frozen):
        copy = as_aligned(other)
        assert not np.shares_memory(copy, other)
        assert copy.ctypes.data % ALIGNMENT == 0
        np.testing.assert_array_equal(copy, other)


# ---- the command


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1000", 1000), ("1KB", 1000), ("1.5 MB", 1_500_000), ("2GiB", 2**31), ("2gb", 2 * 10**9)],
)
def test_amounts_of_memory(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "lots", "-1MB", "1 XB", "1e3", "MB"])
def test_what_is_no_amount_of_memory(text: str) -> None:
    with pytest.raises(UsageError, match="no amount of memory"):
        parse_bytes(text)


@tensorflow_only
def test_the_command_streams_and_its_manifest_says_so(
    tmp_path: Path, concrete_config: Path
) -> None:
    from typer.testing import CliRunner

    from dlcli.cli import app
    from dlcli.runs import RunFolder

    runs = []
    for name, options in (("resident", []), ("streamed", ["--memory-budget", "1KB"])):
        out = tmp_path / name
        # The batches of both are the same where nothing is shuffled, and ends are exact in any order.
        changes = ("epochs=2", "shuffle=false", "data.scale=minmax", "data.target_scale=minmax")
        arguments = ["train", str(concrete_config), "--out", str(out), "--quiet", *options]
        sets = [part for change in changes for part in ("--set", change)]
        outcome = CliRunner().invoke(app, [*arguments, *sets])
        assert outcome.exit_code == 0, outcome.output
        runs.append(RunFolder(out))
    resident, streamed = (run.load_manifest()["training"] for run in runs)
    assert (resident["path"], resident["blocks"]) == ("compiled", None)
    assert streamed["path"] == "compiled"
    assert streamed["blocks"] > 1
    assert "from_disk" in runs[1].load_manifest()["data"]
    assert runs[0].history.read_bytes() == runs[1].history.read_bytes()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="starts the other backend itself")
@pytest.mark.jax
def test_all_of_this_holds_on_jax(run_module_on_jax: Callable[[], None]) -> None:
    run_module_on_jax()


class Numbers:
    """Stored rows that hold where they stand."""

    def __init__(self, num_rows: int, *, shuffles: bool = True) -> None:
        self.num_rows, self.shuffles, self.seed = num_rows, shuffles, 4
        self.rows = np.arange(num_rows, dtype=np.int32)[:, None]

    def read(self, start: int, stop: int) -> list[Any]:
        assert 0 <= start < stop <= self.num_rows
        return [self.rows[start:stop]]


def rows_of_epoch(feed: StoredBlocks, epoch: int, *, first: int = 0) -> list[list[int]]:
    """Return the rows that each block of an epoch trains on, in their order."""
    blocks = []
    for block in feed.read(first=first, epoch=epoch):
        rows = np.array(block.arrays[0])[:, 0]
        size = block.batch_size
        blocks.append(rows[block.first * size : block.stop * size].tolist())
    return blocks


def stored_blocks(stored: Numbers, *, batches: int) -> StoredBlocks:
    return StoredBlocks(
        stored,
        [stored.rows[:3]],
        batch_size=BATCH,
        block_bytes=batches * BATCH * 4,
        to_device=np.asarray,
    )


@pytest.mark.parametrize("num_rows", [5, 8, 83, 88, 203])
@pytest.mark.parametrize("batches", [1, 3, 100])
def test_stored_blocks_hold_every_row_once_an_epoch(num_rows: int, batches: int) -> None:
    feed = stored_blocks(Numbers(num_rows), batches=batches)
    epochs = [rows_of_epoch(feed, epoch) for epoch in range(3)]
    for blocks in epochs:
        assert sorted(row for rows in blocks for row in rows) == list(range(num_rows))
    # A block is always of the same rows; their order and that of the blocks are drawn anew.
    made_of = [{frozenset(rows) for rows in blocks} for blocks in epochs]
    assert made_of[0] == made_of[1] == made_of[2]
    if num_rows > 80:
        assert epochs[0] != epochs[1] != epochs[2]
    assert rows_of_epoch(stored_blocks(Numbers(num_rows), batches=batches), 1) == epochs[1]
    if len(epochs[1]) > 2:
        assert rows_of_epoch(feed, 1, first=2) == epochs[1][2:]


def test_stored_blocks_keep_their_order_where_nothing_is_shuffled() -> None:
    feed = stored_blocks(Numbers(83, shuffles=False), batches=3)
    found = [row for rows in rows_of_epoch(feed, 5) for row in rows]
    assert found == list(range(83))


class StoredPart:
    """A part on disk as far as training can tell."""

    def __init__(self, part: Arrays, *, shuffles: bool) -> None:
        self.part, self.num_rows, self.shuffles, self.seed = part, part.num_rows, shuffles, SEED

    def read(self, start: int, stop: int) -> list[Any]:
        return [self.part.inputs["x"][start:stop], self.part.targets["y"][start:stop]]


def test_stored_rows_train_to_the_weights_of_rows_in_memory() -> None:
    train, validation = part(ROWS, 0), part(VALIDATION_ROWS, 1)
    expected, told = trained(budget=None, parts=(train, validation), shuffle=False)
    few = Arrays(inputs={"x": train.inputs["x"][:5]}, targets={"y": train.targets["y"][:5]})
    stored = StoredPart(train, shuffles=False)
    found, result = trained(
        budget=TWO_BATCHES, parts=(few, validation), shuffle=False, stored=stored
    )
    assert result.blocks == 5
    assert_equal(found, expected, result, told)


def test_what_does_not_compile_is_refused_for_stored_rows() -> None:
    class EveryBatch(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """Be called."""

    stored = StoredPart(part(ROWS, 0), shuffles=True)
    with pytest.raises(TrainingError, match="callback EveryBatch runs at every batch"):
        trained(budget=None, stored=stored, callbacks=[EveryBatch()])
