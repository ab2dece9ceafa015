import numpy as np
import pytest

from dlcli.errors import UsageError
from dlcli.search.bounds import build_space

DAY = ("day=2024-05-05",)


def test_bounds_are_the_training_ranges_without_others(preprocessing):
    space = build_space(preprocessing, fixed=DAY)
    by_name = {variable.name: variable for variable in space.variables}
    assert list(by_name) == ["water / cement", "age", "colour", "wet"]
    assert (by_name["age"].low, by_name["age"].high) == (1, 28)
    assert by_name["colour"].choices == (0, 1, 2)
    assert not any(variable.extrapolates for variable in space.variables)


def test_bounds_of_every_kind_are_read(preprocessing):
    bounds = ("water / cement=0.3:0.9", "colour=red, blue", "wet=true")
    space = build_space(preprocessing, bounds=bounds, fixed=DAY, integers=("age",))
    ratio, age, colour, wet = space.variables
    assert (ratio.low, ratio.high, ratio.extrapolates) == (0.3, 0.9, True)
    assert (age.kind, age.levels) == ("integer", 28)
    assert [colour.labels[code] for code in colour.choices] == ["red", "blue"]
    assert wet.choices == (1,)


def test_points_become_the_rows_of_a_table(preprocessing):
    space = build_space(preprocessing, fixed=(*DAY, "wet=no", "age=7"))
    table = space.table(np.array([[0.5, 2.0], [0.6, 0.0]]))
    assert table.arrow.to_pylist() == [
        {"water / cement": 0.5, "age": 7.0, "colour": "red", "wet": False, "day": "2024-05-05"},
        {"water / cement": 0.6, "age": 7.0, "colour": "blue", "wet": False, "day": "2024-05-05"},
    ]
    applied = preprocessing.apply(table, with_targets=False)
    assert len(applied.kept) == 2


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            {"bounds": ["agee=1:2"]},
            "--bounds agee=1:2: the run has no input 'agee'",
            "did you mean 'age'?",
        ),
        (
            {"bounds": ["strength=1:2"]},
            "--bounds strength=1:2: 'strength' is a target of the run, not an input",
            "a limit on a prediction is a condition: --subject-to 'strength <= 100'",
        ),
        ({"bounds": ["age"]}, "--bounds age: expected NAME=VALUE", "e.g. --bounds water / cement="),
        (
            {"bounds": ["age=9:2"]},
            "--bounds age=9:2: the lower bound 9 is above the upper bound 2",
            "write --bounds age=2:9",
        ),
        (
            {"bounds": ["age=9"]},
            "--bounds age=9: expected LOW:HIGH, two numbers",
            "one value alone is --fix age=9",
        ),
        (
            {"bounds": ["age=1:nan"]},
            "--bounds age=1:nan: expected LOW:HIGH, two numbers",
            "e.g. --bounds age=0:10",
        ),
        (
            {"bounds": ["colour=red,gren"]},
            "--bounds colour=red,gren: 'gren' is no category of input 'colour'",
            "did you mean 'green'?",
        ),
        (
            {"bounds": ["colour=1:3"]},
            "--bounds colour=1:3: '1:3' is no category of input 'colour'",
            "training knows blue, green, red",
        ),
        (
            {"bounds": ["wet=maybe"]},
            "--bounds wet=maybe: input 'wet' is true or false, got 'maybe'",
            None,
        ),
        ({"bounds": ["age=1:2", "age=1:3"]}, "--bounds names 'age' twice", "keep one of them"),
        (
            {"bounds": ["age=1:2"], "fixed": ["age=1"]},
            "'age' is in both --fix and --bounds",
            "keep one of them",
        ),
        ({"integers": ["colour"]}, "--integer colour: the input holds categories", None),
        (
            {"bounds": ["age=1.2:1.8"], "integers": ["age"]},
            "--integer age: no whole number lies between 1.2:1.8",
            None,
        ),
        ({"fixed": ["age=old"]}, "--fix age=old: expected a number, got 'old'", None),
        (
            {"fixed": ["day=May"]},
            "--fix day=May: expected a date written like 2024-12-31, got 'May'",
            None,
        ),
        (
            {},
            "input 'day' holds dates, which cannot be searched",
            "hold it at one value: --fix day=VALUE",
        ),
    ],
)
def test_what_cannot_be_searched_says_why(preprocessing, options, message, hint):
    with pytest.raises(UsageError) as caught:
        build_space(preprocessing, **options)
    assert caught.value.message == message
    assert (hint or "") in (caught.value.hint or "")
