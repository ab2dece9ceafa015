"""What figures can be."""

import math

import pytest

from dlcli.spec.figures import possible_range


@pytest.mark.parametrize(
    ("figure", "bounds"),
    [
        ("Accuracy", (0, 1)),
        ("AUC", (0, 1)),
        ("R2Score", (-math.inf, 1)),
        ("RootMeanSquaredError", (0, math.inf)),
        ("LogLoss", (0, math.inf)),
        ("loss", (-math.inf, math.inf)),
    ],
)
def test_no_interval_needs_to_reach_where_no_figure_can_be(
    figure: str, bounds: tuple[float, float]
) -> None:
    assert possible_range(figure) == bounds
