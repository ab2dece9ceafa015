import numpy as np
import pytest

from dlcli.errors import RunError
from dlcli.predictions import OutputReading, read_outputs
from dlcli.spec.names import tensor_name


class _Restoring:
    """Preprocessing as far as predictions see it: targets, and a scale of ten."""

    def __init__(self, *targets):
        self.targets = targets

    def restore_target(self, name, values):
        return np.asarray(values) * 10.0


class _Target:
    def __init__(self, name, classes=None):
        self.name, self.classes = name, classes


def _read(reading, output, classes=("no", "yes")):
    targets = [_Target(name, classes) for name in reading.targets]
    raw = {tensor_name(reading.output): np.asarray(output, np.float32)}
    return read_outputs(raw, (reading,), _Restoring(*targets))


def test_numbers_come_back_in_the_targets_unit():
    reading = OutputReading(output="output", targets=("a", "b"), task="regression")
    read = _read(reading, [[1, 2], [3, 4]], classes=None)
    assert read["a"].values.tolist() == [10, 30]
    assert read["b"].values.tolist() == [20, 40]


def test_one_sigmoid_unit_gives_two_probabilities_and_the_second_class_from_a_half_on():
    reading = OutputReading(output="y", targets=("y",), task="binary")
    read = _read(reading, [[0.2], [0.5]])["y"]
    assert read.probabilities == pytest.approx(np.array([[0.8, 0.2], [0.5, 0.5]]))
    assert read.codes.tolist() == [0, 1]


@pytest.mark.parametrize("extreme", [-1000.0, 1000.0])
def test_extreme_logits_stay_probabilities(extreme):
    reading = OutputReading(output="y", targets=("y",), task="binary", link="sigmoid")
    probabilities = _read(reading, [[extreme]])["y"].probabilities
    assert np.isfinite(probabilities).all()
    assert probabilities.sum() == pytest.approx(1)


def test_logits_of_many_classes_become_shares():
    reading = OutputReading(output="y", targets=("y",), task="multiclass", link="softmax")
    read = _read(reading, [[1000.0, 0.0, -1000.0]], classes=("a", "b", "c"))["y"]
    assert read.probabilities.tolist() == [[1, 0, 0]]
    assert read.codes.tolist() == [0]


def test_log_softmax_outputs_are_exponentiated():
    reading = OutputReading(output="y", targets=("y",), task="multiclass", link="exp")
    read = _read(reading, np.log([[0.5, 0.25, 0.25]]), classes=("a", "b", "c"))["y"]
    assert read.probabilities == pytest.approx(np.array([[0.5, 0.25, 0.25]]))


def test_sigmoid_units_of_classes_are_normalised_and_all_zero_is_even():
    reading = OutputReading(output="y", targets=("y",), task="multiclass")
    read = _read(reading, [[0.5, 0.5, 1.0], [0, 0, 0]], classes=("a", "b", "c"))["y"]
    assert read.probabilities == pytest.approx(np.array([[0.25, 0.25, 0.5], [1 / 3] * 3]))


def test_a_reading_survives_json_and_a_broken_one_is_a_run_error():
    reading = OutputReading(output="y", targets=("y",), task="binary", link="sigmoid")
    assert OutputReading.from_json(reading.to_json()) == reading
    with pytest.raises(RunError, match="an output cannot be read"):
        OutputReading.from_json({"output": "y", "targets": ["y"], "colour": "red"})


def test_a_threshold_of_the_reading_decides_and_survives_json():
    reading = OutputReading(output="y", targets=("y",), task="binary", thresholds={"y": 0.15})
    read = _read(OutputReading.from_json(reading.to_json()), [[0.1], [0.2]])["y"]
    assert read.codes.tolist() == [0, 1]


def test_a_temperature_softens_probabilities_and_leaves_their_order():
    plain = OutputReading(output="y", targets=("y",), task="multiclass", link="softmax")
    soft = OutputReading.from_json({**plain.to_json(), "temperature": 2.0})
    logits = [[4.0, 2.0, 0.0], [1000.0, 0.0, -1000.0]]
    halved = _read(plain, [[2.0, 1.0, 0.0]], classes=("a", "b", "c"))["y"].probabilities
    read = _read(soft, logits, classes=("a", "b", "c"))["y"]
    assert read.probabilities[0] == pytest.approx(halved[0])
    assert np.isfinite(read.probabilities).all()
    assert read.codes.tolist() == [0, 0]
