"""The `summarize` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import (
    AllowCode,
    AsJson,
    Decimal,
    Encoding,
    Force,
    Header,
    Overrides,
    PictureFormat,
    Separator,
    Sheet,
    Thousands,
)


def summarize(
    what: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|RUN|FILE", help="What to describe; dataset:NAME is a file too."
        ),
    ],
    overrides: Overrides = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Also print the weights and biases.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the network: .svg or .png.")
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="DIR", help="Draw a data file or a run into this folder."),
    ] = None,
    picture: Annotated[
        PictureFormat, typer.Option("--format", help="Of the pictures in --plots.")
    ] = PictureFormat.SVG,
    force: Force = False,
    sheet: Sheet = None,
    separator: Separator = None,
    header: Header = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    as_json: AsJson = False,
    allow_code: AllowCode = False,
) -> None:
    """Describe a config's network, a finished run, or a data file.

    Example: dlcli summarize datasets/concrete.csv
    """
    reading = {
        "sheet": sheet,
        "separator": separator,
        "header": header,
        "encoding": encoding,
        "decimal": decimal,
        "thousands": thousands,
    }
    summary = import_command("summarize").summarize(
        what,
        overrides=tuple(overrides or ()),
        weights=weights,
        plot=plot,
        plots=plots,
        suffix=picture.value,
        force=force,
        reading=reading,
    )
    import_console().write_result(dump_json(summary.values) if as_json else summary.text)
