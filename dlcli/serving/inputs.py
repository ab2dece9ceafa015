"""The rows that a run takes and the predictions it gives, as JSON Schema for OpenAPI."""

from datetime import datetime
from typing import Any

from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.date import DateInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.text import TextInput
from dlcli.data.preprocessing import Preprocessing, TargetInfo
from dlcli.serving.served import Served

MOST_CATEGORIES = 1000
"""Names of a category that are listed."""
MOST_WORDS = 3
"""Of a vocabulary, in an example."""

Schema = dict[str, Any]

_IMAGE_CELL: Schema = {
    "description": "an image file (PNG, JPEG, WebP, GIF, BMP) as base64, or as a data: URL",
    "contentEncoding": "base64",
    "x-image": True,
}


def row_schema(served: Served) -> Schema:
    """Return the schema of a row: column names, types, classes, and the ranges of the training rows.

    Values beyond a range are taken, so ranges are no bounds: they stand under `x-training-range`.
    """
    preprocessing = served.bundle.preprocessing
    properties = {
        column.settings.name: _column_schema(column, served.columns.get(column.settings.name, {}))
        for column in preprocessing.input_columns
    }
    if served.reads == "mixed":
        for column in preprocessing.image_columns:
            properties[column.settings.name] |= _IMAGE_CELL
    for name in preprocessing.needed_columns:
        properties.setdefault(name, {"description": "orders the rows"})
    return {
        "type": "object",
        "properties": properties,
        "required": list(preprocessing.needed_columns),
    }


def predictions_schema(served: Served) -> Schema:
    """Return the schema of the answer in JSON."""
    preprocessing = served.bundle.preprocessing
    may_lack = _drops(preprocessing)
    several = len(preprocessing.targets) > 1
    properties: dict[str, Schema] = {}
    for target in preprocessing.targets:
        properties |= _target_schemas(target, several=several, may_lack=may_lack)
        if target.classes is None and served.level is not None:
            properties |= _ends_schemas(target.name, may_lack=may_lack)
    record = {"type": "object", "properties": properties}
    return {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": record}},
        "required": ["predictions"],
    }


def _column_schema(column: InputColumn, profile: dict[str, Any]) -> Schema:
    schema = _kind_schema(column, profile)
    if column.settings.missing != "error":
        schema["type"] = [schema["type"], "null"]
        schema["description"] = f"{schema.get('description', '')}; may be missing".removeprefix(
            "; "
        )
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    example = _example(column, profile)
    return schema if example is None else {**schema, "example": example}


def _kind_schema(column: InputColumn, profile: dict[str, Any]) -> Schema:
    if isinstance(column, NumberInput):
        low, high = column.minimum, column.maximum
        return {
            "type": "number",
            "description": f"training rows hold {low:g} to {high:g}",
            "x-training-range": [low, high],
        }
    if isinstance(column, BooleanInput):
        return {"type": "boolean"}
    if isinstance(column, CategoryInput):
        names = list(column.categories)
        if column.settings.unseen == "error" and len(names) <= MOST_CATEGORIES:
            return {"type": "string", "enum": names}
        listed = names[:MOST_CATEGORIES]
        return {"type": "string", "x-training-categories": listed}
    if isinstance(column, DateInput):
        written = column.settings.format
        about = "ISO 8601" if written is None else f"written as {written}"
        span = [profile.get(end) for end in ("minimum", "maximum")]
        seen = f"; training rows hold {span[0]} to {span[1]}" if all(span) else ""
        return {"type": "string", "description": f"a date, {about}{seen}"}
    if isinstance(column, TextInput):
        return {"type": "string", "description": "text"}
    return {"type": "string", "description": "an image, sent as the body of the request"}


def _example(column: InputColumn, profile: dict[str, Any]) -> Any:
    """Return a value from the middle of the training rows."""
    top = [value for value, _ in profile.get("top", ())]
    if isinstance(column, NumberInput):
        median = profile.get("median")
        return median if isinstance(median, int | float) else (column.minimum + column.maximum) / 2
    if isinstance(column, BooleanInput):
        return False
    if isinstance(column, CategoryInput):
        return top[0] if top and top[0] in column.categories else column.categories[0]
    if isinstance(column, DateInput):
        return _middle_date(profile.get("median"), column.settings.format)
    if isinstance(column, TextInput):
        return top[0] if top else " ".join(column.words[:MOST_WORDS])
    return None


def _middle_date(median: Any, written: str | None) -> str | None:
    if not isinstance(median, str):
        return None
    return median if written is None else datetime.fromisoformat(median).strftime(written)


def _target_schemas(target: TargetInfo, *, several: bool, may_lack: bool) -> dict[str, Schema]:
    null = ["null"] if may_lack else []
    name = f"predicted_{target.name}"
    if target.classes is None:
        schema: Schema = {"type": ["number", *null]}
        if target.minimum is not None and target.maximum is not None:
            schema["description"] = (
                f"in the unit of {target.name}; training rows hold "
                f"{target.minimum:g} to {target.maximum:g}"
            )
            schema["x-training-range"] = [target.minimum, target.maximum]
        return {name: schema}
    prefix = f"{target.name}_" if several else ""
    share = {"type": ["number", *null], "minimum": 0, "maximum": 1}
    classes: list[Any] = [*target.classes, *([None] if may_lack else [])]
    shares = {label: f"probability_{prefix}{label}" for label in target.classes}
    return {
        name: {"type": ["string", *null], "enum": classes, "x-probabilities": shares},
        **dict.fromkeys(shares.values(), share),
    }


def _ends_schemas(target: str, *, may_lack: bool) -> dict[str, Schema]:
    end = {"type": ["number", *(["null"] if may_lack else [])]}
    about = "with `interval`: the {} end of the interval"
    return {
        f"{side}_{target}": {**end, "description": about.format(side)}
        for side in ("lower", "upper")
    }


def _drops(preprocessing: Preprocessing) -> bool:
    """Tell whether a policy may leave rows without a prediction."""
    columns = [column.settings for column in preprocessing.input_columns]
    return any(
        "drop" in (settings.missing, settings.unreadable)
        for settings in [*columns, *preprocessing.filters]
    )
