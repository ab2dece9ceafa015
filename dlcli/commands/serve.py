"""Serve: a run behind HTTP, with a page to try it on."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.commands.served_run import ServedRun
from dlcli.errors import UsageError
from dlcli.permission import allow_code
from dlcli.runs import RunFolder, open_run

PACKAGES = ("fastapi", "uvicorn")
"""What a server needs that dlcli does not bring along."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Where a server listens and what it takes."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token_file: Path | None = None
    most_mb: int = 16
    threads: int | None = None
    allow_code: bool = False


@dataclass(frozen=True, kw_only=True)
class _Opening:
    """Builds the application in whichever process it is called."""

    run: RunFolder
    options: ServeOptions
    token: str | None
    counters: Any

    def __call__(self) -> Any:
        allow_code(self.options.allow_code)
        app: Any = importlib.import_module("dlcli.serving.app")
        return app.build_app(
            ServedRun.open(self.run, threads=self.options.threads),
            counters=self.counters,
            limits=app.Limits(most_bytes=self.options.most_mb << 20, token=self.token),
        )


def serve(run: str, options: ServeOptions, *, say: Say, warn: Say) -> None:
    """Serve a run until the process is asked to stop; raises UsageError or RunError.

    `say` is told how it goes, `warn` what the user should know in any case.
    """
    _check_packages()
    access: Any = importlib.import_module("dlcli.serving.access")
    counting: Any = importlib.import_module("dlcli.serving.counters")
    server: Any = importlib.import_module("dlcli.serving.server")
    token = access.read_token(options.token_file)
    folder = open_run(run)
    _tell_of_keras(folder, warn)
    with server.listen(options.host, options.port) as listening:
        _tell_of_others(server.is_loopback(listening), options.host, token, warn)
        counters = counting.Counters(shared=options.workers > 1)
        opening = _Opening(run=folder, options=options, token=token, counters=counters)
        # A run that cannot be served is told before any worker starts.
        app = opening()

        def tell_ready() -> None:
            say(f"serving {folder.path} at {server.address_of(listening)}  (Ctrl-C stops it)")

        if options.workers == 1:
            server.serve_here(app, listening, on_ready=tell_ready)
        else:
            del app
            server.serve_in_workers(
                opening,
                listening,
                workers=options.workers,
                on_ready=tell_ready,
                on_restart=lambda: warn("a worker has ended unexpectedly; another one takes over"),
            )
    say(f"stopped after {counters.requests:,} requests")


def _check_packages() -> None:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"serve needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed",
            hint="pip install 'dlcli[serve]'",
        )


def _tell_of_keras(run: RunFolder, warn: Say) -> None:
    onnx = run.load_manifest()["onnx"]
    if not onnx["written"]:
        reason = onnx.get("reason") or "it does not export"
        warn(
            f"this network has no ONNX file ({reason}): Keras predicts instead, which takes "
            "seconds to load and more memory for each worker"
        )


def _tell_of_others(is_loopback: bool, host: str, token: str | None, warn: Say) -> None:
    if is_loopback:
        return
    who = "whoever has the token" if token else "everybody, since no token is asked for"
    hint = "" if token else "; --token-file asks for one"
    warn(
        f"warning: --host {host} is open to other machines: {who} may ask, and nothing is "
        f"encrypted{hint}"
    )
