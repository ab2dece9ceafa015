"""The `doctor` command."""

from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, TableFormat, TextFormat


def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Start no backend, so look at no devices.")
    ] = False,
    as_json: AsJson = False,
    layout: TextFormat = TableFormat.TABLE,
) -> None:
    """Print what a bug report needs: versions, machine, devices, and what is missing.

    Example: dlcli doctor --format md
    """
    console = import_console()
    if not quick:
        console.say("starting the backends to see their devices (--quick leaves that out)")
    found = import_command("doctor").diagnose(with_backend=not quick)
    if as_json:
        console.write_result(dump_json(found.to_json()))
    else:
        console.write_blocks(found.to_blocks(), as_markdown=layout == TableFormat.MARKDOWN)
