"""The names of axes in tables of trials."""

import pytest

from dlcli.spec.sweep import Axis
from dlcli.sweeps.text import short_names


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["optimizer.Adam.learning_rate", "batch_size"], ["learning_rate", "batch_size"]),
        (
            ["layers.0.Dense.units", "layers.1.Dense.units"],
            ["0.Dense.units", "1.Dense.units"],
        ),
        (["data.scale", "data.columns.age.scale"], ["data.scale", "age.scale"]),
        (["scale", "data.scale"], ["scale", "data.scale"]),
        (["loss"], ["loss"]),
    ],
)
def test_a_table_names_an_axis_by_the_end_that_is_its_own(keys, expected):
    assert short_names([Axis(key=key) for key in keys]) == expected
