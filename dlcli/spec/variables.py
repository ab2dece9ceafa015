"""`${NAME}` and `${NAME:-default}` in the data paths of a config: values from the environment."""

import os
import re
from collections.abc import Mapping

from dlcli.errors import SpecError
from dlcli.spec.places import Place, format_problem

# With a second dollar sign it stands for itself.
_REFERENCE = re.compile(r"\$?\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE", re.IGNORECASE)


def fill_variables(
    text: str, place: Place, environment: Mapping[str, str] = os.environ
) -> tuple[str, tuple[str, ...]]:
    """Return a path with its variables filled in, and their names; raises SpecError."""
    names: list[str] = []

    def fill(match: re.Match[str]) -> str:
        if match.group().startswith("$$"):
            return match.group()[1:]
        name, has_default, default = match[1].partition(":-")
        if not match[2] or not _NAME.fullmatch(name):
            raise _error(
                f"{match.group()!r} names no environment variable",
                place,
                hint="write ${NAME} or ${NAME:-default}; $${...} stands for itself",
            )
        if _SECRET.search(name):
            raise _error(
                f"a data path is written into the run's record, and ${{{name}}} looks like a secret",
                place,
                hint="give the path in a variable of another name",
            )
        names.append(name)
        value = environment.get(name)
        if value:
            return value
        if has_default:
            return default
        raise _error(
            f"the environment variable {name} is {'empty' if value == '' else 'not set'}",
            place,
            hint=f"set it, or give a default: ${{{name}:-../datasets}}",
        )

    return _REFERENCE.sub(fill, text), tuple(names)


def escape_variables(text: str) -> str:
    """Return a path as a config writes it, where it holds what would be taken for a variable."""
    return text.replace("${", "$${")


def _error(message: str, place: Place, *, hint: str) -> SpecError:
    return SpecError(format_problem(message, place), hint=hint)
