"""Export: a run as a file of another runtime, opened there and compared with the run."""

import importlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.own_rows import read_own_rows
from dlcli.bundle.store import Bundle, load_own_classes, open_scorer
from dlcli.data.columns.policies import Cells
from dlcli.data.readers import read_table
from dlcli.data.sources import resolve_source
from dlcli.errors import DataError, RunError, UsageError
from dlcli.exporting.agreement import Agreement, compare
from dlcli.exporting.columns import (
    Arrays,
    NotInFormatError,
    RawColumn,
    check_names,
    output_arrays,
    plain_name,
    raw_arrays,
    raw_columns,
    value_name,
)
from dlcli.files import check_output, writing, written_whole
from dlcli.languages import spoken, translated
from dlcli.packing import pack_run
from dlcli.predictions import TargetPrediction
from dlcli.runs import RunFolder, open_run
from dlcli.spec.names import tensor_name
from dlcli.terminal_text import cell_width, pad

MOST_ROWS = 4096
"""Rows that are compared: the first ones of the part."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written, what it takes and gives, and how it was compared."""

    path: Path
    format: str
    num_bytes: int
    inputs: dict[str, str]
    """What each input means, by its name in the file."""
    outputs: tuple[str, ...]
    compared_on: str
    agreement: Agreement | None
    """None where nothing here can run the file."""

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        agreement = self.agreement
        return {
            "file": str(self.path),
            "format": self.format,
            "bytes": self.num_bytes,
            "inputs": self.inputs,
            "outputs": list(self.outputs),
            "compared_on": self.compared_on,
            "rows": None if agreement is None else agreement.rows,
            "max_difference": None if agreement is None else agreement.largest,
            "differences": None if agreement is None else agreement.differences,
        }

    def to_text(self) -> str:
        """Say it in a few lines."""
        width = max(map(cell_width, self.inputs), default=0)
        lines = [translated(f"{self.path}: {self.num_bytes:,} bytes"), "", spoken("takes")]
        lines += [f"  {pad(name, width)}  {told}" for name, told in self._inputs_told()]
        lines += [spoken("gives"), *(f"  {name}" for name in self.outputs), ""]
        if self.agreement is None:
            lines.append(translated(f"not compared with the run: {self.compared_on}"))
        else:
            rows = translated(f"{self.agreement.rows:,} rows of {self.compared_on}")
            text = (
                f"compared with the run on {rows}: largest difference {self.agreement.largest:.2g}"
            )
            lines.append(translated(text))
        return "\n".join(lines)

    def _inputs_told(self) -> Iterator[tuple[str, str]]:
        """Yield the inputs with their meanings, whose names of categories stay as they are."""
        for name, meaning in self.inputs.items():
            kind, colon, values = meaning.partition(": ")
            yield name, f"{translated(kind)}{colon}{values}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows on which a file is compared with the run, and what the run predicts for them."""

    cells: Cells
    rows: NDArray[np.int64]
    what: str
    predictions: dict[str, TargetPrediction]


@dataclass(frozen=True, kw_only=True)
class _Work:
    """An export in the making."""

    run: RunFolder
    bundle: Bundle
    sample: Sample
    path: Path
    on_stage: Callable[[str], None]

    def raw(self) -> Arrays:
        """Return the sample as it goes into a file that has the preprocessing inside."""
        return raw_arrays(self.bundle.preprocessing, self.sample.cells, self.sample.rows)

    def compare(
        self, received: Arrays, *, renamed: bool = False, expected: Arrays | None = None
    ) -> Agreement:
        """Hold what a file gives against what the run predicts."""
        expected = output_arrays(self.sample.predictions) if expected is None else expected
        names = {name: plain_name(name) if renamed else name for name in expected}
        return compare(
            expected, received, names=names, what=self.path.name, thresholds=self.thresholds()
        )

    def thresholds(self) -> dict[str, float]:
        predictions = self.sample.predictions
        return {value_name(name): each.threshold for name, each in predictions.items()}


def export(
    run: str,
    format: str,
    out: Path | None = None,
    *,
    data: Path | None = None,
    force: bool = False,
    on_stage: Callable[[str], None] = lambda text: None,
) -> Exported:
    """Write a run as `format`, to `out` or to a file named after it in the working directory.

    The file is opened again in its own runtime and compared with the run, on the rows of its test
    part or those of `data`; one that predicts something else is not written. Raises RunError.
    """
    folder = open_run(run)
    bundle = Bundle.load(folder)
    path = _default_path(folder, format) if out is None else out
    _check_free(path, format, force=force)
    if format != "keras":
        _refusing(folder, format, lambda: raw_columns(bundle.preprocessing))
        check_names(raw_columns(bundle.preprocessing), bundle.preprocessing)
    on_stage("predicting rows to compare with")
    sample = _sample(folder, bundle, data)
    work = _Work(run=folder, bundle=bundle, sample=sample, path=path, on_stage=on_stage)
    on_stage(f"writing {path.name}")
    exported: Exported = _refusing(folder, format, lambda: EXPORTERS[format](work))
    return exported


def _refusing(folder: RunFolder, format: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except NotInFormatError as error:
        raise RunError(
            f"{folder.path} cannot be exported as {format}: {error.what}", hint=error.instead
        ) from error


def _default_path(folder: RunFolder, format: str) -> Path:
    name = folder.load_manifest()["name"]
    number = f"-{folder.path.name}" if folder.path.name.isdecimal() else ""
    return Path(f"{name}{number}{SUFFIXES[format]}")


def _check_free(path: Path, format: str, *, force: bool) -> None:
    if format != "saved_model":
        check_output(path, force=force)
        return
    with writing(path):
        if not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: there is no folder {path.parent}")
        if path.exists() and not (force and (path / "saved_model.pb").is_file()):
            hint = "choose another --out"
            if (path / "saved_model.pb").is_file():
                hint += ", or write over it with --force"
            raise UsageError(f"{path} exists already", hint=hint)


def _sample(folder: RunFolder, bundle: Bundle, data: Path | None) -> Sample:
    preprocessing = bundle.preprocessing
    if data is not None:
        files = resolve_source([str(data)], folder=Path())
        table = read_table(files, preprocessing.read_options)
        # For its error, whose hint fits a table that is predicted.
        preprocessing.apply(table, with_targets=False)
        cells = preprocessing.read(table, with_targets=False)
        rows, what = cells.kept, data.name
    else:
        try:
            own = read_own_rows(folder, preprocessing)
        except RunError as error:
            raise RunError(
                error.message,
                hint="an export is compared with the run on rows: --data FILE names some",
            ) from error
        name = next(name for name in ("test", "validation", "train") if name in own)
        cells, rows, what = own[name].cells, own[name].rows, f"its {name} part"
    rows = rows[:MOST_ROWS]
    applied = preprocessing.encode(cells, rows, with_targets=False)
    if not len(applied.kept):
        raise DataError(f"{what}: no row is left to compare on")
    predictions = bundle.predict(applied, open_scorer(folder))
    return Sample(cells=cells, rows=rows, what=what, predictions=predictions)


def _export_onnx(work: _Work) -> Exported:
    building: Any = importlib.import_module("dlcli.exporting.onnx_model")
    content: bytes = building.build_raw_onnx(work.run, work.bundle)
    with written_whole(work.path) as temporary, writing(work.path):
        temporary.write_bytes(content)
        scorer: Any = importlib.import_module("dlcli.bundle.score").Scorer
        raw = work.raw()
        received = scorer.open(temporary).predict(raw)
        agreement = work.compare(received)
    return _described(work, "onnx", agreement)


def _export_saved_model(work: _Work) -> Exported:
    scorer = _open_keras(work, "tensorflow")
    building: Any = importlib.import_module("dlcli.exporting.tensorflow_model")
    with writing(work.path):
        folder = Path(tempfile.mkdtemp(prefix=f".{work.path.name}.", dir=work.path.parent))
        try:
            made = folder / work.path.name
            building.write_saved_model(scorer, work.bundle, made)
            received = building.score_saved_model(made, work.bundle, work.raw())
            agreement = work.compare(received, renamed=True)
            if work.path.exists():
                work.path.rename(folder / "replaced")
            made.rename(work.path)
        finally:
            with suppress(OSError):
                shutil.rmtree(folder)
    return _described(work, "saved_model", agreement, renamed=True)


def _export_litert(work: _Work) -> Exported:
    scorer = _open_keras(work, "tensorflow")
    building: Any = importlib.import_module("dlcli.exporting.tensorflow_model")
    content: bytes = building.build_litert(scorer, work.bundle)
    agreement = work.compare(building.score_litert(content, work.raw()), renamed=True)
    with written_whole(work.path) as temporary, writing(work.path):
        temporary.write_bytes(content)
    return _described(work, "litert", agreement, renamed=True)


def _export_keras(work: _Work) -> Exported:
    scorer = _open_keras(work, work.run.load_manifest()["backend"])
    building: Any = importlib.import_module("dlcli.exporting.keras_model")
    model = building.build_raw_keras(scorer, work.bundle)
    unscaled = building.in_own_units(work.bundle.preprocessing)
    applied = unscaled.encode(work.sample.cells, work.sample.rows, with_targets=False)
    taken = {tensor_name(name): array for name, array in applied.inputs.items()}
    expected = building.keras_outputs(work.bundle, work.sample.predictions)
    with (
        written_whole(work.path) as temporary,
        writing(work.path),
        tempfile.TemporaryDirectory(dir=work.path.parent) as folder,
    ):
        file = Path(folder) / "model.keras"  # Keras goes by the suffix
        model.save(file)
        own_classes = bool(work.run.load_manifest().get("imports"))
        opened = type(scorer).open(file, own_classes=own_classes)
        received = opened.predict(taken)
        if len(expected) == 1:
            received = dict(zip(expected, received.values(), strict=True))
        # The steps of one target may stand in a last dimension or in none.
        expected = {
            name: array.reshape(received[name].shape)
            if array.size == received[name].size
            else array
            for name, array in expected.items()
        }
        agreement = compare(
            expected,
            received,
            names={name: name for name in expected},
            what=work.path.name,
            thresholds={},
        )
        file.rename(temporary)
    return Exported(
        path=work.path,
        format="keras",
        num_bytes=work.path.stat().st_size,
        inputs=building.describe_inputs(work.bundle.preprocessing),
        outputs=tuple(expected),
        compared_on=work.sample.what,
        agreement=agreement,
    )


def _export_sklearn(work: _Work) -> Exported:
    estimators: Any = importlib.import_module("dlcli.sklearn")
    with written_whole(work.path) as temporary:
        pack_run(work.run, temporary)
        with writing(work.path):
            held = estimators.open_held(temporary.read_bytes())
        estimator = estimators.estimator_of(held, called=str(work.run.path))
        table = work.sample.cells.table.arrow.take(work.sample.rows)
        received = estimator.output_arrays(table)
        agreement = work.compare(received)
    return _described(work, "sklearn", agreement)


def _export_c(work: _Work) -> Exported:
    building: Any = importlib.import_module("dlcli.exporting.c_file")
    text: str = building.build_c(work.run, work.bundle)
    running: Any = importlib.import_module("dlcli.exporting.c_run")
    with written_whole(work.path) as temporary, writing(work.path):
        temporary.write_text(text, encoding="utf-8")
        name = work.run.load_manifest()["name"]
        received = running.score_c(text, name, work.bundle, work.raw())
        agreement = None if received is None else work.compare(received)
    why = "there is no C compiler here (cc, or what CC names)"
    return replace(
        _described(work, "c", agreement),
        inputs=building.describe_inputs(work.bundle),
        outputs=building.describe_outputs(work.bundle),
        compared_on=why if agreement is None else work.sample.what,
    )


def _described(
    work: _Work, format: str, agreement: Agreement | None, *, renamed: bool = False
) -> Exported:
    def name_of(name: str) -> str:
        return plain_name(name) if renamed else name

    columns: tuple[RawColumn, ...] = raw_columns(work.bundle.preprocessing)
    outputs = output_arrays(work.sample.predictions)
    path = work.path
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Exported(
        path=path,
        format=format,
        num_bytes=sum(file.stat().st_size for file in files),
        inputs={name_of(column.name): column.meaning for column in columns},
        outputs=tuple(map(name_of, outputs)),
        compared_on=work.sample.what,
        agreement=agreement,
    )


def _open_keras(work: _Work, backend: str) -> Any:
    work.on_stage(f"loading Keras on {backend}")
    manifest = work.run.load_manifest()
    load_own_classes(work.run, manifest, backend=backend)
    work.run.check_files(work.run.model)
    scoring: Any = importlib.import_module("dlcli.bundle.keras_score")
    return scoring.KerasScorer.open(work.run.model, own_classes=bool(manifest.get("imports")))


SUFFIXES = {
    "onnx": ".onnx",
    "saved_model": "-saved_model",
    "litert": ".tflite",
    "keras": ".keras",
    "sklearn": "-sklearn.zip",
    "c": ".c",
}

EXPORTERS: dict[str, Callable[[_Work], Exported]] = {
    "onnx": _export_onnx,
    "saved_model": _export_saved_model,
    "litert": _export_litert,
    "keras": _export_keras,
    "sklearn": _export_sklearn,
    "c": _export_c,
}
"""The formats that a run can be written as."""
