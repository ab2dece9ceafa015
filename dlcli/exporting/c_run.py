"""An exported C file compiled and called, to compare it with the run."""

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.store import Bundle
from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.reading import FALSE_WORDS, TRUE_WORDS
from dlcli.errors import RunError
from dlcli.exporting.c_file import count_outputs, function_prefix
from dlcli.exporting.columns import Arrays, plain_name, probability_name, value_name
from dlcli.predictions import OutputReading

FLAGS = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared")
SECONDS = 120
"""A file at the limit of weights takes some seconds."""


def score_c(text: str, name: str, bundle: Bundle, raw: Arrays) -> Arrays | None:
    """Compile the file and call it on raw columns; None where there is no C compiler.

    Raises RunError where it does not compile, or refuses a row.
    """
    compiler = _compiler()
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = _compile(compiler, text, Path(folder))
        # Closed before the folder is removed, which Windows insists on.
        functions = ctypes.CDLL(str(library))
        return _call(functions, function_prefix(name), bundle, raw)


def _compiler() -> list[str] | None:
    """Return the command of a compiler that takes the flags of cc."""
    given = shlex.split(os.environ.get("CC", ""))
    names = [given] if given else [["cc"], ["gcc"], ["clang"]]
    if sys.platform == "win32":
        return None
    return next((words for words in names if shutil.which(words[0])), None)


def _compile(compiler: list[str], text: str, folder: Path) -> Path:
    source, library = folder / "run.c", folder / "run.so"
    source.write_text(text, encoding="utf-8")
    command = [*compiler, *FLAGS, str(source), "-o", str(library), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise RunError(
            f"{compiler[0]} did not compile the C file within {SECONDS} seconds",
            hint="--format onnx for large networks",
        ) from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr]
        raise RunError(
            f"{compiler[0]} does not compile the C file: {lines[0][:300]}",
            hint="CC names another compiler; --format onnx needs none",
        )
    return library


def _call(functions: ctypes.CDLL, prefix: str, bundle: Bundle, raw: Arrays) -> Arrays:
    columns = bundle.preprocessing.input_columns
    numbers = np.stack([_numbers(c, raw[c.settings.name]) for c in columns], axis=1)
    predict = functions[f"{prefix}_predict"]
    predict.argtypes = (ctypes.POINTER(ctypes.c_double),) * 2
    outputs = np.full((len(numbers), count_outputs(bundle)), np.nan)
    codes = {target: np.zeros(len(numbers), np.int64) for target in _class_targets(bundle)}
    for row, (taken, given) in enumerate(zip(np.ascontiguousarray(numbers), outputs, strict=True)):
        refused = predict(_pointer(taken), _pointer(given))
        if refused:
            name = columns[refused - 1].settings.name
            raise RunError(f"the C file refuses row {row + 1} for the column {name!r}")
        for target, found in codes.items():
            choose = functions[f"{prefix}_class_{plain_name(target)}"]
            choose.argtypes = (ctypes.POINTER(ctypes.c_double),)
            found[row] = choose(_pointer(given))
    return _by_output(bundle, outputs, codes)


def _by_output(
    bundle: Bundle, outputs: NDArray[np.float64], codes: dict[str, NDArray[np.int64]]
) -> Arrays:
    infos = {info.name: info for info in bundle.preprocessing.targets}
    arrays: Arrays = {}
    place = 0
    for reading in bundle.readings:
        for target in reading.targets:
            classes = infos[target].classes
            if classes is None:
                arrays[value_name(target)] = outputs[:, place]
            else:
                arrays[value_name(target)] = np.array(classes, object)[codes[target]]
                arrays[probability_name(target)] = outputs[:, place : place + len(classes)]
            place += len(classes or ("",))
    return arrays


def _class_targets(bundle: Bundle) -> list[str]:
    readings: tuple[OutputReading, ...] = bundle.readings
    return [name for each in readings if each.task != "regression" for name in each.targets]


def _numbers(column: InputColumn, cells: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return a column as the C file takes it: categories by number, true and false as 1 and 0."""
    if isinstance(column, CategoryInput):
        if cells.dtype != object:
            places = {float(name): place for place, name in enumerate(column.categories)}
            return np.array(
                [np.nan if np.isnan(cell) else places.get(cell, -1) for cell in cells.tolist()],
                np.float64,
            )
        missing = {"", *column.settings.missing_values}
        named = {name: float(place) for place, name in enumerate(column.categories)}
        return np.array(
            [np.nan if cell in missing else named.get(cell, -1.0) for cell in cells.tolist()]
        )
    if isinstance(column, BooleanInput):
        words = dict.fromkeys(TRUE_WORDS, 1.0) | dict.fromkeys(FALSE_WORDS, 0.0)
        return np.array([words.get(cell.strip().casefold(), np.nan) for cell in cells.tolist()])
    return np.asarray(cells, np.float64)


def _pointer(row: NDArray[np.float64]) -> "ctypes._Pointer[ctypes.c_double]":
    return row.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
