"""The `report` command."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import import_command, import_console
from dlcli.cli.options import Force


class ReportFormat(StrEnum):
    """The values of --format."""

    HTML = "html"
    MARKDOWN = "md"


def report(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="A run; or several, which are compared."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="An .html or .md file; without it report.html in the run's folder, "
            "comparison.html for several runs, and stdout for Markdown.",
        ),
    ] = None,
    layout: Annotated[
        ReportFormat | None,
        typer.Option(
            "--format",
            help="A page, or Markdown for a comment; html without, or what --out ends in.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write a run's report again, or compare several runs in one.

    Example: dlcli report concrete/001 concrete/002 --out comparison.html
    """
    path, text = import_command("report").report(
        runs, out=out, layout=None if layout is None else layout.value, force=force
    )
    console = import_console()
    if path is None:
        console.write_result(text)
    else:
        console.write_message(f"written: {path}")
