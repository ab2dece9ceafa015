"""A run as an MLflow model of the `python_function` flavour: its files and the name of their loader."""

import importlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from dlcli import __version__
from dlcli.errors import RunError
from dlcli.runs import RunFolder

LOADER = "dlcli.pyfunc"
"""The module that MLflow loads a model with, so that nothing of a model is pickled."""
NAME = "model"
"""What the model is called among what an MLflow run has logged."""


def save_model(path: str | Path, run: RunFolder, mlflow_model: Any = None) -> None:
    """Write a run as an MLflow model into the folder `path`; raises RunError.

    MLflow calls it with a `mlflow_model` that it has begun.
    """
    pyfunc: Any = importlib.import_module("mlflow.pyfunc")
    names = sorted(run.load_manifest()["files"])
    files = [run.path / name for name in names]
    run.check_files(*files)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        for file in [*files, run.manifest]:
            target = folder / file.relative_to(run.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        pyfunc.save_model(
            path=str(path),
            loader_module=LOADER,
            data_path=str(folder),
            mlflow_model=mlflow_model,
            pip_requirements=[f"dlcli=={__version__}"],
        )


def log_model(run: RunFolder, *, identity: str, uri: str | None = None) -> str:
    """Log a run as a model of the MLflow run `identity`; return the model's address.

    Raises RunError where that fails.
    """
    mlflow: Any = importlib.import_module("mlflow")
    models: Any = importlib.import_module("mlflow.models")
    errors: Any = importlib.import_module("mlflow.exceptions")
    before = mlflow.get_tracking_uri()
    # Logging a model knows no client of its own.
    mlflow.set_tracking_uri(uri or before)
    try:
        client = mlflow.MlflowClient()
        # Else it would be a model of the experiment that this process last had to do with.
        experiment = client.get_run(identity).info.experiment_id
        begun = client.create_logged_model(experiment, name=NAME, source_run_id=identity)
        logged = models.Model.log(
            artifact_path=None,
            flavor=importlib.import_module(__name__),
            name=NAME,
            model_id=begun.model_id,
            run_id=identity,
            run=run,
        )
    except (errors.MlflowException, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(f"MLflow takes no model: {first[:300]}") from None
    finally:
        mlflow.set_tracking_uri(before)
    address: str = logged.model_uri
    return address
