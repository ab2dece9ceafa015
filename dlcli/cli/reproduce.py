"""The `reproduce` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AllowCode, AsJson, Quiet, Run, Threads


def reproduce(
    run: Run,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="The run's data, where they are now."),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", min=0.0, help="Relative difference that counts as equal."),
    ] = 1e-4,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Keep the new run in this folder."),
    ] = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    allow_code: AllowCode = False,
) -> None:
    """Train a run again from its record and tell whether the same comes out.

    Example: dlcli reproduce concrete
    """
    commands, console = import_command("reproduce"), import_console()
    options = commands.ReproduceOptions(
        data=tuple(data or ()), out=out, threads=threads, tolerance=tolerance
    )
    display = console.training_display(quiet=quiet)
    reproduced = commands.reproduce(run, options, display)
    for warning in reproduced.warnings:
        console.say(f"warning: {warning}")
    if as_json:
        console.write_result(dump_json(reproduced.to_json()))
    else:
        console.write_blocks(reproduced.to_blocks())
    reproduced.raise_difference()
