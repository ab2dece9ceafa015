"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dlcli.cli.completion import complete_override, complete_run
from dlcli.permission import allow_code


class Backend(StrEnum):
    """The values of --backend."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"


class EngineName(StrEnum):
    """The values of --engine."""

    LOCAL = "local"
    RAY = "ray"


class Preset(StrEnum):
    """The values of --preset."""

    SMALL = "small"
    STRONG = "strong"
    FAST = "fast"


class TableFormat(StrEnum):
    """The values of --format where tables are printed."""

    TABLE = "table"
    MARKDOWN = "md"


class PictureFormat(StrEnum):
    """The values of --format where pictures are written."""

    SVG = "svg"
    PNG = "png"


def _reading(option: str, metavar: str, about: str) -> Any:
    """Describe an option that says how a data file is read, as the key of that name in a config."""
    return typer.Option(option, metavar=metavar, help=f"{about} (data files).", show_default=False)


def repeated(option: str, metavar: str, about: str) -> Any:
    """Describe an option that may be given several times."""
    return typer.Option(option, metavar=metavar, help=f"{about}; repeatable.")


Configs = Annotated[
    list[Path], typer.Argument(metavar="CONFIG...", help="YAML files.", readable=False)
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run folder, a run's name for its newest run, or a packed run.",
        autocompletion=complete_run,
    ),
]
LabelledData = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Labelled data, dataset:NAME too; the run's test part without it.",
        readable=False,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the config; repeatable.",
        autocompletion=complete_override,
    ),
]
Checks = Annotated[
    list[str] | None,
    typer.Option(
        "--check",
        metavar="CHECK",
        help="A figure and its limit, as in 'test.R2Score >= 0.85', beside the config's `checks`; "
        "exit code 7 where it falls short; repeatable.",
    ),
]
FailIf = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if",
        metavar="CONDITION",
        help="A check told from its other side: 'test.R2Score < 0.85' is --check 'test.R2Score >= "
        "0.85'; repeatable.",
    ),
]
Previous = Annotated[
    str | None,
    typer.Option(
        "--previous",
        metavar="RUN",
        help="The run that checks call `previous`; the one before of the same name without it.",
    ),
]
JUnit = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="Write the checks as JUnit XML for a CI server."),
]
TextFormat = Annotated[
    TableFormat, typer.Option("--format", help="Tables for the terminal, or Markdown.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads to compute with; all cores without.")
]
Force = Annotated[bool, typer.Option("--force", help="Write over files that are there.")]
Sheet = Annotated[
    str | None, _reading("--sheet", "NAME", "The Excel sheet, by name or number from 1")
]
Separator = Annotated[str | None, _reading("--separator", "CHAR", "What separates cells")]
Header = Annotated[
    str | None, _reading("--header", "A,B,...", "The column names of a file without a header row")
]
Encoding = Annotated[str | None, _reading("--encoding", "NAME", "The text encoding")]
Decimal = Annotated[str | None, _reading("--decimal", "CHAR", "The decimal mark, . or ,")]
Thousands = Annotated[str | None, _reading("--thousands", "CHAR", "The mark between thousands")]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the backend's own log lines, and tracebacks.")
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run the Python files that the config or run brings (`imports`).",
        callback=allow_code,
    ),
]

MemoryBudget = Annotated[
    str | None,
    typer.Option(
        "--memory-budget",
        metavar="SIZE",
        help="Larger data, as in 512MB or 2GB, train in blocks, those of tables from disk.",
    ),
]
EngineOption = Annotated[
    EngineName | None,
    typer.Option("--engine", help="Where training runs, over the config's own `engine`."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="The head of the Ray cluster; the cluster of this machine without.",
    ),
]
