"""How far reading is, on real files and by a clock of our own."""

import gzip
from pathlib import Path

import pyarrow
import pytest

from dlcli.data.readers import ReadOptions, read_blocks, read_table
from dlcli.data.reading_progress import ReadingProgress, ShareProgress
from dlcli.data.writers import open_writer

TEXT = "a,b\n" + "1,2\n" * 3_000_000


def test_a_share_and_the_time_left_are_told_from_the_second_second_on() -> None:
    told: list[str] = []
    seconds = iter([0.0, 0.5, 2.0, 2.0, 8.0])
    progress = ShareProgress("cutting the windows", told.append, now=lambda: next(seconds))
    for share in (0.1, 0.0, 0.25, 1.0):
        progress.at(share)
    assert told == [
        "cutting the windows: 25%, 6 s left",
        "cutting the windows: 100%, 0 s left",
    ]


def test_a_workbook_is_told_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    table = pyarrow.table({f"c{number}": [number, 2, 3] for number in range(6)})
    with open_writer(path, table.schema) as writer:
        writer.write(table)
    shares: list[float] = []
    progress = ReadingProgress([path])

    def take(num_bytes: int) -> None:
        progress.take(num_bytes)
        shares.append(progress.share or 0.0)

    read_table([path], ReadOptions(on_bytes=take))
    assert shares == sorted(shares)
    assert shares[0] < 0.3
    assert len(set(shares)) == 8
    assert shares[-1] == 1.0


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
