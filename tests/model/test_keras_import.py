"""Importing Keras: lean, quiet, once."""

import os
import subprocess
import sys

import pytest

from dlcli.errors import UsageError
from dlcli.model.keras_import import load_keras, quiet_stderr, sensible_threads

BACKEND = "tensorflow"


def python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "KERAS_"))}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_loads_neither_optional_packages_nor_the_other_backend_and_says_nothing() -> None:
    finished = python(
        "import sys\n"
        "from dlcli.model.keras_import import load_keras\n"
        "keras = load_keras('tensorflow', threads=1)\n"
        "import tensorflow as tf\n"
        "assert tf.config.threading.get_intra_op_parallelism_threads() == 1\n"
        "import numpy as np\n"
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse', jit_compile=True)\n"
        "model.fit(np.ones((4, 2)), np.ones(4), verbose=0)\n"
        "loaded = {'pandas', 'sklearn', 'matplotlib', 'jax', 'scipy', 'tensorflow.lite.python'}\n"
        "print(sorted(loaded & set(sys.modules)))\n"
        "import json, scipy\n"  # importable again
        "print(tf.lite.TFLiteConverter.__name__)\n"  # what was put off loads when it is used
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == ["[]", "TFLiteConverterV2"]
    assert finished.stderr == ""


def test_jax_comes_without_tensorflow() -> None:
    pytest.importorskip("jax")
    finished = python(
        "import sys\n"
        "from dlcli.model.keras_import import load_keras\n"
        "keras = load_keras('jax')\n"
        "print(keras.backend.backend(), 'tensorflow' in sys.modules)\n"
    )
    assert finished.stdout.split() == ["jax", "False"], finished.stderr


def test_a_second_call_returns_the_same_module() -> None:
    assert load_keras(BACKEND) is load_keras(BACKEND)


def test_another_backend_in_the_same_process_is_refused() -> None:
    load_keras(BACKEND)
    with pytest.raises(UsageError, match="already runs Keras on tensorflow") as refusal:
        load_keras("jax")
    assert refusal.value.hint == "run the jax configs in a command of their own"


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(UsageError, match="expected one of tensorflow, jax"):
        load_keras("theano")


def test_held_back_lines_appear_when_something_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"a line of C++\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ZeroDivisionError), quiet_stderr():
        os.write(2, b"why it failed\n")
        _ = 1 // 0
    assert capfd.readouterr().err == "why it failed\n"


def test_small_products_ask_for_one_thread() -> None:
    assert sensible_threads(32 * 128 * 128) == 1
    assert sensible_threads(256 * 512 * 512) is None
