"""The `schema` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console, writes_unicode
from dlcli.cli.options import Force, repeated
from dlcli.errors import UsageError


def schema(
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="PATH",
            help="Write the schema to this file; with --vscode the workspace's folder .vscode.",
        ),
    ] = None,
    vscode: Annotated[
        bool,
        typer.Option(
            "--vscode", help="The workspace setting for the YAML extension of VS Code instead."
        ),
    ] = False,
    globs: Annotated[
        list[str] | None,
        repeated("--glob", "GLOB", "With --vscode, files that are configs; configs/*.yaml without"),
    ] = None,
    force: Force = False,
) -> None:
    """Print the grammar of configs as JSON Schema, for editors.

    Example: dlcli schema --vscode --out .vscode
    """
    console = import_console()
    if globs and not vscode:
        raise UsageError("--glob says which files an editor checks", hint="add --vscode")
    command = import_command("schema")
    if out is None and not vscode:
        console.write_result(command.schema_text(ascii_only=not writes_unicode()))
        return
    if out is None:
        console.write_result(dump_json(command.vscode_settings(tuple(globs or ()))))
        return
    if not vscode:
        console.write_result(str(command.write_schema(out, force=force).schema))
        return
    written = command.write_vscode(out, tuple(globs or ()))
    note = "" if written.is_changed else ": says so already"
    console.write_result(f"{written.schema}\n{written.settings}{note}")
