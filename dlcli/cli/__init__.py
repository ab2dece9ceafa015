"""The command line: one module per command, with its options and help."""

import os
import signal
from types import FrameType
from typing import Annotated, Any, cast

import typer

from dlcli import __version__
from dlcli.cli.boundary import Boundary
from dlcli.cli.card import card
from dlcli.cli.compare import compare
from dlcli.cli.datasets import datasets
from dlcli.cli.diff import diff
from dlcli.cli.doctor import doctor
from dlcli.cli.evaluate import evaluate
from dlcli.cli.explain import explain
from dlcli.cli.export import export
from dlcli.cli.find_lr import find_lr
from dlcli.cli.importance import importance
from dlcli.cli.init import init
from dlcli.cli.lazy import import_console
from dlcli.cli.optimize import optimize
from dlcli.cli.pack import pack
from dlcli.cli.predict import predict
from dlcli.cli.report import report
from dlcli.cli.reproduce import reproduce
from dlcli.cli.runs import runs
from dlcli.cli.schema import schema
from dlcli.cli.serve import serve
from dlcli.cli.streams import prepare_streams, use_utf8_for_names
from dlcli.cli.summarize import summarize
from dlcli.cli.sweep import sweep
from dlcli.cli.train import train
from dlcli.cli.unpack import unpack
from dlcli.cli.upgrade import upgrade
from dlcli.cli.validate import validate
from dlcli.errors import ExitCode

COMMANDS = (
    train,
    sweep,
    evaluate,
    predict,
    summarize,
    report,
    serve,
    init,
    validate,
    upgrade,
    schema,
    explain,
    datasets,
    optimize,
    importance,
    compare,
    find_lr,
    reproduce,
    diff,
    export,
    pack,
    unpack,
    card,
    doctor,
)
"""In the order in which `--help` lists them."""

app = typer.Typer(
    name="dlcli",
    cls=Boundary,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train, evaluate and share neural networks on tables from one YAML file.",
)


def _version(wanted: bool) -> None:
    if wanted:
        import_console().write_result(f"dlcli {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    lang: Annotated[
        str | None,
        typer.Option(
            "--lang",
            metavar="en|zh",
            help="The language of messages and reports; may stand behind the command too.",
            envvar="DLCLI_LANG",
            show_default=False,
            autocompletion=lambda: ["en", "zh"],
        ),
    ] = None,
) -> None:
    """Train, evaluate and share neural networks on tables from one YAML file."""


for command in COMMANDS:
    app.command()(command)
app.add_typer(runs, name="runs")


def run() -> None:
    """Start the command line."""
    use_utf8_for_names()
    prepare_streams()
    # A polite request to end, like Ctrl-C: what is half-written is cleaned up on the way out.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    cast(Any, app)(prog_name="dlcli")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Unwind at the first signal, leave at once at the second."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _leave)
    raise KeyboardInterrupt


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(ExitCode.INTERRUPTED)
