"""The `importance` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console, show_stages
from dlcli.cli.options import (
    AllowCode,
    AsJson,
    Force,
    LabelledData,
    PictureFormat,
    Quiet,
    Run,
    Threads,
)


def importance(
    run: Run,
    data: LabelledData = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="How often each input is shuffled.")
    ] = 10,
    curves: Annotated[
        int, typer.Option("--curves", min=0, help="Inputs with a curve, the most important ones.")
    ] = 5,
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Rows looked at; a sample of more.")
    ] = 10_000,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Of the shuffling; the run's own without it."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="DIR", help="Draw it all into this folder.")
    ] = None,
    picture: Annotated[
        PictureFormat, typer.Option("--format", help="Of the pictures.")
    ] = PictureFormat.SVG,
    force: Force = False,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    allow_code: AllowCode = False,
) -> None:
    """Show which inputs a run's predictions rest on, and how they answer to each.

    Example: dlcli importance concrete --plot plots
    """
    commands = import_command("importance")
    options = commands.ImportanceOptions(
        data=tuple(data or ()),
        repeats=repeats,
        curves=curves,
        rows=rows,
        seed=seed,
        plot=plot,
        suffix=picture.value,
        force=force,
    )
    with show_stages(quiet=quiet) as display:
        found = commands.importance(run, options, threads=threads, on_stage=display.on_stage)
    import_console().write_result(dump_json(found.to_json()) if as_json else found.to_text())
