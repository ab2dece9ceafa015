"""The grammar as JSON Schema (draft 2020-12), for editors."""

from collections.abc import Mapping
from typing import Any

from dlcli.spec import catalog
from dlcli.spec.callbacks import RUN_PATHS
from dlcli.spec.catalog import Entry
from dlcli.spec.components import Component, field_of
from dlcli.spec.data import NAMES
from dlcli.spec.experiment import GRAMMAR_VERSION, RunSpec
from dlcli.spec.fields import JsonSchema
from dlcli.spec.imports import IMPORTED_KINDS
from dlcli.spec.own_names import SHARE, SHARE_ENTRY
from dlcli.spec.sections import Section

_TAKES = "The layers, data inputs or columns this layer takes."


def build_schema() -> JsonSchema:
    """Return the schema of a whole config."""
    schema = Section(RunSpec).schema()
    # A config that extends another may leave out what that one says.
    required = schema.pop("required")
    data = schema["properties"]["data"]
    whole_data = {"required": data.pop("required"), "description": data["description"]}
    whole = {"required": required, "properties": {"data": whole_data}}
    keys = schema["properties"]
    keys["version"]["maximum"] = GRAMMAR_VERSION
    judged = {key: keys[key] for key in keys if "#/$defs/" in str(keys[key])}
    # What names classes is judged below, by whether the config may bring classes of its own.
    schema["properties"] = {
        key: {"description": each["description"]} if key in judged else each
        for key, each in keys.items()
    }
    components = {kind: _component(kind) for kind in catalog.KINDS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "One training: data, network, loss, optimizer, epochs.",
        **schema,
        "anyOf": [whole, {"required": ["extends"]}],
        "if": {"anyOf": [{"required": [key]} for key in ("extends", "imports")]},
        "then": {"properties": _with_own_classes(judged)},
        "else": _of_keras_alone(judged),
        "$defs": {**components, **_own_components(components), "own_layer": _own("layer", _BLOCK)},
    }


OWN = "_or_own"
_BLOCK = "A block of this config, or a layer of its imports."


def _of_keras_alone(judged: JsonSchema) -> JsonSchema:
    """Return what the keys hold in a config whose only own names are those of its blocks."""
    strict: JsonSchema = {"items": {"$ref": "#/$defs/layer"}}
    return {
        "properties": judged,
        "if": {"required": ["blocks"]},
        "else": {"properties": {"layers": _described(strict, "Layers of Keras alone.")}},
    }


def _own_components(components: Mapping[str, JsonSchema]) -> dict[str, JsonSchema]:
    """Return the components as they are where a config may bring classes of its own."""
    found: dict[str, JsonSchema] = {}
    for kind in sorted(IMPORTED_KINDS):
        component = components[kind]
        has_nested = "#/$defs/" in str(component)
        known = _with_own_classes(component) if has_nested else {"$ref": f"#/$defs/{kind}"}
        own = _own(kind, f"A {kind} of this config's imports.")
        found[f"{kind}{OWN}"] = {"description": component["description"], "anyOf": [known, own]}
    return found


def _with_own_classes(node: Any) -> Any:
    """Return the same with every name of a class open to those of a config's imports."""
    if isinstance(node, dict):
        return {
            key: f"{item}{OWN}" if key == "$ref" and _is_open(item) else _with_own_classes(item)
            for key, item in node.items()
        }
    return [_with_own_classes(item) for item in node] if isinstance(node, list) else node


def _is_open(reference: str) -> bool:
    return reference.rpartition("/")[2] in IMPORTED_KINDS


def _own(kind: str, description: str) -> JsonSchema:
    """Return the schema of any name that Keras does not have, its arguments unjudged."""
    known = [each for name in catalog.names(kind) for each in _spellings(kind, name)]
    if kind == "layer":
        known.insert(0, SHARE)
    return {
        "description": description,
        "anyOf": [
            {"type": "string", "not": {"enum": known}},
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "propertyNames": {"not": {"enum": known}},
                "additionalProperties": {},
            },
        ],
    }


def _spellings(kind: str, name: str) -> tuple[str, ...]:
    entry = catalog.find(kind, name)
    assert entry is not None
    return (name, *catalog.aliases(entry))


def _component(kind: str) -> JsonSchema:
    entries = [catalog.find(kind, name) for name in catalog.names(kind)]
    usable = [entry for entry in entries if entry is not None and not entry.refused]
    spellings = {name: entry for entry in usable for name in (entry.name, *catalog.aliases(entry))}
    if kind == "layer":
        spellings[SHARE] = SHARE_ENTRY
    return {
        "description": f"Keras's name of {Component(kind).expectation}, alone or with its arguments.",
        "anyOf": [
            {"enum": sorted(name for name, entry in spellings.items() if not _required(entry))},
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
                "properties": {
                    name: _arguments(entry) for name, entry in sorted(spellings.items())
                },
            },
        ],
    }


def _required(entry: Entry) -> list[str]:
    """Return the arguments that a config must give."""
    has_default = RUN_PATHS.get(entry.name, ("",))[0] if entry.kind == "callback" else ""
    names = [argument.name for argument in entry.arguments if argument.required]
    return [name for name in names if name != has_default]


def _arguments(entry: Entry) -> JsonSchema:
    properties: dict[str, Any] = {
        argument.name: _described(field_of(argument).schema(), argument.description)
        for argument in entry.arguments
    }
    required = _required(entry)
    if entry.kind == "layer":
        properties["inputs"] = _described(NAMES.schema(), _TAKES)
    if entry.name == "TimeDistributed":
        properties["layer"]["anyOf"] = [
            {"$ref": properties["layer"].pop("$ref")},
            {"$ref": "#/$defs/own_layer"},
        ]
    alternatives: list[JsonSchema] = [
        {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
    ]
    first = catalog.first_argument(entry)
    if first is not None and required in ([], [first.name]):
        alternatives.insert(0, field_of(first).schema())
    if not required:
        alternatives.append({"type": "null"})
    return _described({"anyOf": alternatives}, entry.description)


def _described(schema: JsonSchema, description: str | None) -> JsonSchema:
    return {**schema, "description": description} if description else schema
