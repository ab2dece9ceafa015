"""Counts of what the policies did, as a run's record and a prediction's report show them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.policies import Cells
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.columns.weight import WeightColumn

CellCounts = dict[str, dict[str, dict[str, Any]]]
"""Column to `filled`, `unreadable` or `unseen` to its policy and number of `cells`."""


class Counted(Protocol):
    """A table whose rows were read, and some of them dropped."""

    @property
    def num_read(self) -> int: ...

    @property
    def num_kept(self) -> int: ...

    @property
    def dropped(self) -> dict[str, dict[str, int]]: ...


def count_cells(
    columns: Sequence[InputColumn | WeightColumn], cells: Cells, rows: NDArray[np.int64]
) -> CellCounts:
    """Count the cells of `rows` that a policy filled, took as missing, or ignored as unseen."""
    counts: CellCounts = {}
    for column in columns:
        settings = column.settings
        whole = cells.columns[settings.name]
        is_sound = not (whole.missing.any() or whole.unreadable.any())
        if is_sound and not isinstance(column, CategoryInput):
            continue
        read = whole.take(rows)
        found: dict[str, dict[str, Any]] = {}
        if read.missing.any():
            policy = settings.missing if isinstance(settings.missing, str) else "constant"
            value = _fill_value(settings, getattr(column, "fill", None))
            found["filled"] = {"policy": policy, "value": value, "cells": int(read.missing.sum())}
        if read.unreadable.any():
            found["unreadable"] = {"policy": "missing", "cells": int(read.unreadable.sum())}
        if isinstance(column, CategoryInput) and (unseen := int(column.unseen(read).sum())):
            found["unseen"] = {"policy": "ignore", "cells": unseen}
        if found:
            counts[settings.name] = found
    return counts


def add_counts(one: CellCounts, other: CellCounts) -> CellCounts:
    """Return the counts of two stretches of rows together."""
    joined = {name: dict(found) for name, found in one.items()}
    for name, found in other.items():
        kinds = joined.setdefault(name, {})
        for kind, entry in found.items():
            before = kinds.get(kind, {"cells": 0})["cells"]
            kinds[kind] = {**entry, "cells": before + entry["cells"]}
    return joined


def count_table(cells: Cells, counts: CellCounts) -> dict[str, Any]:
    """Put row counts and dropped rows beside the cell counts of a whole table."""
    num_read, num_kept = cells.table.num_rows, len(cells.kept)
    columns: dict[str, dict[str, Any]] = {name: dict(found) for name, found in counts.items()}
    for name, reasons in cells.dropped.items():
        columns.setdefault(name, {})["dropped"] = dict(reasons)
    rows = {"read": num_read, "dropped": num_read - num_kept, "kept": num_kept}
    return {"rows": rows, "columns": columns}


def add_table_counts(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what `count_table` says of stretches of rows, of all of them together."""
    rows: Counter[str] = Counter()
    columns: dict[str, dict[str, Any]] = {}
    for table in tables:
        rows.update(table["rows"])
        for name, found in table["columns"].items():
            kept = columns.setdefault(name, {})
            for kind, entry in found.items():
                if kind == "dropped":
                    kept[kind] = dict(Counter(kept.get(kind, {})) + Counter(entry))
                else:
                    cells = kept.get(kind, {"cells": 0})["cells"] + entry["cells"]
                    kept[kind] = {**entry, "cells": cells}
    return {"rows": dict(rows), "columns": columns}


def join_counts(
    tables: Sequence[Counted], parts: Mapping[str, CellCounts], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """Put the counts of all parts together; `cells` becomes a number per part."""
    num_read = sum(table.num_read for table in tables)
    num_dropped = num_read - sum(table.num_kept for table in tables)
    columns: dict[str, dict[str, Any]] = {}
    for part, counts in parts.items():
        for name, found in counts.items():
            for kind, entry in found.items():
                joined = columns.setdefault(name, {}).setdefault(kind, {**entry, "cells": {}})
                joined["cells"][part] = entry["cells"]
    for table in tables:
        for name, reasons in table.dropped.items():
            dropped = columns.setdefault(name, {}).setdefault("dropped", {})
            for reason, count in reasons.items():
                dropped[reason] = dropped.get(reason, 0) + count
    return {"rows": {"read": num_read, "dropped": num_dropped, **sizes}, "columns": columns}


def _fill_value(settings: ColumnSettings, fill: float | str | None) -> float | str | None:
    if settings.type == "date" and fill is not None:
        return str(np.datetime64(int(fill), "us"))
    return fill
