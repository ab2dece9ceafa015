"""What a config reads, downloads, runs and writes, told before anything of it is done."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlcli.spec.data import MEMORY
from dlcli.spec.experiment import RunSpec

_DATASET = "dataset:"


@dataclass(frozen=True, kw_only=True)
class Touched:
    """Paths and addresses, each as the working directory sees it."""

    reads: tuple[str, ...]
    downloads: tuple[str, ...]
    """Data sets by name, fetched from their publisher where they are not here yet."""
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
            f"  {verb} {_listed(paths)}"
            for verb, paths in (
                ("reads", self.reads),
                ("downloads", self.downloads),
                ("runs, if allowed,", self.runs),
                ("writes below", self.writes),
                ("reads from outside this folder and the config's:", self.outside),
            )
            if paths
        ]
        return "\n".join(lines)


def touched_by(spec: RunSpec, config: Path) -> Touched:
    """List what training a config touches on this machine and beyond."""
    sources = list(_sources(spec))
    files = [item for item in sources if not item.startswith(_DATASET)]
    bases = [] if spec.origin is None else [str(base) for base in spec.origin.bases]
    homes = (Path.cwd(), config.absolute().parent)
    return Touched(
        reads=tuple(_shown(each) for each in dict.fromkeys([str(config), *bases, *files])),
        downloads=tuple(item for item in sources if item.startswith(_DATASET)),
        runs=tuple(_shown(each) for each in spec.imports),
        writes=(f"runs/{spec.name}",),
        outside=tuple(
            _shown(each)
            for each in dict.fromkeys([*bases, *files, *spec.imports])
            if not any(_real(Path(each)).is_relative_to(_real(home)) for home in homes)
        ),
    )


def _sources(spec: RunSpec) -> Iterator[str]:
    data = spec.data
    named = [data.source] if isinstance(data.source, str) else list(data.source)
    for part in (data.split.test, data.split.validation):
        if isinstance(part, str) and part != "test":
            named.append(part)
    yield from (item for item in dict.fromkeys(named) if item != MEMORY)


def _real(path: Path) -> Path:
    """Follow links, since a link is how a file beside a config may stand elsewhere."""
    return Path(os.path.realpath(path))


def _shown(path: str) -> str:
    where = Path(path).absolute()
    return str(where.relative_to(Path.cwd()) if where.is_relative_to(Path.cwd()) else where)


def _listed(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return ", ".join(paths[:5]) + more
