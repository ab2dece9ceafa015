"""The training tables: the loop alone and the whole process, dlcli beside its peers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bars import Bar, Section
from benchmarks.figures import (
    Spread,
    alternate,
    format_number,
    format_ratio,
    format_table,
    ratios,
    spread,
)
from benchmarks.problems import Problem
from benchmarks.processes import Finished, run_dlcli, run_peer, say


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One measurement of one tool on one problem."""

    rows: int
    parameters: int
    epoch_seconds: float
    """Of the training loop alone, without compilation and the first epoch."""
    wall_seconds: float
    """Of the whole process, over the problem's `whole_epochs`."""
    compile_seconds: float | None = None
    """What dlcli spends on tracing and compiling before the loop."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Something that trains a problem in a process of its own."""

    name: str
    package: str
    """What must be installed for it."""
    run: Callable[[Problem, Path, int], Finished]
    read: Callable[[Any], dict[str, Any]]
    """Takes the JSON values that it prints; returns fields of its Trial."""
    can_train: Callable[[Problem], bool] = lambda problem: True
    is_fast: bool = False
    """Whether its loop is measured over the published epochs, whatever the whole process runs."""


LOOP_EXPLANATION = """\
Milliseconds per epoch (median); then how many times dlcli's time that is: median of the pairs, least
to greatest. The third column has the epochs: those of dlcli's loop, as published, and those of the
peers' loops. The first epoch of each tool does not count. Matrix products alone are what no tool can
do without: where they take most of an epoch, nothing is left to save. Compiling, once per run, has
columns of its own."""

WHOLE_EXPLANATION = """\
Seconds from the start of the interpreter to its end: reading, splitting, scaling, training for these
epochs, scoring and saving; then ratios as above."""

Trials = dict[str, list[Trial]]
"""Tool name to its trials, in the order of the pairs."""


def measure_training(problems: Sequence[Problem], *, pairs: int) -> Section:
    """Measure every problem with every tool, and lay the figures out."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _warm_up(problems[0], folder)
        measured = {
            each.name: measure_problem(each, pairs=pairs, folder=folder) for each in problems
        }
    return Section(
        markdown=format_training(problems, measured),
        bars=make_bars(measured),
        samples={
            name: {tool: [asdict(trial) for trial in trials] for tool, trials in by_tool.items()}
            for name, by_tool in measured.items()
        },
    )


def measure_problem(
    problem: Problem, *, pairs: int, folder: Path, epochs: int | None = None
) -> Trials:
    """Run every tool once a pair, in alternating order, `epochs` instead of the problem's own.

    Raises ValueError where two tools did not train the same rows and parameters.
    """
    tools = find_tools(problem)
    trials: Trials = {tool.name: [] for tool in tools}
    for pair in range(pairs):
        for tool in alternate(tools, pair):
            say(f"training: {problem.name}, pair {pair + 1} of {pairs}, {tool.name}")
            trials[tool.name].append(_try(tool, problem, folder, epochs))
    _check_same_work(problem, trials)
    return trials


def find_tools(problem: Problem) -> list[Tool]:
    """Return the tools that are installed and can express the problem."""
    return [tool for tool in LOOP_TOOLS if find_spec(tool.package) and tool.can_train(problem)]


def _try(tool: Tool, problem: Problem, folder: Path, epochs: int | None) -> Trial:
    whole_epochs = epochs or problem.whole_epochs
    finished = tool.run(problem, folder, whole_epochs)
    fields = tool.read(finished.values())
    loop_epochs = epochs or problem.epochs
    if tool.is_fast and loop_epochs != whole_epochs:
        fields = tool.read(tool.run(problem, folder, loop_epochs).values())
    return Trial(wall_seconds=finished.wall_seconds, **fields)


def _check_same_work(problem: Problem, trials: Trials) -> None:
    work = {name: (each[0].rows, each[0].parameters) for name, each in trials.items()}
    if len(set(work.values())) > 1:
        listed = ", ".join(f"{name} {rows} and {count}" for name, (rows, count) in work.items())
        raise ValueError(f"{problem.name}: rows and parameters differ: {listed}")


def _warm_up(problem: Problem, folder: Path) -> None:
    """Run every tool once without measuring, so that no first pair reads from a cold disk."""
    for tool in find_tools(problem):
        say(f"training: warming up, {tool.name}")
        tool.run(problem, folder, 2)


def _dlcli(backend: str) -> Callable[[Problem, Path, int], Finished]:
    def run(problem: Problem, folder: Path, epochs: int) -> Finished:
        arguments = ["train", str(problem.config), "--json", "--quiet", "--backend", backend]
        for setting in problem.settings(folder, epochs=epochs):
            arguments += ["--set", setting]
        return run_dlcli(arguments, folder=folder)

    return run


def _read_dlcli(values: Any) -> dict[str, Any]:
    manifest = values["manifest"]
    return {
        "rows": manifest["data"]["split"]["sizes"]["train"],
        "parameters": manifest["num_parameters"],
        "epoch_seconds": _later_epoch_seconds(manifest),
        "compile_seconds": manifest["seconds"]["compile"],
    }


def _later_epoch_seconds(manifest: Any) -> float:
    """Return the mean over all epochs but the first, as the peers' clocks do."""
    seconds, done = manifest["seconds"], manifest["epochs"]["done"]
    if seconds["first_epoch"] is None or done < 2:
        return float(seconds["loop"] / done)
    return float((seconds["loop"] - seconds["first_epoch"]) / (done - 1))


def _peer(script: str) -> Callable[[Problem, Path, int], Finished]:
    def run(problem: Problem, folder: Path, epochs: int) -> Finished:
        path = folder / "problem.json"
        path.write_text(json.dumps(problem.describe(folder)), encoding="utf-8")
        return run_peer(script, [str(path), str(epochs)], folder=folder)

    return run


def _read_peer(values: Any) -> dict[str, Any]:
    return {name: values[name] for name in ("rows", "parameters", "epoch_seconds")}


DLCLI = Tool(
    name="dlcli",
    package="tensorflow",
    run=_dlcli("tensorflow"),
    read=_read_dlcli,
    is_fast=True,
)
JAX = Tool(name="dlcli on JAX", package="jax", run=_dlcli("jax"), read=_read_dlcli, is_fast=True)
KERAS = Tool(name="Keras script", package="sklearn", run=_peer("keras_script"), read=_read_peer)
TORCH = Tool(name="PyTorch loop", package="torch", run=_peer("torch_loop"), read=_read_peer)
SKLEARN = Tool(
    name="scikit-learn MLP",
    package="sklearn",
    run=_peer("sklearn_mlp"),
    read=_read_peer,
    can_train=Problem.can_be_perceptron,
)
TOOLS = (DLCLI, JAX, KERAS, TORCH, SKLEARN)
PRODUCTS = Tool(
    name="matrix products alone", package="sklearn", run=_peer("products"), read=_read_peer
)
LOOP_TOOLS = (*TOOLS, PRODUCTS)

LOOP_BARS = (
    ("Advertising", KERAS, 100.0),
    ("concrete-original, 30 epochs", KERAS, 80.0),
    ("concrete-original, 1000 epochs", KERAS, 80.0),
    ("brazing", KERAS, 80.0),
    ("CCPP", KERAS, 40.0),
    ("sine", KERAS, 12.0),
    ("wine quality", KERAS, 5.0),
    ("Advertising", TORCH, 4.0),
    ("concrete-original, 30 epochs", TORCH, 4.0),
    ("concrete-original, 1000 epochs", TORCH, 4.0),
    ("CCPP", TORCH, 4.0),
    ("wine quality", TORCH, 1.5),
    ("sine", TORCH, 1.5),
)
WHOLE_BARS = (("Advertising", KERAS, 7.0), ("CCPP", KERAS, 8.0))


def make_bars(measured: dict[str, Trials]) -> tuple[Bar, ...]:
    """Return what the measured problems promise."""
    loops = [
        Bar(
            what=f"{name}: training loop against {_loop_name(tool)}",
            bound=bound,
            measured=_compare(measured[name], tool, _epoch_seconds),
        )
        for name, tool, bound in LOOP_BARS
        if name in measured
    ]
    wholes = [
        Bar(
            what=f"{name}: whole process against the {tool.name}",
            bound=bound,
            measured=_compare(measured[name], tool, _wall_seconds),
        )
        for name, tool, bound in WHOLE_BARS
        if name in measured
    ]
    return (*loops, *wholes)


def format_training(problems: Sequence[Problem], measured: dict[str, Trials]) -> str:
    """Lay the training tables out in Markdown."""
    names = [tool.name for tool in TOOLS]
    loop = format_table(
        [
            "problem",
            "rows, batch",
            "epochs",
            *(tool.name for tool in LOOP_TOOLS),
            "compile",
            "compile on JAX",
        ],
        [_loop_row(problem, measured[problem.name]) for problem in problems],
    )
    whole = format_table(
        ["problem", "epochs", *names],
        [_whole_row(problem, measured[problem.name]) for problem in problems],
    )
    return (
        f"## Training loop alone\n\n{LOOP_EXPLANATION}\n\n{loop}\n\n"
        f"## Whole process\n\n{WHOLE_EXPLANATION}\n\n{whole}"
    )


def _loop_row(problem: Problem, trials: Trials) -> list[str]:
    first = trials[DLCLI.name][0]
    return [
        f"{problem.name}",
        f"{first.rows:,}, {problem.batch_size}",
        f"{problem.epochs:,}, {problem.whole_epochs:,}",
        *(_cell(trials, tool, _epoch_seconds, scale=1000, unit="ms") for tool in LOOP_TOOLS),
        *(_compile_cell(trials, tool) for tool in (DLCLI, JAX)),
    ]


def _whole_row(problem: Problem, trials: Trials) -> list[str]:
    cells = [_cell(trials, tool, _wall_seconds, scale=1, unit="s") for tool in TOOLS]
    return [problem.name, f"{problem.whole_epochs:,}", *cells]


def _cell(
    trials: Trials, tool: Tool, pick: Callable[[Trial], float], *, scale: float, unit: str
) -> str:
    if tool.name not in trials:
        return ""
    value = spread([pick(trial) for trial in trials[tool.name]])
    text = f"{format_number(scale * value.median)} {unit}"
    if tool is DLCLI:
        return text
    compared = _compare(trials, tool, pick)
    assert compared is not None
    return f"{text}, {format_ratio(compared)}"


def _compile_cell(trials: Trials, tool: Tool) -> str:
    seconds = [
        trial.compile_seconds
        for trial in trials.get(tool.name, [])
        if trial.compile_seconds is not None
    ]
    return f"{format_number(spread(seconds).median)} s" if seconds else ""


def _compare(trials: Trials, tool: Tool, pick: Callable[[Trial], float]) -> Spread | None:
    if tool.name not in trials:
        return None
    return ratios(
        [pick(trial) for trial in trials[tool.name]],
        [pick(trial) for trial in trials[DLCLI.name]],
    )


def _epoch_seconds(trial: Trial) -> float:
    return trial.epoch_seconds


def _wall_seconds(trial: Trial) -> float:
    return trial.wall_seconds


def _loop_name(tool: Tool) -> str:
    return "model.fit" if tool is KERAS else f"the {tool.name}"
