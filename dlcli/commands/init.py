"""Init: a data file to a commented config that trains without an edit."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from dlcli.data.profile import profile_table
from dlcli.data.readers import suffix_of
from dlcli.data.reading_settings import parse_settings
from dlcli.data.sources import DATASET_PREFIX
from dlcli.errors import UsageError
from dlcli.files import check_output, writing, written_whole
from dlcli.recipe.config import Preset, plan_config, write_config
from dlcli.recipe.reading import ReadFile, find_column, read_file
from dlcli.recipe.text import flow, say
from dlcli.spec.problems import suggest
from dlcli.terminal_text import counted


def init(
    file: Path,
    target: tuple[str, ...],
    out: Path | None,
    *,
    force: bool = False,
    reading: Mapping[str, str | None] | None = None,
    preset: Preset | None = None,
) -> Path:
    """Write a config for `file` and return its path: `out`, or NAME.yaml in this folder.

    A folder of images needs no target: it is the class that its sub-folders name. `reading` says
    how the file is read, in the words of options; `preset` how much is asked of the network, which
    is `small` without it. Raises UsageError for a target that the file
    lacks, and without `force` for a config that is there already.
    """
    if not target:
        target = (_class_column(file),)
    name = _run_name(file)
    out = out or Path(f"{name}.yaml")
    _check_writable(out, force=force)
    read = read_file(file, target, parse_settings(reading or {}))
    targets = tuple(dict.fromkeys(_find_target(read, file, wanted) for wanted in target))
    profile = profile_table(
        read.table,
        decimal=read.settings.get("decimal", "."),
        thousands=read.settings.get("thousands"),
    )
    plan = plan_config(
        profile,
        read.table,
        targets,
        name=name,
        source=_source(file, out),
        read_settings=read.settings,
        preset=preset,
    )
    what = " and ".join(say(each) for each in targets)
    size = f"{counted(profile.num_rows, 'row')}, {counted(len(profile.columns), 'column')}"
    if profile.images:
        size = counted(profile.num_rows, "image")
    about = (
        f"Predicts {what} from {say(file.name)}: {size}.",
        f"Train with `dlcli train {_shell(out.name)}`; every line may be changed,",
        "and `dlcli explain NAME` tells what a key, a layer, a loss or a callback can be.",
    )
    _write(out, write_config(plan, about=about))
    return out


def _class_column(file: Path) -> str:
    if file.is_dir():
        return "class"
    raise UsageError(
        f"{file}: which column is to be predicted?",
        hint=f"name it with --target; `dlcli summarize {_shell(str(file))}` lists the columns",
    )


def _run_name(file: Path) -> str:
    stem = str(file).removeprefix(DATASET_PREFIX)
    stem = Path(stem).name.removesuffix(suffix_of(Path(stem))) or "table"
    name = re.sub(r"[^\w .-]+", "_", stem).strip(" ._-")
    return name or "table"


def _check_writable(out: Path, *, force: bool) -> None:
    if out.suffix not in (".yaml", ".yml"):
        raise UsageError(
            f"--out {out}: expected a file name ending in .yaml", hint=f"e.g. --out {out}.yaml"
        )
    check_output(out, force=force)


def _find_target(read: ReadFile, file: Path, wanted: str) -> str:
    found = find_column(read.table, wanted)
    if found is None and not read.has_header:
        found = find_column(read.table, f"column {wanted}")
    if found is not None:
        return found
    hint = suggest(wanted, read.table.names)
    if not read.has_header:
        last = read.table.names[-1]
        hint = f"it has no header row, so its columns are column 1 to {last}: --target '{last}'"
    raise UsageError(f"{file} has no column {wanted!r} (--target)", hint=hint)


def _source(file: Path, out: Path) -> str:
    """Return how the config names the file: relative to itself."""
    if str(file).startswith(DATASET_PREFIX):
        return str(file)
    try:
        relative = os.path.relpath(file.absolute(), out.absolute().parent)
    except ValueError:  # Another drive on Windows.
        return str(file.absolute())
    text = Path(relative).as_posix() + ("/" if file.is_dir() else "")
    return f"./{text}" if text.startswith(("~", DATASET_PREFIX)) else text


def _shell(name: str) -> str:
    return say(flow(name) if " " in name else name)


def _write(out: Path, text: str) -> None:
    with writing(out), written_whole(out) as whole:
        whole.write_text(text, encoding="utf-8")
