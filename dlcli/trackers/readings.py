"""What trackers log of a run, read from its files: settings, figures of every epoch, of the end."""

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from dlcli.runs import RunFolder, load_json
from dlcli.spec.problems import show_flow
from dlcli.spec.source import read_source


def read_settings(run: RunFolder) -> dict[str, str]:
    """Return every setting of the resolved config by the key that `--set` takes."""
    return dict(_flatten(read_source(run.config).values, ""))


def read_epochs(run: RunFolder) -> Iterator[dict[str, float]]:
    """Yield the figures of every epoch, the first one first."""
    with run.history.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {name: float(cell) for name, cell in row.items() if cell and name != "epoch"}


def read_figures(run: RunFolder) -> dict[str, float]:
    """Return the figures of the finished network by path, as in `test.strength.R2Score`."""
    parts: Mapping[str, Any] = load_json(run.metrics)["parts"]
    return {
        f"{part}.{target}.{metric}": float(value)
        for part, found in parts.items()
        for target, figures in found["targets"].items()
        for metric, value in figures.items()
        if isinstance(value, int | float)
    }


def _flatten(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _flatten(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _flatten(item, f"{key}.{index}")
    else:
        yield key, show_flow(value)
