"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Backend(StrEnum):
    """The values of --backend."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"


class PictureFormat(StrEnum):
    """The values of --format where pictures are written."""

    SVG = "svg"
    PNG = "png"


def repeated(option: str, metavar: str, about: str) -> Any:
    """Describe an option that may be given several times."""
    return typer.Option(option, metavar=metavar, help=f"{about}; repeatable.")


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.")]
Configs = Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="YAML files.")]
Run = Annotated[
    str, typer.Argument(metavar="RUN", help="A run folder, or a run's name for its newest run.")
]
LabelledData = Annotated[
    list[Path] | None,
    typer.Option("--data", metavar="FILE", help="Labelled data; the run's test part without it."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config; repeatable."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads to compute with; all cores without.")
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the backend's own log lines, and tracebacks.")
]
