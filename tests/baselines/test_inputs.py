import numpy as np

from dlcli.baselines import inputs as baseline_inputs
from dlcli.baselines.inputs import as_matrix
from dlcli.data.columns.tensor import FEATURES, InputSpec

FEATURE_SPEC = InputSpec(shape=(2,), dtype="float32")


def test_features_come_first_and_stay_as_they_are():
    codes = InputSpec(shape=(), dtype="int32", vocabulary_size=3)
    arrays = {
        "job": np.array([0, 2], np.int32),
        FEATURES: np.array([[0.5, 1.0], [2.0, 3.0]], np.float32),
    }
    made = as_matrix(arrays, {FEATURES: FEATURE_SPEC, "job": codes}, num_training_rows=2)
    assert made.tolist() == [[0.5, 1.0, 1, 0, 0], [2.0, 3.0, 0, 0, 1]]


def test_a_text_becomes_the_words_that_occur_in_it():
    words = InputSpec(shape=(3,), dtype="int32", vocabulary_size=5)
    made = as_matrix({"t": np.array([[2, 2, 4], [3, 0, 0]])}, {"t": words}, num_training_rows=2)
    assert made.tolist() == [[0, 0, 1, 0, 1], [1, 0, 0, 1, 0]]


def test_rare_words_get_no_column_where_memory_would_not_do(monkeypatch):
    monkeypatch.setattr(baseline_inputs, "MOST_CELLS", 6)
    words = InputSpec(shape=(1,), dtype="int32", vocabulary_size=5)
    made = as_matrix({"t": np.array([[2], [4]])}, {"t": words}, num_training_rows=2)
    assert made.tolist() == [[0, 0, 1], [0, 0, 0]]


def test_other_tensors_are_flattened_and_wide_ones_left_out(monkeypatch):
    image = InputSpec(shape=(2, 2), dtype="float32")
    arrays = {"image": np.arange(8, dtype=np.float32).reshape(2, 2, 2)}
    assert as_matrix(arrays, {"image": image}, num_training_rows=2).shape == (2, 4)
    monkeypatch.setattr(baseline_inputs, "MOST_COLUMNS", 3)
    assert as_matrix(arrays, {"image": image}, num_training_rows=2) is None
