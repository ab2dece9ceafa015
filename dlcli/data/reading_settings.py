"""Keys under `data` that say how files are read: from the command line and from the registry."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from dlcli.data.sources import DATASET_PREFIX
from dlcli.errors import UsageError
from dlcli.spec.data import DataSpec
from dlcli.spec.data_rules import check_data
from dlcli.spec.fields import INVALID
from dlcli.spec.problems import Problems
from dlcli.spec.sections import Section

_ANY_TABLE = {"source": "table", "target": "column"}
_ESCAPES = {r"\t": "\t", "tab": "\t"}
"""What a shell makes it hard to type."""


def parse_settings(options: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the settings that options such as --separator give; raises UsageError as a config would."""
    given: dict[str, Any] = {key: text for key, text in options.items() if text is not None}
    for key in ("separator", "thousands"):
        if key in given:
            given[key] = _ESCAPES.get(given[key], given[key])
    if "header" in given:
        given["header"] = next(csv.reader([given["header"]], skipinitialspace=True), [])
    if given.get("sheet", "").isdigit():
        given["sheet"] = int(given["sheet"])
    problems = Problems()
    spec = Section(DataSpec).check({**_ANY_TABLE, **given}, ("data",), problems)
    if spec is not INVALID:
        check_data(spec, problems)
    for problem in problems.found:
        key = str(problem.path[1])
        message = problem.message.removeprefix(f"{key}: ")
        raise UsageError(f"--{key}: {message}", hint=problem.hint)
    return {key: getattr(spec, key) for key in given}


def registry_settings(source: str | Sequence[str]) -> dict[str, Any]:
    """Return the settings that the data sets in `source` need, by their registry."""
    settings: dict[str, Any] = {}
    for item in [source] if isinstance(source, str) else source:
        if item.startswith(DATASET_PREFIX):
            # The download module brings in HTTP and TLS, which other sources do not need.
            entry = import_module("dlcli.data.download").load_entry(
                item.removeprefix(DATASET_PREFIX)
            )
            settings.update(entry.options)
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()
    }


def with_registry(spec: DataSpec) -> DataSpec:
    """Return `spec` with what its data sets need to be read; what it says itself stays."""
    defaults = DataSpec(source=spec.source, target=spec.target)
    known = registry_settings(spec.source)
    return replace(
        spec,
        **{
            key: value
            for key, value in known.items()
            if getattr(spec, key) == getattr(defaults, key)
        },
    )
