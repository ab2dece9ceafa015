"""The `validate` command."""

from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, Configs, Overrides


def validate(
    config: Configs,
    overrides: Overrides = None,
    data: Annotated[
        bool, typer.Option("--data", help="Also read the data and check it against the config.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check configs and tell every problem with its place.

    Example: dlcli validate configs/*.yaml
    """
    console = import_console()
    stage = console.StageLine()
    checked = import_command("validate").validate(
        tuple(config), tuple(overrides or ()), with_data=data, on_stage=stage.show
    )
    stage.close()
    if as_json:
        console.write_result(dump_json([item.to_json() for item in checked]))
    for item in checked:
        if item.error is not None:
            console.show_error(item.error)
        elif not as_json:
            rows = ", ".join(f"{size:,} {name}" for name, size in (item.rows or {}).items())
            console.write_message(f"{item.path}: ok" + (f" ({rows} {item.unit})" if rows else ""))
            console.write_message(item.touches.to_text())
        for warning in item.warnings:
            console.say(f"{item.path}: warning: {warning}")
    failed = [item.error for item in checked if item.error is not None]
    if failed:
        raise typer.Exit(max(error.exit_code for error in failed))
