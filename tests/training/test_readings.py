import pytest

from dlcli.spec.components import ComponentSpec
from dlcli.spec.heads import Objective
from dlcli.training.readings import reading_of


@pytest.mark.parametrize(
    ("loss", "arguments", "task", "link"),
    [
        ("BinaryCrossentropy", {}, "binary", "identity"),
        ("BinaryCrossentropy", {"from_logits": True}, "binary", "sigmoid"),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, "multiclass", "softmax"),
        ("Hinge", {}, "binary", "margin"),
        ("MeanSquaredError", {}, "regression", "identity"),
    ],
)
def test_the_link_follows_from_the_loss(loss, arguments, task, link):
    labels = {"binary": "binary", "multiclass": "index", "regression": "numbers"}[task]
    objective = Objective(
        output="y",
        targets=("y",),
        task=task,
        labels=labels,
        loss=ComponentSpec(kind="loss", name=loss, arguments=arguments),
    )
    assert reading_of(objective, "linear").link == link
