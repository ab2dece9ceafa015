"""Rules within the `data` section that need no data."""

import codecs
from pathlib import Path

from dlcli.errors import SpecError
from dlcli.files import reading
from dlcli.spec.data import ColumnSpec, DataSpec, SplitSpec, as_names
from dlcli.spec.fields import number_hint
from dlcli.spec.problems import KeyPath, Problems, closest
from dlcli.spec.window_rules import check_window

_DEFAULTS = ColumnSpec()
_OF_TYPE = {
    "category": ("encode", "categories", "unseen"),
    "date": ("format", "parts"),
    "text": ("vocabulary", "length", "padding", "lower"),
    "image": ("size", "color", "interpolation", "aspect", "shape"),
}
"""Settings that only one type of column can have."""


def check_data(data: DataSpec, problems: Problems) -> None:
    """Report settings of the section that contradict each other."""
    _check_roles(data, problems)
    _check_text_format(data, problems)
    _check_indicators(data, problems)
    for name, column in data.columns.items():
        _check_column(column, ("data", "columns", name), problems)
        _check_image(column, ("data", "columns", name), problems)
    if not problems.within(("data", "split")):
        _check_split(data.split, problems)
    if not problems.within(("data", "window")):
        check_window(data, problems)
    if data.shape is not None and data.window is not None:
        problems.add(
            ("data", "shape"),
            "shape makes an image of each row, and window a sequence of rows: they exclude each other",
            hint="a Reshape layer gives the numbers of a window another shape",
            on_key=True,
        )


def _check_indicators(data: DataSpec, problems: Problems) -> None:
    """Report indicators of missing cells where no policy fills any."""
    policies = {name: column.missing or data.missing for name, column in data.columns.items()}
    filling = [name for name, policy in policies.items() if policy not in ("error", "drop")]
    if data.missing_indicator and data.missing in ("error", "drop") and not filling:
        problems.add(
            ("data", "missing_indicator"),
            "missing_indicator tells which cells were filled, and no policy fills any",
            hint="missing: median fills those of numbers; or leave missing_indicator out",
            on_key=True,
        )
    for name, column in data.columns.items():
        if column.missing_indicator and name not in filling:
            problems.add(
                ("data", "columns", name, "missing_indicator"),
                "missing_indicator tells which cells were filled, and the policy of this column "
                f"is missing: {policies[name]}",
                hint="give it one that fills, e.g. missing: median",
                on_key=True,
            )


def _check_roles(data: DataSpec, problems: Problems) -> None:
    """Report a column that is asked to be two things at once, or one thing twice."""
    roles: dict[str, str] = {}
    weight = () if data.sample_weight is None else (data.sample_weight,)
    lists = {
        "target": data.target_names,
        "inputs": as_names(data.inputs or ()),
        "drop": as_names(data.drop),
        "sample_weight": weight,
    }
    for key, names in lists.items():
        seen: set[str] = set()
        for index, name in enumerate(names):
            path: KeyPath = ("data", key)
            if isinstance(getattr(data, key), tuple):
                path = (*path, index)
            first = roles.setdefault(name, key)
            if first != key and (first, key) != ("target", "inputs" if data.window else None):
                message = f"column {name!r} stands under both {first} and {key}"
                problems.add(path, message, hint="keep it in one of them")
            elif name in seen:
                problems.add(path, f"column {name!r} stands twice", hint="name it once")
            seen.add(name)


def _check_text_format(data: DataSpec, problems: Problems) -> None:
    marks = {"separator": data.separator, "decimal": data.decimal, "thousands": data.thousands}
    seen: dict[str, str] = {}
    for key, mark in marks.items():
        first = key if mark is None else seen.setdefault(mark, key)
        if first != key:
            written = key if getattr(DataSpec, key, None) != mark else first
            problems.add(
                ("data", written),
                f"{first} and {key} are both {mark!r}",
                hint="a number could not be told from two cells or from thousands",
            )
    if data.encoding is None:
        return
    try:
        is_text = codecs.lookup(data.encoding)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        problems.add(
            ("data", "encoding"),
            f"unknown text encoding {data.encoding!r}",
            hint="e.g. utf-8, utf-16, latin-1, cp1252",
        )


def _check_column(column: ColumnSpec, path: KeyPath, problems: Problems) -> None:
    found: str | None = column.type
    for kind, keys in _OF_TYPE.items():
        given = [key for key in keys if getattr(column, key) != getattr(_DEFAULTS, key)]
        if not given:
            continue
        if found not in (None, kind):
            problems.add(
                (*path, given[0]),
                f"{given[0]} is a setting of {kind} columns, and this is a {found} column",
                hint=f"leave {given[0]} out, or set type: {kind}",
                on_key=True,
            )
        found = found or kind


def _check_image(column: ColumnSpec, path: KeyPath, problems: Problems) -> None:
    if isinstance(column.size, tuple) and len(column.size) != 2:
        problems.add(
            (*path, "size"),
            f"size: expected a height and a width, got {len(column.size)} numbers",
            hint="e.g. size: [64, 64]; the channels follow from color",
        )
    for key in ("interpolation", "aspect"):
        if column.size is None and getattr(column, key) != getattr(_DEFAULTS, key):
            problems.add(
                (*path, key),
                f"{key} does nothing without size",
                hint=f"e.g. size: [64, 64] beside it, or leave {key} out",
                on_key=True,
            )


def _check_split(split: SplitSpec, problems: Problems) -> None:
    before = len(problems.found)
    for name in ("test", "validation"):
        _check_size(name, getattr(split, name), problems)
    sizes = [size for size in (split.test, split.validation) if not isinstance(size, str)]
    fractions = [size for size in sizes if size < 1]
    if len(problems.found) == before and len(fractions) == 2 and sum(fractions) >= 1:
        problems.add(
            ("data", "split"),
            f"test and validation take {sum(fractions):.0%} of the rows, and none is left to train on",
            hint="e.g. split: {test: 0.2, validation: 0.1}",
            on_key=True,
        )
    if split.validation == "test" and split.test == 0:
        problems.add(
            ("data", "split", "validation"),
            "validation watches the test part, and there is none",
            hint="give `test` a size or a file",
        )
    _check_order(split, problems)


def _check_size(name: str, size: float | str, problems: Problems) -> None:
    path = ("data", "split", name)
    if isinstance(size, str):
        # Merging has made it a path already; what the file says is its last part.
        written = Path(size).name
        hint = number_hint(written)
        if hint is None and closest(written, ["test"]) and written != "test":
            hint = "did you mean 'test'?"
        is_file = Path(written).suffix or ":" in size or "*" in size or written == "test"
        with reading(size, SpecError):
            is_file = is_file or Path(size).is_dir()
        if hint is not None or not is_file:
            problems.add(
                path,
                f"{name}: expected a fraction, a number of rows or a file, got {written!r}",
                hint=hint or "e.g. 0.2 for a fifth of the rows",
            )
    elif size > 1 and size != int(size):
        problems.add(
            path,
            f"{name}: {size:g} is neither a fraction below 1 nor a whole number of rows",
            hint="e.g. 0.2 for a fifth of the rows",
        )
    elif isinstance(size, float) and size == 1:
        problems.add(
            path,
            f"{name}: 1.0 takes every row, and none is left to train on",
            hint=f"a fraction below 1, or {name}: 1 for a single row",
        )


def _check_order(split: SplitSpec, problems: Problems) -> None:
    given = [key for key in ("stratify", "group", "time") if getattr(split, key)]
    for key in given[1:]:
        problems.add(
            ("data", "split", key),
            f"a split cannot follow both {given[0]} and {key}",
            hint="keep one of them",
            on_key=True,
        )
    if len(given) == 1 and given != ["time"] and not split.shuffle:
        problems.add(
            ("data", "split", "shuffle"),
            f"rows must be shuffled to follow {given[0]}",
            hint=f"leave out `shuffle: false` or {given[0]}",
            on_key=True,
        )
