"""Values of expressions over many points at once."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dlcli.spec.arithmetic import Node, Operations, fold

Columns = Mapping[str, NDArray[np.float64]]
"""Values by column name, float64 [points]."""

_OF_ARRAYS: Operations = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
}


def compute(node: Node, columns: Columns) -> NDArray[np.float64]:
    """Return the values of an expression [points]; what is not defined is NaN or infinite."""
    with np.errstate(all="ignore"):
        return np.asarray(fold(node, columns, _OF_ARRAYS), dtype=np.float64)
