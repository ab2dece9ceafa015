"""The `serve` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import import_command, import_console
from dlcli.cli.options import AllowCode, Quiet, Run, Threads


def serve(
    run: Run,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; 0.0.0.0 is every network.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 is any that is free.")
    ] = 8000,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Processes that answer.")
    ] = 1,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Answer only requests with this token; DLCLI_SERVE_TOKEN may hold it instead.",
        ),
    ] = None,
    most_mb: Annotated[
        int, typer.Option("--max-mb", min=1, max=1024, help="The largest request, in megabytes.")
    ] = 16,
    threads: Threads = None,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Serve a run's predictions over HTTP, with a page to try them on.

    Example: dlcli serve concrete --port 8000
    """
    command = import_command("serve")
    console = import_console()
    options = command.ServeOptions(
        host=host,
        port=port,
        workers=workers,
        token_file=token_file,
        most_mb=most_mb,
        threads=threads,
        allow_code=allow_code,
    )
    command.serve(run, options, say=(lambda text: None) if quiet else console.say, warn=console.say)
