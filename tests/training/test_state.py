"""Trainings cut off and gone on with, against those that were not; DLCLI_TEST_BACKEND chooses."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dlcli.model.keras_import import load_keras

BACKEND = os.environ.get("DLCLI_TEST_BACKEND", "tensorflow")
keras: Any = load_keras(BACKEND)

from keras import layers, optimizers

from dlcli.errors import RunError
from dlcli.spec import catalog
from dlcli.training import epochs as epochs_module
from dlcli.training import state as state_module
from dlcli.training.epochs import Arrays, EpochsResult, train_epochs
from dlcli.training.state import Keeper, Progress

BATCH, EPOCHS = 8, 8
# JAX compiles the step for every size of a batch, and again for validation: seconds for each.
ROWS, VALIDATION_ROWS = (37, 11) if BACKEND == "tensorflow" else (32, 8)
BLOCKS = 1  # bytes: one batch in a block

tensorflow_only = pytest.mark.skipif(BACKEND != "tensorflow", reason="asked of TensorFlow")


class Killed(BaseException):
    """Stands for a signal that nothing can answer."""


class Kill(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the training when an epoch has been shown, before or after its state may be saved."""

    reads_only_logs = True

    def __init__(self, epoch: int | None) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise Killed


@pytest.fixture(autouse=True)
def _saves_whenever_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "SAVE_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(state_module, "COST_SHARE", 0)
    monkeypatch.setattr(epochs_module, "SECONDS_PER_CALL", 0.0)


def part(rows: int, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return Arrays(
        inputs={"x": rng.normal(size=(rows, 4)).astype("float32")},
        targets={name: rng.normal(size=(rows, 1)).astype("float32") for name in ("a", "b")},
    )


def network(optimizer: Any) -> Any:
    """Two outputs, dropout with its seed, and batch normalization with its moving statistics."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,), name="x")
    trunk = layers.Dense(6, activation="relu")(inputs)
    trunk = layers.Dropout(0.3)(layers.BatchNormalization()(trunk))
    outputs = {name: layers.Dense(1, name=name)(trunk) for name in ("a", "b")}
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=optimizer, loss={"a": "mse", "b": "mae"}, metrics={"a": ["mae"]})
    return model


def adam() -> Any:
    return optimizers.Adam(optimizers.schedules.ExponentialDecay(3e-2, 5, 0.9))


def averaging() -> Any:
    return optimizers.SGD(1e-2, momentum=0.9, use_ema=True, ema_momentum=0.8)


def watching(folder: Path) -> list[Any]:
    return [
        keras.callbacks.CSVLogger(folder / "epochs.csv"),
        keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, cooldown=1),
        keras.callbacks.ModelCheckpoint(
            folder / "best.weights.h5", save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
    ]


def periodic(folder: Path) -> list[Any]:
    return [
        keras.callbacks.ModelCheckpoint(folder / "{epoch:02d}.weights.h5", save_weights_only=True)
    ]


def every_seven_batches(folder: Path) -> list[Any]:
    path = folder / "{epoch:02d}-{batch:02d}.weights.h5"
    return [keras.callbacks.ModelCheckpoint(path, save_weights_only=True, save_freq=7)]


def averages(folder: Path) -> list[Any]:
    return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)]


def trained(
    folder: Path,
    make: Callable[[Path], list[Any]],
    *,
    keeper: Keeper | None = None,
    kill: int | None = None,
    optimizer: Callable[[], Any] = adam,
    **options: Any,
) -> tuple[Any, EpochsResult, list[Any]]:
    folder.mkdir(exist_ok=True)
    model, callbacks = network(optimizer()), make(folder)
    settings: dict[str, Any] = {"batch_size": BATCH, "epochs": EPOCHS, "seed": 5, "uses_xla": False}
    try:
        result = train_epochs(
            model,
            part(ROWS, 0),
            part(VALIDATION_ROWS, 1),
            callbacks=[*callbacks, Kill(kill)],
            keeper=keeper,
            **settings | options,
        )
    finally:
        for callback in callbacks:
            if getattr(callback, "csv_file", None) is not None:
                callback.csv_file.close()
    return model, result, callbacks


def cut_off_and_resume(
    folder: Path, make: Callable[[Path], list[Any]], *, kills: tuple[int, ...], **options: Any
) -> tuple[EpochsResult, Any]:
    """Train with as many kills; what comes out must equal an untouched training in every bit.

    Returns the result and the network that was trained untouched.
    """
    whole, expected, known = trained(folder / "whole", make, **options)
    path, resumes = folder / "state.npz", False
    for kill in kills:
        keeper = Keeper(path, resumes=resumes)
        with pytest.raises(Killed):
            trained(folder / "cut", make, keeper=keeper, kill=kill, **options)
        resumes = True
    keeper = Keeper(path, resumes=True)
    assert keeper.progress is not None
    assert 0 < keeper.progress.epoch <= kills[-1]
    model, result, callbacks = trained(folder / "cut", make, keeper=keeper, **options)
    assert_same(model, whole)
    assert result.history == expected.history
    for callback, other in zip(callbacks, known, strict=True):
        assert remembered(callback) == remembered(other)
    assert files(folder / "cut") == files(folder / "whole")
    return result, whole


def assert_same(model: Any, other: Any) -> None:
    for one, wanted in (
        (model.variables, other.variables),
        (model.optimizer.variables, other.optimizer.variables),
    ):
        for variable, expected in zip(one, wanted, strict=True):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(variable.value),
                keras.ops.convert_to_numpy(expected.value),
                err_msg=variable.path,
            )


def remembered(callback: Any) -> dict[str, Any]:
    names = [
        name
        for name in state_module._REMEMBERED.get(type(callback).__name__, ())
        if name != "best_weights"
    ]
    return {name: getattr(callback, name) for name in names}


def files(folder: Path) -> dict[str, Any]:
    """Text as it is; of a file of weights, every array in it."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix != ".h5":
            found[path.name] = path.read_bytes()
            continue
        with h5py.File(path) as file:
            arrays: dict[str, bytes] = {}
            file.visititems(
                lambda name, item, arrays=arrays: (
                    arrays.update({name: item[()].tobytes()})
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
        found[path.name] = arrays
    return found


@pytest.mark.parametrize(
    ("make", "kills"),
    [(watching, (2, 4)), pytest.param(periodic, (3,), marks=tensorflow_only)],
)
def test_compiled_epochs_go_on_to_the_very_same_end(
    tmp_path: Path, make: Callable[[Path], list[Any]], kills: tuple[int, ...]
) -> None:
    optimizer = adam if make is periodic else lambda: optimizers.Adam(3e-2)
    result, _ = cut_off_and_resume(tmp_path, make, kills=kills, optimizer=optimizer)
    assert result.path == "compiled"


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (every_seven_batches, {}),
        pytest.param(averages, {"optimizer": averaging}, marks=pytest.mark.slow),
        pytest.param(
            watching,
            {"optimizer": lambda: optimizers.Adam(3e-2), "compiled": False},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_keras_own_loop_goes_on_to_the_very_same_end(
    tmp_path: Path, make: Callable[[Path], list[Any]], options: dict[str, Any]
) -> None:
    result, _ = cut_off_and_resume(tmp_path, make, kills=(2,), **options)
    assert result.path == "keras"


def test_streamed_epochs_go_on_from_within_an_epoch(tmp_path: Path) -> None:
    options: dict[str, Any] = {"memory_budget_bytes": BLOCKS}
    expected, whole = cut_off_and_resume(tmp_path, watching_rates, kills=(3,), **options)
    assert expected.blocks == 4
    asked = iter([False] * 4 + [True] * 9)
    path = tmp_path / "stopped.npz"
    _, stopped, _ = trained(
        tmp_path / "stopped",
        watching_rates,
        keeper=Keeper(path),
        should_stop=lambda: next(asked),
        **options,
    )
    assert stopped.interrupted
    keeper = Keeper(path, resumes=True)
    assert keeper.progress is not None
    assert (keeper.progress.epoch, keeper.progress.block) == (0, 2)
    model, result, _ = trained(tmp_path / "stopped", watching_rates, keeper=keeper, **options)
    assert result.history == expected.history
    assert_same(model, whole)


def watching_rates(folder: Path) -> list[Any]:
    return [keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)]


def test_another_number_of_blocks_is_refused_within_an_epoch(tmp_path: Path) -> None:
    asked = iter([False, False, True, True, True])
    path = tmp_path / "state.npz"
    options: dict[str, Any] = {"memory_budget_bytes": BLOCKS}
    trained(
        tmp_path, watching_rates, keeper=Keeper(path), should_stop=lambda: next(asked), **options
    )
    with pytest.raises(RunError, match="within an epoch of 4 blocks, which would be None now"):
        trained(tmp_path, watching_rates, keeper=Keeper(path, resumes=True))


@tensorflow_only
def test_a_raised_number_of_epochs_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        trained(tmp_path, periodic, keeper=Keeper(tmp_path / "s.npz"), kill=3, epochs=5)
    keeper = Keeper(tmp_path / "s.npz", resumes=True)
    model, result, _ = trained(tmp_path, periodic, keeper=keeper, epochs=8)
    whole, expected, _ = trained(tmp_path, periodic, epochs=8)
    assert result.history == expected.history
    assert_same(model, whole)


@tensorflow_only
def test_a_training_that_a_callback_had_ended_does_not_go_on(tmp_path: Path) -> None:
    def impatient(folder: Path) -> list[Any]:
        return [keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=9.0)]

    path = tmp_path / "state.npz"
    _, expected, _ = trained(tmp_path, impatient, keeper=Keeper(path))
    keeper = Keeper(path, resumes=True)
    assert keeper.progress is not None
    assert keeper.progress.stopped
    _, result, _ = trained(tmp_path, impatient, keeper=keeper)
    assert result.history == expected.history
    assert len(expected.history) < EPOCHS


@tensorflow_only
def test_every_callback_of_keras_is_known() -> None:
    """What a callback changes while it trains must be in the table, or be nothing."""
    without_state = {
        *("BackupAndRestore", "TerminateOnNaN", "LearningRateScheduler", "RemoteMonitor"),
        *("TensorBoard", "OrbaxCheckpoint", "LambdaCallback", "ProgbarLogger", "History"),
        "CallbackList",
    }
    listed = set(catalog.names("callback"))
    assert listed <= set(state_module._REMEMBERED) | without_state


@tensorflow_only
class TestTheFile:
    def keep(self, path: Path, history: list[dict[str, Any]]) -> Keeper:
        model = network(adam())
        progress = Progress(epoch=len(history), uses_xla=False, history=history)
        Keeper(path).save(model, [], progress)
        return Keeper(path, resumes=True)

    def test_logs_come_back_as_they_were(self, tmp_path: Path) -> None:
        table = np.array([0.1, 0.2])
        history = [
            {"loss": 0.1 + 0.2, "val_loss": float("nan")},
            {"loss": 1e-300, "val_loss": float("inf"), "late": 1.5, "f1": table},
            {"loss": 3.0, "val_loss": 0.0, "f1": table},
        ]
        progress = self.keep(tmp_path / "state.npz", history).progress
        assert progress is not None
        assert repr(progress.history) == repr(history)

    @pytest.mark.parametrize("cut", [0, 1, 30, 400, -1, -40])
    def test_a_file_that_was_cut_off_is_told(self, tmp_path: Path, cut: int) -> None:
        path = tmp_path / "state.npz"
        self.keep(path, [{"loss": 1.0}])
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(RunError, match="is not whole"):
            Keeper(path, resumes=True)

    def test_every_flipped_byte_is_found_or_harmless(self, tmp_path: Path) -> None:
        path = tmp_path / "state.npz"
        whole = self.keep(path, [{"loss": 1.0}]).progress
        content = path.read_bytes()
        for place in range(0, len(content), 97):
            changed = bytearray(content)
            changed[place] ^= 0xFF
            path.write_bytes(bytes(changed))
            try:
                assert Keeper(path, resumes=True).progress == whole
            except RunError:
                continue

    def test_pickles_are_not_opened(self, tmp_path: Path) -> None:
        path = tmp_path / "state.npz"
        np.savez(path, record=np.array([{"format": 1}], dtype=object), allow_pickle=True)
        with pytest.raises(RunError, match="is not whole"):
            Keeper(path, resumes=True)

    def test_another_network_is_refused(self, tmp_path: Path) -> None:
        keeper = self.keep(tmp_path / "state.npz", [{"loss": 1.0}])
        other = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
        other.compile(optimizer=adam(), loss="mse")
        with pytest.raises(RunError, match="belongs to another network"):
            keeper.restore_model(other)


def test_saving_takes_its_share_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "SAVE_AFTER_SECONDS", 2.0)
    monkeypatch.setattr(state_module, "COST_SHARE", 20)
    clock = [100.0]
    keeper = Keeper(Path("nowhere"), now=lambda: clock[0])
    keeper.start(network(adam()))
    assert not keeper.is_due()
    clock[0] += 2.5
    assert keeper.is_due()
    keeper._cost, keeper._last = 3.0, clock[0]
    clock[0] += 59
    assert not keeper.is_due()
    clock[0] += 1.5
    assert keeper.is_due()


@tensorflow_only
@pytest.mark.jax
def test_all_of_this_holds_on_jax(run_module_on_jax: Callable[[], None]) -> None:
    run_module_on_jax()
