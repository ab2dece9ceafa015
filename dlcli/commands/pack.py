"""Pack: a run to one file that can be sent."""

from pathlib import Path

from dlcli.packing import Pack, pack_run
from dlcli.runs import open_run


def pack(run: str, out: Path | None = None) -> Pack:
    """Write a run to `out`, or to NAME-NUMBER.zip in the working directory."""
    folder = open_run(run, packed=False)
    number = f"-{folder.path.name}" if folder.path.name.isdecimal() else ""
    name = folder.load_manifest()["name"]
    return pack_run(folder, out if out is not None else Path(f"{name}{number}.zip"))
