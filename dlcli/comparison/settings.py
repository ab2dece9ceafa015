"""In which keys the configs of runs differ, and in which of the libraries that computed them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.comparison.records import RunRecord
from dlcli.spec.differences import ABSENT, find_differences
from dlcli.spec.merging import load_merged, relative_to
from dlcli.spec.problems import KeyPath, show_flow

MOST_CHARACTERS = 60
_FILES: tuple[KeyPath, ...] = (
    ("data", "source"),
    ("data", "split", "test"),
    ("data", "split", "validation"),
)


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One key with its value in every run, ABSENT where a run does not have it."""

    key: str
    values: tuple[Any, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as a table shows them."""
        return tuple(map(show_setting, self.values))

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON; a run without the key has null."""
        values = [None if value is ABSENT else value for value in self.values]
        return {"key": self.key, "values": values}


def vary_settings(records: Sequence[RunRecord]) -> tuple[Variation, ...]:
    """Return every key of the configs in which a run differs from the first one."""
    trees = [_load(record) for record in records]
    first, others = trees[0], trees[1:]
    found: dict[str, dict[int, Any]] = {}
    of_first: dict[str, Any] = {}
    for index, tree in enumerate(others, 1):
        for item in find_differences(first, tree):
            # Items put in at one place by two runs need not be the same.
            key = f"{item.key} (added)" if item.left is ABSENT and _is_item(item.key) else item.key
            of_first.setdefault(key, item.left)
            found.setdefault(key, {})[index] = item.right
    return tuple(
        Variation(
            key=key,
            values=(of_first[key], *(at.get(index, of_first[key]) for index in _indices(others))),
        )
        for key, at in found.items()
    )


def vary_versions(records: Sequence[RunRecord]) -> tuple[Variation, ...]:
    """Return the libraries and machine properties in which runs differ."""
    trees = [environment_of(record.manifest) for record in records]
    keys = dict.fromkeys(key for tree in trees for key in tree)
    varied = (
        Variation(key=key, values=tuple(tree.get(key, ABSENT) for tree in trees)) for key in keys
    )
    return tuple(each for each in varied if len(set(each.texts)) > 1)


def environment_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what computed a run, flat: versions, backend, machine, path of the training."""
    return {
        "dlcli": manifest.get("dlcli"),
        **manifest.get("versions", {}),
        "backend": manifest.get("backend"),
        **{f"platform.{key}": value for key, value in manifest.get("platform", {}).items()},
        "training.path": manifest.get("training", {}).get("path"),
        "training.threads": manifest.get("training", {}).get("threads"),
        "training.uses_xla": manifest.get("training", {}).get("uses_xla"),
    }


def show_setting(value: Any) -> str:
    """Show a value of a config on one line, cut where it is long."""
    if value is ABSENT:
        return "-"
    text = show_flow(value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."


def _load(record: RunRecord) -> dict[str, Any]:
    """Read a run's config, with its files as they are seen from here."""
    record.run.check_files(record.run.config)
    values: dict[str, Any] = load_merged(record.run.config).values
    for path in _FILES:
        container: Any = values
        for key in path[:-1]:
            container = container.get(key) if isinstance(container, dict) else None
        if isinstance(container, dict) and path[-1] in container:
            container[path[-1]] = _seen_from_here(container[path[-1]])
    return values


def _seen_from_here(value: Any) -> Any:
    if isinstance(value, list):
        return [_seen_from_here(item) for item in value]
    if isinstance(value, str) and os.path.isabs(value):  # noqa: PTH117 - text of a config
        return relative_to(value, Path())
    return value


def _indices(others: Sequence[Any]) -> range:
    return range(1, len(others) + 1)


def _is_item(key: str) -> bool:
    return key.rpartition(".")[2].isdigit()
