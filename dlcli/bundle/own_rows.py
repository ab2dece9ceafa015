"""The rows that a run was made of: its data files read again, and split as they were."""

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import UNSEEN, CategoryInput, match_names
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput, fill_gaps
from dlcli.data.columns.policies import Cells
from dlcli.data.columns.reading import ReadColumn
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.readers import read_table
from dlcli.data.reading_settings import with_registry
from dlcli.data.sources import DATASET_PREFIX, fingerprint, resolve_source
from dlcli.errors import DlcliError, RunError
from dlcli.files import reading
from dlcli.memory import available_bytes, show_bytes
from dlcli.runs import RunFolder
from dlcli.spec.data import MEMORY


@dataclass(frozen=True, kw_only=True)
class OwnRows:
    """The rows of one part; `rows` are positions in the table of `cells`."""

    cells: Cells
    rows: NDArray[np.int64]


def read_own_rows(run: RunFolder, preprocessing: Preprocessing) -> dict[str, OwnRows]:
    """Return the rows of every part of a run, `train` first.

    Raises RunError where a data file is gone or changed, or no longer splits as it did.
    """
    run.check_files(run.config)
    record = run.load_manifest()["data"]
    _check_room(run, record.get("from_disk"))
    spec_module: Any = importlib.import_module("dlcli.spec.run")
    spec = spec_module.load_spec(run.config)
    paths = _find_files(record["sources"], spec.data.source)
    main, files = _by_part(paths, record["split"]["files"])
    dataset = importlib.import_module("dlcli.data.dataset").prepare_dataset(
        replace(with_registry(spec.data), source=tuple(map(str, main))),
        folder=Path(),
        seed=spec.seed,
        class_targets=spec_module.targets_as_classes(spec),
    )
    if dataset.split_record["sha256"] != record["split"]["sha256"]:
        raise RunError(
            f"{run.path}: its data no longer split into the parts that it was trained on",
            hint="a newer dlcli may split in another way; train again",
        )
    cells = preprocessing.read(read_table(main, preprocessing.read_options), with_targets=True)
    own = {"train": OwnRows(cells=cells, rows=dataset.train.rows)}
    for name in ("validation", "test"):
        part = getattr(dataset, name)
        if part is None or (name == "validation" and dataset.validation_is_test):
            continue
        of_part = cells
        if name in files:
            table = read_table(files[name], preprocessing.read_options)
            of_part = preprocessing.read(table, with_targets=True)
        own[name] = OwnRows(cells=of_part, rows=part.rows)
    return own


def _check_room(run: RunFolder, from_disk: dict[str, Any] | None) -> None:
    """Raise RunError for a run whose rows do not fit into memory."""
    room = available_bytes()
    if from_disk is not None and from_disk["needed_bytes"] > room:
        raise RunError(
            f"{run.path} was trained from disk: its rows take about "
            f"{show_bytes(from_disk['needed_bytes'])} of memory, and {show_bytes(room)} are free",
            hint="ask on a machine with more memory, or train on fewer rows",
        )


def column_values(column: InputColumn, read: ReadColumn) -> NDArray[np.float64] | None:
    """Return the numbers, 0/1 or category codes of a column's cells, with their gaps filled.

    A column of another kind has none. An unseen category is -1.
    """
    if isinstance(column, NumberInput | BooleanInput):
        return fill_gaps(read, column.fill)
    if not isinstance(column, CategoryInput):
        return None
    fill = UNSEEN if column.fill not in column.categories else column.categories.index(column.fill)
    codes = np.where(read.missing, fill, match_names(read, column.categories))
    return codes.astype(np.float64)


def constant_cells(column: InputColumn, value: float, num_rows: int) -> ReadColumn:
    """Return `num_rows` cells that hold a number, 0/1 or a category code."""
    none = np.zeros(num_rows, dtype=bool)
    if isinstance(column, CategoryInput):
        codes = np.full(num_rows, int(value), dtype=np.int32)
        return ReadColumn(values=codes, missing=none, unreadable=none, names=column.categories)
    return ReadColumn(values=np.full(num_rows, float(value)), missing=none, unreadable=none)


def _find_files(sources: list[dict[str, Any]], source: str | tuple[str, ...]) -> list[Path]:
    """Return the files of a run's record, where they were or where the config leads to now."""
    elsewhere: dict[str, Path] = {}
    if not all(Path(item["path"]).exists() for item in sources):
        elsewhere = {path.name: path for path in _configured(source)}
    return [_find_file(item, elsewhere) for item in sources]


def _find_file(item: dict[str, Any], elsewhere: dict[str, Path]) -> Path:
    if item["path"] == MEMORY:
        raise RunError(
            "the table that trained this run was given in Python, and no file holds it",
            hint="train on a file to ask for its rows again",
        )
    recorded = Path(item["path"])
    path = recorded if recorded.exists() else elsewhere.get(recorded.name)
    if path is None or not path.exists():
        raise RunError(f"the data file {recorded} is gone")
    with reading(path, RunError):
        is_same = fingerprint(path).sha256 == item["sha256"]
    if not is_same:
        raise RunError(f"the data file {path} is not the one that trained this run: it has changed")
    return path


def _configured(source: str | tuple[str, ...]) -> list[Path]:
    listed = (source,) if isinstance(source, str) else source
    files = tuple(item for item in listed if not item.startswith(DATASET_PREFIX))
    try:
        return resolve_source(files, folder=Path()) if files else []
    except DlcliError:
        return []


def _by_part(
    paths: list[Path], files: dict[str, list[str]]
) -> tuple[list[Path], dict[str, list[Path]]]:
    """Return the main files, and those of parts with their own, which stand last in the record."""
    start = len(paths) - sum(map(len, files.values()))
    main, by_part = paths[:start], {}
    for name, listed in files.items():
        by_part[name] = paths[start : start + len(listed)]
        start += len(listed)
    return main, by_part
