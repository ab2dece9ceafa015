"""What the shell completes: runs, keys of the config, and names of the vocabulary; no arrays, no Keras."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST = 200
"""Proposals at a time; a shell that lists more helps nobody."""


def complete_run(incomplete: str) -> list[str]:
    """Propose names of runs, then the numbers below a name."""
    runs = importlib.import_module("dlcli.runs").RUNS
    name, slash, _ = incomplete.partition("/")
    folder = runs / name if slash else runs
    if not folder.is_dir():
        return []
    prefix = f"{name}/" if slash else ""
    found = (f"{prefix}{item.name}" for item in sorted(folder.iterdir()) if _is_run(item, slash))
    return _fitting(found, incomplete)


def complete_name(incomplete: str) -> list[str]:
    """Propose names of layers, losses, optimizers, ... and keys of the config."""
    catalog: Any = importlib.import_module("dlcli.spec.catalog")
    names = (name for kind in catalog.KINDS for name in catalog.names(kind))
    return _fitting([*dict.fromkeys((*names, *_keys()))], incomplete)


def complete_kind(incomplete: str) -> list[str]:
    """Propose the kinds of names."""
    return _fitting(importlib.import_module("dlcli.spec.catalog").KINDS, incomplete)


def complete_override(incomplete: str) -> list[str]:
    """Propose `KEY=` for the keys of the config, and optimizers with their arguments."""
    found = [f"{key}=" for key in _keys()]
    catalog: Any = importlib.import_module("dlcli.spec.catalog")
    if incomplete.startswith("optimizer."):
        for name in catalog.names("optimizer"):
            entry = catalog.find("optimizer", name)
            found += [f"optimizer.{name}.{argument.name}=" for argument in entry.arguments]
    return _fitting(found, incomplete)


def _keys() -> Iterator[str]:
    experiment: Any = importlib.import_module("dlcli.spec.experiment")
    sections: Any = importlib.import_module("dlcli.spec.sections")
    yield from _keys_below(sections.Section(experiment.RunSpec), "", sections.Section)


def _keys_below(section: Any, prefix: str, kind: type) -> Iterator[str]:
    for name, setting in section.settings().items():
        yield f"{prefix}{name}"
        if isinstance(setting.kind, kind):
            yield from _keys_below(setting.kind, f"{prefix}{name}.", kind)


def _is_run(item: Path, below_name: str) -> bool:
    is_hidden = item.name.startswith(".")
    return item.is_dir() and not is_hidden and (not below_name or item.name.isdecimal())


def _fitting(names: Any, incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)][:MOST]
