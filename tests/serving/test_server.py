"""The real command as a shell starts it: a socket, workers, signals, a gigabyte of JSON."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dlcli.errors import UsageError
from dlcli.runs import RunFolder
from dlcli.serving.server import listen

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
TOKEN = "correct-horse-battery"


class Served:
    """A server process and its address."""

    def __init__(self, run: RunFolder, *arguments: str, **variables: str) -> None:
        command = [sys.executable, "-m", "dlcli", "serve", str(run.path), "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *arguments],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if found := re.search(r"serving .* at (http://\S+)", line):
                self.address = found[1]
                return
        raise AssertionError("\n".join(self.lines))

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out + "\n".join(self.lines) + err


@pytest.fixture
def start(trained_run: RunFolder) -> Iterator:
    started: list[Served] = []

    def start_one(*arguments: str, **variables: str) -> Served:
        started.append(Served(trained_run, *arguments, **variables))
        return started[-1]

    yield start_one
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def row(concrete_csv: Path) -> dict[str, float]:
    names, cells = concrete_csv.read_text(encoding="utf-8").splitlines()[:2]
    return dict(zip(names.split(","), map(float, cells.split(",")), strict=True))


def test_a_server_answers_without_a_framework_and_stops_politely(start, concrete_csv):
    served = start(PYTHONPROFILEIMPORTTIME="1")
    answer = httpx.post(f"{served.address}/predict", json=row(concrete_csv))
    assert answer.json()["predictions"][0]["predicted_compressive_strength"]
    code, told = served.end()
    assert code == 0
    assert "stopped after 1 requests" in told
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines() if "|" in line}
    assert {"onnxruntime", "fastapi"} <= imported
    frameworks = ("keras.", "tensorflow.", "jax.", "torch.", "pandas.", "sklearn.")
    assert not [name for name in imported if name.startswith(frameworks)]


def test_a_request_in_work_is_answered_before_the_end(start, concrete_csv):
    served = start()
    host, port = served.address.removeprefix("http://").split(":")
    body = concrete_csv.read_bytes()
    with socket.create_connection((host, int(port)), timeout=20) as client:
        head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body[:100])
        time.sleep(0.3)
        served.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        client.sendall(body[100:])
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"\n") > 1030
    served.process.communicate(timeout=20)
    assert served.process.returncode == 0


def test_clients_that_leave_are_no_errors(start):
    served = start()
    host, port = served.address.removeprefix("http://").split(":")
    for kind, length in (("application/json", 100), ("text/csv", 100), ("text/csv", 10_000_000)):
        head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n"
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(f"{head}content-length: {length}\r\n\r\nhalf".encode())
            time.sleep(0.2)
    code, told = served.end()
    assert code == 0
    assert "Traceback" not in told
    assert "Exception" not in told


def test_a_gigabyte_of_json_is_never_read(start):
    served = start()
    sent = 0

    def gigabyte():
        nonlocal sent
        for _ in range(1000):
            sent += 1_000_000
            yield b" " * 1_000_000

    kind = {"content-type": "application/json"}
    announced = {**kind, "content-length": "1000000000"}
    for headers in (announced, kind):
        sent = 0
        answer = httpx.post(
            f"{served.address}/predict", content=gigabyte(), headers=headers, timeout=30
        )
        assert answer.status_code == 413
        assert "16,777,216" in answer.json()["error"]["message"]
        assert sent < 100_000_000
    status = Path(f"/proc/{served.process.pid}/status")
    if status.is_file():
        peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        assert int(peak[1]) < 600_000


def test_workers_answer_and_count_together_and_are_replaced(start, concrete_csv):
    served = start("--workers", "2")
    children = _children(served.process.pid)
    cells = row(concrete_csv)
    for _ in range(6):
        assert httpx.post(f"{served.address}/predict", json=cells).status_code == 200
    text = httpx.get(f"{served.address}/metrics").text
    assert 'dlcli_requests_total{path="/predict",status="200"} 6' in text
    os.kill(children[0], signal.SIGKILL)
    for _ in range(200):
        if len(_children(served.process.pid)) == 2 and children[0] not in _children(
            served.process.pid
        ):
            break
        time.sleep(0.05)
    assert httpx.post(f"{served.address}/predict", json=cells).status_code == 200
    children = _children(served.process.pid)
    code, told = served.end()
    assert code == 0
    assert "another one takes over" in told
    assert "stopped after 8 requests" in told
    assert not [child for child in children if Path(f"/proc/{child}/exe").exists()]


def _children(parent: int) -> list[int]:
    """Return the workers of a server: its children but the one that cleans up after them."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [
        int(child)
        for child in found
        if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8")
    ]


def test_the_token_is_nowhere_to_be_read(start, tmp_path, concrete_csv):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    served = start("--token-file", str(file))
    assert httpx.post(f"{served.address}/predict", json=row(concrete_csv)).status_code == 401
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{served.address}/predict", json=row(concrete_csv), headers=headers)
    assert answer.status_code == 200
    assert TOKEN not in Path(f"/proc/{served.process.pid}/cmdline").read_text(encoding="utf-8")
    _, told = served.end()
    assert TOKEN not in told


def test_an_address_open_to_others_is_warned_of(start):
    served = start("--host", "0.0.0.0")
    # Of processor time, since other work on the machine is no fault of ours.
    assert served.processor_seconds() < 1.5
    assert served.lines[0].startswith(
        "warning: --host 0.0.0.0 is open to other machines: everybody"
    )
    assert served.address.startswith("http://127.0.0.1:")
    assert httpx.get(f"{served.address}/health").status_code == 200


def test_addresses_that_cannot_be_had():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port} is in use on 127.0.0.1") as caught:
            listen("127.0.0.1", port)
        assert "--port 0" in caught.value.hint
    with pytest.raises(UsageError, match="knows no such address"):
        listen("no.such.host.invalid", 0)
    with pytest.raises(UsageError, match="no address of this machine"):
        listen("192.0.2.1", 0)
