"""The `runs` command and what it does with runs."""

from typing import Annotated

import typer

from dlcli.cli.completion import complete_run
from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, Run, TableFormat, TextFormat, Yes
from dlcli.errors import UsageError

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME...]",
        help="Names of runs; all without.",
        show_default=False,
        autocompletion=complete_run,
    ),
]
Last = Annotated[
    int | None,
    typer.Option("--last", metavar="N", min=1, help="Only the newest N of each name."),
]

runs = typer.Typer(
    no_args_is_help=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@runs.callback(invoke_without_command=True)
def runs_command(
    context: typer.Context,
    as_json: AsJson = False,
    layout: TextFormat = TableFormat.TABLE,
) -> None:
    """List runs and their figures; show, rank and remove them.

    Example: dlcli runs list concrete --last 5
    """
    if context.invoked_subcommand is None:
        list_runs(None, None, as_json=as_json, layout=layout)
    elif as_json or layout != TableFormat.TABLE:
        raise UsageError("--json and --format come after the word", hint="dlcli runs list --json")


@runs.command("list")
def list_runs(
    names: Names = None,
    last: Last = None,
    as_json: AsJson = False,
    layout: TextFormat = TableFormat.TABLE,
) -> None:
    """List runs with their figures, a table for each name.

    Example: dlcli runs list concrete --last 5
    """
    listing = import_command("runs").list_all(tuple(names or ()), last=last)
    console = import_console()
    if as_json:
        console.write_result(dump_json(listing.values))
    elif listing.blocks:
        console.write_blocks(listing.blocks, as_markdown=layout == TableFormat.MARKDOWN)
    else:
        console.say("there are no runs in runs/ yet; `dlcli train CONFIG` makes one")


@runs.command("show")
def show(run: Run, as_json: AsJson = False) -> None:
    """Show one run: its figures, checks, settings, data and files.

    Example: dlcli runs show concrete/001
    """
    summary = import_command("runs").show(run)
    console = import_console()
    if as_json:
        console.write_result(dump_json(summary.values))
    else:
        console.write_result(f"{summary.text}\n")
        console.write_blocks(summary.blocks, as_markdown=False)


@runs.command("best")
def best(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The name of the runs.", autocompletion=complete_run),
    ],
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="FIGURE",
            help="PART.METRIC or PART.TARGET.METRIC, as in validation.R2Score; the main figure of "
            "the validation part without.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the folder of the best finished run.

    Example: dlcli runs best concrete --by validation.R2Score
    """
    found = import_command("runs").find_best(name, by)
    console = import_console()
    if as_json:
        console.write_result(dump_json(found.to_json()))
        return
    console.write_result(str(found.record.run.path))
    console.say(f"{found.figure}: {console.format_number(found.value)}, of {found.num_runs} runs")


@runs.command("gc")
def gc(
    names: Names = None,
    keep: Annotated[
        int,
        typer.Option("--keep", metavar="N", min=1, help="How many of each name stay: the newest."),
    ] = 10,
    yes: Yes = False,
) -> None:
    """List old runs, and with --yes remove them; the best of each name stays too.

    Example: dlcli runs gc concrete --keep 20
    """
    commands, console = import_command("runs"), import_console()
    old = commands.find_old(tuple(names or ()), keep=keep)
    if yes:
        commands.remove(old)
    for each in old:
        console.write_result(str(each.path))
    done = "removed" if yes else "would go; nothing was removed, --yes does it"
    console.say(f"{len(old)} run{'s' * (len(old) != 1)} {done}")


@runs.command("rm")
def rm(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Runs, each by its number or folder.",
            autocompletion=complete_run,
        ),
    ],
    yes: Yes = False,
) -> None:
    """Remove runs with all their files; asks before it does.

    Example: dlcli runs rm concrete/001 --yes
    """
    commands, console = import_command("runs"), import_console()
    found = commands.find_removable(run)
    listed = "\n".join(f"  {each.path}" for each in found)
    if not yes and not console.confirm(f"remove for good:\n{listed}\n"):
        raise typer.Exit
    commands.remove(found)
    console.say(f"removed {len(found)} run{'s' * (len(found) != 1)}")
