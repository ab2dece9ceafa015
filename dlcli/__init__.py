"""Train, evaluate and share neural networks on tables from one YAML file.

From Python, `dlcli.train` gives a `dlcli.Run`, and `dlcli.load` opens one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlcli.api import Run, load, train

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "load", "train"]


def __getattr__(name: str) -> Any:
    # `import dlcli` stays instant, and the command line imports what it needs by itself.
    if name in {"Run", "load", "train"}:
        return getattr(import_module("dlcli.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
