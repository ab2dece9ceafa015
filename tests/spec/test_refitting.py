"""What does not fit a training on all rows."""

from typing import Any

import pytest

VALIDATION = {"source": "plants.csv", "target": "height", "split": {"validation": 0.2}}


def test_a_refit_with_rows_to_choose_on_is_fine(complaints) -> None:
    callbacks: list[Any] = [
        {"EarlyStopping": {"patience": 3}},
        {"ModelCheckpoint": {}},
        {"ReduceLROnPlateau": {"monitor": "loss"}},
    ]
    assert complaints(data=VALIDATION, refit=True, callbacks=callbacks) == []


def test_a_refit_of_all_epochs_needs_rows_to_add_and_no_end_before_them(complaints) -> None:
    assert complaints(data=VALIDATION, refit={"epochs": "all"}) == []
    none = VALIDATION | {"split": {"validation": 0}}
    (message,) = complaints(data=none, refit={"epochs": "all"})
    assert message == (
        "refit trains anew on the rows of the validation part too, and there is none"
    )
    stopping = [{"EarlyStopping": {"patience": 3}}]
    (message,) = complaints(data=VALIDATION, refit={"epochs": "all"}, callbacks=stopping)
    assert message.startswith("refit takes all epochs, and EarlyStopping would end")


@pytest.mark.parametrize(("key", "value"), [("tolerance", 0.1), ("schedule", "shorten")])
def test_a_refit_of_all_epochs_chooses_and_shortens_none(complaints, key: str, value: Any) -> None:
    (message,) = complaints(data=VALIDATION, refit={"epochs": "all", key: value})
    assert message == f"refit takes all epochs, and {key} is about taking fewer"


def test_a_tolerance_is_a_share_of_the_validation_loss(complaints) -> None:
    watching = [{"EarlyStopping": {"patience": 3}}]
    refit = {"tolerance": 0.1}
    assert complaints(data=VALIDATION, refit=refit, callbacks=watching) == []
    watching = [{"EarlyStopping": {"monitor": "val_mae"}}]
    (message,) = complaints(data=VALIDATION, refit=refit, metrics=["mae"], callbacks=watching)
    assert message == "tolerance is a share of val_loss, and EarlyStopping watches 'val_mae'"


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        (0, "refit chooses the number of epochs on the validation part, and there is none"),
        ("test", "refit would train on the test part, which split.validation watches"),
    ],
)
def test_rows_to_choose_on_are_needed(complaints, validation: Any, told: str) -> None:
    data = VALIDATION | {"split": {"validation": validation}}
    assert complaints(data=data, refit=True) == [told]


@pytest.mark.parametrize(
    ("callback", "told"),
    [
        (
            {"EarlyStopping": {"monitor": "loss"}},
            "refit chooses the epoch that EarlyStopping finds",
        ),
        ({"ReduceLROnPlateau": {}}, "ReduceLROnPlateau watches 'val_loss', which the training on"),
        (
            {"ModelCheckpoint": {"save_best_only": True}},
            "ModelCheckpoint watches 'val_loss', which",
        ),
    ],
)
def test_callbacks_that_would_miss_the_validation_part(
    complaints, callback: Any, told: str
) -> None:
    (message,) = complaints(data=VALIDATION, refit=True, callbacks=[callback])
    assert message.startswith(told)
