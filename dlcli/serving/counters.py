"""What a server counts, in the text format that Prometheus reads; workers count together."""

import json
import multiprocessing
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

PATHS = ("/predict", "/", "/health", "/metrics", "/openapi.json", "other")
STATUSES = (200, 304, 400, 401, 404, 405, 408, 413, 415, 422, 500, 503)
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends in seconds of what requests for predictions are sorted into."""

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REQUESTS = len(PATHS) * len(STATUSES)
_SECONDS = _REQUESTS + len(BOUNDS) + 1
_ROWS, _BATCHES = _SECONDS + 1, _SECONDS + 2
_SIZE = _SECONDS + 3
_PLACES = {
    (path, status): row * len(STATUSES) + column
    for row, path in enumerate(PATHS)
    for column, status in enumerate(STATUSES)
}
_OTHER_STATUS = 500


class Counters:
    """Counts since the server started."""

    def __init__(self, *, shared: bool = False) -> None:
        """Count in memory of this process, or of all processes that it is sent to."""
        self._shared: Any = None
        self._values: Any = [0.0] * _SIZE
        self._lock: Any = threading.Lock()
        if shared:
            self._share(multiprocessing.get_context("spawn").Array("d", _SIZE))

    def __getstate__(self) -> Any:
        assert self._shared is not None, "only shared counters are sent to other processes"
        return self._shared

    def __setstate__(self, shared: Any) -> None:
        self._share(shared)

    def _share(self, shared: Any) -> None:
        self._shared, self._values, self._lock = shared, shared.get_obj(), shared.get_lock()

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request and, of one for predictions, how long it took."""
        place = (
            path if path in PATHS else "other",
            status if status in STATUSES else _OTHER_STATUS,
        )
        with self._lock:
            self._values[_PLACES[place]] += 1
            if path == PATHS[0]:
                self._values[_REQUESTS + bisect_left(BOUNDS, seconds)] += 1
                self._values[_SECONDS] += seconds

    def count_batch(self, rows: int) -> None:
        """Count rows that went through the network together."""
        with self._lock:
            self._values[_BATCHES] += 1
            self._values[_ROWS] += rows

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return int(sum(self._values[:_REQUESTS]))

    def text(self, about: Mapping[str, Any]) -> str:
        """Return everything in Prometheus's text format; `about` are the labels of the run."""
        with self._lock:
            values = list(self._values)
        return "\n".join(_lines(values, about)) + "\n"


def _lines(values: list[float], about: Mapping[str, Any]) -> Iterator[str]:
    labels = ",".join(
        f"{key}={json.dumps(str(value), ensure_ascii=False)}" for key, value in about.items()
    )
    yield from _head("dlcli_run_info", "gauge", "The run that is served.")
    yield f"dlcli_run_info{{{labels}}} 1"
    yield from _head("dlcli_requests_total", "counter", "Answered requests.")
    for (path, status), place in _PLACES.items():
        if values[place]:
            yield f'dlcli_requests_total{{path="{path}",status="{status}"}} {values[place]:.0f}'
    name = "dlcli_request_seconds"
    yield from _head(name, "histogram", "Seconds from a request for predictions to its answer.")
    total = 0.0
    for bound, count in zip((*BOUNDS, "+Inf"), values[_REQUESTS:_SECONDS], strict=True):
        total += count
        yield f'{name}_bucket{{le="{bound}"}} {total:.0f}'
    yield f"{name}_sum {values[_SECONDS]!r}"
    yield f"{name}_count {total:.0f}"
    yield from _head("dlcli_rows_total", "counter", "Rows that were predicted.")
    yield f"dlcli_rows_total {values[_ROWS]:.0f}"
    yield from _head("dlcli_batches_total", "counter", "Times that the network was run.")
    yield f"dlcli_batches_total {values[_BATCHES]:.0f}"


def _head(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"
