"""The `find-lr` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console, show_stages
from dlcli.cli.options import (
    AllowCode,
    AsJson,
    Backend,
    Force,
    MemoryBudget,
    Overrides,
    Quiet,
    Threads,
)


def find_lr(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", readable=False)],
    overrides: Overrides = None,
    lowest: Annotated[
        float, typer.Option("--from", metavar="RATE", help="The rate of the first step.")
    ] = 1e-6,
    highest: Annotated[
        float, typer.Option("--to", metavar="RATE", help="The rate of the last step.")
    ] = 10.0,
    steps: Annotated[
        int, typer.Option("--steps", min=20, help="Batches, each at a higher rate.")
    ] = 200,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw losses over rates: .svg or .png."),
    ] = None,
    force: Force = False,
    backend: Annotated[
        Backend | None,
        typer.Option("--backend", help="What Keras computes with, over the config's own."),
    ] = None,
    threads: Threads = None,
    memory_budget: MemoryBudget = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    allow_code: AllowCode = False,
) -> None:
    """Find a learning rate for a config, by a range test; no run is written.

    Example: dlcli find-lr configs/concrete.yaml --plot rates.svg
    """
    commands = import_command("find_lr")
    parse_bytes = import_command("train").parse_bytes
    options = commands.RateOptions(
        overrides=tuple(overrides or ()),
        lowest=lowest,
        highest=highest,
        steps=steps,
        plot=plot,
        force=force,
        backend=backend,
        threads=threads,
        memory_budget_bytes=None if memory_budget is None else parse_bytes(memory_budget),
    )
    with show_stages(quiet=quiet) as display:
        found = commands.find_lr(config, options, display)
    console = import_console()
    if as_json:
        console.write_result(dump_json(found.to_json()))
    else:
        console.write_message(found.to_text())
