"""Every failure dlcli reports to its user, with the exit code each one ends in."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """What the process returns; the README's table is checked against this."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SPEC = 3
    DATA = 4
    TRAINING = 5
    RUN = 6
    CHECK = 7
    INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class LocatedProblem:
    """One of the mistakes that an error tells; `line` and `column` count from 1."""

    file: str
    line: int | None
    """None where the file as a whole is meant, or a value of the command line."""
    column: int | None
    message: str
    hint: str | None


_MOST_CHARACTERS = 1000


def cut_lines(text: str) -> str:
    """Return a message without the middle of lines that nobody would read to their end."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    return "\n".join(
        line if len(line) <= _MOST_CHARACTERS else f"{line[:500]} ... {line[-200:]}"
        for line in text.split("\n")
    )


class DlcliError(Exception):
    """A failure the user can act on: what is wrong and where, and in `hint` what to do."""

    exit_code = ExitCode.BUG

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        problems: Sequence[LocatedProblem] = (),
    ) -> None:
        message = cut_lines(message)
        super().__init__(message)
        self.message = message
        self.hint = None if hint is None else cut_lines(hint)
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive Exception's own pickling, which workers rely on.
        return _rebuild, (type(self), self.__dict__.copy())

    def __str__(self) -> str:
        return self.message

    def to_json(self) -> dict[str, Any]:
        """Return what --json prints in place of a result."""
        return {
            "message": self.message,
            "hint": self.hint,
            "exit_code": int(self.exit_code),
            "problems": [asdict(problem) for problem in self.problems],
        }


class UsageError(DlcliError):
    """The command line asks for what cannot be done, or for output that cannot be written."""

    exit_code = ExitCode.USAGE


class SpecError(DlcliError):
    """The config is not valid."""

    exit_code = ExitCode.SPEC


class DataError(DlcliError):
    """A data file is missing, unreadable, or holds what no policy covers."""

    exit_code = ExitCode.DATA


class TrainingError(DlcliError):
    """Training failed or diverged."""

    exit_code = ExitCode.TRAINING


class RunError(DlcliError):
    """A run folder or model bundle cannot be used."""

    exit_code = ExitCode.RUN


class CheckError(DlcliError):
    """A check that the config or the command line asks for is not met."""

    exit_code = ExitCode.CHECK


class Interrupted(DlcliError):
    """The user ended the command; what was reached so far is kept."""

    exit_code = ExitCode.INTERRUPTED


def _rebuild(kind: type[DlcliError], state: dict[str, object]) -> DlcliError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["message"],)
    return error
