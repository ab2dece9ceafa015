"""A folder of one machine as another one fills it: files that came and changed, and those that went."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcli.engines import Message
from dlcli.runs import write_atomically


@dataclass(kw_only=True)
class Mirror:
    """Tells what has changed in a folder since it was last asked."""

    folder: Path
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Write what is there before the work begins."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._seen = {name: _mark(path) for name, path in _files(self.folder)}

    def changes(self) -> Message:
        """Return the content of files that are new or others now, and the names of lost ones.

        A file that is being written is told as far as it is, and again when it has grown.
        """
        files, marks = {}, {}
        for name, path in _files(self.folder):
            try:
                marks[name] = _mark(path)
                if marks[name] != self._seen.get(name):
                    files[name] = path.read_bytes()
            except FileNotFoundError:
                marks.pop(name, None)
        removed = sorted(self._seen.keys() - marks.keys())
        self._seen = marks
        return {"files": files, "removed": removed} if files or removed else {}

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read_files(folder: Path, names: Sequence[str] | None = None) -> dict[str, bytes]:
    """Return the files of a folder by their names in it; those and the folders named, or all."""
    return {
        name: path.read_bytes()
        for name, path in (_files(folder) if folder.is_dir() else ())
        if names is None or any(name == own or name.startswith(f"{own}/") for own in names)
    }


def apply_changes(folder: Path, changes: Message) -> None:
    """Do in a folder what was told of the other one."""
    for name, content in changes["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    for name in changes["removed"]:
        (folder / name).unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files, but for those that get their names when they are whole."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix(), path


def _mark(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
