"""Doctor: what a bug report needs to know of this machine, and what dlcli misses on it."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli import __version__
from dlcli.drawing import font_families
from dlcli.memory import available_bytes, show_bytes, total_bytes
from dlcli.report.blocks import Block, Mark

_LIBRARIES = (
    "keras", "tensorflow", "jax", "numpy", "pyarrow", "onnxruntime", "onnx", "tf2onnx",
    "python-calamine", "xlsxwriter", "matplotlib", "typer", "rich", "pyyaml",
)  # fmt: skip
_SECONDS = 120
# Runs in a process of its own, since a backend that is broken may end it.
_DEVICES = """
import json, sys
from dlcli.model.keras_import import load_keras
keras = load_keras(sys.argv[1])
if sys.argv[1] == "jax":
    import jax
    devices = [f"{each.platform} {each.device_kind}" for each in jax.devices()]
else:
    import tensorflow
    devices = [each.name + " " + each.device_type
               for each in tensorflow.config.list_physical_devices()]
print(json.dumps({"keras": keras.__version__, "devices": devices}))
"""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found; `problems` are what keeps commands from working."""

    facts: dict[str, str]
    libraries: dict[str, str | None]
    extras: dict[str, list[str]]
    """Extra to the packages of it that are missing."""
    problems: tuple[str, ...]

    def to_blocks(self) -> list[Block]:
        """Lay out the findings."""
        versions = [[name, version or "missing"] for name, version in self.libraries.items()]
        extras = [
            [name, "installed" if not missing else f"pip install 'dlcli[{name}]'"]
            for name, missing in self.extras.items()
        ]
        marks: dict[tuple[int, int], Mark] = {
            (row, 1): "bad" for row, line in enumerate(versions) if line[1] == "missing"
        }
        told = [Block(text=f"problem: {problem}") for problem in self.problems]
        return [
            Block(header=["here", ""], rows=[[key, value] for key, value in self.facts.items()]),
            Block(header=["library", "version"], rows=versions, marks=marks),
            Block(header=["extra", ""], rows=extras)
            if extras
            else Block(
                text="extras are unknown: dlcli runs from a folder that pip has not installed"
            ),
            *(told or [Block(text="nothing is missing that every command needs")]),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the findings as JSON values."""
        return {
            "facts": self.facts,
            "libraries": self.libraries,
            "extras_missing": self.extras,
            "problems": list(self.problems),
        }


def diagnose(*, with_backend: bool = True) -> Diagnosis:
    """Look at versions, machine, folders and extras; with a backend, at its devices too."""
    libraries = {name: _version(name) for name in _LIBRARIES}
    extras = {name: missing for name, missing in _extras()}
    facts = dict(_facts())
    needed = [name for name, version in libraries.items() if version is None and name != "jax"]
    problems = [f"{name} is missing: pip install dlcli" for name in needed]
    if with_backend:
        for backend in ("tensorflow", "jax"):
            if libraries[backend] is not None and libraries["keras"] is not None:
                found, problem = _devices(backend)
                facts[f"{backend} devices"] = found
                problems += [] if problem is None else [problem]
    problems += _folder_problems()
    return Diagnosis(facts=facts, libraries=libraries, extras=extras, problems=tuple(problems))


def _facts() -> Iterator[tuple[str, str]]:
    yield "dlcli", f"{__version__} in {Path(__file__).parents[1]}"
    yield "python", f"{platform.python_version()} in {sys.executable}"
    yield "system", platform.platform()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "threads", f"{usable} of {os.cpu_count()} cores may be used"
    yield "memory", f"{show_bytes(total_bytes())}, {show_bytes(available_bytes())} free"
    yield "disk", f"{shutil.disk_usage(Path()).free / 1e9:,.1f} GB free in {Path.cwd()}"
    download: Any = importlib.import_module("dlcli.data.download")
    cache = download.cache_folder()
    held = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    yield "cache", f"{cache}, {held / 1e6:,.1f} MB"
    if "DLCLI_DATASETS" in os.environ:
        yield "DLCLI_DATASETS", os.environ["DLCLI_DATASETS"]
    yield "gpu", _gpu()
    if _version("matplotlib") is not None:
        wide = font_families()[1:]
        yield "chart font", wide[0] if wide else "none with Chinese letters: charts are in English"


def _gpu() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return "none (no nvidia-smi)"
    command = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"nvidia-smi fails: {str(error)[:80]}"
    return "; ".join(done.stdout.splitlines()) or "none"


def _devices(backend: str) -> tuple[str, str | None]:
    command = [sys.executable, "-c", _DEVICES, backend]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "unknown", f"{backend} does not start within {_SECONDS} seconds"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return "unknown", f"{backend} does not start: {last[:200]}"
    devices = json.loads(done.stdout.splitlines()[-1])["devices"]
    return ", ".join(devices) or "none", None


def _extras() -> Iterator[tuple[str, list[str]]]:
    """Yield every extra of the installed package with what is missing of it."""
    try:
        metadata = importlib.metadata.metadata("dlcli")
    except importlib.metadata.PackageNotFoundError:
        return
    for extra in metadata.get_all("Provides-Extra") or ():
        missing = []
        for requirement in metadata.get_all("Requires-Dist") or ():
            package, _, marker = requirement.partition(";")
            if f'extra == "{extra}"' not in marker.replace("'", '"'):
                continue
            name = package.split("[")[0].split(">")[0].split("=")[0].split("<")[0].strip()
            if name != "dlcli" and _version(name) is None:
                missing.append(name)
        yield extra, missing


def _folder_problems() -> Iterator[str]:
    if not os.access(Path(), os.W_OK):
        yield f"{Path.cwd()} cannot be written to: runs go to runs/ in it, or to --out"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
