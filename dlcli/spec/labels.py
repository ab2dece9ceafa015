"""An output against the classes of its targets: the task, the form of the labels, the loss."""

from collections.abc import Mapping
from dataclasses import dataclass

from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec
from dlcli.spec.heads import (
    ANY_CROSSENTROPY,
    BINARY_LOSSES,
    CLASS_LOSSES,
    EITHER_LOSSES,
    INDEX_LOSSES,
    Head,
    Labels,
    Objective,
    Task,
    is_own_loss,
)
from dlcli.spec.layers import LayerSpec, layer_path
from dlcli.spec.problems import KeyPath, Problems, join_names


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
            steps=head.steps,
            members=head.members,
        )
    if len(with_classes) < len(head.targets):
        problems.add(
            ("data", "target"),
            f"target {with_classes[0]!r} has classes and others of this output have numbers",
            hint="give each target an output layer named like it",
        )
        return None
    if head.steps > 1:
        problems.add(
            ("data", "window", "horizon"),
            f"target {with_classes[0]!r} has classes, which are predicted one step ahead, got "
            f"{head.steps}",
            hint="horizon: 1; offset says how far ahead the step is",
        )
        return None
    units_path = layer_path(head.units_layer, layers[head.units_layer], "units")
    return _ClassMatch(head, loss, classes, path, units_path, problems).objective()


_MANY_CLASSES = 50
"""More classes than this are most likely the values of a numeric target."""


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
        loss = self.written_loss
        if loss is None or loss.name == ANY_CROSSENTROPY:
            loss = _default_class_loss(self.head, self.num_classes)
        if loss.name not in CLASS_LOSSES | EITHER_LOSSES and not is_own_loss(loss):
            fits = (
                "binary_crossentropy"
                if self.num_classes == 2
                else "sparse_categorical_crossentropy"
            )
            self.problems.add(
                self.path,
                f"{self.described}, but {loss.alias or loss.name} compares numbers",
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
                    hint=self._more_units_hint(len(found)),
                )
                return None
        return self._match(loss, "binary", "binary")

    def _more_units_hint(self, count: int) -> str:
        if count < 2:
            return "a class target needs rows of two classes at least"
        if count > _MANY_CLASSES:
            return "if the target is a number, use loss: mse and no activation at the output"
        return f"units: {count} with softmax and sparse_categorical_crossentropy"

    def _multiclass(self, loss: ComponentSpec) -> Objective | None:
        if self.head.units not in (None, self.num_classes):
            units = self.head.units
            self.problems.add(
                self.units_path,
                f"{self.described}, but the output has {units} unit{'s' * (units != 1)}",
                hint=self._more_units_hint(self.num_classes)
                if self.num_classes > _MANY_CLASSES
                else f"units: {self.num_classes}",
            )
            return None
        if self.written_loss is None and self.head.activation not in ("softmax", "linear", None):
            self.problems.add(
                self.head.activation_path,
                f"{self.described}, but {self.head.activation} tells 2 apart",
                hint="activation: softmax",
            )
            return None
        return self._match(loss, "multiclass", "index" if loss.name in INDEX_LOSSES else "onehot")

    def _match(self, loss: ComponentSpec, task: Task, labels: Labels) -> Objective:
        return Objective(
            output=self.head.output,
            targets=self.head.targets,
            task=task,
            labels=labels,
            loss=loss,
            members=self.head.members,
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
