"""The Ray cluster: found, joined, and asked what it has; nothing here ever starts one."""

import importlib
import importlib.util
import logging
import os
import signal
import socket
import threading
from typing import Any

from dlcli.errors import RunError, UsageError
from dlcli.spec.engine import RaySpec

ANSWERS_WITHIN_SECONDS = 5.0
_START = "`ray start --head` starts one, and `ray start --address HOST:6379` adds a machine to it"


def check_installed() -> None:
    """Raise UsageError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError("the engine ray needs Ray", hint="pip install 'dlcli[ray]'")


def join_cluster(settings: RaySpec) -> Any:
    """Join the cluster, unless this process is in it; return the module `ray`.

    Raises UsageError without Ray, and RunError where no cluster answers.
    """
    check_installed()
    if settings.address != "auto":
        _check_answers(settings.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = importlib.import_module("ray")
    if ray.is_initialized():
        return ray
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if is_main else None
    try:
        ray.init(address=settings.address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RunError(
            f"no Ray cluster can be joined at {settings.address!r}: {_first_line(error)}",
            hint=f"this machine must be one of the cluster; {_START}",
        ) from None
    finally:
        if is_main:
            # Ray takes the signal for itself, and would end without what the command leaves tidy.
            signal.signal(signal.SIGTERM, handler)
    _say_nothing()
    return ray


def check_room(ray: Any, settings: RaySpec, num_workers: int) -> None:
    """Raise RunError where the machines of the cluster never have room for so many workers."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = sum(_room(resources, settings) for resources in nodes)
    if room >= num_workers:
        return
    gpus = f" and {settings.num_gpus:g} GPUs" if settings.num_gpus else ""
    has = "; ".join(
        f"{resources.get('CPU', 0):g} CPUs, {resources.get('GPU', 0):g} GPUs" for resources in nodes
    )
    raise RunError(
        f"the cluster has room for {room} of {num_workers} workers, of {settings.num_cpus:g} "
        f"CPUs{gpus} each; its machines: {has}",
        hint="ask for fewer --workers, or for less each with engine.ray.num_cpus and num_gpus",
    )


def _room(resources: dict[str, float], settings: RaySpec) -> int:
    rooms = [int(resources.get("CPU", 0) / settings.num_cpus + 1e-9)]
    if settings.num_gpus:
        rooms.append(int(resources.get("GPU", 0) / settings.num_gpus + 1e-9))
    return min(rooms)


def _check_answers(address: str) -> None:
    """Ask by hand first: Ray itself would wait for a minute and then end the process."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or "/" in host:
        raise UsageError(
            f"{address!r} is no address of a Ray cluster: expected HOST:PORT, or auto",
            hint="the head listens on port 6379 unless it was told otherwise",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWERS_WITHIN_SECONDS).close()
    except OSError as error:
        raise RunError(
            f"no Ray cluster answers at {address}: {error.strerror or error}",
            hint=f"is its head up, and within reach? {_START}",
        ) from None


def _say_nothing() -> None:
    """Keep Ray from writing to stdout, amid our results, that a worker ended."""
    # No public setting covers what raylets report; a test looks whether this one still does.
    worker: Any = importlib.import_module("ray._private.worker")
    assert callable(worker.print_to_stdstream)
    worker.print_to_stdstream = lambda *_, **__: None


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
