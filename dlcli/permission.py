"""Whether code that a config or a run brings may be run; never by itself."""

from contextvars import ContextVar
from pathlib import Path

from dlcli.errors import UsageError

_ALLOWED: ContextVar[bool] = ContextVar("allowed", default=False)
"""Whether who calls said that code of a config or run may be run; never by itself."""


def allow_code(allowed: bool) -> bool:
    """Say whether code that a config or a run brings may be run from here on."""
    _ALLOWED.set(allowed)
    return allowed


def is_allowed() -> bool:
    """Tell whether code that a config or a run brings may be run."""
    return _ALLOWED.get()


def check_allowed(files: tuple[str, ...], what: str) -> None:
    """Raise UsageError unless running these files was allowed."""
    if files and not _ALLOWED.get():
        names = ", ".join(Path(file).name for file in files)
        raise UsageError(
            f"{what} runs Python code of its own: {names}",
            hint="read it first; --allow-code runs it",
        )
