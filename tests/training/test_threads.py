from pathlib import Path

import pytest

from dlcli.data.dataset import prepare_dataset
from dlcli.model.keras_import import sensible_threads
from dlcli.spec.run import load_spec
from dlcli.training.threads import largest_product


@pytest.mark.parametrize(
    ("layers", "product"),
    [
        ("[Dense: 64, Dropout: 0.1, Dense: 1]", 32 * 64 * 64),
        ("[Dense: 4, Dense: 1]", 32 * 8 * 8),
        ("[Reshape: [8, 1], LSTM: 16, Dense: 1]", None),
    ],
)
def test_the_widest_layers_bound_the_work_of_a_step(concrete_config, layers, product):
    spec = load_spec(concrete_config, (f"layers={layers}", "batch_size=32"))
    dataset = prepare_dataset(spec.data, folder=Path(), seed=0)
    assert largest_product(spec, dataset) == product


def test_small_products_get_one_thread_and_large_ones_all():
    assert sensible_threads(32 * 128 * 128) == 1
    assert sensible_threads(256 * 512 * 512) is None
