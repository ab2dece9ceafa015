"""Running a module of tests again, with JAX below Keras."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def run_module_on_jax(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], None]:
    """Return what runs the requesting module again in a process of its own, where Keras takes JAX.

    LLVM's optimizations are off there: they take most of the time and change no result beyond the
    order of sums, which the tests allow for. What one test compiled, the next one of the same
    network takes from a folder.
    """
    compiled = tmp_path_factory.mktemp("compiled")

    def run() -> None:
        pytest.importorskip("jax")
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
                str(request.path),
            ],
            env=os.environ
            | {
                "DLCLI_TEST_BACKEND": "jax",
                "XLA_FLAGS": "--xla_backend_optimization_level=0",
                "JAX_COMPILATION_CACHE_DIR": str(compiled),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout[-4000:]

    return run
