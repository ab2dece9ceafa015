"""The token that clients must show: from the environment or a file, never from the command line."""

import os
from pathlib import Path

from dlcli.errors import UsageError
from dlcli.files import reading

VARIABLE = "DLCLI_SERVE_TOKEN"
FEWEST_CHARACTERS = 16
"""Shorter ones can be guessed by trying."""
_MOST_CHARACTERS = 4096


def read_token(file: Path | None) -> str | None:
    """Return the token of the file or of DLCLI_SERVE_TOKEN; None where neither is given."""
    own = os.environ.get(VARIABLE)
    if file is None:
        return None if own is None else _checked(own, VARIABLE)
    if own is not None:
        raise UsageError(f"--token-file and {VARIABLE} both give a token", hint="leave one out")
    with reading(file, UsageError), file.open("rb") as opened:
        text = opened.read(_MOST_CHARACTERS + 1).decode("utf-8", "replace")
    return _checked(text, f"--token-file {file}")


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if not token:
        raise UsageError(f"{where}: the token is empty", hint=_hint())
    if len(token) > _MOST_CHARACTERS or not token.isascii() or not token.isprintable():
        raise UsageError(f"{where}: a token is one line of printable ASCII", hint=_hint())
    if " " in token:
        raise UsageError(f"{where}: a token has no spaces", hint=_hint())
    if len(token) < FEWEST_CHARACTERS:
        raise UsageError(
            f"{where}: the token has {len(token)} characters; expected {FEWEST_CHARACTERS} or more",
            hint=_hint(),
        )
    return token


def _hint() -> str:
    return 'python -c "import secrets; print(secrets.token_urlsafe())" makes one'
