"""What the network check learns from a dataset's own numbers."""

from pathlib import Path

import pytest

from dlcli.data.dataset import prepare_dataset
from dlcli.data.network_inputs import check_network
from dlcli.errors import SpecError
from dlcli.spec.run import load_spec

CONFIG = """
data: {{source: t.csv, target: y, inputs: [a, b], scale: {scale}}}
layers:
  - Embedding: {{input_dim: {size}, output_dim: 2}}
  - Flatten
  - Dense: 1
epochs: 1
"""


def _check(folder: Path, *, size: int, scale: str = "none") -> None:
    (folder / "t.csv").write_text("a,b,y\n" + "".join(f"{i % 4},{i % 3},{i}\n" for i in range(20)))
    (folder / "c.yaml").write_text(CONFIG.format(size=size, scale=scale))
    spec = load_spec(folder / "c.yaml")
    check_network(spec, prepare_dataset(spec.data, folder=folder, seed=0))


def test_whole_numbers_of_features_may_be_looked_up(tmp_path):
    _check(tmp_path, size=4)
    with pytest.raises(
        SpecError, match="input_dim is 3, but 'features' holds whole numbers from 0"
    ):
        _check(tmp_path, size=3)


def test_scaled_features_are_no_codes(tmp_path):
    with pytest.raises(SpecError, match="looks whole numbers from 0 up"):
        _check(tmp_path, size=9, scale="standard")
