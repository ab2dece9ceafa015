"""What command bodies import when they run, so that `--help` costs nothing."""

import codecs
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def import_command(name: str) -> Any:
    """Import a command's module, which is named like it."""
    return importlib.import_module(f"dlcli.commands.{name}")


def import_console() -> Any:
    """Import the terminal, which needs rich."""
    return importlib.import_module("dlcli.console")


@contextmanager
def show_stages(*, quiet: bool) -> Iterator[Any]:
    """Give a display for work without epochs, and close it whatever happens."""
    display = import_console().training_display(quiet=quiet)
    try:
        yield display
    finally:
        display.close()


def dump_json(values: Any) -> str:
    """Format a result for --json; in ASCII where stdout may lack a character."""
    return json.dumps(values, indent=2, ensure_ascii=not writes_unicode())


def writes_unicode() -> bool:
    """Tell whether stdout takes every character."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")
