"""The `upgrade` command."""

from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, Configs
from dlcli.errors import ExitCode


def upgrade(
    config: Configs,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit code 7 where something would change."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring configs to the grammar of today, in place: key names, and the version.

    Example: dlcli upgrade configs/*.yaml --check
    """
    console = import_console()
    upgraded = import_command("upgrade").upgrade(tuple(config), check=check)
    if as_json:
        console.write_result(dump_json([each.to_json() for each in upgraded]))
    else:
        for each in upgraded:
            lines = [f"{each.path}:{change.line}: {change.text}" for change in each.changes]
            console.write_message("\n".join(lines or [f"{each.path}: nothing to change"]))
    if check and any(each.changes for each in upgraded):
        raise typer.Exit(ExitCode.CHECK)
