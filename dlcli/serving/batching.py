"""Small requests that wait at the same time, predicted together."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from dlcli.data.columns.number import NumberInput
from dlcli.errors import DlcliError
from dlcli.serving.answers import Records, records_of, records_of_columns
from dlcli.serving.bodies import Row, table_of_columns, table_of_rows
from dlcli.serving.counters import Counters
from dlcli.serving.direct import DirectRows
from dlcli.serving.served import Served

SMALL_ROWS = 64
"""A request with more rows gains nothing from company."""
BATCH_ROWS = 4096
INLINE_SECONDS = 0.005
"""What follows longer batches goes to another thread, so that the server hears new requests
meanwhile."""

Kinds = tuple[type, ...]
Cells = tuple[Any, ...]


class _MixedError(Exception):
    """A column whose cells have several types."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Waiting:
    """A request in the queue."""

    rows: list[Row]
    level: float | None
    names: tuple[str, ...]
    cells: list[Cells]
    kinds: Kinds | None
    """The types of the cells, which a batch shares: so its columns are those of each request."""
    answer: "asyncio.Future[Records]"


class Batcher:
    """Collects what arrives while it is busy, and predicts it in one go."""

    def __init__(self, served: Served, counters: Counters, executor: Executor) -> None:
        preprocessing = served.bundle.preprocessing
        self._served = served
        self._counters = counters
        self._executor = executor
        self._needed = preprocessing.needed_columns
        self._filters = tuple(
            settings.name for settings in preprocessing.filters if settings.name not in self._needed
        )
        self._numbers = frozenset(
            column.settings.name
            for column in preprocessing.input_columns
            if isinstance(column, NumberInput)
        )
        self._direct = DirectRows.plan(preprocessing)
        self._waiting: list[_Waiting] = []
        self._running: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._is_led = False
        self._seconds = deque([0.0], maxlen=3)

    async def predict(self, rows: list[Row], level: float | None = None) -> Records:
        """Return the predictions of a request's rows, with intervals of a level; raises DlcliError."""
        answer: asyncio.Future[Records] = asyncio.get_running_loop().create_future()
        own = self._read(rows, level, answer)
        self._waiting.append(own)
        if self._is_led or (self._task is not None and not self._task.done()):
            return await answer
        if self._is_slow:
            self._start()
        else:
            await self._lead(own)
        return await answer

    async def _lead(self, own: _Waiting) -> None:
        """Predict for every request that has arrived by now, in the time of the first, `own`."""
        self._is_led = True
        try:
            await asyncio.sleep(0)
            self._running = self._take()
            _settle(self._running, self._predict(self._running, time.perf_counter))
        finally:
            # Where its client has left, or a bug has ended it, the others are not forgotten.
            self._is_led = False
            left = [waiting for waiting in self._running if not waiting.answer.done()]
            self._waiting = [each for each in left + self._waiting if each is not own]
            self._running = []
            if self._waiting:
                self._start()

    def _start(self) -> None:
        # It runs after every request that has arrived by now has joined.
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        """Let nobody wait for ever where a bug has ended the work."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        for waiting in self._running:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)
        if self._waiting:
            self._start()

    def _read(
        self, rows: list[Row], level: float | None, answer: "asyncio.Future[Records]"
    ) -> _Waiting:
        """Read the cells of rows that have all columns, and the same types in each of them."""
        first = rows[0]
        names = self._needed + tuple(name for name in self._filters if name in first)
        numbers = [name in self._numbers for name in names]
        cells: list[Cells] = []
        kinds: Kinds | None = None
        try:
            for row in rows:
                # A whole number is the same number with a point.
                line = tuple(
                    float(row[name]) if is_number and type(row[name]) is int else row[name]
                    for name, is_number in zip(names, numbers, strict=True)
                )
                own = tuple(map(type, line))
                if kinds is not None and own != kinds:
                    raise _MixedError
                kinds = own
                cells.append(line)
        except (KeyError, _MixedError):
            # Preprocessing reads them, and tells which column is missing.
            kinds = None
        return _Waiting(
            rows=rows, level=level, names=names, cells=cells, kinds=kinds, answer=answer
        )

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            self._running = batch = self._take()
            if self._is_slow:
                # There, the clock would count what other threads do.
                answers = await loop.run_in_executor(
                    self._executor, self._predict, batch, time.thread_time
                )
            else:
                answers = self._predict(batch, time.perf_counter)
            _settle(batch, answers)

    def _take(self) -> list[_Waiting]:
        taken = rows = 0
        for waiting in self._waiting:
            rows += len(waiting.rows)
            if taken and rows > BATCH_ROWS:
                break
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch

    @property
    def _is_slow(self) -> bool:
        """Whether batches take long; on a busy machine a single one may."""
        return min(self._seconds) >= INLINE_SECONDS

    def _predict(
        self, batch: list[_Waiting], clock: Callable[[], float]
    ) -> list[Records | DlcliError]:
        """Return the answer to each request of a batch, or what keeps it from one."""
        began = clock()
        answers: dict[_Waiting, Records | DlcliError] = {}
        for group in _groups(batch):
            answers.update(zip(group, self._predict_group(group), strict=True))
        self._seconds.append(clock() - began)
        return [answers[waiting] for waiting in batch]

    def _predict_group(self, group: list[_Waiting]) -> list[Records | DlcliError]:
        try:
            records = self._records(group)
        except DlcliError as error:
            if len(group) == 1:
                return [error]
            # One of them is at fault; the others are none the worse for its company.
            return [answer for each in group for answer in self._predict_group([each])]
        self._counters.count_batch(sum(len(each.rows) for each in group))
        ends: list[Records | DlcliError] = []
        start = 0
        for each in group:
            ends.append(records[start : start + len(each.rows)])
            start += len(each.rows)
        return ends

    def _records(self, group: list[_Waiting]) -> Records:
        options = self._served.bundle.preprocessing.read_options
        first = group[0]
        if first.kinds is None:
            return records_of(self._served.predict(table_of_rows(first.rows, options), first.level))
        lines = [line for each in group for line in each.cells]
        direct = self._direct
        if direct is not None and first.kinds == direct.kinds and first.names == self._needed:
            tensors = direct.tensors(lines)
            if tensors is not None:
                return records_of_columns(self._served.predict_tensors(tensors, first.level))
        columns = [list(column) for column in zip(*lines, strict=True)]
        return records_of(
            self._served.predict(table_of_columns(list(first.names), columns, options), first.level)
        )


def _settle(batch: list[_Waiting], answers: list[Records | DlcliError]) -> None:
    for waiting, answer in zip(batch, answers, strict=True):
        if waiting.answer.done():
            continue  # its client has gone
        if isinstance(answer, DlcliError):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)


def _groups(batch: list[_Waiting]) -> Iterator[list[_Waiting]]:
    """Yield the requests whose cells have the same types, and each of the others alone."""
    groups: dict[tuple[float | None, tuple[str, ...], Kinds], list[_Waiting]] = {}
    for waiting in batch:
        if waiting.kinds is None:
            yield [waiting]
        else:
            groups.setdefault((waiting.level, waiting.names, waiting.kinds), []).append(waiting)
    yield from groups.values()
