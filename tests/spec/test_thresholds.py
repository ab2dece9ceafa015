import pytest

from dlcli.errors import SpecError
from dlcli.spec.objectives import resolve_objectives
from dlcli.spec.thresholds import thresholds_by_target

BINARY = {
    "layers": [{"Dense": {"units": 1, "activation": "sigmoid"}}],
    "loss": "binary_crossentropy",
}
WATCHED = {"source": "plants.csv", "target": "height", "split": {"validation": 0.2}}


def test_a_number_or_a_figure_is_taken(build):
    assert build(**BINARY, threshold=0.3).threshold == 0.3
    assert build(**BINARY, data=WATCHED, threshold="F1Score").threshold == "F1Score"
    assert build(**BINARY, threshold={"height": 0.3}).threshold == {"height": 0.3}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (1.5, "expected"),
        ("F1", "got 'F1'"),
        ("F1Score", "chosen on the validation part, and there is none"),
        ({"hight": 0.3}, "no target is named 'hight'"),
    ],
)
def test_mistakes_are_told_before_any_data_is_read(complaints, written, said):
    messages = complaints(**BINARY, threshold=written)
    assert any(said in message for message in messages), messages


@pytest.mark.parametrize(
    ("classes", "said"),
    [(None, "target 'height' is a number"), (("a", "b", "c"), "target 'height' has 3")],
)
def test_a_threshold_needs_two_classes(build, classes, said):
    spec = build(threshold={"height": 0.3})
    with pytest.raises(SpecError, match=said):
        resolve_objectives(spec, {"height": classes})
    with pytest.raises(SpecError, match=said):
        resolve_objectives(build(threshold=0.3), {"height": classes})


def test_one_threshold_holds_for_every_target_with_two_classes():
    classes = {"a": ("no", "yes"), "b": None, "c": ("x", "y")}
    assert thresholds_by_target(0.3, classes) == {"a": 0.3, "c": 0.3}
    assert thresholds_by_target({"c": 0.2}, classes) == {"c": 0.2}
    assert thresholds_by_target(None, classes) == {}


def test_calibrated_probabilities_need_classes_and_a_validation_part(build, complaints):
    assert build(**BINARY, data=WATCHED, calibrate="temperature").calibrate == "temperature"
    messages = complaints(**BINARY, calibrate="temperature")
    assert any("calibrated on the validation part" in message for message in messages), messages
    with pytest.raises(SpecError, match="every target is a number"):
        resolve_objectives(build(data=WATCHED, calibrate="temperature"), {"height": None})
