"""The `explain` command."""

from typing import Annotated

import typer

from dlcli.cli.completion import complete_kind, complete_name
from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson
from dlcli.errors import UsageError


def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A layer, loss, optimizer, ... or a key of the config.",
            autocompletion=complete_name,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="KIND",
            help="List a kind: layer, loss, metric, callback, ...",
            autocompletion=complete_kind,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the reference of one name, or the names of one kind.

    Example: dlcli explain EarlyStopping
    """
    commands = import_command("explain")
    if (name is None) == (kind is None):
        raise UsageError("expected a NAME or --list KIND", hint="e.g. dlcli explain Dense")
    if name is None:
        answer = dump_json(commands.list_kind(kind)) if as_json else commands.explain_kind(kind)
    else:
        answer = dump_json(commands.explain_json(name)) if as_json else commands.explain(name)
    import_console().write_result(answer)
