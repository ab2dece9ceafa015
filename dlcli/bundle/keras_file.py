"""What a `.keras` file from someone else may not do, checked before Keras opens it."""

import builtins
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import h5py

from dlcli.errors import RunError
from dlcli.files import reading

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
MOST_CONFIG_BYTES = 2 << 24
MOST_DEPTH = 200
MOST_RATIO = 100
_SMALL_BYTES = 64 << 20

_WIDTHS = ("units", "filters", "input_dim", "output_dim", "key_dim", "value_dim")
"""Arguments that say how many weights a layer has at the least."""

# What keras.utils and keras.saving hold downloads, unpacks and loads; no layer stands there.
_OWN = re.compile(r"keras(?!\.(src\.)?(utils|saving)\b)(\.\w+)*|dlcli\.custom\.\w+")
_FUNCTIONS = re.compile(
    r"builtins|keras\.(src\.)?(activations|initializers|losses|metrics)(\.\w+)*"
)
_RUNS_CODE = {
    "Lambda": "holds Python code of its own (a Lambda layer)",
    "__lambda__": "holds Python code of its own (a lambda)",
    "TorchModuleWrapper": "holds a pickled PyTorch module",
    "TFSMLayer": "runs a SavedModel from another folder",
    "JaxLayer": "holds Python code of its own (a JaxLayer)",
    "FlaxLayer": "holds Python code of its own (a FlaxLayer)",
}


def check_keras_file(path: Path, *, own_classes: bool = False) -> None:
    """Raise RunError for a model that names code or files outside itself, or unpacks to too much.

    `own_classes` says that classes beside Keras's are expected, and were allowed to run.
    """
    with reading(path, RunError):
        size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, path, size)
            config = _json_of(archive, path)
            _check_config(config, path, own_classes=own_classes)
            with archive.open(WEIGHTS) as file:
                num_weights = _check_weights(file, archive.getinfo(WEIGHTS).file_size, path)
            _check_widths(config, num_weights, path)
    except (
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        OSError,
        ValueError,
        RuntimeError,
        EOFError,
    ) as error:
        raise RunError(
            f"{path}: not a whole Keras model: {str(error).splitlines()[0][:200] if str(error) else 'damaged'}",
            hint="the file is damaged or incomplete; train again, or copy the run again",
        ) from None


def _refuse(path: Path, why: str) -> NoReturn:
    raise RunError(
        f"{path}: the model {why}, which is refused",
        hint="Keras and dlcli write no such model; do not open it with other programs either",
    )


def _check_entries(archive: zipfile.ZipFile, path: Path, size: int) -> None:
    for entry in archive.infolist():
        if entry.filename not in (CONFIG, WEIGHTS, METADATA):
            _refuse(path, f"holds the file {entry.filename[:100]!r}")
        limit = MOST_CONFIG_BYTES if entry.filename != WEIGHTS else _most_bytes(size)
        if entry.file_size > limit:
            _refuse(path, f"unpacks {entry.filename} to {entry.file_size:,} bytes")


def _most_bytes(size: int) -> int:
    return max(_SMALL_BYTES, MOST_RATIO * size)


def _json_of(archive: zipfile.ZipFile, path: Path) -> Any:
    try:
        return json.loads(archive.read(CONFIG))
    except (ValueError, RecursionError):
        _refuse(path, f"has a {CONFIG} that is no JSON")


def _check_config(config: Any, path: Path, *, own_classes: bool) -> None:
    for value, depth in _mappings(config):
        if depth > MOST_DEPTH:
            _refuse(path, f"is nested more than {MOST_DEPTH} deep")
        name = value.get("class_name")
        if isinstance(name, str):
            _check_class(name, value, path, own_classes=own_classes)
        if isinstance(value.get("vocabulary"), str):
            _refuse(path, f"reads the file {value['vocabulary'][:100]!r}")


def _check_class(name: str, value: dict[str, Any], path: Path, *, own_classes: bool) -> None:
    if name in _RUNS_CODE:
        _refuse(path, _RUNS_CODE[name])
    module = value.get("module")
    if name == "function":
        # Keras writes "builtins" for its own functions; Python's would be found there too.
        is_pythons = module == "builtins" and hasattr(builtins, str(value.get("config")))
        if is_pythons or (not _FUNCTIONS.fullmatch(str(module)) and not own_classes):
            _refuse(path, f"calls the function {value.get('config')!r:.60} of {module!r:.60}")
        return
    is_plain = module is None or (isinstance(module, str) and _OWN.fullmatch(module) is not None)
    if not is_plain and not (own_classes and value.get("registered_name")):
        _refuse(path, f"names {name[:60]!r} of the module {module!r:.60}")


def _mappings(config: Any) -> Iterator[tuple[dict[str, Any], int]]:
    waiting = [(config, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            yield value, depth
            waiting += [(each, depth + 1) for each in value.values()]
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]


def _check_widths(config: Any, num_weights: int, path: Path) -> None:
    """Refuse layers that are wider than all weights together: Keras would make room for them."""
    for value, _ in _mappings(config):
        for name in _WIDTHS:
            width = value.get(name)
            # Packed weights are several to a number.
            if isinstance(width, int) and width > 1000 + 8 * num_weights:
                _refuse(path, f"has {name}: {width:,} and {num_weights:,} weights")


def _check_weights(file: Any, size: int, path: Path) -> int:
    """Raise RunError for weights from elsewhere, or too many; return how many numbers there are."""
    with h5py.File(file, "r") as weights:
        total = num_weights = 0
        seen: set[int] = set()
        waiting: list[Any] = [weights]
        while waiting:
            group = waiting.pop()
            address = h5py.h5o.get_info(group.id).addr
            if address in seen:
                continue
            seen.add(address)
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    _refuse(path, f"has weights {name!r:.60} that are a link to elsewhere")
                item = group[name]
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                    continue
                if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
                    _refuse(path, f"has weights {name!r:.60} that stand in another file")
                total += item.nbytes
                num_weights += item.size or 0
    if total > _most_bytes(size):
        _refuse(path, f"has weights of {total:,} bytes in a file of {size:,}")
    return num_weights
