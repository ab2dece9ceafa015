"""No pickle: nothing in the package names one, and nothing unpickles while a run is made and used."""

import ast
import io
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dlcli

PACKAGE = Path(dlcli.__file__).parent
PICKLING = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "copyreg"}
_unpickled: list[str] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and _unpickled is not None:
        _unpickled.append(".".join(map(str, arguments)))


def _imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_no_module_can_unpickle(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert not _imported(tree) & PICKLING
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in {"allow_pickle", "safe_mode"}:
            refused = node.arg == "allow_pickle"
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is not refused


def test_nothing_unpickles_from_training_to_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concrete_config: Path, concrete_csv: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    monkeypatch.setattr(sys.modules[__name__], "_unpickled", seen)
    sys.addaudithook(_hook)
    pickle.load(io.BytesIO(pickle.dumps(OrderedDict)))
    assert seen == ["collections.OrderedDict"]
    seen.clear()
    dlcli.train(concrete_config, overrides={"epochs": 2})
    run = dlcli.load("concrete")
    table = pd.read_csv(concrete_csv)
    run.predict(table)
    run.evaluate(table)
    run.model.predict(table.to_numpy()[:2, :8], verbose=0)
    assert seen == []
