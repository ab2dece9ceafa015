"""Keeps pyarrow from importing pandas, which it does at its first conversion if it can.

dlcli never uses pandas, and its import takes longer than reading most tables. pyarrow asks
once and remembers the answer; `to_pandas()` asks again, so that it works all the same.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


class _NoPandas:
    """An import finder that knows one thing: that there is no pandas."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError(name)
        return None


def skip_pandas() -> None:
    """Let pyarrow ask for pandas now and not find it, unless it is imported already."""
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
