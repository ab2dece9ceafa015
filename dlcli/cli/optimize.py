"""The `optimize` command."""

from typing import Annotated

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console, show_stages
from dlcli.cli.options import AllowCode, AsJson, Quiet, Run, Threads, repeated


def optimize(
    run: Run,
    minimize: Annotated[
        list[str] | None,
        repeated("--minimize", "NAME", "A prediction or arithmetic to make small"),
    ] = None,
    maximize: Annotated[
        list[str] | None,
        repeated("--maximize", "NAME", "The same to make large; TARGET=CLASS too"),
    ] = None,
    target: Annotated[
        list[str] | None, repeated("--target", "NAME=VALUE", "The same to bring close to a value")
    ] = None,
    weight: Annotated[
        list[str] | None,
        repeated("--weight", "NAME=WEIGHT", "What a goal counts beside others, 1"),
    ] = None,
    bounds: Annotated[
        list[str] | None,
        repeated(
            "--bounds",
            "NAME=LOW:HIGH",
            "Where to search, NAME=one,other for categories; the training range without it",
        ),
    ] = None,
    fix: Annotated[
        list[str] | None, repeated("--fix", "NAME=VALUE", "Hold an input at one value")
    ] = None,
    integer: Annotated[
        list[str] | None, repeated("--integer", "NAME", "Search whole numbers only")
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        repeated("--subject-to", "CONDITION", "What must hold, e.g. 'water + cement <= 500'"),
    ] = None,
    inside: Annotated[
        bool, typer.Option("--inside", help="Search only where the training data lie.")
    ] = False,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="Give the front of two goals or more, unweighed.")
    ] = False,
    points: Annotated[
        int, typer.Option("--points", min=2, help="Points of the front, about.")
    ] = 15,
    nearest: Annotated[
        int, typer.Option("--nearest", min=0, help="Real rows to show beside the optimum.")
    ] = 3,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of the search; the run's own without it.")
    ] = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    allow_code: AllowCode = False,
) -> None:
    """Find the inputs with the best predictions, within bounds and conditions.

    Example: dlcli optimize brazing --minimize stress_max_mpa --bounds thickness_um=50:120
    """
    commands = import_command("optimize")
    options = commands.OptimizeOptions(
        minimize=tuple(minimize or ()),
        maximize=tuple(maximize or ()),
        targets=tuple(target or ()),
        weights=tuple(weight or ()),
        bounds=tuple(bounds or ()),
        fixed=tuple(fix or ()),
        integers=tuple(integer or ()),
        conditions=tuple(subject_to or ()),
        inside=inside,
        pareto=pareto,
        points=points,
        nearest=nearest,
        seed=seed,
    )
    with show_stages(quiet=quiet) as display:
        found = commands.optimize(run, options, threads=threads, on_stage=display.on_stage)
    import_console().write_result(dump_json(found.to_json()) if as_json else found.to_text())
