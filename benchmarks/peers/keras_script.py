"""A plain Keras script, as a user would write it: read, split, scale, fit, evaluate, save."""
# ruff: noqa: TID253 - a script of its own

from typing import Any

import keras
import numpy as np

from benchmarks.peers.tables import EpochClock, Part, load_parts, read_arguments, report


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes when each epoch ends, which costs a microsecond of it."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs = EpochClock()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.tick()


def build_model(problem: dict[str, Any], features: int) -> Any:
    """Build a Sequential model, or a graph where a layer names its input."""
    if not any(layer["inputs"] for layer in problem["layers"]):
        return keras.Sequential(
            [
                keras.Input((features,)),
                *(
                    keras.layers.Dense(layer["units"], activation=layer["activation"])
                    for layer in problem["layers"]
                ),
            ]
        )
    tensor = first = keras.Input((features,))
    named: dict[str, Any] = {}
    made = []
    for layer in problem["layers"]:
        dense = keras.layers.Dense(
            layer["units"], activation=layer["activation"], name=layer["name"] or None
        )
        tensor = dense(named.get(layer["inputs"], tensor))
        named[layer["name"]] = tensor
        made.append(tensor)
    return keras.Model(first, [made[index] for index in problem["outputs"]])


def targets_of(part: Part) -> Any:
    """Return the targets as the model's outputs take them."""
    columns = np.hsplit(part.y, part.y.shape[1])
    return columns if len(columns) > 1 else columns[0]


def main() -> None:
    """Train the problem and report."""
    problem, epochs = read_arguments()
    keras.utils.set_random_seed(problem["seed"])
    parts = load_parts(problem)
    model = build_model(problem, parts.train.x.shape[1])
    outputs = len(problem["outputs"])
    model.compile(
        optimizer=keras.optimizers.Adam(problem["learning_rate"]),
        loss=[problem["loss"]] * outputs if outputs > 1 else problem["loss"],
        metrics=[problem["metrics"]] * outputs if outputs > 1 else problem["metrics"],
    )
    clock = Clock()
    callbacks = [clock]
    if problem["early_stopping"]:
        callbacks.append(keras.callbacks.EarlyStopping(**problem["early_stopping"]))
    watched = parts.validation
    history = model.fit(
        parts.train.x,
        targets_of(parts.train),
        validation_data=None if watched is None else (watched.x, targets_of(watched)),
        batch_size=problem["batch_size"],
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
    )
    if parts.test is not None:
        model.evaluate(parts.test.x, targets_of(parts.test), verbose=0)
    model.save("peer.keras")
    report(
        rows=len(parts.train.x),
        parameters=model.count_params(),
        epochs=clock.epochs.epochs,
        epoch_seconds=clock.epochs.epoch_seconds,
        loss=history.history["loss"][-1],
    )


if __name__ == "__main__":
    main()
