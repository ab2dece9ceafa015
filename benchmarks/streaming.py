"""The table of large data: rows per second and peak memory, held by the device and streamed to it."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from benchmarks.bars import Section
from benchmarks.figures import format_number, format_table, spread
from benchmarks.processes import ProcessError, run_dlcli, say

NUM_COLUMNS = 20
"""The last one is the target."""
ROWS = (10**5, 10**6)
LARGE_ROWS = 10**7
BLOCK_ROWS = 10**5
FLOAT_BYTES = 4
MIB = 2**20

EXPLANATION = f"""\
One epoch over tables of {NUM_COLUMNS} columns, batch 1,024, a network of 64 and 32 units: medians. The
whole process also reads, checks and scales the table, predicts every row, and scores."""

TRAINING = """\
layers:
  - Dense: {units: 64, activation: relu}
  - Dense: {units: 32, activation: relu}
  - Dense: 1
loss: mse
batch_size: 1024
epochs: 1
"""
"""What large tables train, whatever is said of their data."""

CONFIG = f"""\
name: rows
seed: 1
data: {{source: SOURCE, target: target, split: {{test: 0}}, scale: standard}}
{TRAINING}"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One table to train from, once."""

    rows: int
    suffix: str
    streamed: bool


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one epoch from a table took."""

    path: str
    """Which loop ran, as the manifest names it."""
    loop_seconds: float
    wall_seconds: float
    peak_bytes: int


def measure_streaming(*, pairs: int, large: bool) -> Section:
    """Train one epoch from generated tables, held by the device and streamed to it."""
    sizes = (*ROWS, LARGE_ROWS) if large else ROWS
    loads: dict[Case, list[Load]] = {}
    with TemporaryDirectory() as scratch:
        for rows in sizes:
            for suffix in WRITERS:
                path = Path(scratch) / f"rows{suffix}"
                say(f"streaming: writing {rows:,} rows as {suffix}")
                write_table(path, rows)
                for streamed in (False, True):
                    case = Case(rows=rows, suffix=suffix, streamed=streamed)
                    budget = rows * NUM_COLUMNS * FLOAT_BYTES // 4 if streamed else None
                    loads[case] = [measure_load(path, budget_bytes=budget) for _ in range(pairs)]
                path.unlink()
    return Section(
        markdown=format_loads(loads),
        samples=[
            {**asdict(case), "loads": [asdict(load) for load in each]}
            for case, each in loads.items()
        ],
    )


def write_table(path: Path, rows: int) -> None:
    """Write normal numbers in 19 columns and their noisy sum as `target`, block by block."""
    WRITERS[path.suffix](path, _blocks(rows))


def _blocks(rows: int) -> Iterator[pa.Table]:
    random = np.random.default_rng(1)
    for start in range(0, rows, BLOCK_ROWS):
        values = random.normal(size=(min(BLOCK_ROWS, rows - start), NUM_COLUMNS)).round(4)
        values[:, -1] = (values[:, -1] + values[:, :-1].sum(axis=1)).round(4)
        names = [f"x{index}" for index in range(NUM_COLUMNS - 1)]
        yield pa.table(dict(zip([*names, "target"], values.T.copy(), strict=True)))


def _write_csv(path: Path, blocks: Iterator[pa.Table]) -> None:
    first = next(blocks)
    with csv.CSVWriter(path, first.schema) as writer:
        writer.write_table(first)
        for block in blocks:
            writer.write_table(block)


def _write_parquet(path: Path, blocks: Iterator[pa.Table]) -> None:
    first = next(blocks)
    with parquet.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for block in blocks:
            writer.write_table(block)


WRITERS: dict[str, Callable[[Path, Iterator[pa.Table]], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}


def measure_load(path: Path, *, budget_bytes: int | None) -> Load:
    """Train one epoch from a table in a process of its own, streaming where it has a budget."""
    say(f"streaming: {path.suffix}, {'resident' if budget_bytes is None else 'streamed'}")
    with TemporaryDirectory(dir=path.parent) as scratch:
        folder = Path(scratch)
        config = folder / "rows.yaml"
        config.write_text(CONFIG.replace("SOURCE", str(path)), encoding="utf-8")
        arguments = ["train", str(config), "--json", "--quiet"]
        if budget_bytes is not None:
            arguments += ["--memory-budget", str(budget_bytes)]
        finished = run_dlcli(arguments, folder=folder)
    manifest = finished.values()["manifest"]
    training = manifest["training"]
    if (training["blocks"] is None) != (budget_bytes is None):
        raise ProcessError(f"{path.name} was not fed as asked: {training}")
    return Load(
        path=training["path"],
        loop_seconds=manifest["seconds"]["loop"],
        wall_seconds=finished.wall_seconds,
        peak_bytes=finished.peak_bytes,
    )


def format_loads(loads: dict[Case, list[Load]]) -> str:
    """Lay the table out in Markdown."""
    header = [
        "rows",
        "file",
        "from",
        "path",
        "loop, rows/s",
        "whole process, rows/s",
        "whole process",
        "peak memory",
    ]
    table = format_table(header, [_row(case, each) for case, each in loads.items()])
    return f"## Large tables\n\n{EXPLANATION}\n\n{table}"


def _row(case: Case, loads: list[Load]) -> list[str]:
    origin = "disk, in blocks" if case.streamed else "device memory"
    start = [f"{case.rows:,}", case.suffix, origin]
    if not loads:
        return [*start, "not measured"]
    wall = spread([load.wall_seconds for load in loads]).median
    loop = spread([load.loop_seconds for load in loads]).median
    peak = spread([float(load.peak_bytes) for load in loads]).median
    return [
        *start,
        loads[0].path,
        f"{case.rows / loop:,.0f}",
        f"{case.rows / wall:,.0f}",
        f"{format_number(wall)} s",
        f"{peak / MIB:,.0f} MiB",
    ]
