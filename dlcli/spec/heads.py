"""What each output predicts: its targets, the loss and labels that fit, and what does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec
from dlcli.spec.layers import Graph, LayerSpec, layer_path
from dlcli.spec.problems import KeyPath, Problems, join_names

Task = Literal["regression", "binary", "multiclass"]
Labels = Literal["numbers", "binary", "index", "onehot"]

# Layers that pass their input's last dimension on, so that the head is the layer before them.
_SAME_UNITS = {
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Dropout", "AlphaDropout",
    "GaussianNoise", "GaussianDropout", "BatchNormalization", "LayerNormalization",
    "UnitNormalization", "ActivityRegularization", "Identity", "Rescaling",
}  # fmt: skip

BINARY_LOSSES = {"BinaryCrossentropy", "BinaryFocalCrossentropy", "Hinge", "SquaredHinge"}
ONEHOT_LOSSES = {"CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge"}
INDEX_LOSSES = {"SparseCategoricalCrossentropy"}
CLASS_LOSSES = BINARY_LOSSES | ONEHOT_LOSSES | INDEX_LOSSES
EITHER_LOSSES = {"KLDivergence", "Poisson", "CosineSimilarity", "Dice", "Tversky"}


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


@dataclass(frozen=True, kw_only=True)
class Objective:
    """How one output is trained and read: task, label form, loss."""

    output: str
    targets: tuple[str, ...]
    task: Task
    labels: Labels
    loss: ComponentSpec

    @property
    def from_logits(self) -> bool:
        """Tell whether the output is the logit of a probability."""
        return bool(self.loss.arguments.get("from_logits"))

    @property
    def is_hinge(self) -> bool:
        """Tell whether the output is a margin around 0."""
        return "Hinge" in self.loss.name


def find_heads(layers: tuple[LayerSpec, ...], graph: Graph, targets: tuple[str, ...]) -> list[Head]:
    """Describe every output layer as far as the config alone tells."""
    named = set(graph.outputs) <= set(targets)
    return [
        _head(output, index, (output,) if named else targets, layers, graph)
        for output, index in graph.outputs.items()
    ]


def _head(
    output: str, index: int, targets: tuple[str, ...], layers: tuple[LayerSpec, ...], graph: Graph
) -> Head:
    activation: str | None = "linear"
    activation_path = layer_path(index, layers[index])
    units_layer = index
    while True:
        layer = layers[units_layer]
        written = _activation_of(layer)
        if activation == "linear" and written != "linear":
            activation = written
            activation_path = _activation_path(units_layer, layer)
        before = graph.sources[units_layer]
        if layer.component.name not in _SAME_UNITS or not before or len(before) != 1:
            break
        if not isinstance(before[0], int):
            break
        units_layer = before[0]
    return Head(
        output=output,
        layer=index,
        targets=targets,
        units=_units_of(layers[units_layer]),
        units_layer=units_layer,
        activation=activation,
        activation_path=activation_path,
    )


def _activation_of(layer: LayerSpec) -> str | None:
    if layer.component.name == "Softmax":
        return "softmax"
    written = layer.argument("activation")
    if isinstance(written, ComponentSpec):
        return written.name
    known = layer.component.name in {"Dense", "EinsumDense", "Activation", *_SAME_UNITS}
    return "linear" if known and layer.component.name not in {"ReLU", "LeakyReLU"} else None


def _activation_path(index: int, layer: LayerSpec) -> KeyPath:
    if "activation" in layer.component.arguments and layer.component.name != "Activation":
        return layer_path(index, layer, "activation")
    return layer_path(index, layer)


def _units_of(layer: LayerSpec) -> int | None:
    units = layer.argument("units") if layer.component.name == "Dense" else None
    return units if isinstance(units, int) else None


def class_targets(heads: list[Head], losses: dict[str, ComponentSpec | None]) -> frozenset[str]:
    """Return the targets that the network treats as classes, whatever their cells are."""
    found: set[str] = set()
    for head in heads:
        loss = losses.get(head.output)
        by_loss = loss is not None and loss.name in CLASS_LOSSES
        by_head = loss is None and head.activation in ("softmax", "sigmoid")
        if by_loss or by_head:
            found.update(head.targets)
    return frozenset(found)


def check_head(
    head: Head,
    loss: ComponentSpec | None,
    path: KeyPath,
    layers: tuple[LayerSpec, ...],
    problems: Problems,
) -> None:
    """Report what cannot fit whatever the data holds: units, activation and loss among themselves."""
    units_path = layer_path(head.units_layer, layers[head.units_layer], "units")
    count = len(head.targets)
    name = None if loss is None else loss.name
    logits = loss is not None and bool(loss.arguments.get("from_logits"))
    if name in ONEHOT_LOSSES | INDEX_LOSSES or (name is None and head.activation == "softmax"):
        if count > 1:
            problems.add(
                path,
                f"{name or 'softmax'} judges one class target, but this output has {count}",
                hint="give each target an output layer named like it",
            )
        if head.units == 1:
            problems.add(
                units_path,
                f"{name or 'softmax'} needs one unit for each class, got 1",
                hint="2 or more units with softmax; or 1 unit with sigmoid and binary_crossentropy",
            )
        allowed = {"softmax", "log_softmax"} if not logits else {"linear"}
        if name != "CategoricalHinge":
            _check_activation(head, allowed, name or "softmax", logits, problems)
    elif name in BINARY_LOSSES and not logits:
        allowed = (
            {"tanh", "linear"} if "Hinge" in str(name) else {"sigmoid", "hard_sigmoid", "softmax"}
        )
        _check_activation(head, allowed, str(name), logits, problems)
    elif name in BINARY_LOSSES:
        _check_activation(head, {"linear"}, str(name), logits, problems)
    elif head.units is not None and head.units != count and name not in EITHER_LOSSES:
        if not (name is None and head.units > 1 and head.activation in ("sigmoid",)):
            _report_regression_units(head, count, units_path, problems)
    elif head.activation == "softmax" and name not in EITHER_LOSSES:
        problems.add(
            head.activation_path,
            f"softmax gives shares of classes, but {name} compares numbers",
            hint="for classes use sparse_categorical_crossentropy; for a number leave the activation out",
        )


def _report_regression_units(head: Head, count: int, path: KeyPath, problems: Problems) -> None:
    target = f"the target {head.targets[0]!r}" if count == 1 else f"{count} targets"
    problems.add(
        path,
        f"the output has {head.units} units for {target}, expected {count}",
        hint=f"units: {count}, or for classes a softmax with a crossentropy loss",
    )


def _check_activation(
    head: Head, allowed: set[str], loss: str, logits: bool, problems: Problems
) -> None:
    if head.activation is None or head.activation in allowed:
        return
    with_logits = " with from_logits" if logits else ""
    hint = f"activation: {sorted(allowed)[0] if 'sigmoid' not in allowed else 'sigmoid'}"
    if not logits and "Hinge" not in loss and head.activation == "linear":
        hint += ", or from_logits: true on the loss"
    problems.add(
        head.activation_path,
        f"{loss}{with_logits} expects {join_names(sorted(allowed))} at the output, got {head.activation}",
        hint=hint,
    )


def objective_for(
    head: Head,
    loss: ComponentSpec | None,
    classes: Mapping[str, tuple[str, ...] | None],
    *,
    path: KeyPath,
    layers: tuple[LayerSpec, ...],
    problems: Problems,
) -> Objective | None:
    """Match an output with what its targets turned out to be; report what does not fit."""
    with_classes = [name for name in head.targets if classes[name] is not None]
    if not with_classes:
        chosen = loss or _loss("MeanSquaredError")
        return Objective(
            output=head.output,
            targets=head.targets,
            task="regression",
            labels="numbers",
            loss=chosen,
        )
    if len(with_classes) < len(head.targets):
        problems.add(
            ("data", "target"),
            f"target {with_classes[0]!r} has classes and others of this output have numbers",
            hint="give each target an output layer named like it",
        )
        return None
    units_path = layer_path(head.units_layer, layers[head.units_layer], "units")
    return _ClassMatch(head, loss, classes, path, units_path, problems).objective()


@dataclass(frozen=True)
class _ClassMatch:
    """An output against the classes of its targets."""

    head: Head
    written_loss: ComponentSpec | None
    classes: Mapping[str, tuple[str, ...] | None]
    path: KeyPath
    units_path: KeyPath
    problems: Problems

    @property
    def num_classes(self) -> int:
        return len(self.classes[self.head.targets[0]] or ())

    @property
    def described(self) -> str:
        names = self.classes[self.head.targets[0]] or ()
        listed = join_names(names, most=5)
        return f"target {self.head.targets[0]!r} has {len(names)} classes ({listed})"

    def objective(self) -> Objective | None:
        loss = self.written_loss or _default_class_loss(self.head, self.num_classes)
        if loss.name not in CLASS_LOSSES | EITHER_LOSSES:
            fits = (
                "binary_crossentropy"
                if self.num_classes == 2
                else "sparse_categorical_crossentropy"
            )
            self.problems.add(
                self.path,
                f"{self.described}, but {loss.name} compares numbers",
                hint=f"loss: {fits}",
            )
            return None
        if loss.name in BINARY_LOSSES and self.head.units in (None, len(self.head.targets)):
            return self._binary(loss)
        return self._multiclass(loss)

    def _binary(self, loss: ComponentSpec) -> Objective | None:
        for name in self.head.targets:
            found = self.classes[name] or ()
            if len(found) != 2:
                self.problems.add(
                    self.units_path,
                    f"target {name!r} has {len(found)} classes ({join_names(found, most=5)}), "
                    "but 1 unit tells 2 apart",
                    hint=f"units: {len(found)} with softmax and sparse_categorical_crossentropy",
                )
                return None
        return self._match(loss, "binary", "binary")

    def _multiclass(self, loss: ComponentSpec) -> Objective | None:
        if self.head.units not in (None, self.num_classes):
            self.problems.add(
                self.units_path,
                f"{self.described}, but the output has {self.head.units} units",
                hint=f"units: {self.num_classes}",
            )
            return None
        return self._match(loss, "multiclass", "index" if loss.name in INDEX_LOSSES else "onehot")

    def _match(self, loss: ComponentSpec, task: Task, labels: Labels) -> Objective:
        return Objective(
            output=self.head.output, targets=self.head.targets, task=task, labels=labels, loss=loss
        )


def _default_class_loss(head: Head, num_classes: int) -> ComponentSpec:
    one_unit = head.units == 1 or head.activation == "sigmoid"
    if one_unit and num_classes == 2:
        return _loss("BinaryCrossentropy", from_logits=head.activation == "linear")
    return _loss("SparseCategoricalCrossentropy", from_logits=head.activation == "linear")


def _loss(name: str, *, from_logits: bool = False) -> ComponentSpec:
    assert catalog.find("loss", name) is not None
    arguments = {"from_logits": True} if from_logits else {}
    return ComponentSpec(kind="loss", name=name, arguments=arguments)
