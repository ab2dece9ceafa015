import pytest

from dlcli.report.figures import (
    format_figures,
    format_value,
    is_larger_better,
    main_figure,
    shown_figures,
)


@pytest.mark.parametrize(
    ("figure", "values", "expected"),
    [
        ("RootMeanSquaredError", [4.18684, 16.3092, 8.14913], ["4.19", "16.31", "8.15"]),
        ("RootMeanSquaredError", [0.0418684, 16.3], ["0.0419", "16.3000"]),
        ("MeanSquaredError", [12345.678, 9.1], ["12,345.68", "9.10"]),
        ("MeanSquaredError", [1.5e12, 2.5e12], ["1.500e+12", "2.500e+12"]),
        ("MeanAbsoluteError", [1e-9, 1.0], ["1.000e-09", "1.000e+00"]),
        ("MeanAbsoluteError", [0.0, 0.0], ["0", "0"]),
        ("R2Score", [0.933884, -0.0033052, None], ["0.934", "-0.003", "-"]),
        ("R2Score", [0.99997, 0.5], ["0.99997", "0.50000"]),
        ("Accuracy", [1.0, 0.5], ["1.000", "0.500"]),
        ("AUC", [], []),
    ],
)
def test_figures_of_a_row_share_their_decimals(figure, values, expected):
    assert format_figures(figure, values) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        (True, "True"),
        ("text", "text"),
        (12, "12"),
        (1234567, "1,234,567"),
        (119.0, "119"),
        (0.0012345678, "0.001235"),
        (12.34567, "12.35"),
        (98765.4321, "98,765"),
        (1.5e-7, "1.500e-7"),
        (float("inf"), "inf"),
    ],
)
def test_a_value_has_four_digits(value, expected):
    assert format_value(value) == expected


def test_errors_are_better_small_and_shares_large():
    assert is_larger_better("AUC")
    assert not is_larger_better("LogLoss")
    assert not is_larger_better("MeanAbsolutePercentageError")


def test_the_main_figure_fits_the_target():
    assert main_figure({"R2Score": 0.5}) == "RootMeanSquaredError"
    assert main_figure({"Accuracy": 0.5}) == "Accuracy"
    unequal = {"Accuracy": 0.5, "Classes": {"a": {"Support": 9}, "b": {"Support": 1}}}
    assert main_figure(unequal) == "BalancedAccuracy"


def test_a_percentage_that_is_not_defined_is_left_out():
    figures = {"R2Score": None, "RootMeanSquaredError": 1.0, "MeanAbsolutePercentageError": None}
    assert shown_figures(figures) == ["RootMeanSquaredError", "R2Score"]
