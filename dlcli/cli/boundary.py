"""The one place where exceptions become messages and exit codes."""

import os
import platform
import sys
import tempfile
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from dlcli import __version__
from dlcli.cli.lazy import import_console
from dlcli.errors import DlcliError, ExitCode, Interrupted


class Boundary(TyperGroup):
    """Runs a command and translates what it raises."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except DlcliError as error:
            import_console().show_error(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            import_console().show_error(Interrupted("interrupted"))
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our output has enough, as in `dlcli schema | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.DONE) from None
        except Exception as error:
            if _is_typers_own(error):
                raise
            _report_bug(error)
            raise typer.Exit(ExitCode.BUG) from None


def _is_typers_own(error: Exception) -> bool:
    return type(error).__module__.startswith("typer.") or isinstance(
        error, typer.Exit | typer.Abort
    )


def _report_bug(error: Exception) -> None:
    """Write the traceback to a log, or show it with --debug, and name it in one line."""
    text = "".join(traceback.format_exception(error))
    if "--debug" in sys.argv:
        import_console().say(text)
    about = f"dlcli {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    command = " ".join(sys.argv[1:])
    with tempfile.NamedTemporaryFile(
        "w", prefix="dlcli-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(f"{about}dlcli {command}\n\n{text}")
    bug = DlcliError(
        f"a bug in dlcli: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
        hint=f"please report it with {log.name}",
    )
    import_console().show_error(bug)
