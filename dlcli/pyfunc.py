"""What MLflow opens a logged run with: `mlflow.pyfunc.load_model` imports this module by name."""

from typing import Any

from dlcli.commands.served_run import ServedRun
from dlcli.data.frames import table_of
from dlcli.data.readers import type_frame
from dlcli.runs import open_run


class RunModel:
    """A run as MLflow asks it."""

    def __init__(self, served: ServedRun) -> None:
        self._served = served

    def predict(self, model_input: Any) -> Any:
        """Return the predictions of a table, a pandas DataFrame; raises DataError.

        A row for each row, with the columns that `dlcli predict` adds; of a run that reads
        sequences, what follows every window.
        """
        options = self._served.bundle.preprocessing.read_options
        table = type_frame(table_of(model_input), options)
        if self._served.reads == "sequences":
            return self._served.forecast(table, latest=False).to_pandas()
        predicted = self._served.predict(table).to_pandas()
        if hasattr(model_input, "index"):
            predicted.index = model_input.index
        return predicted


def _load_pyfunc(data_path: str) -> RunModel:
    """Open the run folder of a logged model."""
    return RunModel(ServedRun.open(open_run(data_path)))
