"""The command line: one module per command, with its options and help."""

import signal
from typing import Annotated, Any, cast

import typer

from dlcli import __version__
from dlcli.cli.boundary import Boundary
from dlcli.cli.datasets import datasets
from dlcli.cli.evaluate import evaluate
from dlcli.cli.explain import explain
from dlcli.cli.importance import importance
from dlcli.cli.init import init
from dlcli.cli.lazy import import_console
from dlcli.cli.optimize import optimize
from dlcli.cli.predict import predict
from dlcli.cli.schema import schema
from dlcli.cli.summarize import summarize
from dlcli.cli.train import train
from dlcli.cli.validate import validate

COMMANDS = (
    train,
    evaluate,
    predict,
    summarize,
    init,
    validate,
    schema,
    explain,
    datasets,
    optimize,
    importance,
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
) -> None:
    """Train, evaluate and share neural networks on tables from one YAML file."""


for command in COMMANDS:
    app.command()(command)


def run() -> None:
    """Start the command line."""
    # A polite request to end, like Ctrl-C: what is half-written is cleaned up on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cast(Any, app)(prog_name="dlcli")
