"""What prediction needs of a run: preprocessing and how outputs are read; plain JSON, no Keras."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from numpy.typing import NDArray

from dlcli.data.preprocessing import Applied, Preprocessing
from dlcli.errors import RunError
from dlcli.permission import check_allowed
from dlcli.predictions import OutputReading, TargetPrediction, read_outputs
from dlcli.record_shapes import OUTPUT, check_record
from dlcli.runs import RunFolder, load_json, write_json
from dlcli.spec.names import tensor_name

FORMAT = 1


class AnyScorer(Protocol):
    """ONNX Runtime or Keras."""

    def predict(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]: ...


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Fitted preprocessing and the reading of every output."""

    preprocessing: Preprocessing
    readings: tuple[OutputReading, ...]

    def write(self, run: RunFolder) -> None:
        """Write `preprocessing.json`."""
        outputs = [reading.to_json() for reading in self.readings]
        state = self.preprocessing.to_json()
        write_json(run.preprocessing, {"format": FORMAT, "outputs": outputs, "table": state})

    @classmethod
    def load(cls, run: RunFolder) -> Self:
        """Read what `write` wrote; raises RunError for a format of a newer dlcli."""
        run.check_files(run.preprocessing)
        state = load_json(run.preprocessing)
        if state.get("format") != FORMAT:
            raise RunError(
                f"{run.preprocessing}: format {state.get('format')!r}; this dlcli reads {FORMAT}",
                hint="update dlcli",
            )
        check_record(state, {"table": dict, "outputs": [OUTPUT]}, run.preprocessing)
        return cls(
            preprocessing=Preprocessing.from_json(state["table"]),
            readings=tuple(OutputReading.from_json(item) for item in state["outputs"]),
        )

    def predict(self, applied: Applied, scorer: AnyScorer) -> dict[str, TargetPrediction]:
        """Predict the rows that preprocessing kept."""
        taken = self.preprocessing.network_inputs(applied.inputs)
        inputs = {tensor_name(name): array for name, array in taken.items()}
        return read_outputs(scorer.predict(inputs), self.readings, self.preprocessing)


def open_scorer(run: RunFolder, *, threads: int | None = None) -> AnyScorer:
    """Return what scores a run: ONNX Runtime, or Keras for a network that does not export."""
    manifest = run.load_manifest()
    if manifest["onnx"]["written"]:
        run.check_files(run.onnx)
        scorer: Any = importlib.import_module("dlcli.bundle.score").Scorer
        return scorer.open(run.onnx, threads=threads)  # type: ignore[no-any-return]
    run.check_files(run.model)
    load_own_classes(run, manifest)
    keras_scorer: Any = importlib.import_module("dlcli.bundle.keras_score").KerasScorer
    return keras_scorer.open(run.model, own_classes=bool(manifest.get("imports")))  # type: ignore[no-any-return]


def load_own_classes(run: RunFolder, manifest: dict[str, Any]) -> None:
    """Load Keras, and the classes that a run was made with, if running them was allowed."""
    files = tuple(str(run.path / name) for name in manifest.get("imports", ()))
    check_allowed(files, str(run.path))
    run.check_files(*map(Path, files))
    importlib.import_module("dlcli.model.keras_import").load_keras(manifest["backend"])
    importlib.import_module("dlcli.model.imports").load_imports(files, str(run.path))
