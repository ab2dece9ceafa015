"""How far reading is, on real files and by a clock of our own."""

import gzip
from pathlib import Path

import pytest

from dlcli.data.readers import ReadOptions, read_blocks, read_table
from dlcli.data.reading_progress import ReadingProgress

TEXT = "a,b\n" + "1,2\n" * 3_000_000


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl"])
def test_every_byte_is_counted_once(tmp_path: Path, name: str) -> None:
    content = TEXT[:400_000] if name != "a.jsonl" else '{"a": 1}\n' * 40_000
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    progress = ReadingProgress([path])
    assert progress.share is None
    read_table([path], ReadOptions(on_bytes=progress.take))
    assert progress.share == 1.0


def test_time_left_is_told_from_the_second_second_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TEXT)
    told: list[str] = []
    seconds = iter(range(100))
    progress = ReadingProgress([path, path], told.append, now=lambda: next(seconds) / 2)
    for _ in read_blocks(path, ReadOptions(on_bytes=progress.take), rows=1_000_000):
        pass
    assert told[-1].startswith("reading the data: 50% of 24 MB, ")
    assert told[-1].endswith(" s left")
    assert len(told) < 24
