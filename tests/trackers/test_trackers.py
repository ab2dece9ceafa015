"""Runs are logged from their own files, once they are finished."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from dlcli.errors import RunError, UsageError
from dlcli.runs import RunFolder
from dlcli.spec.run import load_spec
from dlcli.spec.tracking import MlflowSpec, TrackSpec, mlflow_settings, trackers_of
from dlcli.trackers import check_trackers, track_run
from dlcli.trackers.readings import read_epochs, read_figures, read_settings
from dlcli.trackers.tensorboard import log_run

REPOSITORY = Path(__file__).parents[2]
CONFIG = "data: {source: a.csv, target: y}\nlayers: [Dense: 1]\nepochs: 1\ntrack: "


def _spec(tmp_path, track):
    path = tmp_path / "a.yaml"
    path.write_text(CONFIG + track + "\n")
    return load_spec(path)


@pytest.mark.parametrize(
    ("track", "names"),
    [
        ("tensorboard", ("tensorboard",)),
        ("[mlflow, tensorboard, mlflow]", ("mlflow", "tensorboard")),
        ("{mlflow: {uri: 'http://127.0.0.1:1'}}", ("mlflow",)),
        ("{tensorboard: true, mlflow: {}}", ("mlflow", "tensorboard")),
    ],
)
def test_trackers_are_named_in_three_ways(tmp_path, track, names):
    assert trackers_of(_spec(tmp_path, track).track) == names


def test_settings_of_mlflow_are_read(tmp_path):
    track = _spec(tmp_path, "{mlflow: {uri: 'http://h:1', experiment: e}}").track
    assert mlflow_settings(track) == MlflowSpec(uri="http://h:1", experiment="e")
    assert mlflow_settings("mlflow") == MlflowSpec()
    assert trackers_of(TrackSpec()) == ()


def test_a_tracker_that_is_not_installed_is_told_before_training(tmp_path, monkeypatch):
    import dlcli.trackers as module

    monkeypatch.setattr(module, "PACKAGES", {"mlflow": "no_such_package"})
    with pytest.raises(UsageError, match="needs the package no_such_package") as caught:
        check_trackers(_spec(tmp_path, "mlflow"))
    assert caught.value.hint == "pip install 'dlcli[track]'"
    check_trackers(_spec(tmp_path, "tensorboard"))


@pytest.fixture
def run(trained_run, tmp_path):
    import shutil

    return RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "concrete" / "001")))


def test_settings_and_figures_have_the_keys_that_commands_take(run):
    settings = read_settings(run)
    assert (settings["epochs"], settings["layers.0.Dense.units"]) == ("3", "128")
    assert len(list(read_epochs(run))) == 3
    assert "test.compressive_strength.R2Score" in read_figures(run)


@pytest.mark.slow
def test_tensorflow_reads_the_event_file(run, tmp_path):
    import tensorflow as tf

    path = log_run(run)
    assert path.parent == run.path / "tensorboard"
    events = []
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event()
        event.ParseFromString(record.numpy())
        events.append(event)
    assert events[0].file_version == "brain.Event:2"
    text = events[1].summary.value[0]
    assert text.metadata.plugin_data.plugin_name == "text"
    assert b"layers.0.Dense.units: 128" in text.tensor.string_val[0]
    found = {
        (event.step, value.tag): value.simple_value
        for event in events[2:]
        for value in event.summary.value
    }
    for step, figures in enumerate(read_epochs(run), 1):
        for name, value in figures.items():
            assert found[step, f"epoch/{name}"] == pytest.approx(value, rel=1e-6)
    rmse = read_figures(run)["test.compressive_strength.RootMeanSquaredError"]
    tag = "test/compressive_strength.RootMeanSquaredError"
    assert found[3, tag] == pytest.approx(rmse, rel=1e-6)
    # The run is as whole as it was.
    run.check_files(run.history, run.metrics, run.onnx)


def test_a_tracker_that_fails_leaves_the_run(run, tmp_path):
    (run.path / "tensorboard").write_text("in the way")
    with pytest.raises(RunError, match=r"is written, but was not logged: .*tensorboard"):
        track_run(_spec(tmp_path, "tensorboard"), run)


PYTHON = os.environ.get("DLCLI_MLFLOW_PYTHON", sys.executable)
"""A Python with the whole of MLflow, whose server needs more than dlcli's environment has."""
SERVER = [
    "--host", "127.0.0.1", "--workers", "1", "--serve-artifacts",
]  # fmt: skip
LOG = """
import sys
from pathlib import Path
from dlcli.runs import RunFolder
from dlcli.trackers.mlflow import log_run
print(log_run(RunFolder(Path(sys.argv[1])), uri=sys.argv[2], experiment="tried"))
"""
READ = """
import json, sys, mlflow
client = mlflow.MlflowClient(tracking_uri=sys.argv[1])
run = client.get_run(sys.argv[2])
history = client.get_metric_history(sys.argv[2], "loss")
files = [each.path for each in client.list_artifacts(sys.argv[2])]
print(json.dumps({"parameters": run.data.params, "metrics": run.data.metrics,
                  "status": run.info.status, "tags": run.data.tags, "files": files,
                  "loss": [[each.step, each.value] for each in history]}))
"""


@pytest.fixture
def server(tmp_path):
    """A real MLflow server with SQLite on the loopback address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"]
    artifacts = ["--artifacts-destination", str(tmp_path / "artifacts")]
    command = [PYTHON, "-m", "mlflow", "server", "--port", str(port), *SERVER, *store, *artifacts]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{address}/health", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        assert process.poll() is None, (tmp_path / "server.log").read_text()
        yield address
    finally:
        import signal

        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _python(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [PYTHON, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.track
def test_mlflow_holds_settings_epochs_figures_and_files(run, server):
    import json

    identity = _python(LOG, run.path, server)
    found = json.loads(_python(READ, server, identity))
    assert found["status"] == "FINISHED"
    assert found["parameters"]["layers.0.Dense.units"] == "128"
    figures = read_figures(run)
    name = "test.compressive_strength.R2Score"
    assert found["metrics"][name] == pytest.approx(figures[name])
    losses = [figures["loss"] for figures in read_epochs(run)]
    assert found["loss"] == [[step, loss] for step, loss in enumerate(losses, 1)]
    assert {"model.onnx", "manifest.json", "config.yaml"} <= set(found["files"])
    assert found["tags"]["dlcli.run"] == str(run.path)


@pytest.mark.track
def test_a_server_that_is_gone_is_told(run):
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    done = subprocess.run(
        [PYTHON, "-c", LOG, str(run.path), "http://127.0.0.1:9"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert "RunError: MLflow at http://127.0.0.1:9" in done.stderr


LOG_MODEL = """
import sys, mlflow
from pathlib import Path
from types import SimpleNamespace
from dlcli.runs import RunFolder
from dlcli.spec.tracking import MlflowSpec, TrackSpec
from dlcli.trackers import track_run
settings = MlflowSpec(uri=sys.argv[2], experiment="models", model=True)
track_run(SimpleNamespace(track=TrackSpec(mlflow=settings)), RunFolder(Path(sys.argv[1])))
client = mlflow.MlflowClient(tracking_uri=sys.argv[2])
experiment = client.get_experiment_by_name("models")
(run,) = client.search_runs([experiment.experiment_id])
print(f"runs:/{run.info.run_id}/model")
"""
PREDICT = """
import sys, json, mlflow, pandas
from pathlib import Path
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
rows = pandas.read_csv(sys.argv[3]).tail(5)
found = model.predict(rows)
assert not {"keras", "tensorflow"} & set(sys.modules)
folder = Path(mlflow.artifacts.download_artifacts(sys.argv[2]))
files = [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]
print(json.dumps({"index": list(found.index), "rows": found.to_dict("records"), "files": files}))
"""


@pytest.mark.track
def test_a_logged_model_predicts_what_the_run_does(run, server, concrete_csv, tmp_path):
    import csv
    import json

    from dlcli.commands.predict import predict

    address = _python(LOG_MODEL, run.path, server)
    found = json.loads(_python(PREDICT, server, address, concrete_csv))
    predict(str(run.path), concrete_csv, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        wanted = list(csv.DictReader(file))[-5:]
    name = "predicted_compressive_strength"
    ours = [row[name] for row in found["rows"]]
    assert ours == pytest.approx([float(row[name]) for row in wanted], rel=1e-5)
    assert found["index"] == [1025, 1026, 1027, 1028, 1029]
    assert {"MLmodel", "data/run/model.onnx", "data/run/manifest.json"} <= set(found["files"])
    # Nothing of a model is pickled, so that opening one runs no code of it.
    assert not [each for each in found["files"] if each.endswith((".pkl", ".pickle"))]


def test_a_model_is_asked_for_by_the_config(run, tmp_path, monkeypatch):
    import importlib.util

    import dlcli.trackers

    spec = _spec(tmp_path, "{mlflow: {model: true}}")
    find = importlib.util.find_spec

    def without_pandas(name, *rest):
        return None if name == "pandas" else object() if name == "mlflow" else find(name, *rest)

    monkeypatch.setattr(dlcli.trackers.importlib.util, "find_spec", without_pandas)
    with pytest.raises(UsageError, match="needs the package pandas"):
        check_trackers(spec)
