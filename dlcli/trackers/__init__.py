"""Finished runs logged elsewhere: after the last epoch, from the run's own files."""

import importlib
import importlib.util
from typing import Any

from dlcli.errors import RunError, UsageError
from dlcli.runs import RunFolder
from dlcli.spec.run import RunSpec
from dlcli.spec.tracking import mlflow_settings, trackers_of

PACKAGES = {"mlflow": "mlflow"}
"""What a tracker needs that dlcli does not bring along."""


def check_trackers(spec: RunSpec) -> None:
    """Raise UsageError before a training whose tracker is not installed."""
    for name in trackers_of(spec.track):
        package = PACKAGES.get(name)
        if package is not None and importlib.util.find_spec(package) is None:
            raise UsageError(
                f"track: {name} needs the package {package}, which is not installed",
                hint="pip install 'dlcli[track]'",
            )
        if name == "mlflow" and mlflow_settings(spec.track).model:
            _check_pandas()


def track_run(spec: RunSpec, run: RunFolder) -> None:
    """Log a finished run with every tracker of its config; raises RunError where one fails."""
    for name in trackers_of(spec.track):
        tracker: Any = importlib.import_module(f"dlcli.trackers.{name}")
        try:
            if name == "mlflow":
                settings = mlflow_settings(spec.track)
                identity = tracker.log_run(run, uri=settings.uri, experiment=settings.experiment)
                if settings.model:
                    models: Any = importlib.import_module("dlcli.trackers.mlflow_model")
                    models.log_model(run, identity=identity, uri=settings.uri)
            else:
                tracker.log_run(run)
        except RunError as error:
            raise RunError(
                f"{run.path} is written, but was not logged: {error.message}", hint=error.hint
            ) from None


def _check_pandas() -> None:
    if importlib.util.find_spec("pandas") is None:
        raise UsageError(
            "track: {mlflow: {model: true}} needs the package pandas, which is not installed",
            hint="pip install pandas, or leave `model` out",
        )
