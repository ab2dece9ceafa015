"""Small files that would fill memory are refused before they do."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlcli.data.readers import ReadOptions, read_blocks, read_table
from dlcli.errors import DataError

_REPEATED = pa.array(np.zeros(200_000, np.int64))
_TEXT = "x" * 1000

PARQUET = {
    "numbers": pa.table({"a": np.zeros(20_000_000, np.int8)}),
    "gaps": pa.table({"a": pa.nulls(20_000_000, pa.float64())}),
    "a text": pa.table({"a": pa.array(["x" * 50_000_000])}),
    "one text over and over": pa.table({"a": pa.array([_TEXT]).take(_REPEATED)}),
    "long text": pa.table({"a": pa.array([_TEXT], pa.large_string()).take(_REPEATED)}),
}


@pytest.mark.parametrize("case", PARQUET)
def test_a_parquet_file_that_unpacks_to_much_is_refused(case: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(PARQUET[case], path, compression="zstd", row_group_size=20_000_000)
    with pytest.raises(DataError, match=r"bomb\.parquet unpacks to [\d,]+ MB or more") as caught:
        read_table([path])
    assert "without compression" in str(caught.value.hint)
    with pytest.raises(DataError, match="unpacks to"):
        list(read_blocks(path))


def test_a_small_parquet_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    words = ["b", None, "a", "b"]
    kinds = {"text": pa.string(), "long": pa.large_string()}
    pq.write_table(pa.table({name: pa.array(words, kind) for name, kind in kinds.items()}), path)
    expected = {"text": words, "long": words}
    assert read_table([path]).arrow.to_pydict() == expected
    blocks = [block.arrow for block in read_blocks(path, rows=3)]
    assert [block.num_rows for block in blocks] == [3, 1]
    assert pa.concat_tables(blocks).to_pydict() == expected


def test_compressed_text_that_repeats_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"0,0\n" * 20_000_000))
    with pytest.raises(DataError, match=r"bomb\.csv\.gz unpacks to \d+ MB or more"):
        read_table([path])


def test_keys_of_one_line_each_are_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_text("".join(json.dumps({f"k{i}": i}) + "\n" for i in range(12_000)))
    with pytest.raises(DataError, match="12,000 lines with 12,000 different keys") as caught:
        read_table([path])
    assert "are these keys data?" in str(caught.value.hint)
    path.write_text(json.dumps({f"k{i}": i for i in range(20_001)}))
    with pytest.raises(DataError, match="20,001 columns; at most 20,000"):
        read_table([path])


@pytest.mark.parametrize("text", [r'"\ud800"', r'"a\uDFFFb"', r'"\ude00\ud83d"'])
def test_half_a_character_is_told_with_its_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"a": "x"}}\n{{"a": {text}}}\n')
    with pytest.raises(DataError, match=r"a\.jsonl, line 2: .* is half a character"):
        read_table([path])


def test_two_halves_are_a_character(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(r'{"a": "\ud83d\ude00"}')
    assert read_table([path]).column("a").to_pylist() == ["\U0001f600"]


def test_rows_of_a_wrong_length_are_counted_up_to_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1\n" * 150_000)
    with pytest.raises(DataError, match=r"more than 100,000 rows do not have 2 cells: row 2 has 1"):
        read_table([path])


def test_how_far_a_parquet_file_is_read_is_told_by_the_row_group(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    numbers = np.random.default_rng(1).normal(size=600_000)
    pq.write_table(pa.table({"a": numbers}), path, row_group_size=150_000)
    size, told = path.stat().st_size, []
    options = ReadOptions(on_bytes=told.append)
    assert read_table([path], options).column("a").to_pylist() == numbers.tolist()
    assert told == [size // 4] * 4
    told.clear()
    list(read_blocks(path, options, rows=100_000))
    assert sum(told) == pytest.approx(size, abs=len(told))
    assert len(told) >= 6
