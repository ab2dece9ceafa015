"""Upgrade: configs to the grammar of today, in place."""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.errors import SpecError
from dlcli.files import reading, writing, written_whole
from dlcli.spec.source import read_text
from dlcli.spec.upgrading import Change, upgrade_text

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PLAIN = (b"", "utf-8")


@dataclass(frozen=True, kw_only=True)
class UpgradedFile:
    """What was changed in a config, or would be."""

    path: Path
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the changes as JSON values."""
        changes = [{"line": each.line, "change": each.text} for each in self.changes]
        return {"config": str(self.path), "changes": changes}


def upgrade(configs: tuple[Path, ...], *, check: bool = False) -> list[UpgradedFile]:
    """Upgrade configs; raises SpecError before any is written where one cannot be.

    `check` writes nothing.
    """
    upgraded = [(path, upgrade_text(read_text(path), file=path)) for path in configs]
    for path, found in upgraded:
        if found.changes and not check:
            _write(path.resolve(), found.text)
    return [UpgradedFile(path=path, changes=found.changes) for path, found in upgraded]


def _write(path: Path, text: str) -> None:
    """Write in the encoding that the file has, with its byte order mark and its permissions."""
    with reading(path, SpecError):
        start, mode = path.read_bytes()[:3], path.stat().st_mode
    mark, encoding = next((each for each in _MARKS if start.startswith(each[0])), _PLAIN)
    with written_whole(path) as temporary, writing(path):
        temporary.write_bytes(mark + text.encode(encoding))
        temporary.chmod(mode)
