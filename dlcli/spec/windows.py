"""The `data.window` section: how rows of a time-ordered table become windows, and what they predict."""

from dataclasses import dataclass
from typing import Literal

from dlcli.spec.containers import ListOf, OneOf
from dlcli.spec.fields import Boolean, Choice, Integer, Text
from dlcli.spec.sections import setting

WINDOW = "window"
"""The input that holds the rows of a window in one tensor, [rows, length, columns]."""
NAIVE = "naive"
"""The forecast that repeats the last value that a window knows."""
SEASONAL = "seasonal_naive"
"""The forecast that repeats the last season."""


@dataclass(frozen=True, kw_only=True)
class WindowSpec:
    """Windows over a time-ordered table."""

    length: int = setting(
        Integer(minimum=1), "How many rows in a row the network sees, e.g. length: 12."
    )
    horizon: int = setting(
        Integer(minimum=1),
        "How many rows ahead are predicted at once; above 1 the output has one number for each.",
        default=1,
    )
    stride: int = setting(
        Integer(minimum=1),
        "How many rows lie between the beginnings of two windows of a run; `predict` uses every one.",
        default=1,
    )
    offset: int = setting(
        Integer(minimum=0),
        "How far behind the window's last row the first predicted one stands; 0 is the last row "
        "itself, for tables whose rows carry what is to be predicted from them.",
        default=1,
    )
    time: str | None = setting(
        Text("a column name"),
        "The column of dates or numbers that orders the rows; without it the file's order does.",
        default=None,
    )
    group: str | None = setting(
        Text("a column name"),
        "The column that tells several series apart; no window reaches from one into another.",
        default=None,
    )
    lags: bool | None = setting(
        Boolean(),
        "Whether the window holds the targets' own past; without it yes, unless `inputs` lists "
        "columns without them, or `offset` is 0.",
        default=None,
    )
    static: tuple[str, ...] | str = setting(
        OneOf((Text("a column name"), ListOf(Text("a column name")))),
        "Inputs that say what a series is rather than how it runs: they arrive outside the window, "
        "in `features` or under their own name, as they are in its last row.",
        default=(),
    )
    season: int | None = setting(
        Integer(minimum=1),
        "How many rows make a season, e.g. 12 months: the run then stands beside the forecast that "
        "repeats the last season.",
        default=None,
    )
    gaps: Literal["error", "break", "ignore"] = setting(
        Choice(("error", "break", "ignore")),
        "What a missing time stamp does: an error, no window reaches across it, or rows are counted "
        "whatever lies between them.",
        default="error",
    )
    short: Literal["error", "drop"] = setting(
        Choice(("error", "drop")),
        "What happens to a series of a group that is shorter than a window: an error, or it is "
        "left out.",
        default="error",
    )
    sort: bool = setting(
        Boolean(),
        "Whether rows are put into time order first; without it a file out of order is an error.",
        default=False,
    )

    @property
    def static_names(self) -> tuple[str, ...]:
        return (self.static,) if isinstance(self.static, str) else self.static

    @property
    def rows_needed(self) -> int:
        """How many rows in a row one window takes, with those that it predicts."""
        return max(self.length, self.length - 1 + self.offset + self.horizon)

    @property
    def rows_known(self) -> int:
        """How many values of a target a window knows: its own rows, but for the predicted one."""
        return self.length if self.offset else self.length - 1
