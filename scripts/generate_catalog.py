"""Write dlcli/spec/catalog.json, the vocabulary of the installed Keras and of dlcli.custom.

Run it after installing another Keras: `python scripts/generate_catalog.py`. A table below says
where each kind lives; `catalog_arguments.py` and `catalog_descriptions.py` hold what Keras only
tells in prose.
"""

import importlib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from catalog_arguments import LEFT_OUT, NEEDED, REJECTED, RULES
from catalog_descriptions import ABSTRACT, AT_COMPILE, DESCRIPTIONS, REFUSED

CATALOG = Path(__file__).parents[1] / "dlcli" / "spec" / "catalog.json"


@dataclass(frozen=True)
class Source:
    """Where the entries of one kind are found: the public classes under `base` in `module`."""

    kind: str
    module: str
    base: str | None = None
    own: tuple[str, ...] = ()
    """The modules of those that we register beside Keras's."""


OWN_LAYERS = ("dlcli.custom.layers", "dlcli.custom.ensembles", "dlcli.custom.categories")

SOURCES = (
    Source("layer", "keras.layers", "Layer", OWN_LAYERS),
    Source("loss", "keras.losses", "Loss", ("dlcli.custom.losses",)),
    Source("metric", "keras.metrics", "Metric"),
    Source("optimizer", "keras.optimizers", "Optimizer", ("dlcli.custom.optimizers",)),
    Source(
        "schedule",
        "keras.optimizers.schedules",
        "LearningRateSchedule",
        ("dlcli.custom.schedules",),
    ),
    Source("callback", "keras.callbacks", "Callback"),
    Source("initializer", "keras.initializers", "Initializer", ("dlcli.custom.initializers",)),
    Source("regularizer", "keras.regularizers", "Regularizer"),
    Source("constraint", "keras.constraints", "Constraint"),
    Source("activation", "keras.activations"),
)

# Public functions that people write where the class is meant.
FUNCTION_ALIASES = {"layer": {"Input": "InputLayer"}}

LAYER_KEYWORDS = ("name", "trainable", "dtype", "activity_regularizer")
OPTIONAL_PACKAGES = {"IPython", "jax", "matplotlib", "pandas", "pydot", "sklearn"}
BOUND_NAMES = {
    ">=": "minimum",
    "<=": "maximum",
    ">": "exclusive_minimum",
    "<": "exclusive_maximum",
}
BOUND = re.compile(r"\s*(>=|<=|>|<)(-?\d+(?:\.\d+)?)")
DOCUMENTED_TYPES = (
    (r"(?:an? )?(?:bool|boolean)\b", "boolean"),
    (r"(?:an? |python )*(?:positive )?(?:int|integer)\b", "integer"),
    (r"(?:an? |python )*(?:float|number)\b", "number"),
    (r"(?:an? )?(?:str|string)\b", "text"),
)

Json = dict[str, Any]


def build_catalog() -> Json:
    """Describe every component of the installed Keras."""
    keras = import_keras()
    catalog: Json = {"keras": keras.__version__}
    catalog |= {source.kind: build_entries(source) for source in SOURCES}
    catalog["aliases"] = {source.kind: find_aliases(source, catalog) for source in SOURCES}
    catalog["texts"] = {
        key: RULES[key].text
        for key in sorted(RULES.keys() & set(rule_keys(catalog)))
        if RULES[key].text
    }
    return catalog


def format_catalog(catalog: Json) -> str:
    """Lay the catalogue out with one entry on a line, so that differences read well."""
    sections = []
    for section, content in catalog.items():
        if isinstance(content, str):
            sections.append(f"{json.dumps(section)}: {json.dumps(content)}")
        else:
            lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
            sections.append(f"{json.dumps(section)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def build_entries(source: Source) -> Json:
    """Describe the public components of one kind, by name."""
    found = {name: build_entry(source, name, thing) for name, thing in find_public(source)}
    for name in AT_COMPILE.get(source.kind, {}):
        found[name] = {
            "path": None,
            "description": DESCRIPTIONS[source.kind].get(name, ""),
            "arguments": [],
        }
    return dict(sorted(found.items()))


def build_entry(source: Source, name: str, thing: Callable[..., object]) -> Json:
    refused = REFUSED.get(source.kind, {}).get(name)
    # An activation is written by its name, so that a saved model can be read back.
    takes_arguments = inspect.isclass(thing) and not refused
    entry: Json = {
        "path": f"{thing.__module__ if is_own(thing) else source.module}.{name}",
        "description": DESCRIPTIONS.get(source.kind, {}).get(name, ""),
        "arguments": build_arguments(source.kind, name, thing) if takes_arguments else [],
    }
    if refused:
        entry["refused"] = refused
    return entry


def find_public(source: Source) -> list[tuple[str, Callable[..., object]]]:
    """Find the components of one kind, each under one name."""
    canonical: dict[str, Callable[..., object]] = {}
    for name, thing in public_members(source):
        if own_name(source, name, thing) == name and name not in ABSTRACT:
            canonical[name] = thing
    return sorted(canonical.items())


def public_members(source: Source) -> Iterator[tuple[str, Callable[..., object]]]:
    module = importlib.import_module(source.module)
    base = getattr(module, source.base) if source.base else None
    for name in sorted(vars(module)):
        thing = getattr(module, name)
        if base is None:
            if inspect.isfunction(thing) and name not in {"get", "serialize", "deserialize"}:
                yield name, thing
        elif inspect.isclass(thing) and issubclass(thing, base):
            yield name, thing
    for own in source.own:
        yield from (
            (name, thing)
            for name, thing in sorted(vars(importlib.import_module(own)).items())
            if is_own(thing) and thing.__module__ == own
        )


def is_own(thing: object) -> bool:
    """Tell whether this is one of our classes, registered with Keras."""
    registered = importlib.import_module("keras.saving").get_registered_name
    return inspect.isclass(thing) and str(registered(thing)).startswith("dlcli>")


def own_name(source: Source, name: str, thing: Callable[..., object]) -> str:
    """Choose the name to list a component under: its own where that is public."""
    module = importlib.import_module(source.module)
    return thing.__name__ if getattr(module, thing.__name__, None) is thing else name


def build_arguments(kind: str, owner: str, thing: Callable[..., object]) -> list[Json]:
    """Describe the arguments of a class in positional order, a layer's common ones last."""
    parameters = dict(inspect.signature(thing).parameters)
    takes_more = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if kind == "layer" and takes_more:
        layer = importlib.import_module("keras.layers").Layer
        common = inspect.signature(layer.__init__).parameters
        parameters |= {key: common[key] for key in LAYER_KEYWORDS if key not in parameters}
    documented = documented_types(thing)
    return [
        build_argument(f"{kind}.{owner}", parameter, documented.get(parameter.name, ""))
        for parameter in parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and parameter.name not in LEFT_OUT
        and (owner, parameter.name) not in REJECTED
    ]


def build_argument(owner: str, parameter: inspect.Parameter, documented: str) -> Json:
    needed = (owner.partition(".")[2], parameter.name) in NEEDED
    required = needed or parameter.default is parameter.empty
    type_name, bounds = split_bounds(
        find_rule(owner, parameter.name, "type") or derive_type(parameter, documented)
    )
    argument: Json = {"name": parameter.name, "type": type_name}
    if required:
        example = find_rule(owner, parameter.name, "example")
        argument |= {"required": True} | ({} if example is None else {"example": example})
    else:
        argument["default"] = plain(parameter.default)
        if parameter.default is None and "null" not in type_name.split(" | "):
            argument["type"] += "" if type_name == "any" else " | null"
    return argument | bounds


def find_rule(owner: str, argument: str, field: str) -> Any:
    """Look a field up in the tables, from the most specific key to the least."""
    kind = owner.partition(".")[0]
    for key in (f"{owner}.{argument}", f"{kind}.{argument}", argument):
        value = getattr(RULES.get(key), field, None)
        if value not in (None, ""):
            return value
    return None


def derive_type(parameter: inspect.Parameter, documented: str) -> str:
    """Guess a type from the argument's name, its docstring and its default, in this order."""
    name, default = parameter.name, parameter.default
    for kind in ("activation", "initializer", "regularizer", "constraint"):
        if name == kind or name.endswith(f"_{kind}"):
            return f"{kind} | null"
    if isinstance(default, bool):
        return "boolean"
    if documented:
        return documented
    if isinstance(default, float):
        return "number"
    if isinstance(default, str):
        return "text"
    return "any"


def documented_types(thing: Callable[..., object]) -> dict[str, str]:
    """Read the types that a docstring's Args section plainly begins with."""
    _, _, section = (inspect.getdoc(thing) or "").partition("\nArgs:\n")
    types: dict[str, str] = {}
    for name, text in re.findall(r"^ {4}(\w+): *(.+)$", section, flags=re.MULTILINE):
        for pattern, type_name in DOCUMENTED_TYPES:
            # "Integer or tuple", "float, or a list": more than one type, which is not plain.
            if re.match(rf"{pattern}(?! or|, or|/)", text, flags=re.IGNORECASE):
                types.setdefault(name, type_name)
    return types


def split_bounds(text: str) -> tuple[str, Json]:
    """Split `integer >=1 | null` into the type and its bounds."""
    bounds: Json = {}
    for sign, number in BOUND.findall(text):
        bounds[BOUND_NAMES[sign]] = float(number) if "." in number else int(number)
    return BOUND.sub("", text), bounds


def plain(value: object) -> Any:
    """Write a default as YAML would: tuples become lists."""
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def find_aliases(source: Source, catalog: Json) -> dict[str, str]:
    """Find the other names under which Keras knows a component: public ones and `get`'s."""
    entries = catalog[source.kind]
    aliases = {name: own_name(source, name, thing) for name, thing in public_members(source)}
    aliases |= FUNCTION_ALIASES.get(source.kind, {})
    aliases |= {name: target for name, target in identifiers(source, entries) if target}
    for name, others in AT_COMPILE.get(source.kind, {}).items():
        aliases |= dict.fromkeys(others, name)
    return {
        alias: target
        for alias, target in sorted(aliases.items())
        if alias not in entries and target in entries
    }


def identifiers(source: Source, entries: Json) -> Iterator[tuple[str, str | None]]:
    """Ask Keras's own `get` which component each of its string identifiers stands for."""
    module = importlib.import_module(source.module)
    if not hasattr(module, "get"):
        return
    internal = importlib.import_module(source.module.replace("keras.", "keras.src.", 1))
    functions = {
        getattr(thing(), "fn", None): name
        for name, thing in find_public(source)
        if source.kind == "loss" and name in entries
    }
    for name in sorted({*internal.ALL_OBJECTS_DICT, *entries}):
        try:
            thing = module.get(name)
        except (KeyError, TypeError, ValueError):
            continue  # an abstract class, or one that cannot be had by its name alone
        if source.base is None:
            yield name, thing.__name__
        else:
            yield name, functions.get(thing, type(thing).__name__)


def rule_keys(catalog: Json) -> Iterator[str]:
    """List every key under which the tables may describe an argument of the catalogue."""
    for source in SOURCES:
        for name, entry in catalog[source.kind].items():
            for argument in entry["arguments"]:
                yield argument["name"]
                yield f"{source.kind}.{argument['name']}"
                yield f"{source.kind}.{name}.{argument['name']}"


def import_keras() -> ModuleType:
    """Import Keras without the optional packages that would slow it down."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    hidden = OPTIONAL_PACKAGES - {os.environ["KERAS_BACKEND"]}
    with hide_packages(hidden):
        return importlib.import_module("keras")


@contextmanager
def hide_packages(names: set[str]) -> Iterator[None]:
    class Hidden:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            if name.partition(".")[0] in names:
                raise ModuleNotFoundError(name, name=name)
            return None

    sys.meta_path.insert(0, Hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(Hidden)


if __name__ == "__main__":
    CATALOG.write_text(format_catalog(build_catalog()), encoding="utf-8")
