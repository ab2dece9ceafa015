"""The table of servers: `dlcli serve` beside a service that is written by hand, asked by wrk."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError

from benchmarks.bars import Bar, Section
from benchmarks.commands import CONCRETE, CONCRETE_CSV
from benchmarks.figures import (
    alternate,
    format_number,
    format_range,
    format_ratio,
    format_table,
    ratios,
    spread,
)
from benchmarks.processes import ProcessError, child_environment, run_dlcli, say

CONNECTIONS = (1, 8, 64)
SECONDS = 5
START_SECONDS = 30.0
DLCLI, PLAIN = "dlcli serve", "plain FastAPI + ONNX Runtime"
TARGET = "compressive_strength"
SHARE = 0.9
"""What the throughput must be of the plain service's."""
MOST_START_SECONDS = 1.5

EXPLANATION = """\
One row of JSON a request, one process, on the same machine as wrk; requests a second: median, least
to greatest, and the ratio of each pair. The plain service checks the row with pydantic, scales it
with NumPy and runs ONNX Runtime; it tells no row or column of a bad cell, counts nothing and batches
nothing."""

SCRIPT = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '%s'
"""

Samples = dict[str, dict[str, list[float]]]
"""Server to the connections, or `start`, to its samples."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that listens."""

    address: str
    start_seconds: float
    """From the start of its process to its first answer."""


def measure_serving(*, pairs: int) -> Section:
    """Ask both servers with every number of connections, in alternating order."""
    samples: Samples = {name: {} for name in (DLCLI, PLAIN)}
    if shutil.which("wrk") is None:
        say("serving: wrk is not installed, and nothing was measured")
        return Section(markdown=format_serving(samples), bars=make_bars(samples), samples=samples)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        row = prepare(folder)
        for pair in range(pairs):
            say(f"serving: pair {pair + 1} of {pairs}")
            for name in alternate((DLCLI, PLAIN), pair):
                with start(name, folder) as server:
                    check_answer(name, ask(server, row), folder)
                    add(samples[name], "start", server.start_seconds)
                    for connections in CONNECTIONS:
                        rate = run_wrk(server, connections, folder)
                        add(samples[name], str(connections), rate)
    return Section(markdown=format_serving(samples), bars=make_bars(samples), samples=samples)


def prepare(folder: Path) -> dict[str, float]:
    """Train a run into `folder`, predict a row of its table there, and return the row."""
    say("serving: training a run")
    arguments = ["train", str(CONCRETE), "--out", "run", "--quiet", "--set", "epochs=5"]
    # What the plain service scales by hand.
    simple = ["--set", "data.target_scale=none", "--set", "data.columns.age.scale=standard"]
    run_dlcli([*arguments, *simple], folder=folder)
    with CONCRETE_CSV.open(encoding="utf-8") as file:
        lines = list(islice(file, 2))
    (folder / "row.csv").write_text("".join(lines), encoding="utf-8")
    run_dlcli(["predict", "run", "--data", "row.csv", "--out", "wanted.csv"], folder=folder)
    names, cells = (line.strip().split(",") for line in lines)
    cells_by_name = zip(names, map(float, cells), strict=True)
    row = {name: cell for name, cell in cells_by_name if name != TARGET}
    (folder / "post.lua").write_text(SCRIPT % json.dumps(row), encoding="utf-8")
    return row


@contextmanager
def start(name: str, folder: Path) -> Iterator[Server]:
    """Start a server and end it; raises ProcessError where it does not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    own = ["-m", "dlcli", "serve", "run", "--port", port, "--quiet"]
    plain = ["-m", "benchmarks.peers.plain_service", "run", port]
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *(own if name == DLCLI else plain)], cwd=folder, env=child_environment()
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/health", child)
        yield Server(address=address, start_seconds=time.perf_counter() - began)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(START_SECONDS)


def wait_for(address: str, child: "subprocess.Popen[bytes]") -> None:
    """Return once a server answers."""
    until = time.perf_counter() + START_SECONDS
    while time.perf_counter() < until and child.poll() is None:
        with suppress(URLError, OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.01)
    raise ProcessError(f"nothing answers at {address}")


def ask(server: Server, row: dict[str, float]) -> dict[str, object]:
    """Return the answer to one row."""
    request = urllib.request.Request(
        f"{server.address}/predict",
        json.dumps(row).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, object] = json.loads(answer.read())
    return found


def check_answer(name: str, answer: dict[str, object], folder: Path) -> None:
    """Raise ProcessError where a server does not predict what `dlcli predict` does."""
    text = json.dumps(answer)
    found = float(re.findall(r": (-?[\d.e+-]+)}", text)[0])
    wanted = float((folder / "wanted.csv").read_text(encoding="utf-8").split(",")[-1])
    if abs(found - wanted) > 1e-3 * abs(wanted):
        raise ProcessError(f"{name} predicts {found}, and `dlcli predict` {wanted}")


def run_wrk(server: Server, connections: int, folder: Path) -> float:
    """Return the requests answered a second, after a second that does not count."""
    for seconds in (1, SECONDS):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", "post.lua"]
        done = subprocess.run(
            [*command, f"{server.address}/predict"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise ProcessError(f"wrk met errors:\n{done.stdout}")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", done.stdout)[0])


def add(samples: dict[str, list[float]], key: str, value: float) -> None:
    """Keep a sample."""
    samples.setdefault(key, []).append(value)


def make_bars(samples: Samples) -> tuple[Bar, ...]:
    """Return what a server promises."""
    ours, plain = samples[DLCLI], samples[PLAIN]
    throughput = [
        Bar(
            what=f"`serve`, {_connections(number)}: throughput of the plain service's",
            bound=SHARE,
            measured=ratios(ours[str(number)], plain[str(number)]) if ours else None,
        )
        for number in CONNECTIONS
    ]
    started = spread(ours["start"]) if ours else None
    return (
        *throughput,
        Bar(
            what="`serve`: start to first answer",
            bound=MOST_START_SECONDS,
            measured=started,
            unit="s",
            at_least=False,
        ),
    )


def format_serving(samples: Samples) -> str:
    """Lay the table out in Markdown."""
    ours, plain = samples[DLCLI], samples[PLAIN]
    rows: list[Sequence[str]] = []
    for number in CONNECTIONS if ours else ():
        pair = (ours[str(number)], plain[str(number)])
        rows.append([_connections(number), *map(_samples, pair), format_ratio(ratios(*pair))])
    if ours:
        pair = (ours["start"], plain["start"])
        rows.append(["seconds to start", *map(_samples, pair), format_ratio(ratios(*pair))])
    header = ["", DLCLI, PLAIN, "ratio"]
    return f"## Serving\n\n{EXPLANATION}\n\n{format_table(header, rows)}"


def _samples(samples: list[float]) -> str:
    found = spread(samples)
    return f"{format_number(found.median)} ({format_range(found)})"


def _connections(number: int) -> str:
    return f"{number} connection{'s' if number > 1 else ''}"
