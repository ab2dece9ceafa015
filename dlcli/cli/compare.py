"""The `compare` command."""

from typing import Annotated

import typer

from dlcli.cli.completion import complete_run
from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, TableFormat, TextFormat


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Two or more runs; the first is the reference.",
            autocompletion=complete_run,
        ),
    ],
    as_json: AsJson = False,
    layout: TextFormat = TableFormat.TABLE,
) -> None:
    """Compare runs: figures with intervals, configs, data and versions.

    Example: dlcli compare concrete/001 concrete/002
    """
    comparison = import_command("compare").compare(runs)
    console = import_console()
    if as_json:
        console.write_result(dump_json(comparison.values))
    else:
        console.write_blocks(comparison.blocks, as_markdown=layout == TableFormat.MARKDOWN)
