"""MLflow: settings, the figures of every epoch and the run's files, through its own client."""

import importlib
from datetime import datetime
from typing import Any

from dlcli.errors import RunError
from dlcli.runs import RunFolder
from dlcli.trackers.readings import read_epochs, read_figures, read_settings

MOST_METRICS = 1000
"""Metrics in one request; MLflow refuses more."""
MOST_PARAMETERS = 100
MOST_CHARACTERS = 500
"""Of a setting's text; servers before MLflow 2.8 refuse more."""


def log_run(run: RunFolder, *, uri: str | None = None, experiment: str | None = None) -> str:
    """Log a finished run; return MLflow's own id of it. Raises RunError where that fails."""
    mlflow: Any = importlib.import_module("mlflow")
    errors: Any = importlib.import_module("mlflow.exceptions")
    manifest = run.load_manifest()
    client = mlflow.MlflowClient(tracking_uri=uri)
    try:
        return _log(client, run, manifest, experiment or manifest["name"])
    except (errors.MlflowException, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(
            f"MLflow at {client.tracking_uri}: {first[:300]}",
            hint="is the server running? `track: {mlflow: {uri: ...}}` or MLFLOW_TRACKING_URI "
            "names another one",
        ) from None


def _log(client: Any, run: RunFolder, manifest: dict[str, Any], experiment: str) -> str:
    entities: Any = importlib.import_module("mlflow.entities")
    found = client.get_experiment_by_name(experiment)
    experiment_id = found.experiment_id if found else client.create_experiment(experiment)
    ended = int(datetime.fromisoformat(manifest["created"]).timestamp() * 1000)
    began = ended - int(1000 * manifest["seconds"].get("train", 0))
    tags = {"dlcli.run": str(run.path), "dlcli.version": manifest["dlcli"]}
    label = f"{manifest['name']}/{run.path.name}"
    logged = client.create_run(experiment_id, start_time=began, tags=tags, run_name=label)
    identity: str = logged.info.run_id
    parameters = [
        entities.Param(key, value[:MOST_CHARACTERS]) for key, value in read_settings(run).items()
    ]
    for some in _batches(parameters, MOST_PARAMETERS):
        client.log_batch(identity, params=some)
    metrics = [
        entities.Metric(name, value, ended, step)
        for step, figures in enumerate(read_epochs(run), 1)
        for name, value in figures.items()
    ]
    step = manifest["epochs"]["done"]
    metrics += [
        entities.Metric(name, value, ended, step) for name, value in read_figures(run).items()
    ]
    for some in _batches(metrics, MOST_METRICS):
        client.log_batch(identity, metrics=some)
    client.log_artifacts(identity, str(run.path))
    status = "FINISHED" if manifest["status"] == "complete" else "KILLED"
    client.set_terminated(identity, status=status, end_time=ended)
    return identity


def _batches(items: list[Any], most: int) -> list[list[Any]]:
    return [items[start : start + most] for start in range(0, len(items), most)]
