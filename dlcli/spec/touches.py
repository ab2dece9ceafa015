"""What a config reads, downloads, runs and writes, told before anything of it is done."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlcli.spec.addresses import without_password
from dlcli.spec.data import MEMORY
from dlcli.spec.engine import engine_name, ray_settings
from dlcli.spec.experiment import RunSpec
from dlcli.spec.tracking import mlflow_settings, trackers_of

_DATASET = "dataset:"
_MOST_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Touched:
    """Paths and addresses, each as the working directory sees it."""

    reads: tuple[str, ...]
    downloads: tuple[str, ...]
    """Data sets by name, fetched from their publisher where they are not here yet."""
    connects: tuple[str, ...]
    """Servers that get something of it: a Ray cluster, MLflow, the database of a sweep."""
    runs: tuple[str, ...]
    """Python files, which run only with --allow-code."""
    writes: tuple[str, ...]
    outside: tuple[str, ...]
    """Which of the files stand neither below the config's folder nor below the working directory."""

    def to_json(self) -> dict[str, Any]:
        """Return the lists as JSON values."""
        return {name: list(paths) for name, paths in asdict(self).items()}

    def to_text(self) -> str:
        """Name all of it in one line for each kind."""
        lines = [
            f"  {verb} {_listed(paths, most)}"
            for verb, paths, most in (
                ("reads", self.reads, _MOST_SHOWN),
                ("downloads", self.downloads, _MOST_SHOWN),
                ("connects to", self.connects, _MOST_SHOWN),
                ("runs, if allowed,", self.runs, _MOST_SHOWN),
                ("writes below", self.writes, _MOST_SHOWN),
                # None of these may hide behind the others.
                ("reads from outside this folder and the config's:", self.outside, None),
            )
            if paths
        ]
        return "\n".join(lines)


def touched_by(spec: RunSpec, config: Path) -> Touched:
    """List what training a config touches on this machine and beyond."""
    sources = list(_sources(spec))
    files = [item for item in sources if not item.startswith(_DATASET)]
    starts = [_run_folder(run) for run in _starts(spec)]
    scripts = list(dict.fromkeys([*spec.imports, *_swept(spec, ("imports",))]))
    bases = [] if spec.origin is None else [str(base) for base in spec.origin.bases]
    homes = (Path.cwd(), config.absolute().parent)
    return Touched(
        reads=tuple(_shown(each) for each in dict.fromkeys([str(config), *bases, *files, *starts])),
        downloads=tuple(item for item in sources if item.startswith(_DATASET)),
        connects=tuple(dict.fromkeys(without_password(each) for each in _servers(spec))),
        runs=tuple(_shown(each) for each in scripts),
        writes=(f"runs/{spec.name}",),
        outside=tuple(
            _shown(each)
            for each in dict.fromkeys([*bases, *files, *starts, *scripts])
            if not any(_real(Path(each)).is_relative_to(_real(home)) for home in homes)
        ),
    )


def _sources(spec: RunSpec) -> Iterator[str]:
    data = spec.data
    named = [data.source] if isinstance(data.source, str) else list(data.source)
    for part in (data.split.test, data.split.validation):
        if isinstance(part, str) and part != "test":
            named.append(part)
    for key in (("data", "source"), ("data", "split", "test"), ("data", "split", "validation")):
        named += [each for each in _swept(spec, key) if each != "test"]
    yield from (item for item in dict.fromkeys(named) if item != MEMORY)


def _starts(spec: RunSpec) -> Iterator[str]:
    if spec.init_from is not None:
        yield spec.init_from.run
    yield from _swept(spec, ("init_from", "run"))
    yield from _swept(spec, ("init_from",))


def _run_folder(run: str) -> str:
    """Return where a run is looked for: a folder, or the name of runs."""
    return run if Path(run).is_dir() or Path(run).is_absolute() else str(Path("runs", run))


def _servers(spec: RunSpec) -> Iterator[str]:
    if engine_name(spec.engine) == "ray":
        address = ray_settings(spec.engine).address
        yield "the Ray cluster of this machine" if address == "auto" else address
    yield from _swept(spec, ("engine", "ray", "address"))
    if "mlflow" in trackers_of(spec.track):
        yield mlflow_settings(spec.track).uri or "MLflow's own server"
    yield from _swept(spec, ("track", "mlflow", "uri"))
    if spec.sweep is not None and "://" in spec.sweep.storage:
        yield spec.sweep.storage


def _swept(spec: RunSpec, key: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts that the axes of a sweep give the key, alone or within a sub-tree."""
    for axis in () if spec.sweep is None else spec.sweep.parsed_axes:
        own = tuple(axis.key.split("."))
        if own != key[: len(own)]:
            continue
        for value in axis.choices:
            for name in key[len(own) :]:
                value = value.get(name) if isinstance(value, dict) else None
            yield from (
                each
                for each in (value if isinstance(value, list) else [value])
                if isinstance(each, str)
            )


def _real(path: Path) -> Path:
    """Follow links, since a link is how a file beside a config may stand elsewhere."""
    return Path(os.path.realpath(path))


def _shown(path: str) -> str:
    where = Path(path).absolute()
    return str(where.relative_to(Path.cwd()) if where.is_relative_to(Path.cwd()) else where)


def _listed(paths: tuple[str, ...], most: int | None) -> str:
    shown = paths[:most]
    more = f" and {len(paths) - len(shown)} more" if len(paths) > len(shown) else ""
    return ", ".join(shown) + more
