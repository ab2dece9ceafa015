"""Outputs against losses, before and after the data has told the classes."""

from typing import Any

import pytest

from dlcli.errors import SpecError
from dlcli.spec.run import resolve_objectives, targets_as_classes

NUMBER: dict[str, Any] = {"height": None}
TWO: dict[str, Any] = {"height": ("no", "yes")}
THREE: dict[str, Any] = {"height": ("a", "b", "c")}
MANY: dict[str, Any] = {"height": tuple(str(number) for number in range(80))}


def head(units: int, activation: str | None = None, **rest: Any) -> dict[str, Any]:
    layer = {"units": units} | ({} if activation is None else {"activation": activation})
    return {"layers": [{"Dense": layer}], **rest}


@pytest.mark.parametrize(
    ("config", "classes", "task", "labels", "loss"),
    [
        (head(1), NUMBER, "regression", "numbers", "MeanSquaredError"),
        (head(1, "relu", loss="mae"), NUMBER, "regression", "numbers", "MeanAbsoluteError"),
        (head(1, "sigmoid"), TWO, "binary", "binary", "BinaryCrossentropy"),
        (head(1), TWO, "binary", "binary", "BinaryCrossentropy"),
        (head(1, "tanh", loss="hinge"), TWO, "binary", "binary", "Hinge"),
        (head(2, "softmax"), TWO, "multiclass", "index", "SparseCategoricalCrossentropy"),
        (head(3, "softmax"), THREE, "multiclass", "index", "SparseCategoricalCrossentropy"),
        (head(3, "softmax", loss="categorical_crossentropy"), THREE, "multiclass", "onehot",
         "CategoricalCrossentropy"),
        (head(3, loss={"SparseCategoricalCrossentropy": {"from_logits": True}}), THREE,
         "multiclass", "index", "SparseCategoricalCrossentropy"),
        (head(3, "softmax", loss="crossentropy"), THREE, "multiclass", "index",
         "SparseCategoricalCrossentropy"),
        (head(3, "softmax", loss="kl_divergence"), THREE, "multiclass", "onehot", "KLDivergence"),
        (head(3, "softmax", loss="CategoricalGeneralizedCrossEntropy"), THREE, "multiclass",
         "index", "CategoricalGeneralizedCrossEntropy"),
    ],
)  # fmt: skip
def test_objective_follows_from_head_loss_and_classes(
    build, config: dict[str, Any], classes: dict[str, Any], task: str, labels: str, loss: str
) -> None:
    (objective,) = resolve_objectives(build(**config), classes)
    assert (objective.task, objective.labels, objective.loss.name) == (task, labels, loss)


def test_logits_are_told_by_the_missing_activation(build) -> None:
    (objective,) = resolve_objectives(build(**head(1)), TWO)
    assert objective.from_logits


def test_head_is_found_behind_layers_that_keep_the_units(build) -> None:
    spec = build(layers=[{"Dense": 3}, {"Dropout": 0.1}, "Softmax"], loss="crossentropy")
    (objective,) = resolve_objectives(spec, THREE)
    assert not objective.from_logits


@pytest.mark.parametrize(
    ("config", "are_classes"),
    [
        (head(1), False),
        (head(1, loss="mse"), False),
        (head(1, "sigmoid"), True),
        (head(1, "sigmoid", loss="mse"), False),
        (head(3, "softmax"), True),
        (head(1, "sigmoid", loss="bce"), True),
    ],
)
def test_targets_that_loss_or_head_make_classes(
    build, config: dict[str, Any], are_classes: bool
) -> None:
    assert targets_as_classes(build(**config)) == ({"height"} if are_classes else set())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (head(2), "the output has 2 units for the target 'height', expected 1"),
        (head(1, "softmax"), "softmax over 1 unit is always 1"),
        (head(1, "softmax", loss="mse"), "softmax over 1 unit is always 1"),
        (head(1, "softmax", loss="bce"), "softmax over 1 unit is always 1"),
        (head(3, "softmax", loss="mse"), "softmax gives shares of classes, but mse compares numbers"),
        (head(3, "sigmoid", loss="sparse_categorical_crossentropy"),
         "sparse_categorical_crossentropy expects softmax at the output, got sigmoid"),
        (head(3, loss="categorical_crossentropy"),
         "categorical_crossentropy expects softmax at the output, got none"),
        (head(1, loss="categorical_crossentropy"),
         "categorical_crossentropy needs one unit for each class, got 1"),
        (head(1, loss="bce"), "bce expects sigmoid at the output, got none"),
        (head(1, "sigmoid", loss={"BinaryCrossentropy": {"from_logits": True}}),
         "BinaryCrossentropy with from_logits expects no activation at the output, got sigmoid"),
        (head(1, "relu", loss="hinge"), "hinge expects no activation at the output, got relu"),
        (head(1, loss="Circle"),
         "Circle compares embeddings of class numbers, which no target column holds"),
    ],
)  # fmt: skip
def test_heads_that_fit_no_data(complaints, config: dict[str, Any], message: str) -> None:
    assert complaints(**config) == [message]


@pytest.mark.parametrize(
    ("config", "classes", "message", "hint"),
    [
        (head(1, loss="mse"), TWO, "target 'height' has 2 classes (no, yes), but mse compares numbers",
         "loss: binary_crossentropy"),
        (head(1, "sigmoid"), THREE, ("target 'height' has 3 classes (a, b, c), but the output has "
         "1 unit"), "units: 3"),
        (head(1, "sigmoid", loss="bce"), THREE,
         "target 'height' has 3 classes (a, b, c), but 1 unit tells 2 apart",
         "units: 3 with softmax and sparse_categorical_crossentropy"),
        (head(1, "sigmoid", loss="bce"), MANY, ("target 'height' has 80 classes (0, 1, 2, 3, 4 and "
         "75 more), but 1 unit tells 2 apart"),
         "if the target is a number, use loss: mse and no activation at the output"),
        (head(2, "softmax"), THREE,
         "target 'height' has 3 classes (a, b, c), but the output has 2 units", "units: 3"),
        (head(3, "sigmoid"), THREE,
         "target 'height' has 3 classes (a, b, c), but sigmoid tells 2 apart",
         "activation: softmax"),
    ],
)  # fmt: skip
def test_heads_that_do_not_fit_the_classes(
    build, config: dict[str, Any], classes: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(SpecError) as caught:
        resolve_objectives(build(**config), classes)
    lines = caught.value.message.splitlines()
    assert lines[0].partition(": ")[2] == message
    assert lines[-1] == f"hint: {hint}"


def test_one_output_cannot_hold_numbers_and_classes(build) -> None:
    spec = build(data={"source": "a.csv", "target": ["height", "kind"]}, layers=[{"Dense": 2}])
    with pytest.raises(
        SpecError, match="'kind' has classes and others of this output have numbers"
    ):
        resolve_objectives(spec, {"height": None, "kind": ("a", "b")})
