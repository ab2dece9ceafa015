"""The `refit` key: a second training, on training and validation rows together."""

from dataclasses import dataclass
from typing import Literal

from dlcli.spec.containers import OneOf
from dlcli.spec.fields import Boolean, Choice, Number
from dlcli.spec.sections import Section, setting


@dataclass(frozen=True, kw_only=True)
class RefitSpec:
    """How long the second training is."""

    epochs: Literal["best", "all"] = setting(
        Choice(("best", "all")),
        "Whether it takes as many epochs as were best on the validation part, or all of `epochs`, "
        "so that a schedule runs to its end.",
        default="best",
    )
    tolerance: float = setting(
        Number(minimum=0),
        "How much worse than the best epoch a later one may be to be taken in its place, as a share "
        "of the validation loss: 0.1 takes the last epoch that is at most a tenth worse.",
        default=0.0,
    )
    schedule: Literal["keep", "shorten"] = setting(
        Choice(("keep", "shorten")),
        "Whether schedules of the learning rate whose lengths are in epochs are shortened as the "
        "training is, so that they come to their end.",
        default="keep",
    )


REFIT = OneOf((Boolean(), Section(RefitSpec)))
"""Whether there is one, or how long it is."""


def tolerance_of(refit: bool | RefitSpec) -> float:
    """Return how much worse than the best epoch a later one may be that is taken, as a share."""
    return refit.tolerance if isinstance(refit, RefitSpec) else 0.0


def shortens(refit: bool | RefitSpec) -> bool:
    """Tell whether schedules are as much shorter as a refit is."""
    return isinstance(refit, RefitSpec) and refit.schedule == "shorten"


def takes_all_epochs(refit: bool | RefitSpec) -> bool:
    """Tell whether a refit is as long as the training before it."""
    return isinstance(refit, RefitSpec) and refit.epochs == "all"
