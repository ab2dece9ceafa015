"""Callbacks: where they write and what they watch."""

from pathlib import Path
from typing import Any

import pytest

from dlcli.runs import RunFolder
from dlcli.spec import callbacks
from dlcli.spec.callbacks import _OWN_FILES, RUN_PATHS

WATCHED = {"data": {"source": "a.csv", "target": "height", "split": {"validation": 0.1}}}


@pytest.mark.parametrize("name", RUN_PATHS)
def test_files_go_into_the_run_folder_unless_it_is_said_where(
    build, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "PACKAGES", {})
    argument, default = RUN_PATHS[name]
    (callback,) = build(callbacks=[name]).callbacks
    assert callback.arguments[argument] == default
    (callback,) = build(callbacks=[{name: {"verbose": 1} if "verbose" in name else None}]).callbacks
    assert callback.arguments[argument] == default


def test_a_callback_whose_package_is_not_installed_is_refused(
    complaints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "PACKAGES", {"TensorBoard": "no_such_package"})
    message = "TensorBoard needs the package no_such_package, which is not installed"
    assert complaints(callbacks=["TensorBoard"]) == [message]


def test_weights_only_checkpoint_has_the_suffix_that_keras_wants(build) -> None:
    checkpoint = {"ModelCheckpoint": {"save_weights_only": True}}
    (callback,) = build(callbacks=[checkpoint]).callbacks
    assert callback.arguments["filepath"] == "checkpoints/best.weights.h5"


@pytest.mark.parametrize(
    "path", ["/tmp/a.csv", "../a.csv", "logs/../../a.csv", "C:\\a.csv", "..\\a.csv", "gs://b/a.csv"]
)
def test_paths_that_leave_the_run_folder_are_refused(complaints, path: str) -> None:
    assert complaints(callbacks=[{"CSVLogger": path}]) == [f"{path!r} leaves the run folder"]


@pytest.mark.parametrize("name", ["e{epoch}.keras", "{epoch:03d}-{loss:.4f}.keras"])
def test_figures_may_stand_in_the_name_of_a_checkpoint(build, name: str) -> None:
    (callback,) = build(callbacks=[{"ModelCheckpoint": f"checkpoints/{name}"}]).callbacks
    assert callback.arguments["filepath"] == f"checkpoints/{name}"


def test_dlclis_own_files_are_not_overwritten(complaints) -> None:
    run = RunFolder(Path("run"))
    own = {path.name for name in dir(RunFolder) if isinstance(path := getattr(run, name), Path)}
    assert own - {"run"} <= _OWN_FILES
    for name in sorted(_OWN_FILES):
        assert "itself writes" in complaints(callbacks=[{"CSVLogger": name}])[0]


@pytest.mark.parametrize(
    ("config", "messages"),
    [
        ({"callbacks": ["EarlyStopping"]},
         ["EarlyStopping watches val_loss, but there is no validation part"]),
        ({**WATCHED, "callbacks": ["EarlyStopping"]}, []),
        ({"callbacks": [{"EarlyStopping": {"monitor": "loss"}}]}, []),
        ({**WATCHED, "metrics": ["mae"], "callbacks": [{"EarlyStopping": {"monitor": "val_mae"}}]},
         []),
        ({**WATCHED, "callbacks": [{"EarlyStopping": {"monitor": "val_mae"}}]},
         ["no figure is named 'val_mae'"]),
        ({"callbacks": ["ModelCheckpoint"]}, []),
        ({"callbacks": [{"ModelCheckpoint": {"save_best_only": False}}]}, []),
        ({"callbacks": [{"ModelCheckpoint": {"save_best_only": True}}]},
         ["ModelCheckpoint watches val_loss, but there is no validation part"]),
        ({"callbacks": [{"ModelCheckpoint": "best.h5"}]},
         ["filepath: Keras expects a name ending in .keras, got 'best.h5'"]),
        ({"callbacks": ["SwapEMAWeights"]},
         ["SwapEMAWeights needs an optimizer that keeps averages of the weights"]),
        ({"callbacks": ["SwapEMAWeights"], "optimizer": {"Adam": {"use_ema": True}}}, []),
        ({"callbacks": ["RemoteMonitor"]},
         [("RemoteMonitor cannot be used: it sends figures over the network, which a config may "
          "not do")]),
    ],
)  # fmt: skip
def test_what_callbacks_need(complaints, config: dict[str, Any], messages: list[str]) -> None:
    assert complaints(**config) == messages


def test_nothing_is_said_of_monitors_while_metrics_are_wrong(complaints) -> None:
    found = complaints(
        **WATCHED, metrics=["mea"], callbacks=[{"EarlyStopping": {"monitor": "val_mae"}}]
    )
    assert found == ["unknown metric 'mea'"]
