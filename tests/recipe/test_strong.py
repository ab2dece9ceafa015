"""The strong recipe in its sizes."""

import pytest

from dlcli.recipe.strong import MOST_EMBEDDED, as_fast, choose_strong


def test_more_rows_are_passed_over_fewer_times() -> None:
    sizes = [choose_strong(rows, 10) for rows in (30, 500, 5000, 50_000, 5_000_000)]
    epochs = [size.epochs for size in sizes[1:]]
    assert epochs == sorted(epochs, reverse=True)
    batches = [size.batch_size for size in sizes]
    assert batches == sorted(batches)


def test_the_smallest_tables_get_the_smallest_network() -> None:
    assert sum(choose_strong(30, 4).units) < sum(choose_strong(500, 4).units)


@pytest.mark.parametrize("rows", [30, 500, 5000, 50_000, 5_000_000])
def test_fast_is_one_network_and_half_the_work(rows: int) -> None:
    strong = choose_strong(rows, 10)
    fast = as_fast(strong)
    assert fast.members == 1
    assert fast.epochs <= max(5, strong.epochs // 2)
    assert fast.patience >= 3


def test_many_inputs_are_embedded_in_fewer_numbers_each() -> None:
    few, many = choose_strong(5000, MOST_EMBEDDED), choose_strong(5000, MOST_EMBEDDED + 1)
    assert many.embedding < few.embedding
