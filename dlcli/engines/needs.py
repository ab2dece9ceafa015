"""What a worker on another machine must have: the same files, the same packages."""

import importlib.metadata
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcli import __version__
from dlcli.data.sources import fingerprint
from dlcli.errors import DataError, DlcliError, RunError

MOST_FILES = 5


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What work takes for granted on the machine where it runs."""

    files: tuple[tuple[str, str], ...] = ()
    """Absolute paths, each with the sha256 of what is there."""
    versions: tuple[tuple[str, str], ...] = ()
    """Packages that decide what comes out, with their versions here."""


def needs_of(backend: str, files: Iterable[tuple[Path, str]]) -> Needs:
    """Return what this machine has, for others to be held against; `files` come with sha256."""
    found = {name: _version(name) for name in ("dlcli", "keras", backend)}
    return Needs(
        files=tuple((str(path.resolve()), sha256) for path, sha256 in files),
        # A backend may go by another name here, as builds for one kind of device do.
        versions=tuple((name, each) for name, each in found.items() if each is not None),
    )


def check_needs(needs: Needs, where: str) -> DlcliError | None:
    """Return what is wrong with this machine, called `where`; None where it has all."""
    wrong = _wrong_versions(needs.versions)
    if wrong:
        return RunError(
            f"{where} has other packages than this machine: {', '.join(wrong)}",
            hint="install the same versions on every machine of the cluster",
        )
    return _wrong_files(needs.files, where)


def _wrong_versions(versions: Sequence[tuple[str, str]]) -> list[str]:
    return [
        f"{name} {found or 'is missing'}, here {wanted}"
        for name, wanted in versions
        if (found := _version(name)) != wanted
    ]


def _wrong_files(files: Sequence[tuple[str, str]], where: str) -> DlcliError | None:
    wrong = []
    for name, sha256 in files:
        path = Path(name)
        if not path.exists():
            wrong.append(f"{name} is not there")
        elif fingerprint(path).sha256 != sha256:
            wrong.append(f"{name} is another file than here: its sha256 differs")
    if not wrong:
        return None
    more = len(wrong) - MOST_FILES
    listed = "; ".join([*wrong[:MOST_FILES], *([f"and {more} more"] if more > 0 else [])])
    return DataError(
        f"{where} lacks what the config reads: {listed}",
        hint="every machine of the cluster needs the files at the same paths: copy them, or put "
        "them on a file system that all share",
    )


def _version(name: str) -> str | None:
    if name == "dlcli":
        return __version__
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
