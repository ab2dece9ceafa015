"""The `pack` command."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, Run


def pack(
    run: Run,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="The file; NAME-NUMBER.zip without."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pack a run into one file to send, with the sha256 of everything in it.

    Example: dlcli pack concrete --out concrete.zip
    """
    packed = import_command("pack").pack(run, out)
    console = import_console()
    if as_json:
        console.write_result(
            dump_json(
                {
                    "file": str(packed.path),
                    "files": packed.num_files,
                    "bytes": packed.num_bytes,
                    "sha256": packed.sha256,
                }
            )
        )
        return
    console.write_result(
        f"{packed.path}: {packed.num_files} files, {packed.num_bytes:,} bytes\n"
        f"sha256 {packed.sha256}"
    )
