"""Init: a data file to a commented config that trains without an edit."""

import os
import re
from pathlib import Path

from dlcli.data.profile import profile_table
from dlcli.data.readers import suffix_of
from dlcli.data.sources import DATASET_PREFIX
from dlcli.errors import UsageError
from dlcli.recipe.config import plan_config, write_config
from dlcli.recipe.reading import ReadFile, find_column, read_file
from dlcli.recipe.text import flow, say
from dlcli.spec.problems import suggest


def init(file: Path, target: tuple[str, ...], out: Path | None) -> Path:
    """Write a config for `file` and return its path: `out`, or NAME.yaml in this folder.

    Raises UsageError for a target that the file lacks and for a config that is there already.
    """
    name = _run_name(file)
    out = out or Path(f"{name}.yaml")
    _check_writable(out)
    read = read_file(file, target)
    targets = tuple(dict.fromkeys(_find_target(read, file, wanted) for wanted in target))
    profile = profile_table(read.table, decimal=read.settings.get("decimal", "."))
    plan = plan_config(
        profile,
        read.table,
        targets,
        name=name,
        source=_source(file, out),
        read_settings=read.settings,
    )
    what = " and ".join(say(each) for each in targets)
    size = f"{profile.num_rows:,} rows, {len(profile.columns)} columns"
    about = (
        f"Predicts {what} from {say(file.name)}: {size}.",
        f"Train with `dlcli train {_shell(out.name)}`; every line may be changed,",
        "and `dlcli explain NAME` tells what a key, a layer, a loss or a callback can be.",
    )
    _write(out, write_config(plan, about=about))
    return out


def _run_name(file: Path) -> str:
    stem = str(file).removeprefix(DATASET_PREFIX)
    stem = Path(stem).name.removesuffix(suffix_of(Path(stem))) or "table"
    name = re.sub(r"[^\w .-]+", "_", stem).strip(" ._-")
    return name or "table"


def _check_writable(out: Path) -> None:
    if out.suffix not in (".yaml", ".yml"):
        raise UsageError(
            f"--out {out}: expected a file name ending in .yaml", hint=f"e.g. --out {out}.yaml"
        )
    if out.exists():
        raise UsageError(
            f"{out} exists and is never overwritten", hint="name another file with --out"
        )
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}")


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
    text = Path(relative).as_posix()
    return f"./{text}" if text.startswith(("~", DATASET_PREFIX)) else text


def _shell(name: str) -> str:
    return say(flow(name) if " " in name else name)


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{out} exists and is never overwritten") from None
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}") from None
