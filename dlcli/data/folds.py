"""Folds of a table: which rows each holds out, those that scikit-learn's splitters hold out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.dataset import Dataset, ReadData, encode_parts
from dlcli.data.parts import SplitValues, split_values
from dlcli.data.split import Rows, RowSplit, split_kind, split_rows
from dlcli.errors import DataError
from dlcli.spec.folds import FoldsSpec


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One cut: `held_out` is judged by a network that was trained on `train`."""

    repeat: int
    """Counts from 1, like `number`."""
    number: int
    train: Rows
    held_out: Rows


def fold_rows(
    folds: FoldsSpec, kind: str, num_rows: int, seed: int, values: SplitValues
) -> list[Fold]:
    """Cut `num_rows` rows: KFold, StratifiedKFold, GroupKFold or TimeSeriesSplit, by `kind`.

    `values` are those of the rows. Raises DataError for more folds than there can be.
    """
    _check_enough(folds, kind, num_rows, values)
    rng = np.random.RandomState(seed)
    found: list[Fold] = []
    for repeat in range(1, folds.n_repeats + 1):
        cuts = list(_cut(folds.n_splits, kind, num_rows, rng, values))
        for number, (train, held_out) in enumerate(cuts, 1):
            found.append(Fold(repeat=repeat, number=number, train=train, held_out=held_out))
    return found


def _cut(
    n_splits: int, kind: str, num_rows: int, rng: np.random.RandomState, values: SplitValues
) -> Iterator[tuple[Rows, Rows]]:
    if kind == "time":
        assert values.order is not None
        yield from _in_time(np.argsort(values.order, kind="stable").astype(np.int64), n_splits)
        return
    if kind == "grouped":
        assert values.groups is not None
        code = _group_folds(values.groups, n_splits)
    elif kind == "stratified":
        assert values.labels is not None
        code = _stratified_folds(values.labels, n_splits, rng)
    else:
        rows = np.arange(num_rows)
        if kind == "random":
            rng.shuffle(rows)
        code = np.empty(num_rows, np.int64)
        for number, part in enumerate(np.array_split(rows, n_splits)):
            code[part] = number
    for number in range(n_splits):
        yield np.flatnonzero(code != number), np.flatnonzero(code == number)


def _in_time(rows: Rows, n_splits: int) -> Iterator[tuple[Rows, Rows]]:
    size = len(rows) // (n_splits + 1)
    first = len(rows) - n_splits * size
    for start in range(first, len(rows), size):
        yield rows[:start], rows[start : start + size]


def _group_folds(groups: NDArray[Any], n_splits: int) -> NDArray[np.int64]:
    """Put the largest group first into the fold that has the fewest rows by then."""
    _, codes = np.unique(groups, return_inverse=True)
    sizes = np.bincount(codes)
    filled = np.zeros(n_splits)
    fold_of = np.zeros(len(sizes), np.int64)
    for group in np.argsort(sizes, kind="stable")[::-1]:
        lightest = int(np.argmin(filled))
        filled[lightest] += sizes[group]
        fold_of[group] = lightest
    return fold_of[codes]


def _stratified_folds(
    labels: NDArray[Any], n_splits: int, rng: np.random.RandomState
) -> NDArray[np.int64]:
    """Deal the rows of each class out; classes count in the order in which they appear."""
    _, firsts, codes = np.unique(labels, return_index=True, return_inverse=True)
    appearance = np.argsort(np.argsort(firsts, kind="stable"), kind="stable")
    codes = appearance[codes]
    ordered = np.sort(codes)
    shares = [
        np.bincount(ordered[start::n_splits], minlength=len(firsts)) for start in range(n_splits)
    ]
    folds = np.empty(len(labels), np.int64)
    for label in range(len(firsts)):
        dealt = np.arange(n_splits).repeat([share[label] for share in shares])
        rng.shuffle(dealt)
        folds[codes == label] = dealt
    return folds


def _check_enough(folds: FoldsSpec, kind: str, num_rows: int, values: SplitValues) -> None:
    asked = folds.n_splits
    what, count, hint = f"{num_rows} rows", num_rows, "ask for fewer folds"
    if kind == "time":
        what, count = f"{num_rows} rows, of which the first are only trained on", num_rows - 1
    elif kind == "grouped":
        assert values.groups is not None
        count = len(np.unique(values.groups))
        what, hint = f"{count} groups", "ask for fewer folds, or leave out `group`"
    elif kind == "stratified":
        assert values.labels is not None
        classes, sizes = np.unique(values.labels, return_counts=True)
        count = int(sizes.min())
        rarest = classes[int(sizes.argmin())]
        rows = "1 row" if count == 1 else f"{count} rows"
        what = f"the class {str(rarest)!r} has {rows}"
        hint = "ask for fewer folds, drop or merge rare classes, or leave out `stratify`"
    if asked > count:
        raise DataError(f"`folds: {asked}` are too many for this table: {what}", hint=hint)


@dataclass(frozen=True, kw_only=True)
class FoldData:
    """One fold with its arrays; the test part is what it holds out."""

    fold: Fold
    dataset: Dataset


def fold_datasets(read: ReadData, folds: FoldsSpec) -> Iterator[FoldData]:
    """Yield every fold's arrays, preprocessing fitted on its own training part alone.

    What the split keeps for testing is in no fold. A validation part is taken from the rows that a
    fold trains on, as large as the split's own. Raises DataError.
    """
    spec = read.spec.split
    own_validation = len(read.split.validation)
    pool = np.sort(np.concatenate([read.split.train, read.split.validation]))
    values = split_values(spec, read.planned, read.cells)
    kind = split_kind(spec)
    cuts = fold_rows(folds, kind, len(pool), read.split_seed, values.take(pool))
    watched = replace(spec, test=0, validation=own_validation if own_validation else 0)
    for cut in cuts:
        rows = pool[cut.train]
        validation = rows[:0]
        if own_validation:
            rest = values.take(rows)
            parts = split_rows(
                len(rows),
                watched,
                read.split_seed,
                labels=rest.labels,
                groups=rest.groups,
                order=rest.order,
            )
            rows, validation = rows[parts.train], rows[parts.validation]
        split = RowSplit(kind=kind, train=rows, validation=validation, test=pool[cut.held_out])
        yield FoldData(fold=cut, dataset=encode_parts(read, split, own_test_file=False))
