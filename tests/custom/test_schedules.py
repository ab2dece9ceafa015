"""Schedules: their value at the steps that define them."""

from typing import Any

import keras
import numpy as np
import pytest

from dlcli.custom import FlatCosineDecay, LogCosineDecay


def rates(schedule: Any, *steps: int) -> list[float]:
    return [float(schedule(step)) for step in steps]


def test_flat_cosine_rises_stays_and_falls() -> None:
    schedule = FlatCosineDecay(2.0, 100, warmup=0.1, flat=0.4, alpha=0.1)
    np.testing.assert_allclose(
        rates(schedule, 0, 5, 10, 30, 50, 75, 100, 500),
        [0, 1, 2, 2, 2, 1.1, 0.2, 0.2],
        atol=1e-6,
    )


def test_log_cosine_has_its_zeros_and_peaks_where_each_cycle_doubles() -> None:
    schedule = LogCosineDecay(1.0, 1500, cycles=4)
    np.testing.assert_allclose(rates(schedule, 0, 100, 300, 700, 1500), 0, atol=1e-5)
    peaks = [round(100 * (2 ** (turn + 0.5) - 1)) for turn in range(4)]
    np.testing.assert_allclose(rates(schedule, *peaks), 1, atol=1e-3)


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1 at most"):
        FlatCosineDecay(1.0, 10, warmup=0.5, flat=0.6)


@pytest.mark.parametrize(
    "schedule", [FlatCosineDecay(0.1, 10, warmup=0.1), LogCosineDecay(0.1, 10, cycles=3)]
)
def test_it_can_be_written_and_read(schedule: Any) -> None:
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()
