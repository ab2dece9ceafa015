"""Targets as the loss compares them: stacked numbers, 0/1, class codes or one-hot rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.dataset import Part
from dlcli.data.preprocessing import TargetInfo
from dlcli.spec.heads import Objective


def labels_of(
    part: Part, objective: Objective, targets: dict[str, TargetInfo], *, rank: int = 2
) -> NDArray[Any]:
    """Return the labels of one output: [rows, units] float32, or class codes [rows] int32.

    Several steps are [rows, steps], or [rows, steps, targets] for an output of `rank` 3.
    """
    columns = [part.scaled_targets[name] for name in objective.targets]
    if objective.labels == "index":
        return columns[0]
    if objective.labels == "onehot":
        classes = targets[objective.targets[0]].classes
        assert classes is not None
        return np.asarray(np.eye(len(classes), dtype=np.float32)[columns[0]])
    if objective.steps > 1 and rank == 2:
        return columns[0].astype(np.float32)
    return np.stack(columns, axis=-1).astype(np.float32)


def row_weights(
    part: Part, target: TargetInfo, class_weight: str | dict[str, float] | None
) -> NDArray[np.float32] | None:
    """Return the weight of every row in the loss [rows], class weights and row weights multiplied.

    `balanced` weighs a class by rows / (classes * rows of the class), as scikit-learn does, with
    counts of the training part.
    """
    if class_weight is None:
        return part.sample_weight
    assert target.classes is not None
    assert target.class_counts is not None
    if isinstance(class_weight, dict):
        per_class = np.array([class_weight.get(name, 1.0) for name in target.classes], np.float32)
    else:
        counts = np.array(target.class_counts, np.float64)
        per_class = (counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
    weights = np.asarray(per_class[part.scaled_targets[target.name]], np.float32)
    return weights if part.sample_weight is None else weights * part.sample_weight
