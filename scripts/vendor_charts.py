"""Fetch the chart library of report.html again: `python scripts/vendor_charts.py [VERSION]`.

Without a version the pinned one is fetched and must have the pinned sha512; with one, the pin moves.
Needs npm.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parents[1] / "dlcli" / "report" / "assets"
PIN = ASSETS / "uplot.json"
FILES = {
    "uplot.js": "package/dist/uPlot.iife.min.js",
    "uplot.css": "package/dist/uPlot.min.css",
    "uplot.LICENSE": "package/LICENSE",
}


def vendor(version: str | None) -> dict[str, Any]:
    """Write the files of a version, the pinned one without, and return the new pin."""
    pin = json.loads(PIN.read_text(encoding="utf-8"))
    wanted = version or pin["version"]
    with tempfile.TemporaryDirectory() as folder:
        archive = _pack(f"{pin['package']}@{wanted}", Path(folder))
        digest = hashlib.sha512(archive.read_bytes()).digest()
        integrity = f"sha512-{base64.b64encode(digest).decode()}"
        if version is None and integrity != pin["integrity"]:
            sys.exit(f"{archive.name}: expected {pin['integrity']}, received {integrity}")
        hashes = _extract(archive)
    pin |= {"version": wanted, "integrity": integrity, "sha256": hashes}
    PIN.write_text(json.dumps(pin, indent=2) + "\n", encoding="utf-8")
    return dict(pin)


def _pack(package: str, folder: Path) -> Path:
    subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
    (archive,) = folder.glob("*.tgz")
    return archive


def _extract(archive: Path) -> dict[str, str]:
    hashes = {}
    with tarfile.open(archive) as packed:
        for name, member in FILES.items():
            file = packed.extractfile(member)
            assert file is not None
            content = file.read()
            (ASSETS / name).write_bytes(content)
            hashes[name] = hashlib.sha256(content).hexdigest()
    return hashes


if __name__ == "__main__":
    pinned = vendor(sys.argv[1] if len(sys.argv) > 1 else None)
    print(f"{pinned['package']} {pinned['version']}")
