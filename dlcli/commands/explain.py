"""The reference of one name: what it is, its arguments, and how a config writes it."""

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dlcli.errors import UsageError
from dlcli.spec import catalog
from dlcli.spec.catalog import Argument, Entry
from dlcli.spec.data import ColumnSpec, DataSpec, SplitSpec
from dlcli.spec.experiment import RunSpec
from dlcli.spec.layers import CELLS, MERGING
from dlcli.spec.own_names import SHARE, SHARE_ENTRY
from dlcli.spec.refit import RefitSpec
from dlcli.spec.sections import Section
from dlcli.spec.windows import WindowSpec


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What there is to say about one meaning of a name."""

    kind: str
    name: str
    description: str
    path: str | None = None
    aliases: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    """Of a mapping of the grammar: its keys, and what each is for."""
    refused: str | None = None
    example: str = ""
    note: str = ""


def find_components(name: str) -> Iterator[Reference]:
    """Find a name in the Keras vocabulary, in every kind that has it."""
    for kind in catalog.KINDS:
        entry = catalog.find(kind, name)
        if entry is not None:
            yield Reference(
                kind=kind,
                name=entry.name,
                description=entry.description,
                path=entry.path,
                aliases=catalog.aliases(entry),
                arguments=entry.arguments,
                refused=entry.refused,
                example="" if entry.refused else format_example(entry),
                note=NOTES.get(f"{kind}.{entry.name}", ""),
            )


SECTIONS: dict[str, type] = {
    "": RunSpec,
    "data.": DataSpec,
    "data.split.": SplitSpec,
    "data.window.": WindowSpec,
    "refit.": RefitSpec,
    "data.columns.NAME.": ColumnSpec,
}
"""The mappings of the grammar, by what their keys are called from the top of a config."""


def find_keys(name: str) -> Iterator[Reference]:
    """Find a key of the config, by its own name or by its whole path."""
    if name == "config":
        yield Reference(
            kind="the whole file", name=name, description="A config.", keys=_keys_of("")
        )
    for prefix, section in SECTIONS.items():
        for key, setting in Section(section).settings().items():
            if name in (key, prefix + key):
                yield Reference(
                    kind="key of a config",
                    name=prefix + key,
                    description=f"{setting.help} Expected: {setting.kind.expectation}.",
                    keys=_keys_of(f"{prefix}{key}.") or _keys_of(f"{prefix}{key}.NAME."),
                )


def _keys_of(prefix: str) -> dict[str, str]:
    """Return what the keys of a mapping of the grammar are for, none where there is no such one."""
    section = SECTIONS.get(prefix)
    if section is None:
        return {}
    return {key: setting.help for key, setting in Section(section).settings().items()}


def find_grammar(name: str) -> Iterator[Reference]:
    """Find a word that the layer list has beside Keras's layers."""
    if name == SHARE:
        yield Reference(
            kind="word of the layer list",
            name=SHARE,
            description=SHARE_ENTRY.description,
            arguments=SHARE_ENTRY.arguments,
            example="layers:\n  - Dense: {units: 8, inputs: [a, b], name: left}\n"
            "  - share: {layer: left, inputs: [c, d], name: right}\n"
            "  - Concatenate: {inputs: [left, right]}",
        )


# Every place where a name may have a meaning.
FINDERS: tuple[Callable[[str], Iterator[Reference]], ...] = (
    find_keys,
    find_components,
    find_grammar,
)

# Arguments worth showing although they are not required.
SHOWN: dict[str, dict[str, Any]] = {
    "layer.Dense": {"activation": "relu"},
    "layer.Conv1D": {"activation": "relu"},
    "layer.Conv2D": {"activation": "relu"},
    "layer.Discretization": {"bin_boundaries": [0, 10, 20]},
    "layer.LeakyReLU": {"negative_slope": 0.1},
    "loss.BinaryCrossentropy": {"from_logits": True},
    "loss.Huber": {"delta": 1.0},
    "metric.AUC": {"curve": "PR"},
    "optimizer.SGD": {"momentum": 0.9},
    "callback.EarlyStopping": {"patience": 20, "restore_best_weights": True},
    "callback.ReduceLROnPlateau": {"factor": 0.5, "patience": 10},
    "callback.ModelCheckpoint": {"save_best_only": True},
    "initializer.RandomNormal": {"stddev": 0.01},
    "regularizer.L1": {"l1": 0.001},
    "regularizer.L1L2": {"l1": 0.001, "l2": 0.001},
    "regularizer.L2": {"l2": 0.001},
    "constraint.MaxNorm": {"max_value": 3},
}

# What an argument has to be that the data decides, by layer.
NOTES: dict[str, str] = {
    "layer.Embedding": (
        "input_dim is how many whole numbers the column can become. A category with "
        "`encode: ordinal`: its number of categories, and one more with `unseen: ignore`. "
        "A text: its words, at most `vocabulary`, and two more for padding and any other word. "
        "`dlcli validate CONFIG --data` says the number where it is too small, and "
        "`preprocessing.json` of a run holds it as `vocabulary_size`."
    ),
}

PLAIN_TEXT = re.compile(r"(?!(true|false|null)$)[A-Za-z_][\w.]*")

# Where a config writes each kind; {} is the component.
PLACES = {
    "layer": "layers:\n  - {}",
    "loss": "loss: {}",
    "metric": "metrics:\n  - {}",
    "optimizer": "optimizer: {}",
    "schedule": "optimizer:\n  Adam:\n    learning_rate: {}",
    "callback": "callbacks:\n  - {}",
    "initializer": "layers:\n  - Dense:\n      units: 64\n      kernel_initializer: {}",
    "regularizer": "layers:\n  - Dense:\n      units: 64\n      kernel_regularizer: {}",
    "constraint": "layers:\n  - Dense:\n      units: 64\n      kernel_constraint: {}",
    "activation": "layers:\n  - Dense: {{units: 64, activation: {}}}",
}


def explain(name: str) -> str:
    """Describe a name as text; UsageError where it is unknown."""
    return "\n\n".join(format_reference(reference) for reference in find_references(name))


def explain_json(name: str) -> dict[str, Any]:
    """Describe a name as plain values; UsageError where it is unknown."""
    return {"name": name, "meanings": [describe(item) for item in find_references(name)]}


def explain_kind(kind: str) -> str:
    """List the names of one kind with their descriptions; UsageError for an unknown kind."""
    return "\n".join(
        f"{name}  {description}" if description else name
        for name, description in list_kind(kind).items()
    )


def list_kind(kind: str) -> dict[str, str]:
    """Map the usable names of one kind to their descriptions; UsageError for an unknown kind."""
    singular = kind.removesuffix("s")
    known = next((word for word in (kind, singular) if word in catalog.KINDS), None)
    if known is None:
        raise UsageError(f"unknown kind {kind!r}", hint=f"the kinds are {', '.join(catalog.KINDS)}")
    entries = [catalog.find(known, name) for name in catalog.names(known)]
    return {entry.name: entry.description for entry in entries if entry and not entry.refused}


def find_references(name: str) -> list[Reference]:
    """Find every meaning of a name; UsageError with the nearest name where there is none."""
    references = [reference for find in FINDERS for reference in find(name)]
    if references:
        return references
    near = catalog.suggest_any(name)
    found = ", ".join(entry.name for entry in catalog.search(name)[:5]) if name.strip() else ""
    hint = f"did you mean {near!r}?" if near else f"names that mention it: {found}"
    raise UsageError(f"nothing is called {name!r}", hint=hint if near or found else None)


def format_reference(reference: Reference) -> str:
    """Lay one meaning out for reading."""
    lines = [f"{reference.name} ({reference.kind})", f"  {reference.description}"]
    if reference.path:
        origin = "Keras" if reference.path.startswith("keras.") else "class"
        lines.append(f"  {origin}: {reference.path}")
    if reference.aliases:
        lines.append(f"  Also written: {', '.join(reference.aliases)}")
    if reference.refused:
        lines.append(f"  Cannot be used in a config: {reference.refused}.")
    if reference.keys:
        lines += ["", "Keys", *(f"  {key}: {text}" for key, text in reference.keys.items())]
    if reference.arguments:
        lines += ["", "Arguments"]
        lines += [line for item in reference.arguments for line in format_argument(item)]
    if reference.note:
        lines += ["", *textwrap.wrap(reference.note, width=90)]
    if reference.example:
        lines += ["", "Example", *(f"  {line}" for line in reference.example.splitlines())]
    return "\n".join(lines)


def format_argument(argument: Argument) -> list[str]:
    """Describe an argument in a line, and what it does in a second."""
    bounds = "".join(f", {text}" for text in format_bounds(argument))
    default = "required" if argument.required else f"default {format_flow(argument.default)}"
    lines = [f"  {argument.name}: {argument.type.replace(' | ', ' or ')}{bounds}; {default}"]
    return lines + [f"      {argument.description}"] * bool(argument.description)


def format_bounds(argument: Argument) -> list[str]:
    bounds = {
        "at least": argument.minimum,
        "above": argument.exclusive_minimum,
        "at most": argument.maximum,
        "below": argument.exclusive_maximum,
    }
    return [f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None]


def format_example(entry: Entry) -> str:
    """Write the entry as a config would."""
    arguments = {item.name: item.example for item in entry.arguments if item.required}
    arguments |= SHOWN.get(f"{entry.kind}.{entry.name}", {})
    if entry.kind == "layer" and entry.name in MERGING:
        arguments |= {"inputs": ["left", "right"]}
    if entry.kind == "optimizer" and catalog.argument(entry, "learning_rate"):
        arguments = {"learning_rate": 0.001} | arguments
    if entry.name in CELLS:
        arguments, entry = {"cell": {entry.name: arguments}}, replace(entry, name="RNN")
    if not arguments:
        written = entry.name
    elif entry.kind in ("layer", "metric", "callback"):
        written = f"{entry.name}: {format_flow(arguments)}"
    else:
        written = format_flow({entry.name: arguments})
    return PLACES[entry.kind].format(written)


def format_flow(value: object) -> str:
    """Write a value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {format_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(format_flow(item) for item in value) + "]"
    if isinstance(value, str) and PLAIN_TEXT.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def describe(reference: Reference) -> dict[str, Any]:
    """Turn one meaning into plain values."""
    return {
        "kind": reference.kind,
        "name": reference.name,
        "description": reference.description,
        "keras": reference.path,
        "aliases": list(reference.aliases),
        "keys": dict(reference.keys),
        "refused": reference.refused,
        "arguments": [describe_argument(item) for item in reference.arguments],
        "example": reference.example or None,
        "note": reference.note or None,
    }


def describe_argument(argument: Argument) -> dict[str, Any]:
    bounds = {
        "minimum": argument.minimum,
        "maximum": argument.maximum,
        "exclusive_minimum": argument.exclusive_minimum,
        "exclusive_maximum": argument.exclusive_maximum,
    }
    described: dict[str, Any] = {
        "name": argument.name,
        "type": argument.type,
        "required": argument.required,
    }
    if not argument.required:
        described["default"] = argument.default
    described |= {name: bound for name, bound in bounds.items() if bound is not None}
    return described | {"description": argument.description}
