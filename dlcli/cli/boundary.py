"""The one place where exceptions become messages and exit codes."""

import importlib
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from dlcli import __version__
from dlcli.cli.lazy import dump_json, import_console
from dlcli.cli.streams import shows_language
from dlcli.cli.usage_errors import name_value
from dlcli.errors import CheckError, DlcliError, ExitCode, Interrupted, UsageError
from dlcli.files import refusal
from dlcli.languages import choose_language, forget_language, language, take_language


class Boundary(TyperGroup):
    """Runs a command and translates what it raises."""

    def main(self, *arguments: Any, **settings: Any) -> Any:
        try:
            return super().main(*arguments, **settings)
        finally:
            forget_language()

    def make_context(self, info_name: Any, args: list[str], *more: Any, **settings: Any) -> Any:
        # Help and version are printed here.
        with _translated(as_json=False):
            rest = _settle_language(args)
            if language() != "en":
                speaking: Any = importlib.import_module("dlcli.cli.help")
                speaking.speak(self)
            return super().make_context(info_name, rest, *more, **settings)

    def invoke(self, ctx: Any) -> Any:
        with _translated(as_json="--json" in ctx.args):
            return super().invoke(ctx)


def _settle_language(args: list[str]) -> list[str]:
    """Take --lang out of a command line, wherever it stands, and speak that language from now on."""
    named, rest = take_language(args)
    forget_language()
    if named is not None:
        choose_language(named)
    if language() != "en" and not shows_language(language()):
        choose_language("en")
    return rest


def _count_results() -> int:
    """Return how many results this process has written; the terminal is imported for the first."""
    console: Any = sys.modules.get("dlcli.console")
    return 0 if console is None else int(console.counts["results"])


@contextmanager
def _translated(*, as_json: bool) -> Iterator[None]:
    before = _count_results()
    try:
        yield
    except DlcliError as error:
        # A result that is out already, such as figures that miss a check, stays one document.
        raise _told(error, as_json=as_json and _count_results() == before) from None
    except KeyboardInterrupt:
        raise _told(Interrupted("interrupted"), as_json=as_json) from None
    except BrokenPipeError:
        # Whoever read our output has enough, as in `dlcli predict ... | head`.
        raise typer.Exit(ExitCode.DONE) from None
    except OSError as error:
        raise _told(_refusal(error), as_json=as_json) from None
    except Exception as error:
        if _is_typers_own(error):
            name_value(error)
            _write_usage_error(error, as_json=as_json)
            if language() != "en" and hasattr(error, "format_message"):
                raise _show_usage_error(error) from None
            raise
        raise _told(_record_bug(error), as_json=as_json) from None


def _refusal(error: OSError) -> DlcliError:
    """Build the error for what slipped through: whatever reads or writes names what it was about."""
    if isinstance(error, FileNotFoundError) and not error.filename and _is_folder_gone():
        return UsageError(
            "the working directory was removed or moved", hint="cd to a folder that is there"
        )
    return refusal(error, error.filename or "a file", "cannot be used")


def _is_folder_gone() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _told(error: DlcliError, *, as_json: bool) -> typer.Exit:
    """Write an error to stderr, and where a script reads stdout, there as JSON too."""
    console = import_console()
    console.show_error(error)
    # A check is judged after its run was written out.
    if as_json and not isinstance(error, CheckError):
        # Standard output may be what failed.
        with suppress(DlcliError):
            console.write_result(dump_json({"error": error.to_json()}))
    return typer.Exit(error.exit_code)


def _is_typers_own(error: Exception) -> bool:
    return type(error).__module__.startswith("typer.") or isinstance(
        error, typer.Exit | typer.Abort
    )


def _write_usage_error(error: Any, *, as_json: bool) -> None:
    """Write Typer's own complaint as JSON; the text is shown by Typer."""
    if as_json and hasattr(error, "format_message"):
        values = {
            "message": error.format_message(),
            "hint": None,
            "exit_code": int(ExitCode.USAGE),
            "problems": [],
        }
        import_console().write_result(dump_json({"error": values}))


def _show_usage_error(error: Any) -> typer.Exit:
    """Write what Typer would write, translated: how the command is used, and what is wrong."""
    console = import_console()
    if error.ctx is not None:
        console.write_remark(error.ctx.get_usage())
        console.say(f"Try '{error.ctx.command_path} --help' for help.\n")
    console.say(f"Error: {error.format_message()}")
    return typer.Exit(error.exit_code)


def _record_bug(error: Exception) -> DlcliError:
    """Write the traceback to a log, or show it with --debug, and return the line that names it."""
    text = "".join(traceback.format_exception(error))
    if "--debug" in sys.argv:
        import_console().write_remark(text)
    about = f"dlcli {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    command = " ".join(sys.argv[1:])
    first_line = str(error).splitlines()[0] if str(error) else ""
    message = f"a bug in dlcli: {type(error).__name__}: {first_line}"
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="dlcli-",
            suffix=".log",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as log:
            log.write(f"{about}dlcli {command}\n\n{text}")
    except OSError:
        return DlcliError(message, hint=f"please report it with this:\n{about}{text}")
    return DlcliError(message, hint=f"please report it with {log.name}")
