from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.columns.targets import NumberTarget
from dlcli.data.dataset import Part
from dlcli.data.preprocessing import Preprocessing, TargetInfo
from dlcli.data.readers import ReadOptions
from dlcli.data.scaling import fit_scaler
from dlcli.predictions import read_outputs
from dlcli.spec.components import ComponentSpec
from dlcli.spec.heads import Objective
from dlcli.training.labels import labels_of, row_weights
from dlcli.training.readings import reading_of

CODES = np.array([0, 1, 1, 2, 2, 2], np.int32)


def _part(weights=None, **targets):
    return Part(
        inputs={},
        targets=targets,
        scaled_targets=targets,
        sample_weight=weights,
        rows=np.arange(len(next(iter(targets.values())))),
    )


def _objective(labels, *targets):
    loss = ComponentSpec(kind="loss", name="MeanSquaredError")
    return Objective(output="o", targets=targets, task="regression", labels=labels, loss=loss)


def _info(name="y", classes=("a", "b", "c"), counts=(1, 2, 3)):
    return TargetInfo(name=name, classes=classes, class_counts=counts)


def test_targets_of_one_output_are_stacked_in_order():
    part = _part(a=np.array([1.0, 2.0]), b=np.array([3.0, 4.0]))
    labels = labels_of(part, _objective("numbers", "b", "a"), {})
    assert labels.dtype == np.float32
    assert labels.tolist() == [[3, 1], [4, 2]]


def test_several_steps_take_the_shape_of_the_output_and_are_read_back():
    targets = {"a": np.array([[1.0, 2.0, 3.0]]), "b": np.array([[4.0, 5.0, 6.0]])}
    of_both = replace(_objective("numbers", "b", "a"), steps=3)
    labels = labels_of(_part(**targets), of_both, {}, rank=3)
    assert labels.tolist() == [[[4, 1], [5, 2], [6, 3]]]
    of_one = replace(_objective("numbers", "a"), steps=3)
    assert labels_of(_part(**targets), of_one, {}, rank=2).tolist() == [[1, 2, 3]]
    assert labels_of(_part(**targets), of_one, {}, rank=3).tolist() == [[[1], [2], [3]]]
    names = ("a", "b")
    unscaled = tuple(
        NumberTarget(
            settings=ColumnSettings(name=name, type="number"),
            scaler=fit_scaler("none", np.arange(3.0)),
            minimum=0,
            maximum=9,
        )
        for name in names
    )
    preprocessing = Preprocessing(
        read_options=ReadOptions(),
        input_columns=(),
        target_columns=unscaled,
        weight=None,
        filters=(),
    )
    read = read_outputs({"o": labels}, (reading_of(of_both, None),), preprocessing)
    for name in names:
        assert read[name].values.tolist() == targets[name].tolist()


def test_class_codes_are_kept_for_the_sparse_loss():
    assert labels_of(_part(y=CODES), _objective("index", "y"), {}) is CODES


def test_class_codes_become_one_hot_rows():
    labels = labels_of(_part(y=CODES), _objective("onehot", "y"), {"y": _info()})
    assert labels.sum(axis=1).tolist() == [1] * 6
    assert labels.argmax(axis=1).tolist() == CODES.tolist()


def test_balanced_weights_are_those_of_scikit_learn():
    weights = row_weights(_part(y=CODES), _info(), "balanced")
    expected = compute_class_weight("balanced", classes=np.arange(3), y=CODES)
    assert weights == pytest.approx(expected[CODES])


def test_weights_by_name_default_to_one_and_multiply_row_weights():
    part = _part(np.full(6, 2.0, np.float32), y=CODES)
    weights = row_weights(part, _info(), {"b": 5.0})
    assert weights.tolist() == [2, 10, 10, 2, 2, 2]


def test_without_class_weights_the_rows_keep_their_own():
    assert row_weights(_part(y=CODES), _info(), None) is None
