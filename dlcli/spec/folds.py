"""The `folds` key: cross-validation, with scikit-learn's words."""

from dataclasses import dataclass, replace

from dlcli.spec.abbreviated import Abbreviated
from dlcli.spec.containers import OneOf
from dlcli.spec.data import DataSpec
from dlcli.spec.fields import Boolean, Integer, Text
from dlcli.spec.problems import Problems
from dlcli.spec.sections import setting

FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class FoldsSpec:
    """How rows are cut into folds, each of which is held out once."""

    n_splits: int = setting(Integer(minimum=FEWEST), "How many folds.", default=5)
    n_repeats: int = setting(
        Integer(minimum=1), "How often the rows are cut anew, in another order.", default=1
    )
    shuffle: bool | None = setting(
        Boolean(),
        "Whether folds are random rows, or follow each other as the rows stand; `data.split` says "
        "so without it.",
        default=None,
    )
    stratify: bool | str | None = setting(
        OneOf((Boolean(), Text("a column name"))),
        "Whether every fold has each class in its share: of the target, or of a column. The same "
        "as data.split.stratify.",
        default=None,
    )
    group: str | None = setting(
        Text("a column name"),
        "A column whose equal values stay in one fold. The same as data.split.group.",
        default=None,
    )
    time: str | None = setting(
        Text("a column name"),
        "A column of dates or numbers: every fold is judged by what was before it. The same as "
        "data.split.time.",
        default=None,
    )


FOLDS = Abbreviated(FoldsSpec, "n_splits", Integer(minimum=FEWEST))
"""A number of folds, or how they are cut."""


_SHARED = ("shuffle", "stratify", "group", "time")


def with_folds(data: DataSpec, folds: FoldsSpec | None) -> DataSpec:
    """Return the data section whose split follows what the folds follow."""
    if folds is None:
        return data
    given = {key: getattr(folds, key) for key in _SHARED if getattr(folds, key) is not None}
    return replace(data, split=replace(data.split, **given)) if given else data


def check_folds(folds: FoldsSpec, data: DataSpec, problems: Problems) -> None:
    """Report folds that contradict the split, and folds of what cannot be cut."""
    if data.window is not None:
        problems.add(
            ("folds",),
            "folds cut rows, and `data.window` makes windows of rows that follow each other",
            hint="leave `folds` out: windows are split in time",
            on_key=True,
        )
    split = data.split
    if folds.n_repeats > 1 and (split.time or split.group or not split.shuffle):
        what = "time" if split.time else "group" if split.group else "the order of the rows"
        problems.add(
            ("folds", "n_repeats"),
            f"folds that follow {what} are the same each time",
            hint="leave n_repeats out",
        )


def check_same_split(folds: FoldsSpec, data: DataSpec, problems: Problems) -> None:
    """Report folds that follow something else than the split that the config writes."""
    default = type(data.split)()
    for key in _SHARED:
        own, other = getattr(folds, key), getattr(data.split, key)
        if own is None or other in (own, getattr(default, key)):
            continue
        problems.add(
            ("folds", key),
            f"data.split.{key} says otherwise: the test part and the folds follow the same",
            hint="write it in one of the two places",
        )
