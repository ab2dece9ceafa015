"""Losses and metrics per output, and which metrics fit what an output predicts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dlcli.spec import catalog
from dlcli.spec.components import Component, ComponentSpec
from dlcli.spec.containers import ListOf
from dlcli.spec.fields import INVALID, Field, JsonSchema, report_unexpected
from dlcli.spec.heads import Objective
from dlcli.spec.problems import KeyPath, Problems, join_names, suggest

LOSS = Component("loss")
METRICS = ListOf(Component("metric"))


@dataclass(frozen=True)
class PerOutput:
    """One value for every output, or a mapping from output names to values."""

    kind: Field
    component: str

    @property
    def expectation(self) -> str:
        return f"{self.kind.expectation}, or one for each output by name"

    def accepts(self, value: object) -> bool:
        return self.kind.accepts(value) or isinstance(value, dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if not isinstance(value, dict) or self._is_component(value):
            if not self.kind.accepts(value):
                return report_unexpected(self, value, path, problems)
            return self.kind.check(value, path, problems)
        parsed = {
            name: self._check_one(name, item, (*path, name), problems)
            for name, item in value.items()
        }
        return INVALID if any(item is INVALID for item in parsed.values()) else parsed

    def _is_component(self, value: dict[str, object]) -> bool:
        return len(value) == 1 and catalog.find(self.component, next(iter(value))) is not None

    def _check_one(self, name: str, item: object, path: KeyPath, problems: Problems) -> Any:
        if not self.kind.accepts(item):
            # Most likely a misspelt name with its arguments, not an output.
            near = catalog.suggest(self.component, name)
            hint = f"did you mean {near!r}?" if near else None
            return report_unexpected(self.kind, item, path, problems, hint=hint)
        return self.kind.check(item, path, problems)

    def schema(self) -> JsonSchema:
        one = self.kind.schema()
        return {"anyOf": [one, {"type": "object", "additionalProperties": one}]}


def check_output_names(
    value: object, outputs: Iterable[str], path: KeyPath, problems: Problems
) -> None:
    """Report keys of a per-output mapping that name no output, and outputs without an entry."""
    if not isinstance(value, dict):
        return
    listed = list(outputs)
    for name in value:
        if name not in listed:
            problems.add(
                (*path, name),
                f"no output is named {name!r}",
                hint=suggest(name, listed),
                on_key=True,
            )


_REGRESSION = {
    "MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError", "CosineSimilarity", "LogCoshError", "R2Score",
    "ConcordanceCorrelation", "PearsonCorrelation", "Poisson",
}  # fmt: skip
_ANY_TASK = {"Mean", "Sum", "MeanMetricWrapper", "KLDivergence", "Poisson"}
_BINARY = {
    "accuracy", "crossentropy", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "AUC", "Precision",
    "Recall", "F1Score", "FBetaScore", "TruePositives", "TrueNegatives", "FalsePositives",
    "FalseNegatives", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity",
    "SpecificityAtSensitivity", "BinaryIoU", "Hinge", "SquaredHinge",
}  # fmt: skip
_ONEHOT = (_BINARY - {"BinaryIoU", "Hinge", "SquaredHinge", "Accuracy"}) | {
    "CategoricalAccuracy", "CategoricalCrossentropy", "TopKCategoricalAccuracy", "CategoricalHinge",
    "OneHotIoU", "OneHotMeanIoU",
}  # fmt: skip
_INDEX = {
    "accuracy", "crossentropy", "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
}  # fmt: skip
_FITTING = {"numbers": _REGRESSION, "binary": _BINARY, "onehot": _ONEHOT, "index": _INDEX}
_WORDS = {
    "numbers": "a numeric target",
    "binary": "a yes/no output",
    "onehot": "one-hot classes",
    "index": "the class numbers that sparse_categorical_crossentropy compares",
}
_KNOWN = _REGRESSION | _BINARY | _ONEHOT | _INDEX


def check_metric(
    metric: ComponentSpec, objective: Objective, path: KeyPath, problems: Problems
) -> None:
    """Report a metric that cannot judge what this output predicts."""
    fitting = _FITTING[objective.labels] | _ANY_TASK
    if metric.name in fitting or metric.name not in _KNOWN:
        return
    hint = f"that fit: {join_names(sorted(fitting - _ANY_TASK), most=8)}"
    if objective.labels == "index" and metric.name in _ONEHOT:
        hint = "use loss: categorical_crossentropy, whose labels are one-hot; " + hint
    problems.add(path, f"{metric.name} does not fit {_WORDS[objective.labels]}", hint=hint)
