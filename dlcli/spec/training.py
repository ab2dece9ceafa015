"""Losses and metrics per output, and which metrics fit what an output predicts."""

import re
from dataclasses import dataclass
from typing import Any

from dlcli.spec import catalog
from dlcli.spec.components import Component, ComponentSpec
from dlcli.spec.containers import ListOf
from dlcli.spec.fields import INVALID, Field, JsonSchema, report_unexpected
from dlcli.spec.heads import Labels
from dlcli.spec.problems import KeyPath, Problems


@dataclass(frozen=True)
class MetricField(Component):
    """A metric; plain `Accuracy` means the accuracy that fits the labels, as `accuracy` does.

    Keras's class of that name counts predictions that equal their label exactly, which
    probabilities never do.
    """

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        metric = super().check(value, path, problems)
        if metric is not INVALID and metric.name == "Accuracy" and not metric.arguments:
            return ComponentSpec(kind="metric", name="accuracy")
        return metric


LOSS = Component("loss")
METRICS = ListOf(MetricField("metric"))


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
        is_own = isinstance(value, dict) and any((self.component, n) in problems.own for n in value)
        if not isinstance(value, dict) or is_own or self._is_component(value):
            if self.kind.accepts(value) or isinstance(value, dict | str):
                return self.kind.check(value, path, problems)
            return report_unexpected(self, value, path, problems)
        if not value:
            return report_unexpected(self, value, path, problems)
        parsed = {
            name: self.kind.check(item, (*path, name), problems) for name, item in value.items()
        }
        return INVALID if any(item is INVALID for item in parsed.values()) else parsed

    def _is_component(self, value: dict[str, object]) -> bool:
        """Tell a component with its arguments, misspelt or not, from a mapping by output."""
        if len(value) != 1:
            return False
        ((name, item),) = value.items()
        if isinstance(item, list) and not self.kind.accepts("") and self.kind.accepts(item):
            return False
        if catalog.find(self.component, name) is not None:
            return True
        is_value = isinstance(item, str) or (isinstance(item, dict) and self._is_component(item))
        return catalog.suggest(self.component, name) is not None and not is_value

    def schema(self) -> JsonSchema:
        one = self.kind.schema()
        return {"anyOf": [one, {"type": "object", "additionalProperties": one}]}


_REGRESSION = {
    "MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError", "CosineSimilarity", "LogCoshError", "R2Score",
    "ConcordanceCorrelation", "PearsonCorrelation", "Poisson",
}  # fmt: skip
_ERRORS = {"MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError"}
"""Also measured between probabilities and 0/1 labels: the Brier score and its like."""
_ANY_TASK = {"Mean", "Sum", "MeanMetricWrapper", "KLDivergence", "Poisson"}
_BINARY = {
    "accuracy", *_ERRORS, "BinaryAccuracy", "BinaryCrossentropy", "AUC", "Precision",
    "Recall", "F1Score", "FBetaScore", "TruePositives", "TrueNegatives", "FalsePositives",
    "FalseNegatives", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity",
    "SpecificityAtSensitivity", "BinaryIoU", "Hinge", "SquaredHinge",
}  # fmt: skip
_ONEHOT = (_BINARY - {"BinaryIoU", "Hinge", "SquaredHinge"}) | {
    "CategoricalAccuracy", "CategoricalCrossentropy", "TopKCategoricalAccuracy", "CategoricalHinge",
    "OneHotIoU", "OneHotMeanIoU",
}  # fmt: skip
_INDEX = {
    "accuracy", "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
}  # fmt: skip
_COMMON = {
    "numbers": "mae, RootMeanSquaredError, R2Score",
    "binary": "accuracy, AUC, Precision, Recall",
    "onehot": "accuracy, AUC, F1Score, TopKCategoricalAccuracy",
    "index": "accuracy, SparseTopKCategoricalAccuracy",
}
_FITTING = {"numbers": _REGRESSION, "binary": _BINARY, "onehot": _ONEHOT, "index": _INDEX}
_WORDS = {
    "numbers": "a numeric target",
    "binary": "a yes/no output",
    "onehot": "one-hot classes",
    "index": "the class numbers that sparse_categorical_crossentropy compares",
}
_KNOWN = _REGRESSION | _BINARY | _ONEHOT | _INDEX | {"Accuracy"}


def check_metric(metric: ComponentSpec, labels: Labels, path: KeyPath, problems: Problems) -> None:
    """Report a metric that cannot judge what this output predicts."""
    fitting = _FITTING[labels] | _ANY_TASK
    if metric.name in fitting or metric.name not in _KNOWN:
        return
    hint = f"e.g. {_COMMON[labels]}"
    if labels == "index" and metric.name in _ONEHOT:
        hint += "; or loss: categorical_crossentropy, whose one-hot labels it fits"
    called = metric.alias or metric.name
    problems.add(path, f"{called} does not fit {_WORDS[labels]}", hint=hint)


def metric_log_name(metric: ComponentSpec) -> str:
    """Return the name under which Keras reports a metric."""
    if "name" in metric.arguments:
        return str(metric.arguments["name"])
    return metric.alias or snake_case(metric.name)


def snake_case(name: str) -> str:
    """Return a class name as Keras makes automatic names of it: Conv2D is conv2d, R2Score r2_score."""
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()
