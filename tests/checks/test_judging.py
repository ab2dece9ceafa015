"""Verdicts are those that the figures give."""

import pytest

from dlcli.checks.judging import Figures, judge_checks, names_in, parse_for_new_data
from dlcli.checks.text import check_error, describe, format_verdicts, markdown_verdicts
from dlcli.errors import UsageError
from dlcli.spec.checks import parse_check

METRICS = {
    "parts": {
        "train": {"keras": {"loss": 0.1}, "targets": {"y": {"MeanAbsoluteError": 1.0}}},
        "test": {
            "keras": {"loss": 0.2},
            "targets": {"y": {"MeanAbsoluteError": 2.0, "R2Score": None}},
        },
    },
    "baselines": {"mean": {"test": {"targets": {"y": {"MeanAbsoluteError": 4.0}}}}},
}
MANIFEST = {
    "num_parameters": 321,
    "epochs": {"done": 7},
    "seconds": {"train": 1.5},
    "data": {"split": {"sha256": {"test": "aa"}}, "sources": [{"sha256": "bb"}]},
}
OWN = Figures(metrics=METRICS, manifest=MANIFEST)


def _before(mae, rows="aa"):
    part = {"keras": {}, "targets": {"y": {"MeanAbsoluteError": mae}}}
    data = {"split": {"sha256": {"test": rows}}, "sources": [{"sha256": "bb"}]}
    return Figures(
        metrics={"parts": {"test": part}, "baselines": {}}, manifest={**MANIFEST, "data": data}
    )


def _judge(text, previous=None):
    (verdict,) = judge_checks([parse_check(text, names_in(METRICS))], OWN, previous)
    return verdict


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        ("test.mae <= 2", True),
        ("test.mae < 2", False),
        ("test.mae == 2", True),
        ("test.mae > 1.9", True),
        ("test.mae >= 2.1", False),
        ("1 < test.mae < 3", True),
        ("1 < test.mae < 1.5", False),
        ("3 < test.mae < 4", False),
        ("test.mae <= 0.5 * baseline.mean", True),
        ("test.mae <= 0.4 * baseline.mean", False),
        ("test.mae - train.mae <= 1", True),
        ("test.mae / train.mae <= 1.5", False),
        ("test.loss < 0.3", True),
        ("run.parameters <= 321", True),
        ("run.epochs < 7", False),
        ("run.seconds < 2", True),
        ("test.mae / 0 > 1", False),
    ],
)
def test_a_check_holds_where_its_comparison_does(text, is_met):
    assert _judge(text).is_met is is_met


def test_a_bound_that_is_written_first_is_the_limit_all_the_same():
    verdict = _judge("1 < test.mae < 1.5")
    assert (verdict.value, verdict.symbol, verdict.limit) == (2.0, "<", 1.5)
    verdict = _judge("3 < test.mae < 4")
    assert (verdict.value, verdict.symbol, verdict.limit) == (2.0, ">", 3.0)
    assert describe(verdict) == "3 < test.mae < 4: 2 is 1 below 3"


def test_the_run_before_is_compared_where_there_is_one():
    assert _judge("test.mae <= previous", _before(2.5)).is_met is True
    assert _judge("test.mae <= previous", _before(1.5)).is_met is False
    none = _judge("test.mae <= previous")
    assert (none.is_met, none.note) == (None, "there is no run before this one")
    elsewhere = _judge("test.mae <= previous", _before(1.5, rows="cc"))
    assert elsewhere.note == "the run before was judged on other rows"


def test_a_figure_that_is_not_defined_meets_nothing():
    verdict = _judge("test.R2Score > -100")
    assert verdict.is_met is False
    assert verdict.note == "R2Score is not defined: every target value is the same"
    missing = judge_checks([parse_check("test.mae <= previous", names_in(METRICS))], OWN, OWN)
    assert missing[0].is_met is True
    lacking = _judge("test.mae <= baseline.mean.train.mae")
    assert (lacking.is_met, lacking.note) == (
        False, "this run has no figure baseline.mean.train.y.MeanAbsoluteError",
    )  # fmt: skip


def test_figures_of_new_data_are_called_data():
    targets = METRICS["parts"]["test"]["targets"]
    assert parse_for_new_data("data.mae < 3", targets).figures
    with pytest.raises(UsageError, match="there is no test part"):
        parse_for_new_data("test.mae < 3", targets)
    with pytest.raises(UsageError, match="there is no part 'previous'"):
        parse_for_new_data("data.mae < previous", targets)


def test_the_error_tells_what_fell_short_and_the_table_everything():
    verdicts = [_judge("test.mae < 1.5"), _judge("test.mae < 9"), _judge("test.mae <= previous")]
    error = check_error(verdicts, where="runs/x/001")
    assert error is not None
    assert error.message == (
        "runs/x/001: 1 of 3 checks are not met\n  test.mae < 1.5: 2 is 0.5 above 1.5"
    )
    assert check_error(verdicts[1:], where="runs/x/001") is None
    table = format_verdicts(verdicts)
    assert [line.split("  ")[-1] for line in table.splitlines()[2:]] == [
        "not met", "met", "skipped: there is no run before this one",
    ]  # fmt: skip
    row = markdown_verdicts(verdicts).splitlines()[2]
    assert row == "| test.mae &lt; 1.5 | 2 | &lt; 1.5 | not met |"
