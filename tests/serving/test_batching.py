"""Requests that wait together: whose answer is whose, and what happens to clients that leave."""

import asyncio
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pyarrow as pa
import pytest

from dlcli.data.readers import ReadOptions
from dlcli.errors import DataError
from dlcli.serving.batching import BATCH_ROWS, Batcher
from dlcli.serving.counters import Counters


class Preprocessing:
    needed_columns = ("x",)
    input_columns = ()
    filters = ()
    read_options = ReadOptions(missing_values=("none",))
    window = None


class Doubling:
    """Gives twice the number, and refuses 13."""

    class bundle:  # noqa: N801
        preprocessing = Preprocessing

    def __init__(self):
        self.sizes = []
        self.seconds = 0.0

    def predict(self, table, level=None):
        cells = table.column("x").to_pylist()
        self.sizes.append(len(cells))
        until = time.thread_time() + self.seconds
        while time.thread_time() < until:
            pass
        if "bug" in cells:
            raise ZeroDivisionError("bug")
        if 13 in cells:
            raise DataError("no 13")
        return pa.table({"y": pa.array([2 * cell for cell in cells])})


@pytest.fixture
def doubling():
    return Doubling()


def ask(doubling, *requests, **rest):
    with ThreadPoolExecutor(1) as executor:

        async def together():
            batcher = Batcher(doubling, Counters(), executor)
            calls = [batcher.predict(rows) for rows in requests]
            return await asyncio.gather(*calls, **rest)

        return asyncio.run(together())


def test_small_requests_become_one_batch(doubling):
    answers = ask(doubling, [{"x": 1}], [{"x": 2}, {"x": 3}], [{"x": 4}])
    assert answers == [[{"y": 2}], [{"y": 4}, {"y": 6}], [{"y": 8}]]
    assert doubling.sizes == [4]


def test_cells_of_another_type_are_a_batch_of_their_own(doubling):
    # Together, 1 and "a" would both be text.
    answers = ask(doubling, [{"x": 1}], [{"x": "a"}], [{"x": 3}])
    assert answers == [[{"y": 2}], [{"y": "aa"}], [{"y": 6}]]
    assert sorted(doubling.sizes) == [1, 2]


def test_one_bad_request_spoils_no_other(doubling):
    first, bad, last = ask(doubling, [{"x": 1}], [{"x": 13}], [{"x": 3}], return_exceptions=True)
    assert (first, last) == ([{"y": 2}], [{"y": 6}])
    assert isinstance(bad, DataError)


def test_batches_are_bounded(doubling):
    row = [{"x": 1}]
    ask(doubling, *[row * 60 for _ in range(100)])
    assert max(doubling.sizes) <= BATCH_ROWS
    assert sum(doubling.sizes) == 6000


def test_a_bug_leaves_nobody_waiting(doubling, caplog):
    row = [{"x": "bug"}]
    answers = ask(doubling, row, row, return_exceptions=True)
    assert [type(answer) for answer in answers] == [ZeroDivisionError, ZeroDivisionError]
    gc.collect()
    # An error that nobody took would be told now.
    assert caplog.records == []


def test_slow_networks_leave_the_server_free_to_hear(doubling):
    doubling.seconds = 0.25
    heard = []

    async def listen():
        for _ in range(20):
            heard.append(time.monotonic())
            await asyncio.sleep(0.005)

    with ThreadPoolExecutor(1) as executor:

        async def together():
            batcher = Batcher(doubling, Counters(), executor)
            for _ in range(3):
                await batcher.predict([{"x": 1}])
            await asyncio.gather(listen(), batcher.predict([{"x": 2}]))

        asyncio.run(together())
    gaps = [later - earlier for earlier, later in pairwise(heard)]
    assert max(gaps) < 0.2


def test_a_client_that_leaves_takes_nothing_with_it(doubling):
    with ThreadPoolExecutor(1) as executor:

        async def together():
            batcher = Batcher(doubling, Counters(), executor)
            leaving = asyncio.create_task(batcher.predict([{"x": 1}]))
            staying = asyncio.create_task(batcher.predict([{"x": 2}]))
            await asyncio.sleep(0)
            leaving.cancel()
            return await staying

        assert asyncio.run(together()) == [{"y": 4}]
