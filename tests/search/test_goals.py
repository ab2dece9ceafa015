import numpy as np
import pytest

from dlcli.errors import UsageError
from dlcli.search.goals import read_goals, readable_names, spread, target_ranges


def test_number_inputs_targets_and_probabilities_may_be_named(preprocessing):
    names = readable_names(preprocessing)
    assert names.numbers == (
        "water / cement", "age", "wet", "strength", "kind=bad", "kind=good",
    )  # fmt: skip
    assert set(names.refused) == {"colour", "day", "kind"}


def test_costs_are_small_where_goals_are_met(preprocessing):
    low, high, near = read_goals(
        readable_names(preprocessing),
        minimize=("age",),
        maximize=("kind=good",),
        targets=("strength=40",),
        weights=("kind=good=3",),
    )
    columns = {"age": np.array([1.0, 2]), "kind=good": np.array([0.1, 0.4])}
    columns["strength"] = np.array([39.0, 43])
    assert low.cost(columns).tolist() == [1, 2]
    assert high.cost(columns).tolist() == [-0.1, -0.4]
    assert near.cost(columns).tolist() == [1, 3]
    assert [goal.weight for goal in (low, high, near)] == [1, 3, 1]
    assert near.title == "strength close to 40"


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({}, "nothing to search for", "add --minimize NAME"),
        (
            {"minimize": ["strenght"]},
            "--minimize 'strenght': the run has no column 'strenght'",
            "did you mean 'strength'?",
        ),
        (
            {"maximize": ["kind"]},
            "--maximize 'kind': 'kind' holds classes; name the probability of one: `kind=good`",
            "",
        ),
        (
            {"targets": ["strength"]},
            "--target 'strength': expected NAME=VALUE, the value a number",
            "e.g. --target strength=40",
        ),
        ({"minimize": ["age"], "maximize": ["age"]}, "'age' is a goal twice", "keep one of them"),
        (
            {"minimize": ["age"], "weights": ["wet=2"]},
            "--weight 'wet=2': 'wet' is not one of the goals",
            "the goals are age",
        ),
        (
            {"minimize": ["age"], "weights": ["age=0"]},
            "--weight 'age=0': expected NAME=WEIGHT, the weight a number above 0",
            "e.g. --weight age=2",
        ),
    ],
)
def test_goals_that_cannot_be_read_say_why(preprocessing, options, message, hint):
    with pytest.raises(UsageError) as caught:
        read_goals(readable_names(preprocessing), **options)
    assert caught.value.message == message
    assert hint in (caught.value.hint or "")


def test_goals_are_weighed_by_their_training_range(preprocessing):
    assert target_ranges(preprocessing) == {"strength": 21.0, "kind=bad": 1.0, "kind=good": 1.0}


def test_a_single_huge_ratio_does_not_widen_the_spread():
    values = np.append(np.linspace(0, 1, 101), [1e9, np.inf, np.nan])
    assert spread(values) == pytest.approx(0.9, abs=0.05)
    assert spread(np.ones(3)) == 1.0
    assert spread(np.array([np.nan])) == 1.0
