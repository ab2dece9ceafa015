"""A network that starts with the weights of an earlier run, and layers that stay as they are."""

from pathlib import Path
from typing import Any

from dlcli.bundle.keras_score import KerasScorer
from dlcli.errors import RunError, SpecError
from dlcli.spec.problems import join_names
from dlcli.spec.starting import Freeze, frozen_layers
from dlcli.training.job import StartRecord, TrainingJob

MOST_LISTED = 5


def start_from(model: Any, job: TrainingJob) -> StartRecord | None:
    """Give a model the weights of the run that its job starts from, None where it names none."""
    if job.init_model is None:
        return None
    return take_weights(model, job.init_model.parent, job.init_model)


def take_weights(model: Any, run: Path, file: Path) -> StartRecord:
    """Give every layer of the model the weights of that name and shape in `file`.

    Raises RunError where no layer matches.
    """
    layers = {layer.name: layer for layer in KerasScorer.open(file).model.layers}
    taken, left = [], {}
    for layer in model.layers:
        if not layer.weights:
            continue
        reason = _why_not(layer, layers.get(layer.name))
        if reason is None:
            layer.set_weights(layers[layer.name].get_weights())
            taken.append(layer.name)
        else:
            left[layer.name] = reason
    if not taken:
        lines = [f"  {name}: {reason}" for name, reason in list(left.items())[:MOST_LISTED]]
        raise RunError(
            "\n".join([f"init_from: {run} has weights for no layer of this network", *lines]),
            hint="layers match by name: give them the `name:` that they have there, which "
            f"`dlcli summarize {run}` lists",
        )
    return StartRecord(run=str(run), taken=tuple(taken), left=left)


def freeze_layers(model: Any, freeze: Freeze) -> None:
    """Make layers untrainable, before the model is compiled; raises SpecError."""
    names = names_of_frozen(model, freeze)
    for name in names:
        model.get_layer(name).trainable = False
    if names and not model.trainable_variables:
        raise SpecError(
            "freeze leaves no weight to train",
            hint=f"the layers with weights are {join_names(names, most=10)}: leave one out",
        )


def names_of_frozen(model: Any, freeze: Freeze) -> tuple[str, ...]:
    """Return the names of the layers with weights that are not trained."""
    return frozen_layers(freeze, [layer.name for layer in model.layers if layer.weights])


def _why_not(layer: Any, other: Any) -> str | None:
    if other is None:
        return "there is no layer of this name there"
    shapes, theirs = (_shapes(each) for each in (layer, other))
    if shapes != theirs:
        return f"shape {_shown(theirs)} there, {_shown(shapes)} here"
    return None


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def _shown(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes[:2])) + (" ..." if len(shapes) > 2 else "")
