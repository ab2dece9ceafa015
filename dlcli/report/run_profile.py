"""What a run keeps of its data for its report: columns in figures, and its worst rows' cells."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.data.arrays import is_array_column
from dlcli.data.column_profile import ColumnProfile
from dlcli.data.columns.policies import cell_texts
from dlcli.data.dataset import Dataset
from dlcli.data.profile import profile_table
from dlcli.data.table import Table
from dlcli.report.tested import TestedTarget

FORMAT = 1

MOST_CELLS = 300_000
"""Cells that columns are profiled from; of larger tables, evenly chosen rows."""
WORST_ROWS = 10
"""Rows kept of every target, the ones furthest off."""
MOST_COLUMNS = 40
"""Input columns kept of these rows."""
_MOST_TEXT = 200
_MOST_TOP = 3


def profile_run(
    dataset: Dataset, tested: Mapping[str, TestedTarget], *, part: str
) -> dict[str, Any]:
    """Return JSON values: every column of the training table, and the worst rows of `part`."""
    table = dataset.tables["train"]
    rows = _chosen_rows(table)
    profile = profile_table(table if rows is None else table.take(rows), with_images=False)
    names = dataset.preprocessing.needed_columns
    judged = dataset.tables[part]
    shown = [
        name for name in names if name in judged.names and not is_array_column(judged.column(name))
    ][:MOST_COLUMNS]
    return {
        "format": FORMAT,
        "rows": table.num_rows,
        "profiled": profile.num_rows,
        "repeated": profile.duplicates,
        "columns": [_column(column) for column in profile.columns],
        "worst": {
            "columns": shown,
            "left_out": len(names) - len(shown),
            "targets": {name: _worst_rows(judged, each, shown) for name, each in tested.items()},
        },
    }


def _chosen_rows(table: Table) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    most = MOST_CELLS // max(1, len(table.names))
    if table.num_rows <= most:
        return None
    return np.linspace(0, table.num_rows - 1, max(1, most)).astype(np.int64)


def _column(profile: ColumnProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "type": profile.type,
        "missing": profile.missing,
        "distinct": profile.distinct,
        "minimum": profile.minimum,
        "median": profile.median,
        "maximum": profile.maximum,
        "mean": profile.mean,
        "histogram": list(profile.histogram),
        "top": [[_cut(value), count] for value, count in profile.top[:_MOST_TOP]],
    }


def _worst_rows(table: Table, tested: TestedTarget, names: list[str]) -> list[dict[str, Any]]:
    """Return the worst rows with `at`, which one of the tested rows each is."""
    order = np.argsort(-tested.losses, kind="stable")[:WORST_ROWS]
    places = [int(row) - 1 for row in tested.rows[order]]
    cells = {name: cell_texts(table, name, places) for name in names}
    return [
        {
            "at": int(order[at]),
            "place": str(table.locate(place)),
            "cells": [None if (text := cells[name][at]) is None else _cut(text) for name in names],
        }
        for at, place in enumerate(places)
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
