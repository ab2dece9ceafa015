"""What prediction needs of a run: preprocessing and how outputs are read; plain JSON, no Keras."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from numpy.typing import NDArray

from dlcli.conformal import Calibration, Intervals, check_level, load_calibration, make_intervals
from dlcli.data.preprocessing import Applied, Preprocessing
from dlcli.errors import RunError, UsageError
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

    @property
    def has_members(self) -> bool:
        """Tell whether an output gives the answers of several networks."""
        return any(reading.members is not None for reading in self.readings)

    def predict(self, applied: Applied, scorer: AnyScorer) -> dict[str, TargetPrediction]:
        """Predict the rows that preprocessing kept."""
        taken = self.preprocessing.network_inputs(applied.inputs)
        inputs = {tensor_name(name): array for name, array in taken.items()}
        return read_outputs(scorer.predict(inputs), self.readings, self.preprocessing)


def check_has_members(bundle: Bundle, called: object) -> None:
    """Raise UsageError for a run whose predictions have no spread."""
    if not bundle.has_members:
        raise UsageError(
            f"{called} has no members whose predictions could be apart: it is one network",
            hint="`ensemble: 5` trains several, and EnsembleDense layers several as one",
        )


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


def find_calibration(run: RunFolder, bundle: Bundle) -> Calibration | None:
    """Return the errors on rows held back; None for a run that keeps none."""
    if run.calibration.name not in run.load_manifest().get("files", {}):
        return None
    run.check_files(run.calibration)
    calibration = load_calibration(load_json(run.calibration), run.calibration)
    readings = {
        name: reading
        for reading in bundle.readings
        if reading.task == "regression"
        for name in reading.targets
    }
    held = calibration.targets
    steps = {name: len(each.residuals) for name, each in held.items()}
    if steps != {name: reading.steps for name, reading in readings.items()} or any(
        each.floor is not None and readings[name].members is None for name, each in held.items()
    ):
        raise RunError(
            f"{run.calibration} holds the errors of other targets than {run.preprocessing.name}",
            hint="copy the run folder again, or train again",
        )
    return calibration


def open_intervals(run: RunFolder, bundle: Bundle, level: float) -> Intervals:
    """Return intervals of a level for what a run predicts; raises UsageError and RunError."""
    check_level(level)
    return make_intervals(open_calibration(run, bundle, called=run.path), level, what=run.path)


def open_calibration(run: RunFolder, bundle: Bundle, *, called: object) -> Calibration:
    """Return the errors that intervals are made from; raises UsageError and RunError.

    Messages call the run as they are told.
    """
    if all(reading.task != "regression" for reading in bundle.readings):
        raise UsageError(
            f"{called} predicts classes, and intervals are for numbers",
            hint="every class has its probability beside the prediction; CalibrationError among "
            "the run's figures tells how far these are to be believed",
        )
    calibration = find_calibration(run, bundle)
    if calibration is not None:
        return calibration
    if run.load_manifest()["data"]["split"]["sizes"].get("validation"):
        raise RunError(
            f"{called} was trained by a dlcli that kept no errors to make intervals from",
            hint="train again",
        )
    raise RunError(
        f"{called} was trained without a validation part, whose errors intervals are made from",
        hint="set data.split.validation, e.g. 0.1, and train again",
    )


def load_own_classes(
    run: RunFolder, manifest: dict[str, Any], *, backend: str | None = None
) -> None:
    """Load Keras, and the classes that a run was made with, if running them was allowed.

    The backend is the run's own without one.
    """
    files = tuple(str(run.path / name) for name in manifest.get("imports", ()))
    check_allowed(files, str(run.path))
    run.check_files(*map(Path, files))
    importlib.import_module("dlcli.model.keras_import").load_keras(backend or manifest["backend"])
    importlib.import_module("dlcli.model.imports").load_imports(files, str(run.path))
