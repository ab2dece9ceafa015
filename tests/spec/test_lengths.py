import pytest

from dlcli.spec.components import in_steps, shortened
from dlcli.spec.lengths import count_steps
from dlcli.spec.run import build_spec
from dlcli.spec.source import parse_source
from dlcli.spec.writing import to_yaml


def _rate(schedule):
    return {"optimizer": {"SGD": {"learning_rate": schedule}}}


@pytest.mark.parametrize(
    ("length", "steps"),
    [(7.0, 7.0), ("1 epochs", 9.0), ("10 epochs", 90.0), ("0.5 epochs", 4.0), ("0.01 epochs", 1.0)],
)
def test_epochs_are_turned_into_steps(length, steps):
    assert count_steps(length, steps_per_epoch=9) == steps


def test_every_length_of_a_schedule_may_be_in_epochs(build):
    spec = build(
        **_rate(
            {
                "CosineDecay": {
                    "initial_learning_rate": 0.1,
                    "decay_steps": "20 epochs",
                    "warmup_steps": " 1 epoch ",
                    "warmup_target": 0.2,
                }
            }
        )
    )
    written = spec.optimizer.arguments["learning_rate"].arguments
    assert (written["decay_steps"], written["warmup_steps"]) == ("20 epochs", "1 epochs")
    made = in_steps(spec.optimizer, steps_per_epoch=25).arguments["learning_rate"].arguments
    assert (made["decay_steps"], made["warmup_steps"]) == (500.0, 25.0)
    assert made["initial_learning_rate"] == 0.1


def test_lengths_in_epochs_are_shortened_and_others_are_not(build):
    schedule = {"initial_learning_rate": 0.1, "decay_steps": "20 epochs", "warmup_steps": 30}
    spec = build(**_rate({"CosineDecay": schedule}))
    made = shortened(spec.optimizer, 0.25).arguments["learning_rate"].arguments
    assert (count_steps(made["decay_steps"], steps_per_epoch=7), made["warmup_steps"]) == (35, 30)
    spec = build(
        **_rate({"PiecewiseConstantDecay": {"boundaries": ["2 epochs", 90], "values": [3, 2, 1]}})
    )
    made = shortened(spec.optimizer, 0.5).arguments["learning_rate"].arguments
    assert count_steps(made["boundaries"][0], steps_per_epoch=10) == 10
    assert made["boundaries"][1] == 90


def test_a_boundary_in_epochs_lets_the_next_epoch_begin_at_the_new_rate(build):
    spec = build(
        **_rate({"PiecewiseConstantDecay": {"boundaries": ["2 epochs", 90], "values": [3, 2, 1]}})
    )
    made = in_steps(spec.optimizer, steps_per_epoch=10).arguments["learning_rate"].arguments
    assert made["boundaries"] == (19.0, 90)


def test_a_run_keeps_epochs_as_they_were_written(build, tmp_path):
    schedule = {"initial_learning_rate": 0.1, "decay_steps": "10 epochs", "decay_rate": 0.5}
    spec = build(**_rate({"ExponentialDecay": schedule}))
    text = to_yaml(spec, folder=tmp_path)
    assert "decay_steps: 10 epochs" in text
    assert build_spec(parse_source(text, file=tmp_path / "a.yaml")) == spec


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ("ten epochs", "got 'ten epochs'"),
        ("0 epochs", "expected a number above 0, got 0"),
        (0, "expected a number above 0"),
        (True, "got true"),
    ],
)
def test_other_lengths_are_refused(complaints, length, said):
    schedule = {"initial_learning_rate": 0.1, "decay_steps": length, "decay_rate": 0.5}
    (message,) = complaints(**_rate({"ExponentialDecay": schedule}))
    assert said in message
