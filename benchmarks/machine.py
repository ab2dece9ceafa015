"""What the figures were measured on; no names and no paths."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("tensorflow", "keras", "jax", "torch", "scikit-learn", "pandas", "numpy", "onnxruntime")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")


def machine_facts() -> dict[str, str]:
    """Return cores, memory, load and versions, as text by name."""
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    settings = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if name in os.environ]
    return {
        "processor": f"{os.cpu_count()} cores, {platform.machine()}",
        "memory": f"{gibibytes:.0f} GiB",
        "system": platform.system(),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "threads": ", ".join(settings) or "every tool's own default",
        "Python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def format_facts(facts: dict[str, str]) -> str:
    """Format the facts as one paragraph."""
    return "; ".join(f"{name} {value}" for name, value in facts.items()) + "."


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
