"""Unpack: a packed run to a run folder, once every byte is known to be the sender's."""

from pathlib import Path

from dlcli.packing import unpack_run
from dlcli.report.html.page import write_report
from dlcli.runs import RunFolder


def unpack(path: Path, out: Path | None = None) -> RunFolder:
    """Open a packed run into `out`, or into the next number below runs/NAME."""
    run = unpack_run(path, out)
    # A page can hold scripts, so it is written anew here and never taken from a sender.
    write_report(run)
    return run
