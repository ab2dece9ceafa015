"""The `predict` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import import_command, import_console
from dlcli.cli.options import AllowCode, Force, Quiet, Run, Threads
from dlcli.terminal_text import counted


def predict(
    run: Run,
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="FILE",
            help="The table to predict, dataset:NAME too; - is CSV on stdin.",
            readable=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="CSV, TSV, Excel, Parquet or JSON Lines by suffix; - is stdout.",
        ),
    ] = Path("-"),
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="COLUMN", help="Keep only these input columns; repeatable."),
    ] = None,
    force: Force = False,
    latest: Annotated[
        bool,
        typer.Option(
            "--latest",
            help="Of a run that reads sequences: only what comes after the last row of each series.",
        ),
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval",
            metavar="LEVEL",
            help="Of numbers: the ends between which this share of new values lies, as in 0.9.",
        ),
    ] = None,
    spread: Annotated[
        bool,
        typer.Option(
            "--spread", help="Of an ensemble: add how far apart its members' predictions are."
        ),
    ] = False,
    threads: Threads = None,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Predict the rows of a table with a run, in the target's unit.

    Example: dlcli predict concrete --data new.csv --out predictions.csv
    """
    console = import_console()
    progress = console.RowCounter("predicted", quiet=quiet)
    predicted = import_command("predict").predict(
        run,
        data,
        out,
        ids=tuple(ids or ()),
        force=force,
        latest=latest,
        interval=interval,
        spread=spread,
        threads=threads,
        on_rows=progress.show,
    )
    progress.close()
    if predicted.without_prediction:
        console.say(
            f"{predicted.without_prediction:,} of {counted(predicted.rows, 'row')} without a "
            "prediction: the run's `drop` policies leave them out"
        )
    if predicted.short_series:
        shown = ", ".join(predicted.short_series[:5])
        console.say(
            f"{len(predicted.short_series):,} series have no prediction: their rows are fewer than "
            f"a window takes ({shown}{', ...' if len(predicted.short_series) > 5 else ''})"
        )
    if str(out) != "-" and not quiet:
        of = "" if predicted.windows is None else f" from {counted(predicted.windows, 'window')}"
        console.say(f"{counted(predicted.rows, 'row')} predicted{of} into {out}")
