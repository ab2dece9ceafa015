"""The `card` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import import_command, import_console
from dlcli.cli.options import Force, Run


def card(
    run: Run,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="The file; stdout without."),
    ] = None,
    license: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="ID",
            help="The licence that you give the model, as hubs spell it: apache-2.0, cc-by-4.0.",
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write a run's model card in the form of Hugging Face.

    Example: dlcli card concrete --license apache-2.0 --out README.md
    """
    text = import_command("card").card(run, out=out, license=license, force=force)
    console = import_console()
    if out is None:
        console.write_result(text)
    else:
        console.write_message(f"written: {out}")
