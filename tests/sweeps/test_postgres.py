"""Two drivers on one PostgreSQL server, a real one on the loopback address; one of them is killed."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import dlcli.sweeps.study as study_module
from dlcli.errors import RunError

sys.path.insert(0, str(Path(__file__).parent))
from test_driver import naps, run

pytest.importorskip("psycopg")
__all__ = ["naps"]

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SERVER_USER = "postgres" if os.getuid() == 0 else None
"""The server refuses to run for root; Debian's package brings an ordinary user for it."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a database on a server that lives as long as this module."""
    if not PROGRAMS:
        pytest.skip("needs Debian's package postgresql")
    folder = Path(tempfile.mkdtemp(prefix="dlcli-postgres-"))
    if SERVER_USER is not None:
        shutil.chown(folder, SERVER_USER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    _call("initdb", "-D", data, "-U", "dlcli", "-A", "trust", "--no-sync", "-E", "UTF8")
    settings = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
    _call("pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings, "start")
    try:
        yield f"postgresql://dlcli@127.0.0.1:{port}/postgres"
    finally:
        _call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def _call(program: str, *arguments: object) -> None:
    command = [str(PROGRAMS[-1] / program), *map(str, arguments)]
    done = subprocess.run(
        command,
        check=False,
        user=SERVER_USER,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr.decode()


OTHER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import dlcli.sweeps.study as study
study.HEARTBEAT_SECONDS, study.GRACE_SECONDS = 1, 4
from test_driver import run
modes = ["good", "fine", "well", "good", "fine"]
run(Path(sys.argv[1]), modes, seconds=0.3, storage=sys.argv[3], owner="bb" * 16)
"""


def test_what_a_killed_driver_had_begun_is_done_by_the_other_one(server, naps, monkeypatch):
    monkeypatch.setattr(study_module, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(study_module, "GRACE_SECONDS", 4)
    first, second = naps / "first", naps / "second"
    first.mkdir()
    second.mkdir()
    here = str(Path(__file__).parent)
    other = subprocess.Popen([sys.executable, "-c", OTHER, str(first), here, server])
    while not list(first.glob("trials/*/count")) and other.poll() is None:
        time.sleep(0.02)
    begun = {int(path.parent.name) for path in first.glob("trials/*/count")}
    assert begun == {0}
    killer = threading.Timer(1.0, other.kill)  # while both are at work
    killer.start()
    modes = ["good", "fine", "well", "good", "fine"]
    trials = run(second, modes, seconds=0.02, storage=server)
    assert other.wait(timeout=30) == -9
    assert [trial.state for trial in trials] == ["complete"] * 5
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
    assert trials[0].attempts == 2
    assert {int(path.name) for path in second.glob("trials/*")} == {0, 1, 2, 3, 4}


def test_a_database_that_is_not_there_is_told_without_its_password(server, naps):
    address = server.replace("dlcli@", "dlcli:secret@").replace("/postgres", "/none")
    with pytest.raises(RunError) as caught:
        run(naps, ["good"], storage=address)
    assert 'database "none" does not exist' in caught.value.message
    assert "secret" not in caught.value.message
