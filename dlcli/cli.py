"""Every command's options and help; bodies import what they need and call it."""

import importlib
import json
import os
import platform
import signal
import sys
import tempfile
import traceback
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from dlcli import __version__
from dlcli.errors import DlcliError, ExitCode, Interrupted, UsageError


class _Boundary(TyperGroup):
    """The one place where exceptions become messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except DlcliError as error:
            _console().show_error(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            _console().show_error(Interrupted("interrupted"))
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our output has enough, as in `dlcli schema | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.DONE) from None
        except Exception as error:
            if _is_typers_own(error):
                raise
            _report_bug(error)
            raise typer.Exit(ExitCode.BUG) from None


app = typer.Typer(
    name="dlcli",
    cls=_Boundary,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train, evaluate and share neural networks on tables from one YAML file.",
)


class Backend(StrEnum):
    """The values of --backend."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.")]
Configs = Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="YAML files.")]
Run = Annotated[
    str, typer.Argument(metavar="RUN", help="A run folder, or a run's name for its newest run.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config; repeatable."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads to compute with; all cores without.")
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the backend's own log lines, and tracebacks.")
]


def _version(wanted: bool) -> None:
    if wanted:
        _console().write_result(f"dlcli {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train, evaluate and share neural networks on tables from one YAML file."""


@app.command()
def train(
    config: Configs,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The run folder; runs/NAME/NUMBER without it.", show_default=False
        ),
    ] = None,
    backend: Annotated[
        Backend | None,
        typer.Option("--backend", help="What Keras computes with, over the config's own."),
    ] = None,
    threads: Threads = None,
    memory_budget: Annotated[
        str | None,
        typer.Option(
            "--memory-budget",
            metavar="SIZE",
            help="Larger data, as in 512MB or 2GB, train in blocks; a quarter of RAM without.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train configs: check, fit, evaluate, and write a run folder for each.

    Example: dlcli train configs/concrete.yaml --set epochs=50
    """
    commands, console = _command("train"), _console()
    if out is not None and len(config) > 1:
        raise UsageError("--out names one run folder, but there are several configs")
    options = commands.TrainOptions(
        overrides=tuple(overrides or ()),
        out=out,
        backend=backend,
        threads=threads,
        memory_budget_bytes=None if memory_budget is None else commands.parse_bytes(memory_budget),
        debug=debug,
    )
    summaries = _command("summarize")
    displays = partial(console.training_display, quiet=quiet)
    for trained in commands.train_all(config, options, displays):
        if as_json:
            console.write_result(_dump(summaries.run_json(trained.run)))
        else:
            console.write_result(summaries.run_text(trained.run))
        if trained.interrupted:
            raise Interrupted(
                f"training was stopped; {trained.run.path} keeps the weights it had reached"
            )


@app.command()
def evaluate(
    run: Run,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="FILE", help="Labelled data; the run's test part without it."
        ),
    ] = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Print a run's figures on its test part or on new labelled data.

    Example: dlcli evaluate concrete --data new.csv
    """
    evaluation = _command("evaluate").evaluate(run, tuple(data or ()), threads=threads)
    if as_json:
        _console().write_result(_dump(evaluation.to_json()))
        return
    report = importlib.import_module("dlcli.report")
    _console().write_result(
        f"{evaluation.run.path} on {evaluation.what}, {evaluation.rows:,} rows\n\n"
        + report.format_scores(evaluation.targets, evaluation.baselines)
    )


@app.command()
def predict(
    run: Run,
    data: Annotated[
        Path,
        typer.Option("--data", metavar="FILE", help="The table to predict; - is CSV on stdin."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="CSV, TSV, Excel, Parquet or JSON Lines by suffix; - is stdout.",
        ),
    ] = Path("-"),
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="COLUMN", help="Keep only these input columns; repeatable."),
    ] = None,
    threads: Threads = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Predict the rows of a table with a run, in the target's unit.

    Example: dlcli predict concrete --data new.csv --out predictions.csv
    """
    console = _console()
    progress = console.RowCounter("predicted", quiet=quiet)
    predicted = _command("predict").predict(
        run, data, out, ids=tuple(ids or ()), threads=threads, on_rows=progress.show
    )
    progress.close()
    if predicted.without_prediction:
        console.say(
            f"{predicted.without_prediction:,} of {predicted.rows:,} rows have no prediction: "
            "the run's `drop` policies leave them out"
        )
    if str(out) != "-" and not quiet:
        console.say(f"{predicted.rows:,} rows predicted into {out}")


@app.command()
def summarize(
    what: Annotated[str, typer.Argument(metavar="CONFIG|RUN|FILE", help="What to describe.")],
    overrides: Overrides = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Also print the weights and biases.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the network: .svg or .png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Describe a config's network, a finished run, or a data file.

    Example: dlcli summarize datasets/concrete.csv
    """
    summary = _command("summarize").summarize(
        what, overrides=tuple(overrides or ()), weights=weights, plot=plot
    )
    _console().write_result(_dump(summary.values) if as_json else summary.text)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A data file.")],
    target: Annotated[
        list[str],
        typer.Option("--target", metavar="NAME", help="The column to predict; repeatable."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The config; NAME.yaml here without it."),
    ] = None,
) -> None:
    """Write a commented config that fits a data file and trains without an edit.

    Example: dlcli init datasets/concrete.csv --target compressive_strength
    """
    written = _command("init").init(file, tuple(target), out)
    _console().write_result(f"{written}\nnext: dlcli train {written}")


@app.command()
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
    checked = _command("validate").validate(tuple(config), tuple(overrides or ()), with_data=data)
    console = _console()
    if as_json:
        console.write_result(
            _dump([{"config": str(c.path), "error": c.error and c.error.message} for c in checked])
        )
    for item in checked:
        if item.error is not None:
            console.show_error(item.error)
        elif not as_json:
            rows = ", ".join(f"{count:,} {name}" for name, count in (item.rows or {}).items())
            console.write_result(f"{item.path}: ok" + (f" ({rows} rows)" if rows else ""))
        for warning in item.warnings:
            console.say(f"{item.path}: warning: {warning}")
    failed = [item.error for item in checked if item.error is not None]
    if failed:
        raise typer.Exit(max(error.exit_code for error in failed))


@app.command()
def schema() -> None:
    """Print the grammar of configs as JSON Schema, for editors.

    Example: dlcli schema > dlcli.schema.json
    """
    grammar = importlib.import_module("dlcli.spec.schema").build_schema()
    _console().write_result(_dump(grammar))


@app.command()
def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A layer, loss, optimizer, ... or a key of the config."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--list", metavar="KIND", help="List a kind: layer, loss, metric, callback, ..."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the reference of one name, or the names of one kind.

    Example: dlcli explain EarlyStopping
    """
    commands = _command("explain")
    if (name is None) == (kind is None):
        raise UsageError("expected a NAME or --list KIND", hint="e.g. dlcli explain Dense")
    if name is None:
        answer = _dump(commands.list_kind(kind)) if as_json else commands.explain_kind(kind)
    else:
        answer = _dump(commands.explain_json(name)) if as_json else commands.explain(name)
    _console().write_result(answer)


@app.command()
def datasets(as_json: AsJson = False) -> None:
    """List the public data sets that `source: dataset:NAME` knows.

    Example: dlcli datasets
    """
    listed = _command("datasets").datasets()
    _console().write_result(_dump(listed.values) if as_json else listed.text)


def _repeated(option: str, metavar: str, about: str) -> Any:
    return typer.Option(option, metavar=metavar, help=f"{about}; repeatable.")


@app.command()
def optimize(
    run: Run,
    minimize: Annotated[
        list[str] | None,
        _repeated("--minimize", "NAME", "A prediction or arithmetic to make small"),
    ] = None,
    maximize: Annotated[
        list[str] | None,
        _repeated("--maximize", "NAME", "The same to make large; TARGET=CLASS too"),
    ] = None,
    target: Annotated[
        list[str] | None, _repeated("--target", "NAME=VALUE", "The same to bring close to a value")
    ] = None,
    weight: Annotated[
        list[str] | None,
        _repeated("--weight", "NAME=WEIGHT", "What a goal counts beside others, 1"),
    ] = None,
    bounds: Annotated[
        list[str] | None,
        _repeated(
            "--bounds",
            "NAME=LOW:HIGH",
            "Where to search, NAME=one,other for categories; the training range without it",
        ),
    ] = None,
    fix: Annotated[
        list[str] | None, _repeated("--fix", "NAME=VALUE", "Hold an input at one value")
    ] = None,
    integer: Annotated[
        list[str] | None, _repeated("--integer", "NAME", "Search whole numbers only")
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        _repeated("--subject-to", "CONDITION", "What must hold, e.g. 'water + cement <= 500'"),
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find the inputs with the best predictions, within bounds and conditions.

    Example: dlcli optimize brazing --minimize stress_max_mpa --bounds thickness_um=50:120
    """
    commands, console = _command("optimize"), _console()
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
    display = console.training_display(quiet=quiet)
    try:
        found = commands.optimize(run, options, threads=threads, on_stage=display.on_stage)
    finally:
        display.close()
    console.write_result(_dump(found.to_json()) if as_json else found.to_text())


class PictureFormat(StrEnum):
    SVG = "svg"
    PNG = "png"


@app.command()
def importance(
    run: Run,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="FILE", help="Labelled data; the run's test part without it."
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="How often each input is shuffled.")
    ] = 10,
    curves: Annotated[
        int, typer.Option("--curves", min=0, help="Inputs with a curve, the most important ones.")
    ] = 5,
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Rows looked at; a sample of more.")
    ] = 10_000,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Of the shuffling; the run's own without it."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="DIR", help="Draw it all into this folder.")
    ] = None,
    picture: Annotated[
        PictureFormat, typer.Option("--format", help="Of the pictures.")
    ] = PictureFormat.SVG,
    threads: Threads = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which inputs a run's predictions rest on, and how they answer to each.

    Example: dlcli importance concrete --plot plots
    """
    commands, console = _command("importance"), _console()
    options = commands.ImportanceOptions(
        data=tuple(data or ()),
        repeats=repeats,
        curves=curves,
        rows=rows,
        seed=seed,
        plot=plot,
        suffix=picture.value,
    )
    display = console.training_display(quiet=quiet)
    try:
        found = commands.importance(run, options, threads=threads, on_stage=display.on_stage)
    finally:
        display.close()
    console.write_result(_dump(found.to_json()) if as_json else found.to_text())


def _command(name: str) -> Any:
    """Import a command's module, which is named like it."""
    return importlib.import_module(f"dlcli.commands.{name}")


def _console() -> Any:
    return importlib.import_module("dlcli.console")


def _dump(values: Any) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False)


def _is_typers_own(error: Exception) -> bool:
    return type(error).__module__.startswith("typer.") or isinstance(
        error, typer.Exit | typer.Abort
    )


def _report_bug(error: Exception) -> None:
    """Write the traceback to a log, or show it with --debug, and name it in one line."""
    text = "".join(traceback.format_exception(error))
    if "--debug" in sys.argv:
        _console().say(text)
    about = f"dlcli {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    command = " ".join(sys.argv[1:])
    with tempfile.NamedTemporaryFile(
        "w", prefix="dlcli-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(f"{about}dlcli {command}\n\n{text}")
    bug = DlcliError(
        f"a bug in dlcli: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
        hint=f"please report it with {log.name}",
    )
    _console().show_error(bug)


def run() -> None:
    """Start the command line."""
    # A polite request to end, like Ctrl-C: what is half-written is cleaned up on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cast(Any, app)()
