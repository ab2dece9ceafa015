"""The `ensemble` key: several networks whose mean is the prediction."""

from dataclasses import dataclass
from typing import Any, Literal

from dlcli.spec.abbreviated import Abbreviated
from dlcli.spec.fields import Choice, Integer
from dlcli.spec.problems import Problems
from dlcli.spec.sections import setting

FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class EnsembleSpec:
    """Networks of one config that are trained one after the other and predict together."""

    members: int = setting(Integer(minimum=FEWEST), "How many networks.", default=5)
    vary: Literal["seeds", "folds"] = setting(
        Choice(("seeds", "folds")),
        "What makes them differ: their seeds (first weights, order of the rows, dropout) alone, or "
        "also the training rows, of which each leaves a fold out.",
        default="seeds",
    )


ENSEMBLE = Abbreviated(EnsembleSpec, "members", Integer(minimum=FEWEST))
"""A number of networks, or what makes them differ too."""


def check_ensemble(spec: Any, has_members: bool, problems: Problems) -> None:
    """Report an ensemble of what is one already, or of what cannot be cut into folds."""
    ensemble = spec.ensemble
    if has_members:
        problems.add(
            ("ensemble",),
            "the network is an ensemble already: its EnsembleDense layers have members",
            hint="leave one of the two out",
            on_key=True,
        )
    if spec.refit:
        problems.add(
            ("ensemble",),
            "ensemble and refit do not go together: each member ends after epochs of its own",
            hint="leave one of the two out",
            on_key=True,
        )
    if ensemble.vary == "folds" and spec.data.window is not None:
        problems.add(
            ("ensemble", "vary"),
            "folds cut rows, and `data.window` makes windows of rows that follow each other",
            hint="vary: seeds",
        )
