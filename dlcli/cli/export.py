"""The `export` command."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console, show_stages
from dlcli.cli.options import AllowCode, AsJson, Force, Quiet, Run


class Format(StrEnum):
    """The values of --format."""

    ONNX = "onnx"
    SAVED_MODEL = "saved_model"
    LITERT = "litert"
    KERAS = "keras"
    SKLEARN = "sklearn"
    C = "c"


def export(
    run: Run,
    format: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.ONNX,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="PATH",
            help="The file, or the folder of a SavedModel; named after the run without.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Rows to compare on, dataset:NAME too; the run's test part without it.",
            readable=False,
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Write a run for another runtime, with its preprocessing inside, and compare both.

    Example: dlcli export concrete --format onnx --out concrete.onnx
    """
    with show_stages(quiet=quiet or as_json) as display:
        exported = import_command("export").export(
            run, str(format), out, data=data, force=force, on_stage=display.on_stage
        )
    text = dump_json(exported.to_json()) if as_json else exported.to_text()
    import_console().write_result(text)
