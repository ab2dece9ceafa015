"""What each output predicts: its targets, the loss and labels that fit, and what does not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dlcli.spec import catalog
from dlcli.spec.blocks import final_layer
from dlcli.spec.components import ComponentSpec
from dlcli.spec.layers import Graph, LayerSpec, layer_path
from dlcli.spec.problems import KeyPath, Problems

Task = Literal["regression", "binary", "multiclass"]
Labels = Literal["numbers", "binary", "index", "onehot"]

# Layers that pass their input's last dimension on, so that the head is the layer before them.
_SAME_UNITS = {
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Dropout", "AlphaDropout",
    "GaussianNoise", "GaussianDropout", "BatchNormalization", "LayerNormalization",
    "UnitNormalization", "ActivityRegularization", "Identity", "Rescaling",
}  # fmt: skip

_DENSE = {"Dense", "EnsembleDense"}
_RECURRENT = {"LSTM", "GRU", "SimpleRNN"}
_ENDS_SEQUENCE = {"Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D"}

BINARY_LOSSES = {"BinaryCrossentropy", "BinaryFocalCrossentropy", "Hinge", "SquaredHinge"}
ONEHOT_LOSSES = {"CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge"}
INDEX_LOSSES = {
    *("SparseCategoricalCrossentropy", "SmoothedSparseCategoricalCrossentropy"),
    "CategoricalGeneralizedCrossEntropy",
}
ANY_CROSSENTROPY = "crossentropy"
"""The word for which Keras itself picks the crossentropy that fits the classes."""
CLASS_LOSSES = BINARY_LOSSES | ONEHOT_LOSSES | INDEX_LOSSES | {ANY_CROSSENTROPY}
EITHER_LOSSES = {"KLDivergence", "Poisson", "CosineSimilarity", "Dice", "Tversky"}
_FOREIGN_LOSSES = {
    "CTC": "sequences of symbols",
    "Circle": "embeddings of class numbers",
}
"""Losses for outputs that no column of a table describes, with what they compare."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """One output: the layer it is, its targets, and what its last layers say (None: unknown)."""

    output: str
    layer: int
    targets: tuple[str, ...]
    units: int | None
    units_layer: int
    activation: str | None
    activation_path: KeyPath
    steps: int = 1
    """How many values of each target it gives at once."""
    ends_sequence: bool = False
    """Whether a layer before it surely ends the sequence, so that its units are all it gives."""
    members: int | None = None
    """How many networks it gives the answers of; None where it is one."""

    @property
    def shapes(self) -> tuple[tuple[int | None, ...], ...]:
        """The shapes that it may have where it gives several steps, the rows first."""
        if self.members is not None:
            return ((None, self.members, self.steps),) if len(self.targets) == 1 else ()
        whole = (None, self.steps, len(self.targets))
        return ((None, self.steps), whole) if len(self.targets) == 1 else (whole,)


@dataclass(frozen=True, kw_only=True)
class Objective:
    """How one output is trained and read: task, label form, loss."""

    output: str
    targets: tuple[str, ...]
    task: Task
    labels: Labels
    loss: ComponentSpec
    steps: int = 1
    """How many values of each target a row of it holds."""
    members: int | None = None
    """How many networks a row of it holds the answers of; None where it is one."""

    @property
    def from_logits(self) -> bool:
        """Tell whether the output is the logit of a probability."""
        return bool(self.loss.arguments.get("from_logits"))

    @property
    def is_hinge(self) -> bool:
        """Tell whether the output is a margin around 0."""
        return "Hinge" in self.loss.name


def find_heads(
    layers: tuple[LayerSpec, ...],
    graph: Graph,
    targets: tuple[str, ...],
    *,
    blocks: Mapping[str, tuple[LayerSpec, ...]],
    steps: int = 1,
) -> list[Head]:
    """Describe every output layer as far as the config alone tells."""
    named = set(graph.outputs) <= set(targets)
    return [
        _head(output, index, (output,) if named else targets, layers, graph, blocks, steps)
        for output, index in graph.outputs.items()
    ]


def with_units(
    heads: list[Head],
    shapes: Sequence[Sequence[int | None] | None],
    members: Sequence[int | None],
) -> list[Head]:
    """Return the heads with their members, and the units that shapes tell where no layer does."""
    found = []
    for head in heads:
        shape, count = shapes[head.layer], members[head.layer]
        rank = 2 if count is None else 3
        is_flat = shape is not None and len(shape) == rank and head.steps == 1
        units = shape[-1] if shape is not None and is_flat else None
        units = units if head.units is None else head.units
        found.append(replace(head, units=units, members=count))
    return found


def _head(
    output: str,
    index: int,
    targets: tuple[str, ...],
    layers: tuple[LayerSpec, ...],
    graph: Graph,
    blocks: Mapping[str, tuple[LayerSpec, ...]],
    steps: int,
) -> Head:
    activation: str | None = "linear"
    activation_path = layer_path(index, layers[index])
    units_layer = index
    while True:
        layer = final_layer(layers[graph.origin(units_layer)], blocks)
        written = _activation_of(layer)
        if activation == "linear" and written != "linear":
            activation = written
            activation_path = _activation_path(units_layer, layers[units_layer])
        before = graph.sources[units_layer]
        if layers[units_layer].component.name not in _SAME_UNITS or not before or len(before) != 1:
            break
        if not isinstance(before[0], int):
            break
        units_layer = before[0]
    return Head(
        output=output,
        layer=index,
        targets=targets,
        units=_units_of(final_layer(layers[graph.origin(units_layer)], blocks)),
        units_layer=units_layer,
        activation=activation,
        activation_path=activation_path,
        steps=steps,
        ends_sequence=_ends_sequence(units_layer, layers, graph),
    )


def _ends_sequence(index: int, layers: tuple[LayerSpec, ...], graph: Graph) -> bool:
    """Tell whether what a layer takes is certainly one row of numbers instead of a sequence."""
    while True:
        before = graph.sources[index]
        if before is None or len(before) != 1 or not isinstance(before[0], int):
            return False
        index = before[0]
        layer = layers[index]
        if layer.component.name in _RECURRENT:
            return not layer.argument("return_sequences")
        if layer.component.name not in _SAME_UNITS | _DENSE:
            return layer.component.name in _ENDS_SEQUENCE


def _activation_of(layer: LayerSpec) -> str | None:
    if layer.component.name == "Softmax":
        return "softmax"
    written = layer.argument("activation")
    if isinstance(written, ComponentSpec):
        return written.name
    known = layer.component.name in {"EinsumDense", "Activation", *_DENSE, *_SAME_UNITS}
    return "linear" if known and layer.component.name not in {"ReLU", "LeakyReLU"} else None


def _activation_path(index: int, layer: LayerSpec) -> KeyPath:
    if "activation" in layer.component.arguments and layer.component.name != "Activation":
        return layer_path(index, layer, "activation")
    return layer_path(index, layer)


def _units_of(layer: LayerSpec) -> int | None:
    units = layer.argument("units") if layer.component.name in _DENSE else None
    return units if isinstance(units, int) else None


def class_targets(heads: Iterable[Head], losses: dict[str, ComponentSpec | None]) -> frozenset[str]:
    """Return the targets that the network treats as classes, whatever their cells are."""
    found: set[str] = set()
    for head in heads:
        loss = losses.get(head.output)
        by_loss = loss is not None and loss.name in CLASS_LOSSES
        by_head = loss is None and head.activation in ("softmax", "sigmoid")
        if by_loss or by_head:
            found.update(head.targets)
    return frozenset(found)


def expected_labels(head: Head, loss: ComponentSpec | None) -> Labels | None:
    """Return the form of the labels as far as the config alone tells."""
    if loss is None:
        return "index" if head.activation == "softmax" else None
    if loss.name in INDEX_LOSSES:
        return "index"
    if loss.name in ONEHOT_LOSSES:
        return "onehot"
    if loss.name in BINARY_LOSSES:
        return "binary" if head.units == len(head.targets) else None
    is_open = loss.name in EITHER_LOSSES | {ANY_CROSSENTROPY} or is_own_loss(loss)
    return None if is_open else "numbers"


def is_own_loss(loss: ComponentSpec | None) -> bool:
    """Tell a class of the config's own imports, which may compare anything."""
    return loss is not None and catalog.find("loss", loss.name) is None


def check_head(
    head: Head,
    loss: ComponentSpec | None,
    path: KeyPath,
    layers: tuple[LayerSpec, ...],
    problems: Problems,
) -> None:
    """Report what cannot fit whatever the data holds: units, activation and loss."""
    units_path = layer_path(head.units_layer, layers[head.units_layer], "units")
    _HeadCheck(head, loss, path, units_path, problems).run()


def steps_hint(head: Head) -> str:
    """Say which layers end in the shape that several steps of the head's targets need."""
    steps, count = head.steps, len(head.targets)
    if count == 1:
        return f"units: {steps}, one for each step of data.window.horizon"
    if head.members is not None:
        return f"give each target an output layer named like it, with {steps} units"
    return (
        f"Dense: {steps * count} and then Reshape: [{steps}, {count}] give {steps} steps of "
        f"{count} targets; or give each target an output layer named like it, with {steps} units"
    )


@dataclass(frozen=True)
class _HeadCheck:
    """One output against its loss."""

    head: Head
    loss: ComponentSpec | None
    path: KeyPath
    units_path: KeyPath
    problems: Problems

    @property
    def called(self) -> str:
        """The loss as the config writes it, else what tells the task."""
        return str(self.head.activation) if self.loss is None else self.loss.alias or self.loss.name

    def run(self) -> None:
        name = None if self.loss is None else self.loss.name
        if name in _FOREIGN_LOSSES:
            message = (
                f"{self.called} compares {_FOREIGN_LOSSES[name]}, which no target column holds"
            )
            self.problems.add(self.path, message, hint="for classes use crossentropy, else mse")
        elif self.head.activation == "softmax" and self.head.units == 1:
            self._report_lone_softmax()
        elif name in ONEHOT_LOSSES | INDEX_LOSSES or (
            name is None and self.head.activation == "softmax"
        ):
            self._check_class_head()
        elif name in BINARY_LOSSES:
            hinge = {"tanh", "linear"} if "Hinge" in self.called or "hinge" in self.called else None
            self._check_activation(hinge or {"sigmoid", "hard_sigmoid", "softmax"})
        elif name not in EITHER_LOSSES and name != ANY_CROSSENTROPY and not is_own_loss(self.loss):
            self._check_number_head()

    def _report_lone_softmax(self) -> None:
        self.problems.add(
            self.units_path,
            "softmax over 1 unit is always 1",
            hint="one unit for each class; or sigmoid with binary_crossentropy for two classes",
        )

    def _check_class_head(self) -> None:
        count = len(self.head.targets)
        if count > 1:
            self.problems.add(
                self.path,
                f"{self.called} judges one class target, but this output has {count}",
                hint="give each target an output layer named like it",
            )
        elif self.head.units == 1:
            self.problems.add(
                self.units_path,
                f"{self.called} needs one unit for each class, got 1",
                hint="as many units as classes, with softmax; or 1 unit with sigmoid and "
                "binary_crossentropy",
            )
        elif self.called != "CategoricalHinge" and self.called != "categorical_hinge":
            self._check_activation({"softmax"})

    def _check_number_head(self) -> None:
        head, count = self.head, len(self.head.targets)
        may_be_classes = self.loss is None and head.activation == "sigmoid"
        if head.activation == "softmax":
            self.problems.add(
                head.activation_path,
                f"softmax gives shares of classes, but {self.called} compares numbers",
                hint="for classes use sparse_categorical_crossentropy; for a number leave the "
                "activation out",
            )
        elif head.steps > 1 and not may_be_classes:
            self._check_steps()
        elif head.units not in (None, count) and not may_be_classes:
            target = f"the target {head.targets[0]!r}" if count == 1 else f"{count} targets"
            self.problems.add(
                self.units_path,
                f"the output has {head.units} unit{'s' * (head.units != 1)} for {target}, "
                f"expected {count}",
                hint=f"units: {count}; for classes, softmax with sparse_categorical_crossentropy",
            )

    def _check_steps(self) -> None:
        """Report units that no shape of several steps can have; the network is not built yet."""
        head, count = self.head, len(self.head.targets)
        # Over a sequence, a Dense has one unit for each target.
        fits = {None} if head.ends_sequence else {None, count}
        if head.units in (fits | {head.steps} if count == 1 else fits):
            return
        target = f"the target {head.targets[0]!r}" if count == 1 else f"{count} targets"
        units = f"{head.units} unit{'s' * (head.units != 1)}"
        self.problems.add(
            self.units_path,
            f"the output has {units} for {head.steps} steps of {target}",
            hint=steps_hint(head),
        )

    def _check_activation(self, allowed: set[str]) -> None:
        activation = self.head.activation
        logits = self.loss is not None and bool(self.loss.arguments.get("from_logits"))
        if logits:
            allowed = {"linear"}
        if activation is None or activation in allowed:
            return
        best = "sigmoid" if "sigmoid" in allowed else min(allowed)
        hint = "leave the activation out" if best == "linear" else f"activation: {best}"
        if not logits and activation == "linear":
            hint += ", or from_logits: true on the loss"
        with_logits = " with from_logits" if logits else ""
        wanted = "no activation" if best == "linear" else best
        got = "none" if activation == "linear" else activation
        self.problems.add(
            self.head.activation_path,
            f"{self.called}{with_logits} expects {wanted} at the output, got {got}",
            hint=hint,
        )
