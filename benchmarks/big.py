"""A CSV file larger than its memory: one epoch under 2 GB, beside a plain scan of the file."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks.bars import Bar, Section
from benchmarks.figures import format_number, format_table, spread
from benchmarks.processes import Finished, run_dlcli, run_python, say
from benchmarks.streaming import TRAINING

NUM_COLUMNS = 20
"""The last one is the target."""
FEWEST_BYTES = 5 * 10**9
FEWEST_CELLS = 10**8
BLOCK_ROWS = 250_000
BUDGET_BYTES = 400 * 10**6
MOST_BYTES = 2 * 10**9
GB, TB = 10**9, 10**12
HOP_SECONDS = 50e-6
"""From one machine to the next in an ordinary network of machines."""
WIRE_BYTES = 1.25e9
"""A second, of 10 Gbit/s."""

CONFIG = f"""\
name: big
seed: 1
data:
  source: SOURCE
  target: target
  split: {{test: 0.01, validation: 0.01}}
  scale: standard
  columns: {{x0: {{scale: quantile}}}}
{TRAINING}"""

SCAN = """\
import sys, time, json
from pyarrow import csv
began, rows = time.perf_counter(), 0
for batch in csv.open_csv(sys.argv[1]):
    rows += batch.num_rows
print(json.dumps({"rows": rows, "seconds": time.perf_counter() - began}))
"""


@dataclass(frozen=True, kw_only=True)
class Big:
    """What a large file took."""

    file_bytes: int
    rows: int
    train_rows: int
    parameters: int
    scan_seconds: float
    scan_peak_bytes: int
    scan_cpu_seconds: float
    budget_bytes: int
    seconds: dict[str, float]
    """By stage: read, fit, encode, epoch, whole."""
    peak_bytes: int
    cpu_seconds: float


def measure_big(*, rows: int | None) -> Section:
    """Scan a file of so many rows, by default of 5 GB, and train one epoch from it."""
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "big.csv"
        written = write_file(path, rows)
        say(f"big: scanning {path.stat().st_size / GB:.1f} GB, {written:,} rows")
        scan = run_python(["-c", SCAN, str(path)], folder=Path(scratch))
        say("big: training one epoch")
        (Path(scratch) / "big.yaml").write_text(CONFIG.replace("SOURCE", str(path)))
        budget = min(BUDGET_BYTES, path.stat().st_size // 10)
        arguments = ["train", "big.yaml", "--json", "--quiet", "--memory-budget", str(budget)]
        trained = run_dlcli(arguments, folder=Path(scratch))
        found = as_big(path.stat().st_size, scan, trained)
    bar = Bar(
        what="peak memory of one epoch",
        bound=MOST_BYTES / GB,
        measured=spread([found.peak_bytes / GB]),
        unit="GB",
        at_least=False,
    )
    return Section(markdown=format_big(found), bars=(bar,), samples=asdict(found))


def write_file(path: Path, rows: int | None) -> int:
    """Write normal numbers with all their digits until the file is large enough; return the rows."""
    free = shutil.disk_usage(path.parent).free
    if rows is None and free < 3 * FEWEST_BYTES:
        raise OSError(f"{path.parent} has {free / GB:.1f} GB free, and 15 are needed")
    random = np.random.default_rng(1)
    written = 0
    names = [*(f"x{index}" for index in range(NUM_COLUMNS - 1)), "target"]
    schema = pa.schema([(name, pa.float64()) for name in names])
    with csv.CSVWriter(path, schema) as writer:
        for block in _blocks(random, rows):
            writer.write_table(pa.Table.from_arrays(list(block.T.copy()), schema=schema))
            written += len(block)
            is_large = path.stat().st_size >= FEWEST_BYTES
            if rows is None and is_large and written * NUM_COLUMNS >= FEWEST_CELLS:
                break
    return written


def _blocks(random: np.random.Generator, rows: int | None) -> Iterator[np.ndarray]:
    while rows is None or rows > 0:
        count = BLOCK_ROWS if rows is None else min(BLOCK_ROWS, rows)
        values = random.normal(size=(count, NUM_COLUMNS))
        values[:, -1] += values[:, :-1].sum(axis=1)
        yield values
        rows = None if rows is None else rows - count


def as_big(file_bytes: int, scan: Finished, trained: Finished) -> Big:
    """Return what two processes tell of themselves."""
    manifest = trained.values()["manifest"]
    record, scanned = manifest["data"]["from_disk"], json.loads(scan.stdout)
    return Big(
        file_bytes=file_bytes,
        rows=scanned["rows"],
        train_rows=manifest["data"]["split"]["sizes"]["train"],
        parameters=manifest["num_parameters"],
        budget_bytes=record["budget_bytes"],
        scan_seconds=scanned["seconds"],
        scan_peak_bytes=scan.peak_bytes,
        scan_cpu_seconds=scan.cpu_seconds,
        seconds={
            **record["seconds"],
            "epoch": manifest["seconds"]["loop"],
            "whole": trained.wall_seconds,
        },
        peak_bytes=trained.peak_bytes,
        cpu_seconds=trained.cpu_seconds,
    )


def format_big(found: Big) -> str:
    """Lay out the measured stages, and what follows from them for a terabyte."""
    stages: dict[str, tuple[float, int, str, str]] = {
        "plain Arrow scan": (
            found.scan_seconds,
            found.rows,
            format_number(found.scan_cpu_seconds),
            f"{found.scan_peak_bytes / GB:.2f} GB",
        ),
        "read, check, settle": (found.seconds["read"], found.rows, "", ""),
        "fit, with a quantile scale": (found.seconds["fit"], found.train_rows, "", ""),
        "encode and order": (found.seconds["encode"], found.rows, "", ""),
        "one epoch": (found.seconds["epoch"], found.train_rows, "", ""),
        "whole process": (
            found.seconds["whole"],
            found.rows,
            format_number(found.cpu_seconds),
            f"{found.peak_bytes / GB:.2f} GB",
        ),
    }
    table = format_table(
        ["", "seconds", "rows/s", "CPU seconds", "peak memory"],
        [
            [name, format_number(seconds), f"{rows / seconds:,.0f}", cpu, peak]
            for name, (seconds, rows, cpu, peak) in stages.items()
        ],
    )
    head = (
        f"A CSV file of {found.file_bytes / GB:.2f} GB, {found.rows:,} rows of {NUM_COLUMNS} numbers "
        f"({found.rows * NUM_COLUMNS:.2e} cells), a memory budget of "
        f"{found.budget_bytes / 1e6:.0f} MB, a network of 64 and 32 units, batch 1,024."
    )
    return f"## One large file\n\n{head}\n\n{table}\n\n{format_terabyte(found)}"


def format_terabyte(found: Big) -> str:
    """Lay out on paper what a terabyte of such files takes on several machines like this one."""
    times = TB / found.file_bytes
    once = sum(found.seconds[stage] for stage in ("read", "fit", "encode")) * times
    epoch = found.seconds["epoch"] * times
    steps = found.train_rows * times / 1024
    step = epoch / steps
    rows = []
    for machines in (1, 10, 100):
        shared = reduce_seconds(found.parameters, machines)
        own = epoch / machines
        same_batch = steps * (step / machines + shared)
        grown = own + steps / machines / 64 * shared
        rows.append(
            [
                f"{machines}",
                _hours(once / machines),
                f"{shared * 1e3:.2f} ms",
                _hours(same_batch),
                _hours(grown),
                f"{found.rows * times * 40 / machines / GB:,.0f} GB",
            ]
        )
    table = format_table(
        [
            "machines",
            "read, fit, encode",
            "one exchange",
            "an epoch, 1,024 rows a step in all",
            "an epoch, 65,536 rows a step on each",
            "memory for the order",
        ],
        rows,
    )
    alone = _best_machines(found.parameters, step)
    return (
        "## A terabyte, on paper\n\n"
        f"The same rows {times:,.0f} times, on machines like this one that each hold their share of "
        f"the files, with {HOP_SECONDS * 1e6:.0f} µs from one machine to the next and 10 Gbit/s; "
        f"{found.parameters:,} weights go around a ring after every step. A step of 1,024 rows takes "
        f"{step * 1e3:.2f} ms here.\n\n{table}\n\n"
        f"With 1,024 rows a step in all, an epoch is shortest on {alone} "
        f"machine{'' if alone == 1 else 's'}: one more costs longer in the exchange than it saves in "
        "the arithmetic.\n\n"
        f"In CPU time, which other work on the machine does not lengthen much, the terabyte takes "
        f"{_hours(found.cpu_seconds * times)} of one core, and a plain scan of it "
        f"{_hours(found.scan_cpu_seconds * times)}."
    )


def reduce_seconds(parameters: int, machines: int) -> float:
    """Return how long a ring takes to add up the gradients of all machines."""
    if machines == 1:
        return 0.0
    share = 4 * parameters / machines / WIRE_BYTES
    return 2 * (machines - 1) * (HOP_SECONDS + share)


def _best_machines(parameters: int, step: float) -> int:
    return min(range(1, 1001), key=lambda count: step / count + reduce_seconds(parameters, count))


def _hours(seconds: float) -> str:
    return f"{format_number(seconds / 3600)} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
