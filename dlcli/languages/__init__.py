"""The language that dlcli speaks: English, or one with a catalogue here, which is loaded for it."""

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from dlcli.errors import UsageError

LANGUAGES = ("en", "zh")

VARIABLE = "DLCLI_LANG"
"""Names the language before the locale does, and tells it to the processes that are started."""

_chosen: dict[str, str] = {}
_before: dict[str, str] = {}
"""What the environment said before a language was chosen; an empty variable counts as none."""


def choose_language(name: str) -> None:
    """Speak a language from now on, here and in processes started from here; raises UsageError."""
    if name not in LANGUAGES:
        raise UsageError(
            f"--lang {name}: there are no messages in this language",
            hint=f"the languages are {', '.join(LANGUAGES)}",
        )
    _before.setdefault(VARIABLE, os.environ.get(VARIABLE, ""))
    os.environ[VARIABLE] = name
    _chosen["language"] = name


def forget_language() -> None:
    """Leave the environment as it was, and look at it anew at the next text."""
    os.environ.update(_before)
    _before.clear()
    _chosen.clear()


def take_language(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return what --lang says in a command line, None without it, and the rest of the line."""
    rest, named = list(arguments), None
    end = rest.index("--") if "--" in rest else len(rest)
    for place in reversed(range(end)):
        word, _, value = rest[place].partition("=")
        if word != "--lang":
            continue
        if "=" in rest[place]:
            named = named or value
            del rest[place]
        elif place + 1 < end:
            named = named or rest[place + 1]
            del rest[place : place + 2]
    return named, rest


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Speak a language for a while, in this process."""
    before = dict(_chosen)
    _chosen["language"] = name
    try:
        yield
    finally:
        _chosen.clear()
        _chosen.update(before)


def language() -> str:
    """Return the language that was chosen, or the one that the environment asks for."""
    if not _chosen:
        _chosen["language"] = asked_by(os.environ)
    return _chosen["language"]


def asked_by(environment: Mapping[str, str]) -> str:
    """Return the language that DLCLI_LANG asks for, or the locale; English where it is neither."""
    first = next(
        (
            environment[key]
            for key in (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
            if environment.get(key)
        ),
        "",
    )
    plain = first.partition(".")[0].partition("_")[0].partition("-")[0].lower()
    return plain if plain in LANGUAGES else "en"


def spoken(text: str) -> str:
    """Return a text of dlcli's own in the language that is spoken; what calls this is extracted."""
    return text if language() == "en" else str(_translator(language()).spoken(text))


def spoken_each(*texts: str) -> list[str]:
    """Return texts of dlcli's own, such as the heads of columns, in the language that is spoken."""
    return [spoken(text) for text in texts]


def translated(text: str) -> str:
    """Return a message that was put together elsewhere, with all that is dlcli's own translated."""
    return text if language() == "en" else str(_translator(language()).translated(text))


@cache
def _translator(name: str) -> Any:
    return importlib.import_module("dlcli.languages.matching").load_translator(name)
