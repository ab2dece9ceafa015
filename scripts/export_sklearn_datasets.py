"""Write scikit-learn's own small data sets as CSV files with readable names into datasets/."""

import csv
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn import datasets

FOLDER = Path(__file__).parents[1] / "datasets"

DIABETES_COLUMNS = (
    "age",
    "sex",
    "bmi",
    "blood_pressure",
    "total_cholesterol",
    "ldl",
    "hdl",
    "cholesterol_hdl_ratio",
    "log_triglycerides",
    "blood_sugar",
)
"""What scikit-learn calls age, sex, bmi, bp and s1 to s6."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """One data set: where it comes from and what its columns and classes are called."""

    load: Callable[[], Any]
    target: str
    columns: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None


EXPORTS = {
    "iris": Export(load=datasets.load_iris, target="species"),
    "wine": Export(
        load=datasets.load_wine,
        target="cultivar",
        classes=("cultivar_1", "cultivar_2", "cultivar_3"),
    ),
    "diabetes": Export(
        load=lambda: datasets.load_diabetes(scaled=False),
        target="progression",
        columns=DIABETES_COLUMNS,
    ),
    "digits": Export(load=datasets.load_digits, target="digit", classes=tuple(map(str, range(10)))),
    "breast_cancer": Export(load=datasets.load_breast_cancer, target="diagnosis"),
}


def export(name: str, folder: Path) -> Path:
    """Write one data set and return its file."""
    wanted = EXPORTS[name]
    loaded = wanted.load()
    columns = wanted.columns or tuple(_readable(column) for column in loaded.feature_names)
    classes = wanted.classes or getattr(loaded, "target_names", None)
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, wanted.target])
        for row, target in zip(loaded.data, loaded.target, strict=True):
            label = _shortest(target) if classes is None else classes[target]
            writer.writerow([*_cells(row), label])
    return path


def _readable(column: str) -> str:
    """Return a name that needs no quotes: `sepal length (cm)` becomes `sepal_length_cm`."""
    return column.replace("(", "").replace(")", "").replace("/", "_").replace(" ", "_")


def _cells(row: Iterable[float]) -> list[str]:
    return [_shortest(value) for value in row]


def _shortest(value: float) -> str:
    """Write a number with the fewest digits that give it back."""
    return repr(float(value)).removesuffix(".0")


def main(folder: Path) -> None:
    """Write every data set."""
    for name in EXPORTS:
        print(export(name, folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
