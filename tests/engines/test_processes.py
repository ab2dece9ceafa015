"""A pool of real processes, whose work needs no network."""

import os
import time
from pathlib import Path

import pytest

from dlcli.engines import Message, processes
from dlcli.engines.processes import start_pool

REPOSITORY = Path(__file__).parents[2]
GROWS = '''
import os


class Grows:
    """Holds more memory after every task."""

    def __init__(self, size):
        self.size, self.held = size, []

    def run(self, task, line):
        self.held.append(os.urandom(self.size))
        return {"number": task["number"], "pid": os.getpid()}
'''


def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> list[Message]:
    """Give six tasks to one worker, which may grow by 20 MB; return what was told."""
    (tmp_path / "grows.py").write_text(GROWS, encoding="utf-8")
    paths = [str(tmp_path), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setattr(processes, "MOST_GROWN_BYTES", 20_000_000)
    told: list[Message] = []
    pool = start_pool(
        "grows:Grows",
        {"size": size},
        num_workers=1,
        handle=lambda _, message: told.append(message),
        logs=tmp_path / "logs",
    )
    given, ends = 0, time.monotonic() + 60
    while len(told) < 6 and time.monotonic() < ends:
        for worker in pool.idle_workers():
            if given < 6:
                pool.give(worker, {"number": given})
                given += 1
        pool.poll(0.05)
    pool.close()
    return told


def test_a_worker_that_has_grown_gives_its_place_to_a_new_one(tmp_path, monkeypatch):
    told = _work(tmp_path, monkeypatch, 8_000_000)
    assert [each["done"]["number"] for each in told] == [*range(6)]  # each done once, none died
    pids = [each["done"]["pid"] for each in told]
    assert len(set(pids)) == 2
    leaving = pids.index(pids[-1]) - 1
    assert [each["leaves"] for each in told] == [number == leaving for number in range(6)]


def test_a_worker_that_does_not_grow_stays(tmp_path, monkeypatch):
    told = _work(tmp_path, monkeypatch, 1000)
    assert [each["done"]["number"] for each in told] == [*range(6)]
    assert len({each["done"]["pid"] for each in told}) == 1
