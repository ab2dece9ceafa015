"""The `unpack` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import import_command, import_console


def unpack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A run that `dlcli pack` wrote.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="DIR", help="The run folder; the next runs/NAME/NUMBER without."
        ),
    ] = None,
) -> None:
    """Open a packed run, once every byte in it is as it was packed.

    Example: dlcli unpack concrete.zip
    """
    run = import_command("unpack").unpack(file, out)
    import_console().write_result(str(run.path))
