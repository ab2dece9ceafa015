"""The Keras vocabulary: every component a config can name, with its arguments.

Reads `catalog.json`, which `scripts/generate_catalog.py` writes from the installed Keras.
"""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

KINDS = (
    "layer",
    "loss",
    "metric",
    "optimizer",
    "schedule",
    "callback",
    "initializer",
    "regularizer",
    "constraint",
    "activation",
)

_MOST_CHARACTERS = 1000
"""A longer name is compared with no others: that takes seconds and helps nobody."""

# What people write by habit from elsewhere; a suggestion only, never accepted in its place.
_HABITS = {
    "layer": {"batchnorm": "BatchNormalization", "linear": "Dense", "fc": "Dense"},
    "loss": {"rmse": "mse", "nll": "SparseCategoricalCrossentropy", "l1": "mae", "l2": "mse"},
    "metric": {"rmse": "RootMeanSquaredError", "r2": "R2Score", "f1": "F1Score"},
    "schedule": {
        "cosineannealing": "CosineDecay",
        "cosineannealingwarmrestarts": "CosineDecayRestarts",
        "stepdecay": "ExponentialDecay",
        "steplr": "ExponentialDecay",
        "timebaseddecay": "InverseTimeDecay",
        "warmup": "CosineDecay",
    },
    "initializer": {
        "glorot": "GlorotUniform",
        "he": "HeNormal",
        "kaimingnormal": "HeNormal",
        "kaiminguniform": "HeUniform",
        "xavier": "GlorotUniform",
        "xaviernormal": "GlorotNormal",
        "xavieruniform": "GlorotUniform",
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """One argument; bounds hold for a number and for each number in a list or a mapping.

    `type` holds alternatives joined by " | ": integer, number, boolean, text, list, mapping, any,
    null, steps (a number of them, or of epochs), list[...] of one of these, mapping[...] from names to
    one of these, a kind of component, or a quoted word.
    """

    name: str
    type: str
    required: bool = False
    default: Any = field(default=None, hash=False)
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    example: Any = field(default=None, hash=False)
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One component; `path` is None for a name that only Keras's `compile` understands.

    `refused` says why a config cannot use it.
    """

    kind: str
    name: str
    path: str | None
    description: str
    arguments: tuple[Argument, ...]
    refused: str | None = None


def find(kind: str, name: str) -> Entry | None:
    """Find an entry by its name or by another name Keras gives it."""
    catalog = _catalog()
    own_name = catalog["aliases"][kind].get(name, name)
    return _build_entry(kind, own_name) if own_name in catalog[kind] else None


def names(kind: str) -> tuple[str, ...]:
    """List the entries of a kind by their own names."""
    return tuple(_catalog()[kind])


def aliases(entry: Entry) -> tuple[str, ...]:
    """List the other names of an entry."""
    others = _catalog()["aliases"][entry.kind]
    return tuple(alias for alias, name in others.items() if name == entry.name)


def kinds_of(name: str) -> tuple[str, ...]:
    """List the kinds in which a name or another name is known."""
    return tuple(kind for kind in KINDS if find(kind, name) is not None)


def first_argument(entry: Entry) -> Argument | None:
    """Return the argument that a bare value stands for."""
    return entry.arguments[0] if entry.arguments else None


def argument(entry: Entry, name: str) -> Argument | None:
    """Find an argument of an entry."""
    return next((item for item in entry.arguments if item.name == name), None)


def suggest(kind: str, name: str) -> str | None:
    """Find the name that was probably meant: other capitals or underscores, else a near one."""
    return _nearest(name, _spellings(kind))


def suggest_any(name: str) -> str | None:
    """Find the name that was probably meant, whatever its kind."""
    spellings: dict[str, str] = {}
    for kind in KINDS:
        spellings = _spellings(kind) | spellings
    return _nearest(name, spellings)


def search(text: str) -> tuple[Entry, ...]:
    """Find entries whose names or descriptions hold every word, those by name first."""
    words = text.casefold().split()
    by_name, by_description = [], []
    for entry in _every_entry():
        named = " ".join((entry.name, *aliases(entry))).casefold()
        if all(word in named for word in words):
            by_name.append(entry)
        elif all(word in f"{named} {entry.description.casefold()}" for word in words):
            by_description.append(entry)
    return (*by_name, *by_description)


def _every_entry() -> Iterable[Entry]:
    return (_build_entry(kind, name) for kind in KINDS for name in names(kind))


@cache
def _build_entry(kind: str, name: str) -> Entry:
    raw = _catalog()[kind][name]
    return Entry(
        kind=kind,
        name=name,
        path=raw["path"],
        description=raw["description"],
        arguments=tuple(
            Argument(**item, description=_describe(kind, name, item["name"]))
            for item in raw["arguments"]
        ),
        refused=raw.get("refused"),
    )


def _describe(kind: str, owner: str, name: str) -> str:
    """Look up an argument's text, which entries share: the most specific one wins."""
    texts = _catalog()["texts"]
    keys = (f"{kind}.{owner}.{name}", f"{kind}.{name}", name)
    return str(next((texts[key] for key in keys if key in texts), ""))


@cache
def _spellings(kind: str) -> dict[str, str]:
    """Map each name without capitals and separators to the way it is written."""
    known = (*_catalog()["aliases"][kind], *_catalog()[kind])
    return _HABITS.get(kind, {}) | {_fold(name): name for name in known}


def _fold(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _nearest(name: str, spellings: dict[str, str]) -> str | None:
    if len(name) > _MOST_CHARACTERS:
        return None
    folded = _fold(name)
    if folded in spellings:
        return spellings[folded]
    near = difflib.get_close_matches(folded, spellings, n=1, cutoff=0.7)
    return spellings[near[0]] if near else None


@cache
def _catalog() -> dict[str, Any]:
    content = Path(__file__).with_name("catalog.json").read_text(encoding="utf-8")
    catalog: dict[str, Any] = json.loads(content)
    return catalog
