"""The `diff` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, Overrides, TableFormat, TextFormat


def diff(
    left: Annotated[Path, typer.Argument(metavar="A.yaml", help="A config.")],
    right: Annotated[Path, typer.Argument(metavar="B.yaml", help="The config to hold against it.")],
    overrides: Overrides = None,
    as_json: AsJson = False,
    layout: TextFormat = TableFormat.TABLE,
) -> None:
    """Tell in which keys two configs differ, once `extends` and defaults are resolved.

    Example: dlcli diff configs/concrete.yaml configs/concrete-original.yaml
    """
    commands, console = import_command("diff"), import_console()
    changes = commands.diff(left, right, tuple(overrides or ()))
    if as_json:
        console.write_result(dump_json([change.to_json() for change in changes]))
    else:
        blocks = commands.change_blocks(changes, left, right)
        console.write_blocks(blocks, as_markdown=layout == TableFormat.MARKDOWN)
