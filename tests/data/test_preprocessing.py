"""Fitted preprocessing: tables to arrays, the same policies again, exact JSON."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlcli.data.fitting import fit_preprocessing
from dlcli.data.preprocessing import FORMAT, Preprocessing
from dlcli.data.table import Origin, Table
from dlcli.errors import DataError, RunError
from dlcli.spec.data import ColumnSpec, ConstantPolicy, DataSpec, RobustScale


def table(**columns):
    arrow = pa.table(columns)
    origin = Origin(path=Path("cells.csv"), first_row=2, num_rows=arrow.num_rows)
    return Table.from_arrow(arrow, origin)


def fit(spec, columns, rows=None, class_targets=frozenset()):
    whole = table(**columns)
    train = np.arange(whole.num_rows) if rows is None else np.array(rows)
    return fit_preprocessing(spec, whole, train, class_targets)


def spec_of(**settings):
    return DataSpec(**{"source": "cells.csv", "target": "y", **settings})


# Steps small enough to overflow when scaled are refused by their cell.
NUMBERS = st.floats(-1e12, 1e12).map(lambda number: round(number, 6))

PEOPLE = {
    "age": [20.0, 30.0, None, 50.0],
    "job": ["cook", "pilot", "cook", None],
    "smokes": [True, False, True, False],
    "y": [1.0, 2.0, 3.0, 4.0],
}
FILLED = {
    "missing": "mean",
    "columns": {"job": ColumnSpec(missing="mode")},
    "scale": "standard",
    "target_scale": "minmax",
}


def test_arrays_of_a_mixed_table():
    preprocessing = fit(spec_of(**FILLED), PEOPLE)
    applied = preprocessing.apply(table(**PEOPLE), with_targets=True)
    assert preprocessing.feature_names == ("age", "job=cook", "job=pilot", "smokes")
    assert preprocessing.input_specs["features"].shape == (4,)
    features = applied.inputs["features"]
    assert features.dtype == np.float32
    assert features[:, 1:].tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0]]
    assert features[2, 0] == pytest.approx(0)
    assert applied.targets["y"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(applied.scaled_targets["y"], [0, 1 / 3, 2 / 3, 1], rtol=1e-6)
    assert applied.counts["columns"] == {
        "age": {"filled": {"policy": "mean", "value": 100 / 3, "cells": 1}},
        "job": {"filled": {"policy": "mode", "value": "cook", "cells": 1}},
    }
    assert preprocessing.ranges == {"age": (20.0, 50.0)}
    assert preprocessing.needed_columns == ("age", "job", "smokes")


def test_statistics_come_from_the_training_rows_alone():
    preprocessing = fit(spec_of(**FILLED), PEOPLE, rows=[0, 1])
    assert preprocessing.ranges == {"age": (20.0, 30.0)}
    age = preprocessing.input_columns[0]
    assert (age.fill, age.scaler.offset, age.scaler.scale) == (25.0, 25.0, 5.0)
    assert preprocessing.targets[0].maximum == 2.0


def test_restored_targets_are_in_their_unit():
    preprocessing = fit(spec_of(**FILLED), PEOPLE)
    restored = preprocessing.restore_target("y", np.array([[0.0], [1.0]], np.float32))
    assert restored.tolist() == [[1.0], [4.0]]
    assert restored.dtype == np.float64


def test_targets_are_not_needed_to_predict():
    preprocessing = fit(spec_of(**FILLED), PEOPLE)
    inputs = {name: cells for name, cells in PEOPLE.items() if name != "y"}
    reordered = table(extra=[1, 2, 3, 4], **dict(reversed(inputs.items())))
    applied = preprocessing.apply(reordered, with_targets=False)
    assert applied.targets == {}
    expected = preprocessing.apply(table(**PEOPLE), with_targets=True)
    np.testing.assert_array_equal(applied.inputs["features"], expected.inputs["features"])
    with pytest.raises(DataError, match="no column 'y'"):
        preprocessing.apply(reordered, with_targets=True)


def test_a_lacking_input_names_the_nearest_column():
    preprocessing = fit(spec_of(**FILLED), PEOPLE)
    with pytest.raises(DataError, match=r"cells\.csv has no column 'smokes'") as caught:
        preprocessing.apply(table(age=[1.0], job=["cook"], smoke=[True]), with_targets=False)
    assert caught.value.hint == "did you mean 'smoke'?"


def test_dropped_rows_are_reported_at_prediction():
    preprocessing = fit(spec_of(missing="drop"), PEOPLE)
    rows = table(age=[None, 40.0, 41.0], job=["cook", None, "cook"], smokes=[True, True, False])
    applied = preprocessing.apply(rows, with_targets=False)
    assert applied.kept.tolist() == [2]
    assert applied.counts["rows"] == {"read": 3, "dropped": 2, "kept": 1}
    assert applied.counts["columns"]["age"] == {"dropped": {"missing": 1}}


def test_a_filter_column_drops_rows_though_it_is_no_input():
    columns = {"station": ColumnSpec(missing="drop")}
    spec = spec_of(inputs=("x",), columns=columns, missing="median")
    cells = {"x": [1.0, None, 3.0], "station": [1, 2, None], "y": [1.0, 2.0, 9.0]}
    preprocessing = fit(spec, cells)
    applied = preprocessing.apply(table(**cells), with_targets=True)
    assert applied.kept.tolist() == [0, 1]
    assert preprocessing.needed_columns == ("x",)
    without = preprocessing.apply(table(x=[1.0, 5.0]), with_targets=False)
    assert without.kept.tolist() == [0, 1]


def test_unseen_categories_are_refused_or_ignored():
    rows = table(age=[1.0, 2.0], job=["cook", "clown"], smokes=[True, True])
    preprocessing = fit(spec_of(**FILLED), PEOPLE)
    with pytest.raises(DataError) as caught:
        preprocessing.apply(rows, with_targets=False)
    assert caught.value.message == (
        "column 'job' has 1 category that training has not seen:\n  cells.csv, row 3: 'clown'"
    )
    assert "training knows 'cook', 'pilot'" in caught.value.hint
    assert "unseen: ignore" in caught.value.hint
    applied = fit(spec_of(**FILLED, unseen="ignore"), PEOPLE).apply(rows, with_targets=False)
    assert applied.inputs["features"][1, 1:3].tolist() == [0, 0]
    assert applied.counts["columns"]["job"] == {"unseen": {"policy": "ignore", "cells": 1}}


def test_missing_cells_are_refused_by_default():
    cells = {"x": [1.0, *[None] * 7, 3.0], "z": [None, *[1.0] * 8], "y": list(range(9))}
    with pytest.raises(DataError) as caught:
        fit(spec_of(), cells)
    assert caught.value.message.splitlines() == [
        "column 'x' has 7 missing cells:",
        *[f"  cells.csv, row {row}" for row in range(3, 8)],
        "  and 2 more",
        "and so have the columns 'z' (1)",
    ]
    assert "columns: {x: {missing: drop}}" in caught.value.hint


def test_unreadable_cells_name_the_ways_out():
    cells = {"x": ["1", "2", "3", "n/a", "n/a"], "y": [1.0, 2.0, 3.0, 4.0, 5.0]}
    with pytest.raises(DataError) as caught:
        fit(spec_of(), cells)
    assert caught.value.message.splitlines()[:2] == [
        "column 'x' has 2 cells that are no numbers:",
        "  cells.csv, row 5: 'n/a'",
    ]
    assert 'columns: {x: {missing_values: ["n/a"]}}' in caught.value.hint
    dropped = fit(spec_of(unreadable="drop"), cells).apply(table(**cells), with_targets=True)
    assert dropped.kept.tolist() == [0, 1, 2]
    filled = fit(spec_of(unreadable="missing", missing="mean"), cells)
    applied = filled.apply(table(**cells), with_targets=True)
    assert applied.inputs["features"][:, 0].tolist() == [1, 2, 3, 2, 2]
    assert applied.counts["columns"]["x"]["unreadable"] == {"policy": "missing", "cells": 2}


@pytest.mark.parametrize("missing", ["error", "mean", ConstantPolicy(constant=0)])
def test_a_missing_target_is_never_filled(missing):
    cells = {"x": [1.0, 2.0, 3.0], "y": [1.0, None, 3.0]}
    with pytest.raises(DataError, match="column 'y' has 1 missing cell") as caught:
        fit(spec_of(missing=missing), cells)
    assert "columns: {y: {missing: drop}}" in caught.value.hint
    spec = spec_of(missing=missing, columns={"y": ColumnSpec(missing="drop")})
    assert fit(spec, cells).targets[0].maximum == 3.0


def test_a_mean_for_the_whole_table_needs_a_word_for_its_categories():
    with pytest.raises(DataError, match="column 'job' is a category column: it has no mean") as e:
        fit(spec_of(missing="mean"), PEOPLE)
    assert "columns: {job: {missing: mode}}" in e.value.hint
    whole = {name: cells for name, cells in PEOPLE.items() if name != "job"}
    fit(spec_of(missing="mean"), {**whole, "job": ["cook", "pilot", "cook", "cook"]})


def test_numbers_beyond_float32_are_refused():
    cells = {"x": [1.0, 2.0, 1e39], "y": [1.0, 2.0, 3.0]}
    preprocessing = fit(spec_of(), cells)
    with pytest.raises(DataError, match=r"1 cell too large for float32:\n  cells\.csv, row 4"):
        preprocessing.apply(table(**cells), with_targets=True)


def test_sample_weights():
    cells = {"x": [1.0, 2.0, 3.0], "w": [1, 0, 2], "y": [1.0, 2.0, 3.0]}
    preprocessing = fit(spec_of(sample_weight="w"), cells)
    assert preprocessing.feature_names == ("x",)
    weight = preprocessing.apply(table(**cells), with_targets=True).sample_weight
    assert (weight.tolist(), weight.dtype) == ([1, 0, 2], np.float32)
    assert preprocessing.apply(table(x=[1.0]), with_targets=False).sample_weight is None
    with pytest.raises(DataError, match=r"1 negative weight:\n  cells\.csv, row 3: '-1'"):
        fit(spec_of(sample_weight="w"), {**cells, "w": [1, -1, 2]})
    with pytest.raises(DataError, match="every training row has weight 0"):
        fit(spec_of(sample_weight="w"), {**cells, "w": [0, 0, 0]})
    with pytest.raises(DataError, match="column 'w' has 1 missing cell"):
        fit(spec_of(sample_weight="w", missing="mean"), {**cells, "w": [1, None, 2]})
    own = {"w": ColumnSpec(missing=ConstantPolicy(constant=1))}
    spec = spec_of(sample_weight="w", columns=own)
    filled = fit(spec, {**cells, "w": [1, None, 2]})
    applied = filled.apply(table(**{**cells, "w": [1, None, 2]}), with_targets=True)
    assert applied.sample_weight.tolist() == [1, 1, 2]


def test_numbers_that_the_network_takes_as_classes():
    cells = {"x": [1.0, 2.0, 3.0, 4.0], "y": [5, 3, 5, 8]}
    preprocessing = fit(spec_of(), cells, class_targets=frozenset({"y"}))
    assert preprocessing.targets[0].classes == ("3", "5", "8")
    assert preprocessing.targets[0].class_counts == (1, 2, 1)
    applied = preprocessing.apply(table(**cells), with_targets=True)
    assert applied.targets["y"].tolist() == [1, 0, 1, 2]
    assert applied.targets["y"].dtype == applied.scaled_targets["y"].dtype == np.int32


def test_a_class_that_training_lacks_is_refused():
    cells = {"x": [1.0, 2.0, 3.0], "y": ["a", "b", "c"]}
    preprocessing = fit(spec_of(), cells, rows=[0, 1])
    with pytest.raises(DataError, match="1 cell whose class no training row has") as caught:
        preprocessing.apply(table(**cells), with_targets=True)
    assert "stratify: true" in caught.value.hint
    listed = spec_of(columns={"y": ColumnSpec(categories=("a", "b", "c"))})
    applied = fit(listed, cells, rows=[0, 1]).apply(table(**cells), with_targets=True)
    assert applied.targets["y"].tolist() == [0, 1, 2]


def test_columns_with_tensors_of_their_own():
    columns = {
        "job": ColumnSpec(encode="ordinal", missing="mode"),
        "note": ColumnSpec(type="text", length=3),
    }
    spec = spec_of(inputs=("note", "job"), columns=columns)
    cells = {**PEOPLE, "note": ["a b", "b", "c c c c", ""]}
    with pytest.raises(DataError, match="column 'note' has 1 missing cell"):
        fit(spec, cells)
    cells["note"][3] = "z"
    preprocessing = fit(spec, cells)
    assert list(preprocessing.input_specs) == ["note", "job"]
    applied = preprocessing.apply(table(**cells), with_targets=False)
    assert {name: array.shape for name, array in applied.inputs.items()} == {
        "note": (4, 3),
        "job": (4,),
    }
    for name, array in applied.inputs.items():
        assert array.max() < preprocessing.input_specs[name].vocabulary_size


def test_a_column_named_features_cannot_stand_beside_the_features():
    cells = {"x": [1.0, 2.0], "features": ["a", "b"], "y": [1.0, 2.0]}
    spec = spec_of(columns={"features": ColumnSpec(encode="ordinal")})
    with pytest.raises(DataError, match="would arrive under the name"):
        fit(spec, cells)


@given(
    numbers=arrays(np.float64, (8, 2), elements=NUMBERS),
    words=st.lists(st.sampled_from(["a", "b", None]), min_size=8, max_size=8),
    scale=st.sampled_from(["none", "standard", "minmax", "robust", "quantile"]),
    encode=st.sampled_from(["onehot", "ordinal"]),
)
@settings(max_examples=60, deadline=None)
def test_json_gives_the_same_bits(numbers, words, scale, encode):
    cells = {"x": numbers[:, 0], "c": words, "y": numbers[:, 1]}
    own = ColumnSpec(encode=encode, missing=ConstantPolicy(constant="?"), unseen="ignore")
    spec = spec_of(scale=scale, target_scale=scale, columns={"c": own})
    try:
        first = fit(spec, cells, rows=range(5))
    except DataError as error:
        assert "nothing to learn" in error.message
        return
    again = Preprocessing.from_json(json.loads(json.dumps(first.to_json())))
    assert again == first
    one, other = (p.apply(table(**cells), with_targets=True) for p in (first, again))
    for name, array in one.inputs.items():
        assert array.tobytes() == other.inputs[name].tobytes()
    assert one.scaled_targets["y"].tobytes() == other.scaled_targets["y"].tobytes()
    scaled = one.scaled_targets["y"]
    restored = first.restore_target("y", scaled).tobytes()
    assert restored == again.restore_target("y", scaled).tobytes()


def test_a_newer_format_is_refused():
    state = fit(spec_of(**FILLED), PEOPLE).to_json()
    assert state["format"] == FORMAT
    with pytest.raises(RunError, match=f"has format {FORMAT + 1}"):
        Preprocessing.from_json({**state, "format": FORMAT + 1})
    for broken in ({}, [], {**state, "columns": 3}, {**state, "targets": [{"settings": {}}]}):
        with pytest.raises(RunError):
            Preprocessing.from_json(broken)


MIXED = {
    "age": ["1", "2", "3.5"],
    "job": ["a", "b", "a"],
    "code": ["u", "v", "u"],
    "ok": ["yes", "no", "yes"],
    "day": ["2020-01-01", "2020-01-02", "2020-01-03"],
    "y": [1.0, 2.0, 3.0],
}


def fit_mixed():
    columns = {
        "age": ColumnSpec(missing="mean"),
        "code": ColumnSpec(encode="ordinal"),
        "day": ColumnSpec(missing="median"),
    }
    return fit(spec_of(missing="mode", columns=columns), MIXED)


def test_an_empty_table_gives_empty_arrays():
    empty = table(**{name: pa.array([], pa.null()) for name in MIXED})
    applied = fit_mixed().apply(empty, with_targets=True)
    assert {name: array.shape for name, array in applied.inputs.items()} == {
        "features": (0, 8),
        "code": (0,),
    }
    assert applied.targets["y"].shape == (0,)


def test_a_block_of_missing_cells_is_filled():
    block = table(**{name: pa.nulls(2) for name in MIXED if name != "y"})
    applied = fit_mixed().apply(block, with_targets=False)
    assert applied.inputs["features"][0, 1:].tolist() == [1, 0, 1, 2020, 1, 2, 3]
    assert applied.counts["columns"]["day"]["filled"]["value"] == "2020-01-02T00:00:00.000000"


def test_a_table_without_types_gives_the_same_arrays():
    preprocessing = fit_mixed()
    days = pa.array(MIXED["day"]).cast(pa.timestamp("us"))
    typed = {**MIXED, "age": [1.0, 2.0, 3.5], "ok": [True, False, True], "day": days}
    as_text = preprocessing.apply(table(**MIXED), with_targets=False)
    as_types = preprocessing.apply(table(**typed), with_targets=False)
    for name, array in as_text.inputs.items():
        np.testing.assert_array_equal(array, as_types.inputs[name])


SKEWED = {"size": [1.0, 2.0, 3.0, 4.0, 900.0], "y": [10.0, 20.0, 30.0, 40.0, 50.0]}


def test_outliers_of_inputs_are_bent_the_same_after_json():
    preprocessing = fit(spec_of(scale=RobustScale(robust=3.0)), SKEWED)
    again = Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json())))
    rows = table(size=[3.0, 4.0, 1e9])
    for each in (preprocessing, again):
        features = each.apply(rows, with_targets=False).inputs["features"][:, 0]
        half = 0.5 / np.sqrt(1 + (0.5 / 3) ** 2)
        np.testing.assert_allclose(features, [0, half, 3], rtol=1e-6)


@pytest.mark.parametrize("scale", ["none", "standard", "quantile"])
def test_predictions_stay_within_the_training_range_where_asked(scale):
    spec = spec_of(target_clip=True, target_scale=scale)
    preprocessing = fit(spec, SKEWED, rows=[0, 1, 2, 3])
    again = Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json())))
    beyond = np.array([-1e3, 1e3])
    for each in (preprocessing, again):
        assert each.restore_target("y", beyond).tolist() == [10, 40]
    applied = preprocessing.apply(table(**SKEWED), with_targets=True)
    assert applied.targets["y"].tolist() == [10, 20, 30, 40, 50], "what is measured stays"


def test_a_target_clips_for_itself():
    columns = {**SKEWED, "z": [1.0, 2.0, 3.0, 4.0, 5.0]}
    spec = spec_of(target=("y", "z"), columns={"z": ColumnSpec(clip=True)})
    preprocessing = fit(spec, columns)
    assert preprocessing.restore_target("y", np.array([99.0])) == 99
    assert preprocessing.restore_target("z", np.array([99.0])) == 5


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (
            {"size": ColumnSpec(clip=True)},
            "column 'size' is no target: 'clip' is a setting of targets",
        ),
        (
            {"y": ColumnSpec(clip=True, type="category")},
            "column 'y' is a target of classes: 'clip' is a setting of numbers",
        ),
        (
            {"y": ColumnSpec(scale=RobustScale(robust=3.0))},
            r"column 'y' is a target: \{robust: 3\} is for inputs alone",
        ),
    ],
)
def test_settings_of_the_other_kind_of_column(own, told):
    with pytest.raises(DataError, match=told):
        fit(spec_of(columns=own), SKEWED)
