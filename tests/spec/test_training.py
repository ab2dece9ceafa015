"""Losses and metrics per output."""

from typing import Any

import pytest

from dlcli.errors import SpecError
from dlcli.spec.run import (
    log_names,
    losses_by_output,
    metrics_by_output,
    resolve_network,
    resolve_objectives,
)

TWO: dict[str, Any] = {
    "data": {"source": "plants.csv", "target": ["height", "width"]},
    "layers": [
        {"Dense": {"units": 8, "name": "trunk"}},
        {"Dense": {"units": 1, "name": "height"}},
        {"Dense": {"units": 1, "name": "width", "inputs": "trunk"}},
    ],
}


def heads_of(spec: Any) -> Any:
    return resolve_network(spec).heads


def test_one_loss_serves_every_output(build) -> None:
    spec = build(**TWO, loss="mae")
    losses = losses_by_output(spec, heads_of(spec))
    assert {loss.name for loss in losses.values() if loss} == {"MeanAbsoluteError"}


def test_losses_and_metrics_by_output(build) -> None:
    spec = build(
        **TWO,
        loss={"height": "mse", "width": {"Huber": {"delta": 2}}},
        loss_weights={"height": 1, "width": 3},
        metrics={"width": ["mae"]},
    )
    losses = losses_by_output(spec, heads_of(spec))
    assert losses["width"] is not None
    assert losses["width"].arguments == {"delta": 2.0}
    metrics = metrics_by_output(spec, heads_of(spec))
    assert [len(metrics[name]) for name in ("height", "width")] == [0, 1]


@pytest.mark.parametrize(
    ("written", "name"),
    [({"Huber": None}, "Huber"), ({"Huber": {"delta": 2}}, "Huber"), ({"hinge": {}}, "Hinge")],
)
def test_single_loss_with_arguments_is_no_mapping_by_output(build, written: Any, name: str) -> None:
    layers = [{"Dense": {"units": 1, "activation": "tanh"}}]
    assert build(layers=layers, loss=written).loss.name == name


@pytest.mark.parametrize(
    ("config", "messages"),
    [
        ({"loss": {"Hubr": {"delta": 2}}}, ["unknown loss 'Hubr'"]),
        ({"loss": {"hight": "mse"}}, ["no output is named 'hight'"]),
        ({"loss": {}}, ["loss: expected a loss, or one for each output by name, got an empty mapping"]),
        ({"metrics": "mae"}, ["metrics: expected a list (a metric each), got 'mae'"]),
        ({"metrics": {"AUC": {"name": "a"}}},
         ["metrics: expected a list (a metric each), got a mapping (AUC)"]),
        ({"metrics": {"height": "mae"}}, ["height: expected a list (a metric each), got 'mae'"]),
        ({"loss_weights": {"height": 2}},
         ["loss_weights weighs outputs against each other, and there is one, 'height'"]),
        ({"metrics": ["mae", "MAE", {"MeanAbsoluteError": {"name": "mae"}}]},
         ["two figures would be reported as 'mae'"]),
        ({"metrics": ["accuracy"], "loss": "mse"}, ["accuracy does not fit a numeric target"]),
        ({"class_weight": "balanced", "loss": "mse"},
         ["class_weight weighs the classes of one target, and this loss compares numbers"]),
        ({**TWO, "loss": {"height": "mse"}}, ["loss has no entry for the output 'width'"]),
        ({**TWO, "loss": {"height": "mse", "widht": "mse"}}, ["no output is named 'widht'"]),
        ({**TWO, "loss_weights": {"height": 1}},
         ["loss_weights has no entry for the output 'width'"]),
        ({**TWO, "class_weight": "balanced"},
         ["class_weight weighs the classes of one target, and there are 2 targets"]),
    ],
)  # fmt: skip
def test_what_outputs_cannot_have(complaints, config: dict[str, Any], messages: list[str]) -> None:
    assert complaints(**config) == messages


@pytest.mark.parametrize(
    ("loss", "units", "activation", "fitting", "unfitting"),
    [
        ("mse", 1, None, ["mae", "R2Score", "LogCoshError"], ["accuracy", "AUC", "F1Score"]),
        ("bce", 1, "sigmoid", ["accuracy", "AUC", "Recall", "mse"], ["R2Score"]),
        ("sparse_categorical_crossentropy", 3, "softmax",
         ["accuracy", "SparseTopKCategoricalAccuracy"], ["AUC", "mae", "CategoricalAccuracy"]),
        ("categorical_crossentropy", 3, "softmax", ["AUC", "F1Score", "CategoricalAccuracy"],
         ["R2Score", "SparseCategoricalAccuracy"]),
    ],
)  # fmt: skip
def test_metrics_fit_the_labels_of_the_loss(
    complaints, loss: str, units: int, activation: str | None, fitting: list[str],
    unfitting: list[str],
) -> None:  # fmt: skip
    layers = [{"Dense": {"units": units, "activation": activation}}]
    assert complaints(layers=layers, loss=loss, metrics=fitting) == []
    for metric in unfitting:
        (message,) = complaints(layers=layers, loss=loss, metrics=[metric])
        assert message.startswith(f"{metric} does not fit")


def test_metric_is_checked_again_once_the_classes_are_known(build) -> None:
    spec = build(layers=[{"Dense": 3}], loss="crossentropy", metrics=["AUC"])
    with pytest.raises(SpecError, match="AUC does not fit the class numbers"):
        resolve_objectives(spec, {"height": ("a", "b", "c")})


def test_names_of_logs_are_keras_own(build) -> None:
    spec = build(
        data={"source": "a.csv", "target": "height", "split": {"validation": 0.1}},
        metrics=["mae", "RootMeanSquaredError", "R2Score", {"MeanSquaredError": {"name": "m"}}],
    )
    figures = ["loss", "mae", "root_mean_squared_error", "r2_score", "m"]
    validated = [f"val_{name}" for name in figures]
    assert log_names(spec, heads_of(spec)) == [*figures, *validated, "learning_rate"]


def test_names_of_logs_carry_the_output_where_there_are_several(build) -> None:
    spec = build(**TWO, metrics={"width": ["mae"]})
    assert log_names(spec, heads_of(spec)) == [
        "loss",
        "height_loss",
        "width_loss",
        "width_mae",
        "learning_rate",
    ]


@pytest.mark.parametrize("weight", [{"a": 2, "c": 1}, {"b": 0}])
def test_class_weight_names_classes(build, weight: dict[str, float]) -> None:
    spec = build(layers=[{"Dense": {"units": 1, "activation": "sigmoid"}}], class_weight=weight)
    unknown = set(weight) - {"a", "b"}
    if not unknown:
        assert resolve_objectives(spec, {"height": ("a", "b")})
        return
    with pytest.raises(SpecError, match="target 'height' has no class 'c'"):
        resolve_objectives(spec, {"height": ("a", "b")})
