"""The `train` command."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import (
    Address,
    AllowCode,
    AsJson,
    Backend,
    Checks,
    Configs,
    Debug,
    EngineOption,
    FailIf,
    JUnit,
    MemoryBudget,
    Overrides,
    Previous,
    Quiet,
    Threads,
)
from dlcli.errors import DataError, DlcliError, Interrupted, RunError, TrainingError, UsageError
from dlcli.training.stopping import leaves_in_time, sigterm_as_sigint


def train(
    config: Configs,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The run folder; runs/NAME/NUMBER without it.", show_default=False
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the run --out, or the newest unfinished one, where it was."
        ),
    ] = False,
    backend: Annotated[
        Backend | None,
        typer.Option("--backend", help="What Keras computes with, over the config's own."),
    ] = None,
    engine: EngineOption = None,
    address: Address = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Workers on a Ray cluster: for folds and members at once, or for one network.",
        ),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(
            "--devices",
            metavar="N",
            help="Devices of this machine that share every batch; all takes what there is.",
        ),
    ] = None,
    threads: Threads = None,
    memory_budget: MemoryBudget = None,
    checks: Checks = None,
    fail_if: FailIf = None,
    previous: Previous = None,
    junit: JUnit = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
    allow_code: AllowCode = False,
) -> None:
    """Train configs: check, fit, evaluate, and write a run folder for each.

    Example: dlcli train configs/concrete.yaml --set epochs=50
    """
    commands, console = import_command("train"), import_console()
    if out is not None and len(config) > 1:
        raise UsageError("--out names one run folder, but there are several configs")
    options = commands.TrainOptions(
        overrides=tuple(overrides or ()),
        out=out,
        backend=backend,
        threads=threads,
        memory_budget_bytes=None if memory_budget is None else commands.parse_bytes(memory_budget),
        resume=resume,
        engine=commands.AskedEngine(name=engine, address=address, workers=workers, devices=devices),
        debug=debug,
        checks=import_command("gate").checks_of(checks, fail_if),
        previous=previous,
    )
    trained = commands.train_all(config, options, partial(console.training_display, quiet=quiet))
    with (
        sigterm_as_sigint(),
        leaves_in_time(console.abandon),
        import_command("gate").open_gate(junit, ", ".join(map(str, config))) as gate,
    ):
        named = _judged(_named(trained, config), gate)
        if as_json:
            _write_json(named, several=len(config) > 1)
        else:
            _write_texts(named)


def _judged(trained: Iterator[Any], gate: Any) -> Iterator[Any]:
    """Note how every run stands to its checks, once it has been written out."""
    for each in trained:
        yield each
        seconds = each.manifest["seconds"]["train"]
        gate.take(each.run, each.verdicts, places=each.check_places, seconds=seconds)


def _named(trained: Iterable[Any], configs: Sequence[Path]) -> Iterator[Any]:
    """Say of what ends the trainings which config it came from, where there are several."""
    finished: list[str] = []
    error: DlcliError
    try:
        for each in trained:
            finished.append(str(each.run.path))
            yield each
            if each.interrupted:
                text = f"training was stopped; {each.run.path} keeps the weights it had reached"
                left = len(configs) - len(finished)
                raise Interrupted(
                    f"{text}; configs not trained: {left}" if left else text,
                    hint="the same command with --resume goes on with it" if not left else None,
                )
        return
    except KeyboardInterrupt:
        error = Interrupted("interrupted")
    except (DataError, TrainingError, RunError) as raised:
        error = raised
    if len(configs) > 1:
        kept = f"; finished: {', '.join(finished)}" if finished else ""
        error.message = f"{configs[len(finished)]}: {error.message}{kept}"
    raise error


def _write_texts(trained: Iterator[Any]) -> None:
    """Write every run as soon as it is there."""
    summaries, console = import_command("summarize"), import_console()
    for index, each in enumerate(trained):
        console.write_result(("\n" if index else "") + summaries.run_text(each.run))


def _write_json(trained: Iterator[Any], *, several: bool) -> None:
    """Write one document: the run, or the list of several runs and of what ended them."""
    summaries, console = import_command("summarize"), import_console()
    documents: list[Any] = []
    failure: DlcliError | None = None
    try:
        for each in trained:
            documents.append(summaries.run_json(each.run))
    except DlcliError as error:
        if not documents:
            raise
        failure = error
    if not several:
        (document,) = documents
        console.write_result(dump_json(document))
    else:
        failed = [] if failure is None else [{"error": failure.to_json()}]
        console.write_result(dump_json([*documents, *failed]))
    if failure is not None:
        console.show_error(failure)
        raise typer.Exit(failure.exit_code)
