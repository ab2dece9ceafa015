"""The tables that are predicted: the public ones that dlcli knows, and scikit-learn's own."""
# ruff: noqa: TID253 - pandas belongs to the benchmark, not to what it measures

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn import datasets as own

from dlcli.data.download import fetch, load_entry

LAST_ROWS_THAT_ARE_NONE = 2
"""The bias correction's file ends with the column minima and maxima."""


@dataclass(frozen=True, kw_only=True)
class QualitySet:
    """One table and the column that is predicted."""

    name: str
    target: str
    is_classes: bool = False
    read: Callable[[], pd.DataFrame]
    """Returns inputs and target; texts are categories or dates, NaN is a missing cell."""
    drop: tuple[str, ...] = ()
    """Columns that are no inputs for anyone: row numbers, names, other targets."""

    def load(self) -> pd.DataFrame:
        """Return the table, with the target as its last column."""
        table = self.read().drop(columns=list(self.drop))
        inputs = [name for name in table.columns if name != self.target]
        return table[[*inputs, self.target]]


def _public(name: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        path, options = fetch(name), load_entry(name).options
        if path.suffix in (".xls", ".xlsx"):
            return pd.read_excel(path, engine="calamine")
        header: Any = {"names": options["header"]} if "header" in options else {}
        with path.open(encoding="utf-8") as file:
            separator = ";" if ";" in file.readline() else ","
        return pd.read_csv(path, sep=separator, **header)

    return read


def _bias_correction() -> pd.DataFrame:
    return _public("bias-correction")()[:-LAST_ROWS_THAT_ARE_NONE].dropna(
        subset=["Next_Tmax", "Next_Tmin"]
    )


def _own(load: Callable[..., Any]) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        bunch = load(as_frame=True)
        table = bunch.frame
        if "target_names" in bunch and "target" in table:
            table["target"] = [f"class {bunch.target_names[code]}" for code in table["target"]]
        return table

    return read


def _linnerud() -> pd.DataFrame:
    return own.load_linnerud(as_frame=True).frame


def _diabetes() -> pd.DataFrame:
    return own.load_diabetes(as_frame=True, scaled=False).frame


SETS = (
    QualitySet(
        name="advertising",
        target="sales",
        read=lambda: _public("advertising")().iloc[:, 1:],
    ),
    QualitySet(name="cereal", target="rating", read=_public("cereal"), drop=("name",)),
    QualitySet(name="linnerud", target="Weight", read=_linnerud, drop=("Waist", "Pulse")),
    QualitySet(name="diabetes", target="target", read=_diabetes),
    QualitySet(
        name="concrete",
        target="Concrete compressive strength(MPa, megapascals) ",
        read=_public("concrete-original"),
    ),
    QualitySet(name="wine-red", target="quality", read=_public("wine-quality-red")),
    QualitySet(name="wine-white", target="quality", read=_public("wine-quality-white")),
    QualitySet(name="bias-tmax", target="Next_Tmax", read=_bias_correction, drop=("Next_Tmin",)),
    QualitySet(name="bias-tmin", target="Next_Tmin", read=_bias_correction, drop=("Next_Tmax",)),
    QualitySet(name="ccpp", target="PE", read=_public("ccpp")),
    QualitySet(name="iris", target="target", is_classes=True, read=_own(own.load_iris)),
    QualitySet(name="wine", target="target", is_classes=True, read=_own(own.load_wine)),
    QualitySet(
        name="breast-cancer", target="target", is_classes=True, read=_own(own.load_breast_cancer)
    ),
    QualitySet(name="pima", target="outcome", is_classes=True, read=_public("pima-original")),
    QualitySet(name="digits", target="target", is_classes=True, read=_own(own.load_digits)),
    QualitySet(name="bank", target="y", is_classes=True, read=_public("bank-marketing")),
)
"""Regression first, both by size. The Reuters texts are none of them: most peers read no text."""


def find_sets(names: str | None) -> tuple[QualitySet, ...]:
    """Return the sets with these names, divided by commas, or all; raises ValueError."""
    return SETS if names is None else find_named(names, SETS)


def find_named(names: str, among: Iterable[QualitySet]) -> tuple[QualitySet, ...]:
    """Return those of the sets with these names, divided by commas; raises ValueError."""
    known = {each.name: each for each in among}
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"no set is called {unknown[0]!r}: expected some of {', '.join(known)}")
    return tuple(known[name] for name in wanted)
