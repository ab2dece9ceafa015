"""The `sweep` command."""

import importlib
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import (
    Address,
    AllowCode,
    AsJson,
    Debug,
    EngineOption,
    MemoryBudget,
    Overrides,
    Quiet,
    Threads,
)
from dlcli.training.stopping import sigterm_as_sigint


def sweep(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", readable=False)],
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The folder of the sweep; runs/NAME/sweep-NUMBER without it.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the sweep --out, or the newest one of this name."
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            help="Processes that train, over the config's own; 0 trains in this one.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="WHERE",
            help="journal, sqlite, or postgresql://USER@HOST/DATABASE, over the config's own.",
        ),
    ] = None,
    engine: EngineOption = None,
    address: Address = None,
    threads: Threads = None,
    memory_budget: MemoryBudget = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
    allow_code: AllowCode = False,
) -> None:
    """Try many values of a config's keys, and train the best ones again as a run.

    Example: dlcli sweep configs/concrete-sweep.yaml --workers 2
    """
    commands, console = import_command("sweep"), import_console()
    parse_bytes = import_command("train").parse_bytes
    options = commands.SweepOptions(
        overrides=tuple(overrides or ()),
        out=out,
        resume=resume,
        workers=workers,
        storage=storage,
        threads=threads,
        memory_budget_bytes=None if memory_budget is None else parse_bytes(memory_budget),
        engine=commands.AskedEngine(name=engine, address=address),
        debug=debug,
    )
    with sigterm_as_sigint():
        swept = commands.sweep(
            config,
            options,
            partial(_trials_display, console, quiet=quiet),
            partial(console.training_display, quiet=quiet, stages_only=True),
        )
    console.write_result(dump_json(swept.to_json()) if as_json else swept.to_text())


def _trials_display(
    console: Any, spec: Any, swept: Any, metric: str, direction: str, *, quiet: bool
) -> Any:
    display: Any = importlib.import_module("dlcli.sweeps.display")
    if quiet:
        return display.SilentTrials()
    if console.is_live():
        return display.TrialTable(
            table=console.LiveRows(),
            axes=swept.parsed_axes,
            metric=metric,
            planned=swept.num_trials,
            direction=direction,
        )
    return display.TrialLines(say=console.say, metric=metric, planned=swept.num_trials)
