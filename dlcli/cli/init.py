"""The `init` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import import_command, import_console
from dlcli.cli.options import (
    Decimal,
    Encoding,
    Force,
    Header,
    Preset,
    Separator,
    Sheet,
    Thousands,
)


def init(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A data file, a folder of images, or dataset:NAME.",
            readable=False,
        ),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="NAME",
            help="The column to predict; repeatable. A folder of images needs none.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The config; NAME.yaml here without it."),
    ] = None,
    preset: Annotated[
        Preset | None,
        typer.Option(
            "--preset",
            help="Of tables: strong (the default) is several networks that learn side by side, fast one "
            "of these, small a plain network.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    sheet: Sheet = None,
    separator: Separator = None,
    header: Header = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
) -> None:
    """Write a commented config that fits a data file and trains without an edit.

    Example: dlcli init datasets/concrete.csv --target compressive_strength
    """
    reading = {
        "sheet": sheet,
        "separator": separator,
        "header": header,
        "encoding": encoding,
        "decimal": decimal,
        "thousands": thousands,
    }
    written = import_command("init").init(
        file,
        tuple(target or ()),
        out,
        force=force,
        reading=reading,
        preset=None if preset is None else preset.value,
    )
    import_console().write_message(f"{written}\nnext: dlcli train {written}")
