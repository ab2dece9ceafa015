"""What GitHub Actions reads of a step: annotations among its lines, and the job's summary."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_PLACE = re.compile(
    r"(?P<file>[^\s:][^:\n]*):(?P<line>\d+):(?P<column>\d+): (?P<message>.*)", re.DOTALL
)


def is_github(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this process is a step of GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def annotations_of(message: str, *, hint: str | None = None) -> Iterator[str]:
    """Yield an `::error` line for each problem of an error's message, at its place in the file."""
    text = message if hint is None else f"{message}\nhint: {hint}"
    for problem in text.split("\nerror: "):
        found = _PLACE.fullmatch(problem)
        if found is None:
            yield annotation(problem)
        else:
            line, column = int(found["line"]), int(found["column"])
            plain = _without_excerpt(found["message"])
            yield annotation(plain, file=found["file"], line=line, column=column)


def annotation(
    message: str,
    *,
    file: str | None = None,
    line: int | None = None,
    column: int | None = None,
    title: str | None = None,
) -> str:
    """Return the line that marks a file, or the whole job, with an error."""
    properties = {"file": file, "line": line, "col": column, "title": title}
    given = [f"{key}={_escape(str(value), ',:')}" for key, value in properties.items() if value]
    return f"::error{' ' if given else ''}{','.join(given)}::{_escape(message)}"


def add_summary(markdown: str, environment: Mapping[str, str] = os.environ) -> None:
    """Append Markdown to the job's summary, where GitHub names a file for it."""
    path = environment.get("GITHUB_STEP_SUMMARY")
    if path and is_github(environment):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown.rstrip() + "\n\n")


def _without_excerpt(message: str) -> str:
    """Leave out the line of the file and the carets below it, which GitHub shows itself."""
    return "\n".join(line for line in message.splitlines() if not re.match(r" *\d* \|", line))


def _escape(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
