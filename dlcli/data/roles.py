"""What each column of a table is for: input, target, row weight, or a column of the split."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dlcli.data.columns.policies import PlannedColumn, Role
from dlcli.data.columns.settings import bound_of, name_scale, resolve_settings
from dlcli.data.readers import looks_headerless
from dlcli.data.table import Table, repeated
from dlcli.data.types import check_not_in_doubt, column_type
from dlcli.errors import DataError
from dlcli.spec.data import ColumnSpec, DataSpec, as_names
from dlcli.spec.problems import join_names, suggest


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The columns by what they are for, in the order in which they are used."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    weight: str | None
    split: tuple[str, ...]
    """Columns of the split and of the windows' order that have no other role."""
    filters: tuple[str, ...]
    """Columns with no other role whose own settings drop or refuse rows."""
    idle: tuple[str, ...]
    """Columns with no other role whose settings do nothing."""
    lags: tuple[str, ...] = ()
    """Targets whose own past is an input too."""


def resolve_roles(spec: DataSpec, table: Table) -> Roles:
    """Check every column name of the section against `table`; raises DataError."""
    _check_names(spec, table)
    targets, drop = spec.target_names, as_names(spec.drop)
    split = tuple(dict.fromkeys(name for _, name in _split_columns(spec)))
    if spec.inputs is None:
        kept_out = {*targets, *drop, spec.sample_weight, spec.split.group, spec.split.time}
        static = set()
        if spec.window is not None:
            kept_out |= {spec.window.time, spec.window.group}
            static = set(spec.window.static_names)
        inputs = tuple(name for name in table.names if name in static or name not in kept_out)
    else:
        listed = tuple(name for name in as_names(spec.inputs) if name not in spec.lag_names)
        static_names = () if spec.window is None else spec.window.static_names
        inputs = (*listed, *(name for name in static_names if name not in listed))
    _check_roles(spec, inputs, targets, drop)
    used = {*inputs, *targets, spec.sample_weight}
    others = [name for name in spec.columns if name not in {*used, *split}]
    return Roles(
        inputs=inputs,
        targets=targets,
        weight=spec.sample_weight,
        split=tuple(name for name in split if name not in used),
        filters=tuple(name for name in others if _is_filter(spec.columns[name])),
        idle=tuple(name for name in others if not _is_filter(spec.columns[name])),
        lags=spec.lag_names,
    )


def plan_columns(
    spec: DataSpec, table: Table, roles: Roles, *, class_targets: frozenset[str] = frozenset()
) -> tuple[PlannedColumn, ...]:
    """Settle the type and the policies of every column that is read; raises DataError."""
    targets = [_plan_target(spec, table, n, n in class_targets) for n in roles.targets]
    return (
        *(_plan(spec, table, name, "input") for name in roles.inputs),
        *(_plan_lag(spec, plan) for plan in targets if plan.name in roles.lags),
        *targets,
        *([] if roles.weight is None else [_plan_weight(spec, roles.weight)]),
        *(_plan(spec, table, name, "split") for name in roles.split),
        *(_plan(spec, table, name, "filter") for name in roles.filters),
    )


def unknown_column(table: Table, name: str, *, where: str) -> DataError:
    """Build the error for a column that `table` lacks, with the nearest name as its hint."""
    file = table.origins[0].path.name if table.origins else "the table"
    hint = suggest(name, table.names)
    if table.origins and table.origins[0].path.is_dir():
        hint = _folder_hint(name, table)
    if looks_headerless(table.names):
        hint = f"the first row looks like data: list the column names under `header`; {hint}"
    noun = "array" if file.endswith(".npz") else "column"
    return DataError(f"{file} has no {noun} {name!r} ({where})", hint=hint)


def _folder_hint(name: str, table: Table) -> str:
    folder = table.origins[0].path.name
    if name == "class":
        return f"a folder in {folder} for each class, with its images in it, gives this column"
    return f"a folder of images has the columns {join_names(table.names)}"


def _check_names(spec: DataSpec, table: Table) -> None:
    named = [
        *(("target", name) for name in spec.target_names),
        *(("inputs", name) for name in as_names(spec.inputs or ())),
        *(("drop", name) for name in as_names(spec.drop)),
        *(("columns", name) for name in spec.columns),
        *([("sample_weight", spec.sample_weight)] if spec.sample_weight is not None else []),
        *_split_columns(spec),
        *(("window.static", name) for name in (spec.window.static_names if spec.window else ())),
    ]
    for where, name in named:
        if name not in table.names:
            raise unknown_column(table, name, where=f"`data.{where}`")


def _split_columns(spec: DataSpec) -> list[tuple[str, str]]:
    keys: dict[str, object] = {
        "split.group": spec.split.group,
        "split.time": spec.split.time,
        "split.stratify": spec.split.stratify,
    }
    if spec.window is not None:
        keys |= {"window.time": spec.window.time, "window.group": spec.window.group}
    return [(key, name) for key, name in keys.items() if isinstance(name, str)]


def _check_roles(
    spec: DataSpec, inputs: Sequence[str], targets: Sequence[str], drop: Sequence[str]
) -> None:
    weight = () if spec.sample_weight is None else (spec.sample_weight,)
    lists = {"inputs": inputs, "target": targets, "drop": drop, "sample_weight": weight}
    for key, names in lists.items():
        twice = repeated(names)
        if twice is not None:
            raise DataError(f"`data.{key}` names {twice!r} twice", hint="name it once")
    pairs = (
        ("inputs", "target"),
        ("inputs", "drop"),
        ("target", "drop"),
        ("inputs", "sample_weight"),
        ("target", "sample_weight"),
    )
    for one, other in pairs:
        others = set(lists[other])
        both = [name for name in lists[one] if name in others]
        if both:
            raise DataError(
                f"column {both[0]!r} is both in `data.{one}` and in `data.{other}`",
                hint="keep it in one of them",
            )
    if not inputs and not spec.lag_names:
        raise DataError(
            "no column is left as an input",
            hint="name fewer columns under `data.drop` or `data.target`",
        )


def _is_filter(own: ColumnSpec) -> bool:
    return own.missing in ("drop", "error") or own.unreadable in ("drop", "error")


def _plan(spec: DataSpec, table: Table, name: str, role: Role) -> PlannedColumn:
    inferred = column_type(spec, name, table.column(name))
    if role == "input":
        check_not_in_doubt(name, inferred, role=role)
    settings = resolve_settings(spec, name, inferred.type)
    return PlannedColumn(settings=settings, role=role)


def _plan_target(spec: DataSpec, table: Table, name: str, is_classes: bool) -> PlannedColumn:
    inferred = column_type(spec, name, table.column(name))
    check_not_in_doubt(name, inferred, role="target")
    kind = inferred.type
    if kind in ("date", "text", "image"):
        article = "an" if kind == "image" else "a"
        raise DataError(
            f"target {name!r} is {article} {kind} column; a target holds numbers or classes",
            hint="name another column, or turn it into a number or class in the file",
        )
    if is_classes and kind == "number":
        kind = "category"
    return PlannedColumn(settings=resolve_settings(spec, name, kind, is_target=True), role="target")


def _plan_lag(spec: DataSpec, target: PlannedColumn) -> PlannedColumn:
    """Plan a target's own past, which is scaled as an input is."""
    own = spec.columns.get(target.name, ColumnSpec())
    written = own.scale or spec.scale
    scale, _ = name_scale(written)
    is_scaled = target.settings.type == "number" and scale != "zca"
    settings = replace(
        target.settings,
        scale=scale if is_scaled else "none",
        bound=bound_of(written) if is_scaled else None,
        clip=False,
    )
    return PlannedColumn(settings=settings, role="input")


def _plan_weight(spec: DataSpec, name: str) -> PlannedColumn:
    return PlannedColumn(settings=resolve_settings(spec, name, "number"), role="weight")
