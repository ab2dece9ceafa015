"""Which rows train, are watched and judge: the rows that scikit-learn picks for the same seed."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DataError
from dlcli.spec.data import SplitSpec

Rows = NDArray[np.int64]

FEWEST_TRAINING_ROWS = 2
"""What a split must leave; a table that is not split may have a single row."""


@dataclass(frozen=True, kw_only=True)
class RowSplit:
    """Positions of the rows of each part, disjoint and together complete."""

    kind: str
    """random, stratified, grouped, time or ordered."""
    train: Rows
    validation: Rows
    test: Rows


def split_rows(
    num_rows: int,
    spec: SplitSpec,
    seed: int,
    *,
    labels: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    order: NDArray[Any] | None = None,
) -> RowSplit:
    """Split `num_rows` rows; parts with files of their own take none.

    The test part is taken first, then the validation part from the rest; fractions are of all
    rows, rounded up (with `groups`, of all groups). `labels`, `groups` and `order` [rows] are the
    values of the stratify, group and time columns. Raises DataError.
    """
    check_split(spec)
    num_units = num_rows if groups is None else len(np.unique(groups))
    sizes = [
        part_size(getattr(spec, name), num_units, name=name, num_rows=num_rows)
        for name in ("test", "validation")
    ]
    rest = np.arange(num_rows, dtype=np.int64)
    if order is not None:
        rest = np.argsort(order, kind="stable").astype(np.int64)
    taken = []
    for size, name in zip(sizes, ("test", "validation"), strict=True):
        _check_enough(len(rest), size, groups=groups is not None, name=name, num_rows=num_rows)
        part, rest = _take(rest, size, name, spec, seed, labels, groups)
        taken.append(part)
    if len(rest) < min(FEWEST_TRAINING_ROWS, num_rows):
        raise _too_few(num_rows, len(rest))
    return RowSplit(kind=split_kind(spec), test=taken[0], validation=taken[1], train=rest)


def split_kind(spec: SplitSpec) -> str:
    """Return how rows are split, in one word."""
    if spec.time is not None:
        return "time"
    if spec.group is not None:
        return "grouped"
    if spec.stratify:
        return "stratified"
    return "random" if spec.shuffle else "ordered"


def check_split(spec: SplitSpec) -> None:
    """Raise DataError for settings that contradict each other."""
    named = [
        name for name in ("stratify", "group", "time") if getattr(spec, name) not in (None, False)
    ]
    if len(named) > 1:
        raise DataError(
            f"`split` cannot follow `{named[0]}` and `{named[1]}` together", hint="keep one of them"
        )
    if not spec.shuffle and named and named != ["time"]:
        raise DataError(
            f"`split` needs to shuffle rows to follow `{named[0]}`, and `shuffle` is false",
            hint=f"leave out `shuffle: false` or `{named[0]}`",
        )


@dataclass(frozen=True, kw_only=True)
class PartSize:
    """How much a part takes: whole units (rows or groups), or at least so many rows of groups."""

    units: int = 0
    rows: int = 0


def part_size(size: float | str, num_units: int, *, name: str, num_rows: int) -> PartSize:
    """Return what `size`, a fraction or a number of rows, comes to."""
    if isinstance(size, str) or size == 0:
        return PartSize()
    if isinstance(size, float) and not size.is_integer() and size > 1:
        raise DataError(
            f"`split: {{{name}: {size:g}}}` is no fraction below 1 and no whole number of rows"
        )
    if isinstance(size, float) and size == 1:
        raise DataError(
            f"`split: {{{name}: 1.0}}` would put every row into the {name} part",
            hint=f"write a fraction below 1, or `{name}: 1` for one row",
        )
    if size < 1:
        return PartSize(units=math.ceil(size * num_units))
    if size >= num_rows:
        raise DataError(
            f"`split: {{{name}: {size:g}}}` leaves no row to train on: there are {num_rows}",
            hint="a number below 1 is a fraction of all rows, e.g. 0.2",
        )
    return PartSize(rows=int(size))


def _take(
    rest: Rows,
    size: PartSize,
    name: str,
    spec: SplitSpec,
    seed: int,
    labels: NDArray[Any] | None,
    groups: NDArray[Any] | None,
) -> tuple[Rows, Rows]:
    """Return the part and what is left of `rest`, both as positions in the whole table."""
    if size == PartSize():
        return rest[:0], rest
    count = size.units or size.rows
    if groups is not None:
        is_part = _draw_groups(groups[rest], size, seed)
        # Rows keep their own order, as in GroupShuffleSplit.
        return rest[is_part], rest[~is_part]
    if labels is not None:
        part, left = _draw_stratified(labels[rest], count, seed, name=name)
        return rest[part], rest[left]
    if spec.time is not None or not spec.shuffle:
        return rest[len(rest) - count :], rest[: len(rest) - count]
    shuffled = np.random.RandomState(seed).permutation(len(rest))
    return rest[shuffled[:count]], rest[shuffled[count:]]


def _draw_groups(groups: NDArray[Any], size: PartSize, seed: int) -> NDArray[np.bool_]:
    names, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    shuffled = np.random.RandomState(seed).permutation(len(names))
    count = size.units
    if size.rows:
        count = int(np.searchsorted(np.cumsum(counts[shuffled]), size.rows)) + 1
    if count >= len(names):
        raise DataError(
            f"`split` by groups: {len(names)} group{'s are' if len(names) > 1 else ' is'} too few "
            "for the parts asked for",
            hint="ask for smaller parts, or leave out `group`",
        )
    return np.isin(codes, shuffled[:count])


def _draw_stratified(
    labels: NDArray[Any], count: int, seed: int, *, name: str
) -> tuple[Rows, Rows]:
    """Draw `count` positions with the classes in their shares; the same draws as scikit-learn's."""
    classes, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    _check_classes(classes, sizes, count, name=name)
    rng = np.random.RandomState(seed)
    num_left = _allot(sizes, len(labels) - count, rng)
    num_part = _allot(sizes - num_left, count, rng)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    left, part = [], []
    for rows, keep, draw in zip(members, num_left, num_part, strict=True):
        shuffled = rows[rng.permutation(len(rows))]
        left.append(shuffled[:keep])
        part.append(shuffled[keep : keep + draw])
    left_rows = rng.permutation(np.concatenate(left))
    return rng.permutation(np.concatenate(part)), left_rows


def _check_classes(classes: NDArray[Any], sizes: Rows, count: int, *, name: str) -> None:
    if sizes.min() < 2:
        rare = [str(label) for label in classes[sizes < 2]]
        shown = ", ".join(repr(label) for label in rare[:5])
        more = f" and {len(rare) - 5} more" if len(rare) > 5 else ""
        raise DataError(
            f"`split: {{stratify: ...}}`: only one row left for the {name} part's classes "
            f"{shown}{more}",
            hint="leave out `stratify`, or drop or merge classes that are so rare",
        )
    if count < len(classes) or sizes.sum() - count < len(classes):
        raise DataError(
            f"`split: {{stratify: ...}}`: a {name} part of {count} of {sizes.sum()} rows cannot "
            f"hold {len(classes)} classes on both sides",
            hint="ask for another size, or leave out `stratify`",
        )


def _allot(sizes: Rows, count: int, rng: np.random.RandomState) -> Rows:
    """Share `count` draws among classes by their `sizes`; largest remainders first, ties by lot."""
    shares = sizes / sizes.sum() * count
    allotted = np.floor(shares)
    remainders = shares - allotted
    open_draws = int(count - allotted.sum())
    for remainder in np.unique(remainders)[::-1]:
        if open_draws <= 0:
            break
        (tied,) = np.where(remainders == remainder)
        winners = rng.choice(tied, size=min(len(tied), open_draws), replace=False)
        allotted[winners] += 1
        open_draws -= len(winners)
    return np.asarray(allotted, dtype=np.int64)


def _check_enough(num_left: int, size: PartSize, *, groups: bool, name: str, num_rows: int) -> None:
    count = size.rows or (0 if groups else size.units)
    if count and num_left - count < FEWEST_TRAINING_ROWS:
        raise _too_few(num_rows, max(0, num_left - count))


def _too_few(num_rows: int, num_left: int) -> DataError:
    return DataError(
        f"the split leaves {num_left} of {num_rows} rows to train on; at least "
        f"{FEWEST_TRAINING_ROWS} are needed",
        hint="ask for smaller parts under `split`, or give more rows",
    )
