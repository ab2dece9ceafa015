"""Temperatures: what makes probabilities as sure as they are right."""

import numpy as np
import pytest

from dlcli.data.dataset import Part
from dlcli.metrics import calibration_error
from dlcli.predictions import TargetPrediction, soften
from dlcli.scores import choose_temperature

RANDOM = np.random.default_rng(4)


def part(codes) -> Part:
    return Part(
        inputs={},
        targets={"y": np.asarray(codes)},
        scaled_targets={},
        sample_weight=None,
        rows=np.arange(len(codes)),
    )


def drawn(rows: int, *, too_sure: float) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities whose logits are `too_sure` times the true ones, and classes."""
    logits = RANDOM.normal(size=(rows, 3)) * 2
    true = soften(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1.0)
    codes = np.array([RANDOM.choice(3, p=row) for row in true])
    return soften(true, 1 / too_sure), codes


@pytest.mark.parametrize("too_sure", [0.6, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(too_sure):
    shares, codes = drawn(2000, too_sure=too_sure)
    prediction = TargetPrediction(target="y", probabilities=shares, classes=("a", "b", "c"))
    found = choose_temperature([prediction], part(codes))
    assert found == pytest.approx(too_sure, rel=0.12)
    if too_sure != 1.0:
        before = calibration_error(codes, shares)
        assert calibration_error(codes, soften(shares, found)) < before / 2


def test_few_rows_that_are_all_right_do_not_make_it_certain():
    shares = np.array([[0.9, 0.1]] * 10)
    prediction = TargetPrediction(target="y", probabilities=shares, classes=("a", "b"))
    assert 0.6 < choose_temperature([prediction], part([0] * 10)) < 1
