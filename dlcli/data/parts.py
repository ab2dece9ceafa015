"""The split of a read table: its columns' values for `split_rows`, and parts with own files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.policies import MISSING_CELLS, Cells, PlannedColumn, cells_error
from dlcli.data.columns.settings import column_hint
from dlcli.data.readers import READERS, suffix_of
from dlcli.data.sources import DATASET_PREFIX, resolve_source
from dlcli.data.split import RowSplit, split_rows
from dlcli.data.window_fitting import split_in_time
from dlcli.data.windows import WindowPlan
from dlcli.errors import DataError
from dlcli.spec.data import SplitSpec


def part_files(split: SplitSpec, sources: Sequence[Path], *, folder: Path) -> dict[str, list[Path]]:
    """Return the files of the parts that have their own, by part; raises DataError."""
    files: dict[str, list[Path]] = {}
    for name in ("test", "validation"):
        value = getattr(split, name)
        if isinstance(value, str) and (name, value) != ("validation", "test"):
            files[name] = _files(value, name=name, folder=folder)
    seen = {path.resolve(): "data.source" for path in sources}
    for name, paths in files.items():
        for path in paths:
            other = seen.setdefault(path.resolve(), f"data.split.{name}")
            if other != f"data.split.{name}":
                raise DataError(
                    f"{path.name} is named by both `{other}` and `data.split.{name}`",
                    hint="a part must hold rows that no other part has: name another file, or a "
                    "fraction",
                )
    if split.validation == "test" and "test" not in files and split.test == 0:
        raise DataError(
            "`data.split: {validation: test}` watches the test part, and there is none",
            hint="give `test` a size or a file",
        )
    return files


def split_cells(
    split: SplitSpec,
    planned: Sequence[PlannedColumn],
    cells: Cells,
    *,
    seed: int,
    window: WindowPlan | None = None,
) -> RowSplit:
    """Split the kept rows; positions are into `cells.kept`."""
    if window is not None and split.group is None:
        return split_in_time(window, split, cells, seed=seed)
    values = split_values(split, planned, cells)
    return split_rows(
        len(cells.kept),
        split,
        seed,
        labels=values.labels,
        groups=values.groups,
        order=values.order,
    )


@dataclass(frozen=True, kw_only=True)
class SplitValues:
    """The values that a split follows, [rows] each; None for what it does not follow."""

    labels: NDArray[Any] | None
    groups: NDArray[Any] | None
    order: NDArray[Any] | None

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return the values of some rows."""
        taken = {
            name: None if values is None else values[rows] for name, values in vars(self).items()
        }
        return type(self)(**taken)


def split_values(split: SplitSpec, planned: Sequence[PlannedColumn], cells: Cells) -> SplitValues:
    """Return what the kept rows hold in the columns that the split follows; raises DataError."""
    return SplitValues(
        labels=_labels(split, planned, cells),
        groups=None if split.group is None else _values(split.group, "group", cells),
        order=None if split.time is None else _order(split.time, planned, cells),
    )


def _files(value: str, *, name: str, folder: Path) -> list[Path]:
    is_path = suffix_of(Path(value)) in READERS or (folder / value).exists()
    if not is_path and not value.startswith(DATASET_PREFIX):
        raise DataError(
            f"`data.split.{name}`: expected a fraction, a number of rows or a file, got {value!r}",
            hint="write e.g. 0.2 for a fifth of the rows",
        )
    return resolve_source(value, folder=folder)


def _labels(
    split: SplitSpec, planned: Sequence[PlannedColumn], cells: Cells
) -> NDArray[Any] | None:
    if not split.stratify:
        return None
    if isinstance(split.stratify, str):
        return _values(split.stratify, "stratify", cells)
    classes = [p.name for p in planned if p.role == "target" and p.settings.type != "number"]
    if len(classes) != 1:
        found = "no target holds classes" if not classes else "several targets hold classes"
        raise DataError(
            f"`data.split: {{stratify: true}}` follows the classes of the target, but {found}",
            hint="name the column to follow: `stratify: NAME`",
        )
    return _values(classes[0], "stratify", cells)


def _order(name: str, planned: Sequence[PlannedColumn], cells: Cells) -> NDArray[Any]:
    kind = next(plan.settings.type for plan in planned if plan.name == name)
    if kind not in ("number", "date"):
        setting = column_hint(name, type="date", format="%d/%m/%Y")
        raise DataError(
            f"`data.split.time`: column {name!r} holds neither dates nor numbers",
            hint=f"say how its dates are written, e.g. `{setting}`",
        )
    return _values(name, "time", cells)


def _values(name: str, key: str, cells: Cells) -> NDArray[Any]:
    """Return the column's values in the kept rows; raises DataError where there is none."""
    column = cells.columns[name]
    lacking = np.zeros_like(column.missing)
    lacking[cells.kept] = ~column.valid[cells.kept]
    if lacking.any():
        raise cells_error(
            cells.table,
            name,
            lacking,
            what=MISSING_CELLS,
            hint=f"`split.{key}` needs every cell: write `{column_hint(name, missing='drop')}` "
            "under `data` to drop these rows",
        )
    values = np.take(column.values, cells.kept)
    return np.take(np.array(column.names), values) if values.dtype == np.int32 else values
