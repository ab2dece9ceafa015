"""Arrays in .npz files as tables."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dlcli.data.arrays import from_array_column, to_array_column
from dlcli.data.readers import ReadOptions, read_blocks, read_table
from dlcli.errors import DataError


def test_arrays_are_columns_and_keep_their_bytes(tmp_path):
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    np.savez(
        tmp_path / "data.npz",
        image=images,
        deep=images.astype(np.float64),
        label=np.array(["cat", ""]),
        age=np.array([1, 2], np.int16),
        height=np.array([1.5, np.nan], np.float32),
        known=np.array([True, False]),
        born=np.array(["2020-01-01", "2021-01-01"], "datetime64[D]"),
    )
    table = read_table([tmp_path / "data.npz"])
    assert table.names == ["image", "deep", "label", "age", "height", "known", "born"]
    np.testing.assert_array_equal(from_array_column(table.column("image")), images)
    assert from_array_column(table.column("image")).dtype == np.uint8
    assert from_array_column(table.column("deep")).dtype == np.float32
    assert table.column("label").to_pylist() == ["cat", None]
    assert table.column("age").type == pa.int64()
    assert table.column("height").type == pa.float64()
    assert table.column("known").to_pylist() == [True, False]
    assert str(table.column("born").to_pylist()[0]) == "2020-01-01 00:00:00"
    assert str(table.locate(1)) == "data.npz, row 2"


def test_rows_of_arrays_can_be_taken_sliced_and_joined(tmp_path):
    images = np.arange(4 * 2 * 2, dtype=np.uint8).reshape(4, 2, 2)
    np.savez(tmp_path / "a.npz", image=images)
    np.savez(tmp_path / "b.npz", image=images + 100)
    table = read_table([tmp_path / "a.npz", tmp_path / "b.npz"])
    taken = table.take([7, 0]).column("image")
    np.testing.assert_array_equal(from_array_column(taken), [images[3] + 100, images[0]])
    np.testing.assert_array_equal(
        from_array_column(table.slice(3, 5).column("image")), [images[3], images[0] + 100]
    )


def test_blocks_have_the_rows_in_order(tmp_path):
    np.savez_compressed(tmp_path / "data.npz", image=np.arange(12.0).reshape(3, 2, 2))
    blocks = list(read_blocks(tmp_path / "data.npz", rows=2))
    assert [block.num_rows for block in blocks] == [2, 1]
    assert str(blocks[1].locate(0)) == "data.npz, row 3"
    np.testing.assert_array_equal(
        from_array_column(blocks[1].column("image")), [[[8.0, 9.0], [10.0, 11.0]]]
    )


def test_an_empty_array_has_no_rows():
    column = to_array_column(np.zeros((0, 3, 3), np.uint8))
    assert from_array_column(column).shape == (0, 3, 3)


def test_header_renames_arrays(tmp_path):
    np.savez(tmp_path / "data.npz", np.zeros((2, 3, 3)), np.arange(2))
    table = read_table([tmp_path / "data.npz"], ReadOptions(header=["image", "label"]))
    assert table.names == ["image", "label"]


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"a": np.array([{}, 1], dtype=object)}, "holds Python objects, which are never loaded"),
        ({"a": np.zeros(3), "b": np.zeros(2)}, "different numbers of rows: a 3, b 2"),
        ({"a": np.float64(3)}, "is a single value"),
        ({"a": np.zeros(2, np.complex64)}, "values of type complex64"),
        ({"a": np.array([["x"], ["y"]])}, "values of type <U1"),
        ({"a": np.zeros((2, 0, 3))}, "holds no value a row"),
        ({}, "holds no array"),
    ],
)
def test_arrays_that_make_no_table_are_refused(tmp_path, arrays, told):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(DataError, match=told):
        read_table([tmp_path / "data.npz"])


def test_a_damaged_file_is_told(tmp_path):
    path: Path = tmp_path / "data.npz"
    np.savez(path, a=np.arange(1000))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"data.npz cannot be read as .npz"):
        read_table([path])
