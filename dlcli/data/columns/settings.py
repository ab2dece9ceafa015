"""What a column's settings come to once the table's and its own are put together."""

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from dlcli.data.cells import cell_text
from dlcli.data.table import repeated
from dlcli.errors import DataError
from dlcli.spec.data import (
    ZCA_EPSILON,
    Aspect,
    Color,
    ColumnSpec,
    ColumnType,
    ConstantPolicy,
    DataSpec,
    Interpolation,
    Missing,
    QuantileScale,
    RobustScale,
    Scale,
    ScaleName,
    ZcaScale,
    as_size,
)

Unreadable = Literal["error", "missing", "drop"]
Unseen = Literal["error", "ignore"]

INDICATED: tuple[ColumnType, ...] = ("number", "boolean", "date")
"""The types of columns that may have a feature which tells where cells were missing."""

_DEFAULTS = ColumnSpec()
# Settings that only one kind of column can have; without `type` they say what the column is.
_SETTINGS_OF_TYPE: dict[ColumnType, tuple[str, ...]] = {
    "category": ("encode", "categories", "unseen"),
    "date": ("format", "parts"),
    "text": ("vocabulary", "length", "padding", "lower"),
    "image": ("size", "color", "interpolation", "aspect", "shape"),
}
# The ways to scale that each type of column knows, beside none.
_SCALES: dict[ColumnType, tuple[ScaleName, ...]] = {
    "number": ("standard", "minmax", "robust", "quantile"),
    "date": ("standard", "minmax", "robust", "quantile"),
    "image": ("standard", "minmax", "zca"),
}


@dataclass(frozen=True, kw_only=True)
class ColumnSettings:
    """Everything that decides how one column is read and what happens to its bad cells."""

    name: str
    type: ColumnType
    missing: Missing = "error"
    missing_is_own: bool = False
    """Whether the policy is the column's own rather than the whole table's."""
    missing_indicator: bool = False
    missing_values: tuple[str, ...] = ()
    unreadable: Unreadable = "error"
    unreadable_is_own: bool = False
    unseen: Unseen = "error"
    scale: ScaleName = "none"
    epsilon: float = ZCA_EPSILON
    bound: float | None = None
    """How far from 0 scaled numbers come at most; None where nothing keeps them there."""
    clip: bool = False
    """Whether predictions of a target stay within what its training part holds."""
    encode: Literal["onehot", "ordinal"] = "onehot"
    categories: tuple[str, ...] | None = None
    format: str | None = None
    parts: tuple[str, ...] = _DEFAULTS.parts
    vocabulary: int = _DEFAULTS.vocabulary
    length: int = _DEFAULTS.length
    padding: Literal["post", "pre"] = _DEFAULTS.padding
    lower: bool = _DEFAULTS.lower
    size: tuple[int, int] | None = None
    color: Color | None = None
    interpolation: Interpolation = "bilinear"
    aspect: Aspect = "stretch"
    shape: tuple[int, ...] | None = None
    expected: tuple[int, ...] | None = None
    """The shape of the images that the column was fitted on."""
    decimal: str = "."
    thousands: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, as JSON values."""
        state = asdict(self)
        defaults = {field.name: field.default for field in fields(self)}
        kept = {key: value for key, value in state.items() if value != defaults[key]}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in kept.items()}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "ColumnSettings":
        """Read what `to_json` wrote."""
        values: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in state.items()
        }
        if isinstance(values.get("missing"), dict):
            values["missing"] = ConstantPolicy(**values["missing"])
        return cls(**values)


def resolve_settings(
    spec: DataSpec, name: str, column_type: ColumnType, *, is_target: bool = False
) -> ColumnSettings:
    """Put the column's own settings over the table's; raises DataError for ones that do not fit."""
    own = spec.columns.get(name, _DEFAULTS)
    _check_fit(name, own, column_type, is_target=is_target)
    markers = spec.missing_values if own.missing_values is None else own.missing_values
    written = own.scale or (spec.target_scale if is_target else spec.scale)
    scale, epsilon = name_scale(written)
    if column_type == "image":
        _check_image_scale(name, scale)
    return ColumnSettings(
        name=name,
        type=column_type,
        missing=spec.missing if own.missing is None else own.missing,
        missing_is_own=own.missing is not None,
        missing_indicator=_tells_missing(spec, own, column_type, is_target=is_target),
        missing_values=tuple(cell_text(marker) for marker in markers),
        unreadable=own.unreadable or spec.unreadable,
        unreadable_is_own=own.unreadable is not None,
        unseen=own.unseen or spec.unseen,
        scale=scale if scale in _SCALES.get(column_type, ()) else "none",
        epsilon=epsilon,
        bound=bound_of(written),
        clip=is_target and (spec.target_clip if own.clip is None else own.clip),
        encode=own.encode or "onehot",
        categories=_category_names(name, own),
        format=own.format,
        parts=own.parts,
        vocabulary=own.vocabulary,
        length=own.length,
        padding=own.padding,
        lower=own.lower,
        size=as_size(own.size),
        color=own.color,
        interpolation=own.interpolation,
        aspect=own.aspect,
        shape=own.shape,
        decimal=spec.decimal,
        thousands=spec.thousands,
    )


def _tells_missing(
    spec: DataSpec, own: ColumnSpec, column_type: ColumnType, *, is_target: bool
) -> bool:
    """Tell whether missing cells that are filled get a feature."""
    missing = spec.missing if own.missing is None else own.missing
    is_filled = missing not in ("error", "drop")
    wanted = spec.missing_indicator if own.missing_indicator is None else own.missing_indicator
    return wanted and is_filled and column_type in INDICATED and not is_target


def name_scale(scale: Scale) -> tuple[ScaleName, float]:
    """Return the kind of a scale and the epsilon of ZCA whitening."""
    if isinstance(scale, ZcaScale):
        return "zca", scale.zca
    if isinstance(scale, RobustScale):
        return "robust", ZCA_EPSILON
    return "quantile" if isinstance(scale, QuantileScale) else scale, ZCA_EPSILON


def bound_of(scale: Scale) -> float | None:
    """Return how far from 0 scaled numbers come at most; None where nothing keeps them there."""
    if isinstance(scale, QuantileScale):
        return float(scale.quantile)
    return float(scale.robust) if isinstance(scale, RobustScale) else None


def implied_type(own: ColumnSpec) -> ColumnType | None:
    """Return the type that the settings name or that only they can have."""
    if own.type is not None:
        return own.type
    for column_type, names in _SETTINGS_OF_TYPE.items():
        if any(getattr(own, name) != getattr(_DEFAULTS, name) for name in names):
            return column_type
    return None


def column_hint(name: str, **values: object) -> str:
    """Return YAML for the `data` section: `columns: {age: {missing: median}}`."""
    inner = ", ".join(f"{key}: {yaml_text(value)}" for key, value in values.items())
    return f"columns: {{{yaml_text(name)}: {{{inner}}}}}"


def yaml_text(value: object) -> str:
    """Return a value as YAML flow text, quoted where plain text would mean something else."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(yaml_text(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{yaml_text(k)}: {yaml_text(v)}' for k, v in value.items())}}}"
    is_word = isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.() -]*(?<! )", value)
    if is_word and str(value).casefold() not in {"true", "false", "null"}:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _check_fit(name: str, own: ColumnSpec, column_type: ColumnType, *, is_target: bool) -> None:
    article = "an" if column_type == "image" else "a"
    for wanted, settings in _SETTINGS_OF_TYPE.items():
        given = [key for key in settings if getattr(own, key) != getattr(_DEFAULTS, key)]
        if wanted != column_type and given:
            raise DataError(
                f"column {name!r} is {article} {column_type} column: {given[0]!r} is a setting of "
                f"{wanted} columns",
                hint=f"leave {given[0]!r} out, or set `{column_hint(name, type=wanted)}`",
            )
    if own.scale not in (None, "none") and column_type not in _SCALES:
        raise DataError(
            f"column {name!r} is a {column_type} column: 'scale' is a setting of number columns",
            hint="leave 'scale' out",
        )
    if own.scale is not None and column_type != "image" and name_scale(own.scale)[0] == "zca":
        raise DataError(
            f"column {name!r} is a {column_type} column: zca whitens images",
            hint="scale: standard brings numbers to mean 0 and deviation 1; for pixels in columns "
            "write `shape` and `scale: zca` under `data`",
        )
    if own.missing_indicator and column_type not in INDICATED:
        raise DataError(
            f"column {name!r} is {article} {column_type} column: 'missing_indicator' is a setting "
            "of number, boolean and date columns",
            hint="leave it out"
            if column_type != "category"
            else "make missing a category of its "
            f"own: `{column_hint(name, missing={'constant': 'missing'})}`",
        )
    if is_target and own.scale is not None and bound_of(own.scale) is not None:
        kind = name_scale(own.scale)[0]
        raise DataError(
            f"column {name!r} is a target: {{{kind}: {bound_of(own.scale):g}}} is for inputs alone",
            hint=f"scale: {kind}; `clip: true` keeps predictions within what training holds",
        )
    if own.clip is not None and not is_target:
        raise DataError(
            f"column {name!r} is no target: 'clip' is a setting of targets",
            hint="leave 'clip' out; `scale: {robust: 3}` bends the outliers of an input",
        )
    if own.clip and column_type != "number":
        raise DataError(
            f"column {name!r} is a target of classes: 'clip' is a setting of numbers",
            hint="leave 'clip' out",
        )
    for key in ("encode", "unseen", "missing_indicator") if is_target else ():
        if getattr(own, key) is not None:
            raise DataError(
                f"column {name!r} is a target: {key!r} is a setting of inputs",
                hint=f"leave {key!r} out",
            )


def _check_image_scale(name: str, scale: ScaleName) -> None:
    if scale not in ("none", *_SCALES["image"]):
        raise DataError(
            f"column {name!r} holds images: they have no scale {scale!r}",
            hint=f"give it one of its own: `{column_hint(name, scale='standard')}`, or minmax, zca "
            "or none",
        )


def _category_names(name: str, own: ColumnSpec) -> tuple[str, ...] | None:
    if own.categories is None:
        return None
    names = tuple(cell_text(category) for category in own.categories)
    twice = repeated(names)
    if twice is not None:
        raise DataError(f"column {name!r}: `categories` lists {twice!r} twice")
    return names
