"""The strong recipe in its sizes."""

import pytest

from dlcli.recipe.strong import MOST_EMBEDDED, as_fast, choose_strong, count_epochs


@pytest.mark.parametrize("signal", [0.3, 0.9])
def test_more_rows_are_passed_over_fewer_times(signal: float) -> None:
    rows = (30, 5000, 50_000, 5_000_000)
    epochs = [count_epochs(choose_strong(each, 10, signal), each) for each in rows]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[-1] >= 3
    batches = [choose_strong(each, 10, signal).batch_size for each in rows]
    assert batches == sorted(batches)


def test_the_weights_change_as_often_as_is_meant() -> None:
    for rows in (150, 1030, 9568, 45_000):
        strong = choose_strong(rows, 10)
        steps = count_epochs(strong, rows) * 0.8 * rows / strong.batch_size
        assert 0.85 * strong.steps < steps < 1.2 * strong.steps


def test_the_smallest_tables_get_the_smallest_network() -> None:
    assert sum(choose_strong(30, 4).units) < sum(choose_strong(500, 4).units)


@pytest.mark.parametrize("rows", [30, 500, 5000, 50_000, 5_000_000])
def test_fast_is_one_network_and_half_the_work(rows: int) -> None:
    strong = choose_strong(rows, 10)
    fast = as_fast(strong)
    assert (fast.members, fast.refits) == (1, False)
    assert fast.steps <= strong.steps / 2


@pytest.mark.parametrize("signal", [None, 0.3, 0.9])
def test_rows_that_judge_numbers_are_many_only_where_they_train_later(signal: float | None) -> None:
    for rows in (500, 2000, 5000, 50_000):
        strong = choose_strong(rows, 10, signal)
        assert (strong.validation > 0.1) == (strong.refits and signal is not None)
        assert as_fast(strong).validation <= 0.1


def test_many_inputs_are_embedded_in_fewer_numbers_each() -> None:
    few, many = choose_strong(5000, MOST_EMBEDDED), choose_strong(5000, MOST_EMBEDDED + 1)
    assert many.embedding < few.embedding
