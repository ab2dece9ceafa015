"""A network and its training sized by rows, inputs and targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlcli.errors import UsageError
from dlcli.recipe.columns import InputPlan
from dlcli.recipe.targets import TargetPlan
from dlcli.recipe.text import LAYERS, Line, flow, line
from dlcli.spec.layers import FEATURES

VOCABULARY = 5000
"""Words of a text column that are told apart."""
_CODES_BESIDE_WORDS = 2
"""Padding, and any other word."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the network is and how long it trains."""

    units: tuple[int, ...]
    dropout: float = 0.1
    batch_size: int
    epochs: int
    patience: int
    learning_rate: float = 1e-3
    weight_decay: float | None = None


# By the rows of the table, up to so many. Below 1000 rows one layer with strong regularization did
# better than two on diabetes and breast cancer, over three seeds; the larger sizes are customary.
_SIZES = (
    (
        100,
        Size(units=(16,), dropout=0, batch_size=8, epochs=1000, patience=100, learning_rate=3e-3),
    ),
    (
        1000,
        Size(units=(64,), dropout=0.3, batch_size=16, epochs=500, patience=50, weight_decay=0.05),
    ),
    (20_000, Size(units=(128, 128), batch_size=32, epochs=300, patience=40)),
    (200_000, Size(units=(128, 128), batch_size=256, epochs=100, patience=10, learning_rate=2e-3)),
)
_LARGEST = Size(units=(256, 256), batch_size=1024, epochs=50, patience=5, learning_rate=2e-3)


def choose_size(num_rows: int) -> Size:
    """Return what did well on tables of about so many rows."""
    return next((size for most, size in _SIZES if num_rows < most), _LARGEST)


def network_lines(
    inputs: Sequence[InputPlan], targets: Sequence[TargetPlan], size: Size
) -> list[Line]:
    """Write the layer list."""
    texts = [plan for plan in inputs if plan.is_text]
    trunk = _text_lines(texts, has_features=len(texts) < len(inputs), targets=targets)
    for units in size.units:
        about = f"{units} weighted sums; relu sets negative ones to 0"
        trunk.append(line(f"  - Dense: {flow({'units': units, 'activation': 'relu'})}", about))
        if size.dropout:
            about = f"{size.dropout:.0%} are left out at random, against learning by heart"
            trunk.append(line(f"  - Dropout: {size.dropout}", about))
    return [LAYERS, *trunk, *head_lines(targets, size.units[-1])]


def has_own_heads(targets: Sequence[TargetPlan]) -> bool:
    """Tell whether every target needs an output of its own: several, not all of them numbers."""
    return len(targets) > 1 and any(target.task != "number" for target in targets)


def _text_lines(
    texts: Sequence[InputPlan], *, has_features: bool, targets: Sequence[TargetPlan]
) -> list[Line]:
    if not texts:
        return []
    taken = {FEATURES, *(plan.name for plan in texts), *(target.name for target in targets)}
    lines, names = [], [FEATURES] if has_features else []
    is_only = len(texts) == 1 and not has_features
    for number, plan in enumerate(texts, start=1):
        embedding = {"input_dim": VOCABULARY, "output_dim": 32, "mask_zero": True}
        about = "32 numbers for every word, found by training"
        arguments = embedding if is_only else {**embedding, "inputs": plan.name}
        lines.append(line(f"  - Embedding: {flow(arguments)}", about))
        about = "their mean over the words of a text"
        if is_only:
            return [*lines, line("  - GlobalAveragePooling1D", about)]
        name = free_name(f"words_{number}", taken)
        names.append(name)
        lines.append(line(f"  - GlobalAveragePooling1D: {flow({'name': name})}", about))
    return [*lines, line(f"  - Concatenate: {flow({'inputs': names})}", "side by side")]


def head_lines(
    targets: Sequence[TargetPlan], units: int, *, layer: str = "Dense", activation: str = "relu"
) -> list[Line]:
    """Write the output layer, or a trunk of so many units with an output for each target."""
    if has_own_heads(targets):
        return _head_lines(targets, units, layer=layer, activation=activation)
    return [_head(targets, layer)]


def _head(targets: Sequence[TargetPlan], layer: str) -> Line:
    if targets[0].task == "number":
        what = "the predicted number" if len(targets) == 1 else "the predicted numbers"
        return line(f"  - {layer}: {len(targets)}", what)
    return line(f"  - {layer}: {flow(_head_arguments(targets[0]))}", _about_head(targets[0]))


def _head_lines(
    targets: Sequence[TargetPlan], units: int, *, layer: str, activation: str
) -> list[Line]:
    """Give every target an output of its own, named like it."""
    trunk = free_name("trunk", {FEATURES, *(target.name for target in targets)})
    arguments: dict[str, Any] = {"units": units, "activation": activation, "name": trunk}
    lines = [line(f"  - {layer}: {flow(arguments)}", "what all outputs share")]
    for target in targets:
        if "/" in target.name:
            raise UsageError(
                f"target {target.name!r} has a '/' in its name, which an output cannot have",
                hint="rename the column, or write a config for each target",
            )
        arguments = {**_head_arguments(target), "name": target.name, "inputs": trunk}
        lines.append(line(f"  - {layer}: {flow(arguments)}", _about_head(target)))
    return lines


def _head_arguments(target: TargetPlan) -> dict[str, Any]:
    if target.task == "number":
        return {"units": 1}
    if target.task == "binary":
        return {"units": 1, "activation": "sigmoid"}
    return {"units": len(target.classes), "activation": "softmax"}


def _about_head(target: TargetPlan) -> str:
    if target.task == "number":
        return "the predicted number"
    if target.task == "binary":
        return f"the probability of {target.classes[1]!r}"
    return "the probability of each class"


def free_name(name: str, taken: set[str]) -> str:
    """Return the name, or a longer one that is not taken."""
    while name in taken:
        name += "_"
    return name
