"""The `train` command."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, Backend, Configs, Debug, Overrides, Quiet, Threads
from dlcli.errors import Interrupted, UsageError


def train(
    config: Configs,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The run folder; runs/NAME/NUMBER without it.", show_default=False
        ),
    ] = None,
    backend: Annotated[
        Backend | None,
        typer.Option("--backend", help="What Keras computes with, over the config's own."),
    ] = None,
    threads: Threads = None,
    memory_budget: Annotated[
        str | None,
        typer.Option(
            "--memory-budget",
            metavar="SIZE",
            help="Larger data, as in 512MB or 2GB, train in blocks; a quarter of RAM without.",
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train configs: check, fit, evaluate, and write a run folder for each.

    Example: dlcli train configs/concrete.yaml --set epochs=50
    """
    commands, console = import_command("train"), import_console()
    if out is not None and len(config) > 1:
        raise UsageError("--out names one run folder, but there are several configs")
    options = commands.TrainOptions(
        overrides=tuple(overrides or ()),
        out=out,
        backend=backend,
        threads=threads,
        memory_budget_bytes=None if memory_budget is None else commands.parse_bytes(memory_budget),
        debug=debug,
    )
    summaries = import_command("summarize")
    displays = partial(console.training_display, quiet=quiet)
    for trained in commands.train_all(config, options, displays):
        if as_json:
            console.write_result(dump_json(summaries.run_json(trained.run)))
        else:
            console.write_result(summaries.run_text(trained.run))
        if trained.interrupted:
            raise Interrupted(
                f"training was stopped; {trained.run.path} keeps the weights it had reached"
            )
