"""What a server needs of a run; who opens runs provides it."""

from collections.abc import Iterable
from typing import Any, Literal, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from dlcli.bundle.store import Bundle
from dlcli.data.table import Table

Reads = Literal["rows", "sequences", "images", "mixed"]
"""What a run predicts from: single rows, the rows of a past, images alone, or rows of which some
cells are images."""


class Served(Protocol):
    """An opened run."""

    bundle: Bundle
    reads: Reads
    about: dict[str, Any]
    """What the server says of it: `run`, `name`, `created`, `dlcli` and, where known, `score`."""
    columns: dict[str, dict[str, Any]]
    """Input column to what its training rows hold: `median` and `top`, as far as known."""

    level: float | None
    """The level of the intervals that it can give without being asked for another one."""

    def intervals(self, level: float) -> object:
        """Make sure that there are intervals of a level; raises DlcliError."""
        ...

    def predict(self, table: Table, level: float | None = None) -> pa.Table:
        """Return the columns of predictions, a row for each row; raises DlcliError.

        With a `level` the ends of intervals stand beside numbers.
        """
        ...

    def predict_tensors(
        self, tensors: dict[str, NDArray[Any]], level: float | None = None
    ) -> Iterable[tuple[str, NDArray[Any] | pa.Array]]:
        """Return the same columns for what preprocessing makes of rows."""
        ...

    def forecast(self, table: Table, *, latest: bool, level: float | None = None) -> pa.Table:
        """Return what follows every window of a past, or only the last of each series."""
        ...
