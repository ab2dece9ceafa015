"""Every failure dlcli reports to its user, with the exit code each one ends in."""

from enum import IntEnum


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


class DlcliError(Exception):
    """A failure the user can act on: what is wrong and where, and in `hint` what to do."""

    exit_code = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive Exception's own pickling, which workers rely on.
        return _rebuild, (type(self), self.__dict__.copy())

    def __str__(self) -> str:
        return self.message


class UsageError(DlcliError):
    """The command line asks for something that cannot be done."""

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
