"""What the JSON files of a run must hold before anything relies on them; others may have written them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dlcli.errors import RunError

Shape = Any
"""A type, a tuple of types, a list with the shape of every item, or a mapping of keys to shapes.

A key that ends in `?` may be missing; `*` stands for every other key, else those are free.
"""

_NUMBER = (int, float)
_MAYBE = type(None)
_SCORES = {"*": {"*": (*_NUMBER, list, dict, str, _MAYBE)}}
_PART = {"rows": int, "keras": {"*": (*_NUMBER, _MAYBE)}, "targets": _SCORES, "intervals?": dict}
_LAYER: dict[str, Shape] = {
    "name": str,
    "layer": str,
    "num_parameters": int,
    "activation": (str, _MAYBE),
    "layers": list,
}

MANIFEST: Mapping[str, Shape] = {
    "name?": str,
    "status?": str,
    "created?": str,
    "dlcli?": str,
    "seed?": int,
    "backend?": str,
    "epochs?": {"asked": int, "done": int},
    "training?": dict,
    "seconds?": {"*": (*_NUMBER, _MAYBE)},
    "overrides?": [str],
    "config?": dict,
    "imports?": [str],
    "data?": {
        "sources?": [{"path": str, "sha256": str, "bytes": int}],
        "split?": {"sizes?": {"*": int}, "sha256?": {"*": str}, "files?": dict},
        "validation_is_test?": bool,
        "counts?": {"rows?": {"*": int}, "columns?": {"*": dict}},
        "warnings?": [str],
        "from_disk?": {
            "reason": str,
            "needed_bytes": int,
            "budget_bytes": int,
            "sampled_train_rows": int,
            "seconds": {"*": _NUMBER},
        },
    },
    "refit?": (dict, _MAYBE),
    "members?": (int, _MAYBE),
    "onnx?": {"written": bool, "reason?": (str, _MAYBE)},
    "num_parameters?": int,
    "layers?": [_LAYER],
    "versions?": {"*": str},
    "platform?": dict,
    "checks?": [{"check": str}],
    "files?": {"*": str},
}

_TOGETHER = {"*": {"mean": _NUMBER, "deviation": _NUMBER, "low": _NUMBER, "high": _NUMBER}}

METRICS: Mapping[str, Shape] = {
    "parts": {"*": _PART},
    "baselines": {"*": {"*": {"targets?": _SCORES}}},
    "thresholds?": dict,
    "temperatures?": {"*": _NUMBER},
    "left_out?": {"*": str},
    "coverage?": {
        "part": (str, _MAYBE),
        "reason?": (str, _MAYBE),
        "calibration": {
            "part": str,
            "rows": {"*": int},
            "by_spread": {"*": bool},
            "level": _NUMBER,
            "rows_needed": int,
        },
        "targets": {"*": {"*": {"covered": _NUMBER, "width": _NUMBER}}},
    },
    "folds?": {
        "n_splits": int,
        "n_repeats": int,
        "kind": str,
        "targets": {"*": _TOGETHER},
        "keras": _TOGETHER,
        "folds": [{"repeat": int, "fold": int, "rows": {"*": int}, "targets": dict, "keras": dict}],
    },
}

OUTPUT: Mapping[str, Shape] = {
    "output": str,
    "targets": [str],
    "task": str,
    "link?": str,
    "steps?": int,
    "thresholds?": {"*": _NUMBER},
    "temperature?": _NUMBER,
    "members?": int,
}
"""How an output is read, in `preprocessing.json`."""

CALIBRATION: Mapping[str, Shape] = {
    "part": str,
    "targets": {"*": {"floor": (*_NUMBER, _MAYBE), "residuals": [[_NUMBER]]}},
}

_MOST_OF: Mapping[type, float] = {bool: 1, int: 2**63, float: 1.797e308}

_CALLED = {
    bool: "true or false",
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    _MAYBE: "null",
}


def check_record(values: object, shape: Shape, path: Path) -> None:
    """Raise RunError for the first value that is missing or of another kind than training writes."""
    found = _find(values, shape)
    if found is not None:
        what, place = found
        where = repr(".".join(reversed(place))[:200]) if place else "the file itself"
        raise RunError(
            f"{path}: {where} {what}", hint="training wrote another file; copy the run folder again"
        )


def _find(values: object, shape: Shape) -> tuple[str, list[str]] | None:
    """Return what is wrong, and the keys that lead there, innermost first."""
    if isinstance(shape, type):
        return None if type(values) is shape and shape is not int else _mismatch(values, (shape,))
    if isinstance(shape, tuple):
        return (
            None
            if type(values) is float and float in shape and abs(values) <= 1e300
            else _mismatch(values, shape)
        )
    if isinstance(shape, list):
        if not isinstance(values, list):
            return _mismatch(values, (list,))
        return _first((str(i), item, shape[0]) for i, item in enumerate(values))
    if not isinstance(values, dict):
        return _mismatch(values, (dict,))
    for key in shape:
        if key[-1] not in "?*" and key not in values:
            return "is missing", [key]
    if "*" in shape:
        return _first((key, value, shape["*"]) for key, value in values.items())
    return _first(
        (name, values[name], inner)
        for key, inner in shape.items()
        if (name := key.removesuffix("?")) in values
    )


def _first(items: Iterable[tuple[str, object, Shape]]) -> tuple[str, list[str]] | None:
    for key, value, shape in items:
        found = _find(value, shape)
        if found is not None:
            found[1].append(key)
            return found
    return None


def _mismatch(value: object, kinds: tuple[type, ...]) -> tuple[str, list[str]] | None:
    # A boolean is an int to Python, and nobody means one by it.
    fits = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
    if fits and not (isinstance(value, int | float) and not abs(value) <= _MOST_OF[type(value)]):
        return None
    wanted = " or ".join(dict.fromkeys(_CALLED[kind] for kind in kinds))
    given = next(called for kind, called in _CALLED.items() if isinstance(value, kind))
    return f"is {'a number beyond all bounds' if fits else given}, expected {wanted}", []
