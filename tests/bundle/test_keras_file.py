"""Keras models that would run code or read other files when they are opened."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dlcli.bundle.keras_file import CONFIG, METADATA, WEIGHTS, check_keras_file
from dlcli.bundle.keras_score import KerasScorer
from dlcli.errors import RunError
from dlcli.runs import RunFolder


def rebuilt(
    run: RunFolder,
    path: Path,
    *,
    change: Callable[[dict[str, Any]], object] = lambda config: None,
    weights: bytes | None = None,
    more: dict[str, bytes] | None = None,
) -> Path:
    """Write the model of a run again with something in it changed."""
    with zipfile.ZipFile(run.model) as archive:
        config = json.loads(archive.read(CONFIG))
        change(config)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as other:
            other.writestr(METADATA, archive.read(METADATA))
            other.writestr(CONFIG, json.dumps(config))
            other.writestr(WEIGHTS, weights or archive.read(WEIGHTS))
            for name, content in (more or {}).items():
                other.writestr(name, content)
    return path


def layer(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = config["config"]["layers"][1]
    return found


def activate(config: dict[str, Any], *, module: str, function: str) -> None:
    activation = {"class_name": "function", "module": module, "config": function}
    layer(config)["config"]["activation"] = activation


HOSTILE = {
    "lambda": (
        lambda c: layer(c).update(class_name="Lambda", module="keras.layers"),
        "holds Python code of its own",
    ),
    "lambda in an argument": (
        lambda c: layer(c)["config"].update(activation={"class_name": "__lambda__", "config": {}}),
        "holds Python code of its own",
    ),
    "os": (
        lambda c: layer(c).update(class_name="system", module="os"),
        "names 'system' of the module 'os'",
    ),
    "subprocess": (
        lambda c: layer(c).update(class_name="Popen", module="subprocess", registered_name="Dense"),
        "of the module 'subprocess'",
    ),
    "a function": (
        lambda c: activate(c, module="os", function="system"),
        "calls the function 'system' of 'os'",
    ),
    "keras's own downloads": (
        lambda c: activate(c, module="keras.utils", function="get_file"),
        "calls the function 'get_file'",
    ),
    "keras's own downloads as a class": (
        lambda c: layer(c).update(class_name="get_file", module="keras.utils"),
        "names 'get_file' of the module 'keras.utils'",
    ),
    "a function of Python": (
        lambda c: activate(c, module="builtins", function="exec"),
        "calls the function 'exec' of 'builtins'",
    ),
    "a layer wider than all weights": (
        lambda c: layer(c)["config"].update(units=10**12),
        "has units: 1,000,000,000,000 and",
    ),
    "own classes": (
        lambda c: layer(c).update(class_name="Mine", module=None, registered_name="Custom>Mine"),
        "Keras cannot load",
    ),
    "the module of imports": (
        lambda c: layer(c).update(class_name="load_imports", module="dlcli.model.imports"),
        "of the module 'dlcli.model.imports'",
    ),
    "torch": (
        lambda c: layer(c).update(class_name="TorchModuleWrapper"),
        "holds a pickled PyTorch module",
    ),
    "another SavedModel": (
        lambda c: layer(c).update(class_name="TFSMLayer"),
        "runs a SavedModel from another folder",
    ),
    "a file of words": (
        lambda c: layer(c)["config"].update(vocabulary="/etc/passwd"),
        "reads the file '/etc/passwd'",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_code_in_a_model_is_refused(case: str, trained_run: RunFolder, tmp_path: Path) -> None:
    change, expected = HOSTILE[case]
    path = rebuilt(trained_run, tmp_path / "m.keras", change=change)
    with pytest.raises(RunError, match=expected):
        KerasScorer.open(path)


def test_deep_nesting_is_refused(trained_run: RunFolder, tmp_path: Path) -> None:
    def nest(config: dict[str, Any]) -> None:
        inner: dict[str, Any] = {}
        for _ in range(300):
            inner = {"a": inner}
        layer(config)["config"]["deep"] = inner

    path = rebuilt(trained_run, tmp_path / "m.keras", change=nest)
    with pytest.raises(RunError, match="nested more than 200"):
        check_keras_file(path)


@pytest.mark.parametrize("name", ["../../evil.py", "/tmp/evil", "assets/words.txt"])
def test_other_files_in_the_archive_are_refused(
    name: str, trained_run: RunFolder, tmp_path: Path
) -> None:
    path = rebuilt(trained_run, tmp_path / "m.keras", more={name: b"x"})
    with pytest.raises(RunError, match="holds the file"):
        check_keras_file(path)


def test_a_bomb_is_refused(trained_run: RunFolder, tmp_path: Path) -> None:
    path = rebuilt(trained_run, tmp_path / "m.keras", weights=b"\0" * 70_000_000)
    with pytest.raises(RunError, match=r"unpacks model\.weights\.h5 to 70,000,000 bytes"):
        check_keras_file(path)


def _external_link(file: h5py.File) -> None:
    file["layers"] = h5py.ExternalLink("/etc/passwd", "x")


def _soft_link(file: h5py.File) -> None:
    file["layers"] = h5py.SoftLink("/elsewhere")


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    file.create_virtual_dataset("w", layout)


def _external_storage(file: h5py.File) -> None:
    file.create_dataset("w", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def _huge(file: h5py.File) -> None:
    file.create_dataset("w", (10**6, 10**6), "f4", chunks=(10, 10))


WEIGHT_FILES = {
    _external_link: "a link to elsewhere",
    _soft_link: "a link to elsewhere",
    _virtual: "stand in another file",
    _external_storage: "stand in another file",
    _huge: "has weights of 4,000,000,000,000 bytes",
}


@pytest.mark.parametrize("write", WEIGHT_FILES)
def test_weights_of_other_files_are_refused(
    write: Callable[[h5py.File], None], trained_run: RunFolder, tmp_path: Path
) -> None:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        write(file)
    path = rebuilt(trained_run, tmp_path / "m.keras", weights=content.getvalue())
    with pytest.raises(RunError, match=WEIGHT_FILES[write]):
        check_keras_file(path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(os.urandom(100))
    with pytest.raises(RunError, match="not a whole Keras model"):
        check_keras_file(path)


def test_a_trained_model_passes(trained_run: RunFolder) -> None:
    check_keras_file(trained_run.model)
    scorer = KerasScorer.open(trained_run.model)
    assert scorer.predict({"features": np.zeros((1, 8), np.float32)})
