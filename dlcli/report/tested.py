"""The rows that judge a run, from its `predictions.csv`: actual beside predicted, as arrays."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import RunError
from dlcli.metrics import SMALLEST_PROBABILITY

MOST_CURVES = 8
"""Classes with a curve of their own: those with the most rows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TestedTarget:
    """One target: numbers in its unit, or class codes with probabilities."""

    __test__ = False  # pytest takes the name for that of a test

    target: str
    rows: NDArray[np.int64]
    """Row numbers as `predictions.csv` has them [rows]."""
    actual: NDArray[Any]
    """[rows]: numbers, or class codes."""
    predicted: NDArray[Any]
    """[rows]: numbers, or class codes."""
    probabilities: NDArray[np.float64] | None = None
    """[rows, classes]."""
    classes: tuple[str, ...] | None = None
    steps: NDArray[np.int64] | None = None
    """How many steps ahead each row is predicted [rows]; None where all are one step ahead."""

    def confusion(self) -> NDArray[np.int64]:
        """Count the rows of each actual class by the predicted one [classes, classes]."""
        assert self.classes is not None
        size = len(self.classes)
        places = self.actual * size + self.predicted
        return np.bincount(places, minlength=size * size).reshape(size, size)

    def judged_classes(self) -> list[int]:
        """Return the classes with a curve of their own: of two, the last one."""
        assert self.classes is not None
        if len(self.classes) == 2:
            return [1]
        counts = np.bincount(self.actual, minlength=len(self.classes))
        return sorted(np.argsort(-counts, kind="stable")[:MOST_CURVES].tolist())

    @property
    def losses(self) -> NDArray[np.float64]:
        """How wrong each row is: the absolute error, or the log loss of its class."""
        if self.probabilities is None:
            return np.asarray(np.abs(self.predicted - self.actual))
        chosen = self.probabilities[np.arange(len(self.actual)), self.actual]
        return np.asarray(-np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1.0)))


def read_tested(path: Path, preprocessing: dict[str, Any]) -> dict[str, TestedTarget]:
    """Read the targets of a predictions file; rows without a known class are left out."""
    targets = preprocessing.get("table", {}).get("targets", [])
    classes = {
        state["settings"]["name"]: tuple(state["classes"]) if "classes" in state else None
        for state in targets
    }
    table = _read_csv(path, classes)
    found = {}
    for name, labels in classes.items():
        if not {name, f"predicted_{name}"} <= set(table.column_names):
            continue
        tested = (
            _read_numbers(table, name)
            if labels is None
            else _read_classes(table, name, labels, has_prefix=len(classes) > 1)
        )
        if tested is not None:
            found[name] = tested
    return found


def _read_csv(path: Path, classes: dict[str, tuple[str, ...] | None]) -> Any:
    importlib.import_module("dlcli.data.lean_arrow").skip_pandas()
    arrow, arrow_csv = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.csv")
    formulas = importlib.import_module("dlcli.data.formats.formulas")
    text = [
        formulas.escape_text(column)
        for name, labels in classes.items()
        if labels is not None
        for column in (name, f"predicted_{name}")
    ]
    convert = arrow_csv.ConvertOptions(column_types=dict.fromkeys(text, arrow.string()))
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    try:
        table = arrow_csv.read_csv(path, parse_options=parse, convert_options=convert)
    except (arrow.ArrowInvalid, OSError):
        raise RunError(
            f"{path}: expected a table with a header and rows of equal length",
            hint="copy the run again",
        ) from None
    names = [formulas.unescape_text(name) for name in table.column_names]
    cells = [
        formulas.unescape(column) if arrow.types.is_string(column.type) else column
        for column in table.columns
    ]
    return arrow.Table.from_arrays(cells, names=names)


def _read_numbers(table: Any, name: str) -> TestedTarget | None:
    actual, predicted = _numbers(table, name), _numbers(table, f"predicted_{name}")
    known = np.isfinite(actual) & np.isfinite(predicted)
    return TestedTarget(
        target=name,
        rows=_row_numbers(table)[known],
        actual=actual[known],
        predicted=predicted[known],
        steps=_steps(table, known),
    )


def _steps(table: Any, known: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    if "step" not in table.column_names or str(table.column("step").type) != "int64":
        return None
    return np.asarray(table.column("step").to_numpy(), np.int64)[known]


def _read_classes(
    table: Any, name: str, labels: tuple[str, ...], *, has_prefix: bool
) -> TestedTarget | None:
    prefix = f"probability_{name}_" if has_prefix else "probability_"
    columns = [f"{prefix}{label}" for label in labels]
    if not set(columns) <= set(table.column_names):
        return None
    actual, predicted = _codes(table, name, labels), _codes(table, f"predicted_{name}", labels)
    known = (actual >= 0) & (predicted >= 0)
    shares = np.stack([_numbers(table, column) for column in columns], axis=1)
    return TestedTarget(
        target=name,
        rows=_row_numbers(table)[known],
        actual=actual[known],
        predicted=predicted[known],
        probabilities=shares[known],
        classes=labels,
    )


def _numbers(table: Any, name: str) -> NDArray[np.float64]:
    column = table.column(name).to_numpy()
    try:
        return np.asarray(column, np.float64)
    except (TypeError, ValueError):
        raise RunError(
            f"predictions.csv: expected numbers in column {name!r}", hint="copy the run again"
        ) from None


def _codes(table: Any, name: str, labels: tuple[str, ...]) -> NDArray[np.int64]:
    encoded = table.column(name).combine_chunks().dictionary_encode()
    places = {label: code for code, label in enumerate(labels)}
    known = np.array([places.get(text, -1) for text in encoded.dictionary.to_pylist()], np.int64)
    indices = np.asarray(encoded.indices.fill_null(-1))
    if not len(known):
        return np.full(len(indices), -1, np.int64)
    return np.where(indices >= 0, known[indices], -1)


def _row_numbers(table: Any) -> NDArray[np.int64]:
    if "row" in table.column_names:
        return np.asarray(table.column("row").to_numpy(), np.int64)
    return np.arange(1, table.num_rows + 1)
