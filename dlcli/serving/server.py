"""Sockets, worker processes and their polite end."""

import errno
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from multiprocessing.connection import wait
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from dlcli.errors import RunError, UsageError

GRACE_SECONDS = 10
"""How long requests that are in work may take once the server is asked to stop."""
START_SECONDS = 120.0
MOST_DEATHS = 3
"""Workers that die in a row before the server gives up."""
_BACKLOG = 2048

AppFactory = Callable[[], ASGIApp]
"""Opens a run and builds its application; sent to worker processes."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises UsageError where there is none to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise UsageError(
            f"--host {host}: this machine knows no such address",
            hint="127.0.0.1 is this machine alone, 0.0.0.0 every network it is in",
        ) from None
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # Elsewhere it would let two servers share a port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _not_bound(error, host, port) from None
    return listening


def address_of(listening: socket.socket) -> str:
    """Return what a browser on this machine takes."""
    host, port = listening.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "127.0.0.1" if listening.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listening: socket.socket) -> bool:
    """Tell whether nobody but this machine can ask."""
    return ip_address(listening.getsockname()[0]).is_loopback


def serve_here(app: ASGIApp, listening: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve in this process until it is asked to stop."""
    server = _Server(_config(app), on_ready)
    with _swallowed_signals():
        server.run(sockets=[listening])


def serve_in_workers(
    factory: AppFactory,
    listening: socket.socket,
    *,
    workers: int,
    on_ready: Callable[[], None],
    on_restart: Callable[[], None],
) -> None:
    """Serve in processes that share the socket until this one is asked to stop.

    A worker that dies is replaced; raises RunError where they keep dying.
    """
    stop = threading.Event()
    with _swallowed_signals(stop.set):
        pool = _Workers(factory, listening, workers)
        try:
            if pool.start(stop):
                on_ready()
            pool.watch(stop, on_restart)
        finally:
            pool.stop()


class _Server(uvicorn.Server):
    """A server that tells when it hears."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_ready()


class _Workers:
    """Processes that serve; started afresh rather than forked, as every system can."""

    def __init__(self, factory: AppFactory, listening: socket.socket, number: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._ready = self._context.Semaphore(0)
        self._arguments = (factory, listening, self._ready)
        self._number = number
        self._processes: list[Any] = []

    def start(self, stop: threading.Event) -> bool:
        """Start them all and return whether they serve; False where a stop comes first."""
        self._processes = [self._started() for _ in range(self._number)]
        until = time.monotonic() + START_SECONDS
        waiting = self._number
        while waiting and not stop.is_set():
            if self._ready.acquire(timeout=0.1):
                waiting -= 1
            dead = [each for each in self._processes if not each.is_alive()]
            if dead or time.monotonic() > until:
                raise RunError(
                    "a worker ended before it served"
                    if dead
                    else f"the workers did not serve within {START_SECONDS:.0f} s",
                    hint="its own output tells why; --workers 1 serves in this process",
                )
        return not waiting

    def watch(self, stop: threading.Event, on_restart: Callable[[], None]) -> None:
        """Replace workers that die until a stop; raises RunError where they keep dying."""
        deaths = 0
        while not stop.wait(0.2):
            for place, process in enumerate(self._processes):
                if process.is_alive():
                    continue
                deaths += 1
                if deaths > MOST_DEATHS * self._number:
                    raise RunError(
                        "workers keep dying", hint="is there memory for all of them? --workers 1"
                    )
                on_restart()
                self._processes[place] = self._started()

    def stop(self) -> None:
        """Ask them to end, and end those that do not."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(GRACE_SECONDS + 5)
            if process.is_alive():
                process.kill()
                process.join()

    def _started(self) -> Any:
        process = self._context.Process(target=_work, args=self._arguments, daemon=True)
        process.start()
        return process


def _work(factory: AppFactory, listening: socket.socket, ready: Any) -> None:
    """Serve in a worker process, which ends when the one that started it is gone."""
    server = _Server(_config(factory()), lambda: ready.release())
    parent = multiprocessing.parent_process()
    assert parent is not None

    def leave() -> None:
        wait([parent.sentinel])
        server.should_exit = True

    threading.Thread(target=leave, daemon=True).start()
    with _swallowed_signals():
        server.run(sockets=[listening])


def _config(app: ASGIApp) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return uvicorn.Config(
        app,
        # Nothing is logged of a request: neither its rows nor its token.
        access_log=False,
        log_config=None,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@contextmanager
def _swallowed_signals(then: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let a server end by a signal without an exception.

    Uvicorn raises what it was sent again once it has ended.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: then()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _not_bound(error: OSError, host: str, port: int) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"--port {port} is in use on {host}",
            hint="choose another one, or --port 0 for any that is free",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return UsageError(
            f"--port {port}: this user may not listen there",
            hint="ports from 1024 on are free for everybody",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError(
            f"--host {host} is no address of this machine",
            hint="127.0.0.1 is this machine alone, 0.0.0.0 every network it is in",
        )
    return UsageError(f"--host {host} --port {port}: {error.strerror or error}")
