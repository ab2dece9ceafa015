"""Classes of the files under `imports`, read from their text; nothing of it is run here."""

import ast
from collections.abc import Iterator
from pathlib import Path

from dlcli.spec import catalog
from dlcli.spec.catalog import Argument, Entry
from dlcli.spec.problems import Problems

MOST_BYTES = 1_000_000
"""Classes are written by hand."""
REGISTERED = "register_keras_serializable"
_BASES = {
    "Layer": "layer",
    "Loss": "loss",
    "Metric": "metric",
    "Optimizer": "optimizer",
    "LearningRateSchedule": "schedule",
    "Callback": "callback",
    "Initializer": "initializer",
    "Regularizer": "regularizer",
    "Constraint": "constraint",
}
IMPORTED_KINDS = frozenset(_BASES.values())
"""What a config may bring classes of."""
_OF_EVERY_LAYER = ("name", "trainable", "dtype")


def imported_entries(files: tuple[str, ...], problems: Problems) -> dict[tuple[str, str], Entry]:
    """Return the classes of the files by kind and name; report files that cannot be read."""
    found: dict[tuple[str, str], Entry] = {}
    for index, file in enumerate(files):
        path = ("imports", index)
        try:
            tree = ast.parse(_text_of(Path(file)))
        except (OSError, UnicodeDecodeError):
            problems.add(path, f"there is no Python file {file}")
            continue
        except (RecursionError, MemoryError):
            problems.add(path, f"{Path(file).name} is nested too deeply to be read")
            continue
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            where = f", line {line}" if line else ""
            problems.add(path, f"{Path(file).name}{where}: this is no Python: {error.args[0]}")
            continue
        entries = list(_entries(tree))
        if not entries:
            problems.add(
                path,
                f"{Path(file).name} has no class that a config could name",
                hint=f"a class below keras.layers.Layer, with @keras.saving.{REGISTERED}()",
            )
        for entry in entries:
            if catalog.find(entry.kind, entry.name) or (entry.kind, entry.name) in found:
                problems.add(
                    path,
                    f"{Path(file).name}: there is a {entry.kind} {entry.name} already",
                    hint="give the class another name",
                )
            found[entry.kind, entry.name] = entry
    return found


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    return content.decode()


def _entries(tree: ast.Module) -> Iterator[Entry]:
    kinds: dict[str, str] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        kind = next((k for base in node.bases if (k := _kind_of(base, kinds))), None)
        if kind is None:
            continue
        kinds[node.name] = kind
        is_registered = any(_last_name(each) == REGISTERED for each in node.decorator_list)
        # Keras stores no callback in a model, so that one needs no name there.
        if is_registered or kind == "callback":
            yield Entry(
                kind=kind,
                name=node.name,
                path=None,
                description=(ast.get_docstring(node) or "").partition("\n")[0],
                arguments=tuple(_arguments(node, kind)),
            )


def _kind_of(base: ast.expr, kinds: dict[str, str]) -> str | None:
    name = _last_name(base)
    if name in kinds:
        return kinds[name]
    known = [kind for kind in catalog.kinds_of(name) if kind != "activation"]
    return _BASES.get(name) or (known[0] if known else None)


def _last_name(node: ast.expr) -> str:
    """Return `Layer` of `keras.layers.Layer`, called or not."""
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _arguments(node: ast.ClassDef, kind: str) -> Iterator[Argument]:
    """Yield what `__init__` takes; defaults that are no plain values are left out."""
    made = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    init = next((each for each in made if each.name == "__init__"), None)
    names: list[str] = []
    passes_on = init is None
    if init is not None:
        taken = init.args
        plain = [*taken.posonlyargs, *taken.args][1:]
        defaults = [None] * (len(plain) - len(taken.defaults)) + list(taken.defaults)
        pairs = [
            *zip(plain, defaults, strict=False),
            *zip(taken.kwonlyargs, taken.kw_defaults, strict=True),
        ]
        for each, default in pairs:
            names.append(each.arg)
            yield Argument(
                name=each.arg,
                type="any",
                required=default is None,
                default=_plain(default),
                example=1,
            )
        passes_on = taken.kwarg is not None
    if passes_on:
        shared = _OF_EVERY_LAYER if kind == "layer" else ("name",)
        for name in shared:
            if name not in names:
                kind_of_value = "boolean" if name == "trainable" else "text | null"
                yield Argument(name=name, type=kind_of_value)


def _plain(node: ast.expr | None) -> object:
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None
