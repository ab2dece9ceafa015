"""Rows go to their places whatever order they come in."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.data.dataset import Part
from dlcli.data.large.stored import RowWriter


def part_of(rows: np.ndarray) -> Part:
    """Return rows whose arrays are told by their numbers."""
    return Part(
        inputs={"features": np.stack([rows, -rows], axis=1).astype(np.float32)},
        targets={"y": rows * 2.0},
        scaled_targets={"y": rows.astype(np.float32)},
        sample_weight=rows.astype(np.float32) + 1,
        rows=rows,
    )


@pytest.mark.parametrize("bucket_rows", [1, 7, 100, 1000])
def test_every_row_stands_at_its_place(tmp_path: Path, bucket_rows: int) -> None:
    order = np.random.default_rng(3).permutation(500).astype(np.int64)
    places = np.argsort(order)
    writer = RowWriter(tmp_path / "rows", num_rows=500, bucket_rows=bucket_rows)
    for start in range(0, 500, 60):
        rows = np.arange(start, min(start + 60, 500), dtype=np.int64)
        writer.write(part_of(rows), places[rows])
    stored = writer.finish(order)
    expected = part_of(order)
    for found in (stored.read(0, 500), stored.mapped(), stored.take(np.arange(500))):
        assert np.array_equal(found.inputs["features"], expected.inputs["features"])
        assert np.array_equal(found.targets["y"], expected.targets["y"])
        assert np.array_equal(found.scaled_targets["y"], expected.scaled_targets["y"])
        assert np.array_equal(found.sample_weight, expected.sample_weight)
        assert np.array_equal(found.rows, order)
    some = stored.stretch(100, 300)
    assert np.array_equal(some.read(10, 20).targets["y"], expected.targets["y"][110:120])
    few = np.array([0, 3, 199])
    assert np.array_equal(some.take(few).rows, order[100 + few])
    assert some.input_bytes == 200 * 8
    assert sorted(path.suffix for path in (tmp_path / "rows").iterdir()) == [".raw"] * 4
