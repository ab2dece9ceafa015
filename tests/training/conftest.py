"""Running a module of tests again, with JAX below Keras."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def run_module_on_jax(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Return what runs the requesting module again in a process of its own, where Keras takes JAX."""

    def run() -> None:
        pytest.importorskip("jax")
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
                str(request.path),
            ],
            env=os.environ | {"DLCLI_TEST_BACKEND": "jax"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout[-4000:]

    return run
