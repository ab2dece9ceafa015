"""From the `data` section to arrays: read, clean, split, fit on the training part, encode."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlcli.data.advice import (
    constant_inputs,
    dataset_warnings,
    folder_warnings,
    numbered_inputs,
)
from dlcli.data.columns.pixels import fingerprint_images, names_files
from dlcli.data.columns.policies import Cells, PlannedColumn, read_cells
from dlcli.data.counting import Counted, join_counts
from dlcli.data.fitting import fit_columns, read_options
from dlcli.data.frames import fingerprint_table
from dlcli.data.keeping import keep_preprocessing
from dlcli.data.parts import part_files, split_cells
from dlcli.data.preprocessing import Applied, Preprocessing
from dlcli.data.readers import check_options_apply, read_table, type_frame
from dlcli.data.reading_progress import ReadingProgress
from dlcli.data.reading_settings import with_registry
from dlcli.data.roles import Roles, plan_columns, resolve_roles
from dlcli.data.room import check_arrays_fit
from dlcli.data.sources import (
    OnStage,
    SourceFile,
    Stamps,
    fingerprints,
    named_by,
    resolve_source,
    stamp_files,
)
from dlcli.data.split import Rows, RowSplit
from dlcli.data.table import Table
from dlcli.data.window_fitting import (
    check_windows,
    fit_step,
    plan_windows,
    window_record,
    window_warnings,
)
from dlcli.data.windows import WindowPlan, Windows
from dlcli.errors import DataError
from dlcli.spec.data import DataSpec
from dlcli.spec.problems import join_names

MOST_KEPT_BYTES = 64 * 2**20
"""Of the tables that stay in memory beside the arrays, for the run's report."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The arrays of the training, validation or test rows."""

    inputs: dict[str, NDArray[Any]]
    """`features`: float32 [rows, num_features], with numbers, booleans, date parts and one-hot
    categories in column order. An ordinal category under its own name: int32 [rows], so that an
    Embedding gives [rows, dim]. A text column under its own name: int32 [rows, length]. An image
    column likewise: uint8 or float32 [rows, height, width, channels]."""
    targets: dict[str, NDArray[Any]]
    """In the target's unit, float64 [rows]; class codes, int32 [rows]."""
    scaled_targets: dict[str, NDArray[Any]]
    """As trained on: float32 [rows]; class codes, int32 [rows]."""
    sample_weight: NDArray[np.float32] | None
    rows: NDArray[np.int64]
    """Positions in the table as read (of the part's own files, where it has some); of windows the
    first rows that they predict."""
    windows: Windows | None = None
    """The windows that the entries are, where the network reads sequences."""
    naive: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    """Baselines that repeat a window's past: their predictions by target, shaped like `targets`."""

    @property
    def num_rows(self) -> int:
        return len(self.rows)


class RowSource(Protocol):
    """Rows on disk, in the order in which an unshuffled epoch takes them."""

    @property
    def num_rows(self) -> int: ...

    @property
    def row_bytes(self) -> int: ...

    def read(self, start: int, stop: int) -> Part:
        """Read rows from `start` on, before `stop`, into memory."""


def join_parts(one: Part, other: Part) -> Part:
    """Return the rows of one part and then those of another, as a network trains on them.

    What only judging needs, windows and the baselines that repeat the past, is left out.
    """

    def join(first: dict[str, NDArray[Any]], second: dict[str, NDArray[Any]]) -> dict[str, Any]:
        return {name: np.concatenate([first[name], second[name]]) for name in first}

    weights = [part.sample_weight for part in (one, other) if part.sample_weight is not None]
    return Part(
        inputs=join(one.inputs, other.inputs),
        targets=join(one.targets, other.targets),
        scaled_targets=join(one.scaled_targets, other.scaled_targets),
        sample_weight=np.concatenate(weights) if len(weights) == 2 else None,
        rows=np.concatenate([one.rows, other.rows]),
    )


def take_rows(part: Part, rows: NDArray[np.int64]) -> Part:
    """Return some rows of a part, as a network trains on them."""

    def take(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
        return {name: array[rows] for name, array in arrays.items()}

    return Part(
        inputs=take(part.inputs),
        targets=take(part.targets),
        scaled_targets=take(part.scaled_targets),
        sample_weight=None if part.sample_weight is None else part.sample_weight[rows],
        rows=part.rows[rows],
    )


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a training needs of the data, and what its record says about it."""

    train: Part
    validation: Part | None
    test: Part | None
    validation_is_test: bool
    preprocessing: Preprocessing
    counts: dict[str, Any]
    """JSON-ready: rows read, dropped and in each part; per column what each policy did where."""
    sources: tuple[SourceFile, ...]
    split_record: dict[str, Any]
    """JSON-ready: kind, seed, sizes, sha256 of each part's row positions (int64, little-endian)."""
    image_files: dict[str, Any]
    """JSON-ready: for each column of image paths how many files, their bytes, and one sha256."""
    warnings: tuple[str, ...]
    tables: dict[str, Table]
    """The table that the rows of each part are positions in, as read; empty where holding it on
    would take more than MOST_KEPT_BYTES."""
    window_record: dict[str, Any] | None = None
    """JSON-ready: how rows became windows, and how many each part holds."""
    stored: RowSource | None = None
    """All training rows, where they are read from disk; `train` then is a random sample of them."""
    disk_record: dict[str, Any] | None = None
    """JSON-ready: why and how rows are read from disk."""

    @property
    def num_train_rows(self) -> int:
        """The rows that an epoch takes."""
        return self.train.num_rows if self.stored is None else self.stored.num_rows


@dataclass(frozen=True, kw_only=True)
class ReadData:
    """A table that is read and cleaned, with its split; nothing is fitted yet."""

    spec: DataSpec
    given: Table | None
    paths: list[Path]
    files: dict[str, list[Path]]
    """The files of the parts that have their own."""
    stamps: Stamps
    roles: Roles
    planned: tuple[PlannedColumn, ...]
    cells: Cells
    window: WindowPlan | None
    split: RowSplit
    split_seed: int
    keep: Preprocessing | None
    on_stage: OnStage


def prepare_dataset(
    spec: DataSpec,
    *,
    folder: Path,
    seed: int,
    class_targets: frozenset[str] = frozenset(),
    given: Table | None = None,
    keep: Preprocessing | None = None,
    on_stage: OnStage = lambda text: None,
) -> Dataset:
    """Read, clean, split and encode the table of `spec`; paths are relative to `folder`.

    A table that is `given` takes the place of the source's files. Rows that a `drop` policy removes
    are gone before the split. `class_targets` are targets whose numbers are classes. With `keep`,
    columns are scaled and encoded as it says instead of being fitted. Raises DataError.
    """
    read = read_data(
        spec,
        folder=folder,
        seed=seed,
        class_targets=class_targets,
        given=given,
        keep=keep,
        on_stage=on_stage,
    )
    return encode_parts(read, read.split)


def read_data(
    spec: DataSpec,
    *,
    folder: Path,
    seed: int,
    class_targets: frozenset[str] = frozenset(),
    given: Table | None = None,
    keep: Preprocessing | None = None,
    on_stage: OnStage = lambda text: None,
) -> ReadData:
    """Read, clean and split the table of `spec`, as `prepare_dataset` says; raises DataError."""
    spec = with_registry(spec)
    paths = (
        [] if given is not None else resolve_source(spec.source, folder=folder, on_stage=on_stage)
    )
    files = part_files(spec.split, paths, folder=folder)
    options = read_options(spec)
    stamps = stamp_files([*paths, *(path for own in files.values() for path in own)])
    if given is not None:
        table = type_frame(given, options)
    else:
        check_options_apply(paths, options)
        with named_by("data.source"):
            table = read_table(
                paths, replace(options, on_bytes=ReadingProgress(paths, on_stage).take)
            )
    roles = resolve_roles(spec, table)
    planned = plan_columns(spec, table, roles, class_targets=class_targets)
    cells = _checked(read_cells(table, planned, on_stage))
    split_seed = seed if spec.split.seed is None else spec.split.seed
    window = plan_windows(spec, planned, cells)
    return ReadData(
        spec=spec,
        given=given,
        paths=paths,
        files=files,
        stamps=stamps,
        roles=roles,
        planned=planned,
        cells=cells,
        window=window,
        split=split_cells(spec.split, planned, cells, seed=split_seed, window=window),
        split_seed=split_seed,
        keep=keep,
        on_stage=on_stage,
    )


def encode_parts(read: ReadData, split: RowSplit, *, own_test_file: bool = True) -> Dataset:
    """Fit preprocessing on the training rows of `split`, and encode its parts; raises DataError.

    Without `own_test_file` the test part is the split's, whatever file the config names for it.
    """
    spec, cells, window = read.spec, read.cells, read.window
    files = {name: own for name, own in read.files.items() if own_test_file or name != "test"}
    every_path = [*read.paths, *(path for own in read.files.values() for path in own)]
    train_rows = cells.kept[split.train]
    if window is not None:
        window = fit_step(window, cells, train_rows)
    preprocessing = fit_columns(
        spec, read.planned, cells, train_rows, window=window, on_stage=read.on_stage
    )
    if read.keep is not None:
        preprocessing = keep_preprocessing(preprocessing, read.keep)

    origins = {"train": (cells, train_rows)}
    for name, rows in (("validation", split.validation), ("test", split.test)):
        if name in files:
            with named_by(f"data.split.{name}"):
                origins[name] = _read_part(files[name], preprocessing, read.on_stage)
        elif len(rows):
            origins[name] = (cells, cells.kept[rows])
    short = {} if window is None else check_windows(window, origins, cells)
    check_arrays_fit(preprocessing, sum(len(rows) for _, rows in origins.values()))
    parts = {
        name: as_part(preprocessing.encode(*origin, on_stage=read.on_stage))
        for name, origin in origins.items()
    }
    windows = {name: part.windows for name, part in parts.items() if part.windows is not None}
    sizes = {name: part.num_rows for name, part in parts.items()}
    watches_test = spec.split.validation == "test"
    sources = fingerprints(every_path, read.stamps)
    return Dataset(
        train=parts["train"],
        validation=parts["test"] if watches_test else parts.get("validation"),
        test=parts.get("test"),
        validation_is_test=watches_test,
        preprocessing=preprocessing,
        counts=_counts(preprocessing, origins, sizes),
        sources=(
            *(() if read.given is None else (fingerprint_table(read.given),)),
            *sources,
        ),
        split_record=split_record(
            split.kind,
            {name: part.rows for name, part in parts.items()},
            seed=read.split_seed,
            files=files,
        ),
        image_files=_image_files(preprocessing, origins),
        tables=_kept_tables({name: origin[0].table for name, origin in origins.items()}),
        warnings=(
            *folder_warnings(every_path),
            *dataset_warnings(
                preprocessing,
                constant=constant_inputs(preprocessing, cells, train_rows),
                numbered=numbered_inputs(preprocessing, cells),
                sizes=sizes,
                roles=read.roles,
                columns=spec.columns,
            ),
            *(() if window is None else window_warnings(window, windows, short)),
        ),
        window_record=None
        if window is None
        else window_record(window, cells, windows, short, own_files=files),
    )


def _kept_tables(tables: dict[str, Table]) -> dict[str, Table]:
    once = {id(table): table for table in tables.values()}
    is_small = sum(table.arrow.nbytes for table in once.values()) <= MOST_KEPT_BYTES
    return tables if is_small else {}


def _checked(cells: Cells) -> Cells:
    """Return `cells`, which must have a row left."""
    check_any_left(cells, cells.table.origins[0].path)
    return cells


def check_any_left(table: Counted, path: Path) -> None:
    """Raise DataError where no row of a table is left, of which `path` is the first file."""
    if table.num_kept:
        return
    if not table.num_read:
        raise DataError(f"{path.name} has no rows")
    counts = [
        f"{name!r} ({count} {reason})"
        for name, reasons in table.dropped.items()
        for reason, count in reasons.items()
    ]
    raise DataError(
        f"{path.name}: no row is left of {table.num_read}; rows were dropped for "
        f"{join_names(counts, most=5)}",
        hint="fill missing cells instead, or leave such columns out with `drop`",
    )


def _read_part(
    paths: list[Path], preprocessing: Preprocessing, on_stage: OnStage
) -> tuple[Cells, Rows]:
    progress = ReadingProgress(paths, on_stage)
    table = read_table(paths, replace(preprocessing.read_options, on_bytes=progress.take))
    cells = _checked(preprocessing.read(table, with_targets=True, on_stage=on_stage))
    return cells, cells.kept


def as_part(applied: Applied) -> Part:
    """Return encoded rows as a part."""
    return Part(
        inputs=applied.inputs,
        targets=applied.targets,
        scaled_targets=applied.scaled_targets,
        sample_weight=applied.sample_weight,
        rows=applied.kept,
        windows=applied.windows,
        naive=applied.naive,
    )


def _image_files(
    preprocessing: Preprocessing, origins: dict[str, tuple[Cells, Rows]]
) -> dict[str, Any]:
    """Fingerprint the files that a table names; those of a folder are part of its own."""
    found: dict[str, Any] = {}
    tables = list({id(cells): cells.table for cells, _ in origins.values()}.values())
    for column in preprocessing.image_columns:
        name = column.settings.name
        named = [table for table in tables if names_files(table, name)]
        if named:
            found[name] = fingerprint_images(named, name)
    return found


def _counts(
    preprocessing: Preprocessing, origins: dict[str, tuple[Cells, Rows]], sizes: dict[str, int]
) -> dict[str, Any]:
    tables = list({id(cells): cells for cells, _ in origins.values()}.values())
    counts = {name: preprocessing.count(*origin) for name, origin in origins.items()}
    return join_counts(tables, counts, sizes)


def split_record(
    kind: str, parts: dict[str, Rows], *, seed: int, files: dict[str, list[Path]]
) -> dict[str, Any]:
    """Return what a run records of its split, from the rows of each part."""
    digests = {
        name: hashlib.sha256(np.ascontiguousarray(rows, dtype="<i8").data).hexdigest()
        for name, rows in parts.items()
    }
    return {
        "kind": kind,
        "seed": seed if kind in ("random", "stratified", "grouped") else None,
        "sizes": {name: len(rows) for name, rows in parts.items()},
        "sha256": digests,
        "files": {name: [path.name for path in paths] for name, paths in files.items()},
    }
