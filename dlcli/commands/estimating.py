"""Trainings on tables in memory, whose runs stand in no folder: what estimators are made of."""

import importlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.score import Scorer
from dlcli.bundle.store import AnyScorer, Bundle, open_calibration, open_scorer
from dlcli.commands.manifest import build_manifest
from dlcli.commands.recording import plain_bundle, write_outcome
from dlcli.commands.refitting import fit_and_refit
from dlcli.commands.starting import start_of, with_exact_start
from dlcli.commands.train import prepare_job
from dlcli.conformal import Calibration
from dlcli.data.readers import type_frame
from dlcli.data.table import Table
from dlcli.engines import load_engine
from dlcli.errors import Interrupted, RunError
from dlcli.packing import pack_run, unpack_run
from dlcli.permission import check_allowed
from dlcli.predictions import TargetPrediction
from dlcli.runs import RunFolder
from dlcli.spec.data import MEMORY
from dlcli.spec.merging import merge_values
from dlcli.spec.run import RunSpec, build_spec
from dlcli.spec.source import read_source
from dlcli.staging import StagedRun, stage_run
from dlcli.training.job import TrainingJob, TrainingOutcome, with_members

ESTIMATOR = "estimator"
"""The key of a manifest under which estimators keep what is theirs."""

CALLED = "this estimator"
"""What messages call a run that stands in no folder."""

SMALLEST_BATCH = 8
"""ONNX Runtime adds up the products of a single row in another order than those of several."""


@dataclass(frozen=True, kw_only=True)
class HeldRun:
    """A run that stands in no folder, and what predicts with it."""

    bundle: Bundle
    scorer: AnyScorer
    pack: Callable[[], bytes]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    """The keys of its config, as plain values; with the manifest, of a run that was opened."""

    @cached_property
    def content(self) -> bytes:
        """The bytes of a file that `dlcli unpack` opens."""
        return self.pack()

    @cached_property
    def calibration(self) -> Calibration:
        """The errors that intervals are made from; raises RunError for a run without them."""
        with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
            run = unpack_bytes(self.content, Path(folder) / "run")
            return open_calibration(run, self.bundle, called=CALLED)

    def predict(self, table: Table) -> tuple[dict[str, TargetPrediction], NDArray[np.int64]]:
        """Return the predictions of the kept rows of a table by target, and their positions."""
        table = type_frame(table, self.bundle.preprocessing.read_options)
        applied = self.bundle.preprocessing.apply(table, with_targets=False)
        rows = len(applied.kept)
        spare = -rows % SMALLEST_BATCH
        padded = {
            name: np.concatenate([array, np.repeat(array[:1], spare, axis=0)])
            for name, array in applied.inputs.items()
        }
        predictions = self.bundle.predict(replace(applied, inputs=padded), self.scorer)
        return {name: _first(each, rows) for name, each in predictions.items()}, applied.kept


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run, and the figures of every epoch of its training."""

    run: HeldRun
    history: list[dict[str, float]]


class _Silent:
    """Shows nothing and never asks for an early end."""

    def on_stage(self, text: str) -> None:
        """Say nothing."""

    def on_start(self, *, epochs: int) -> None:
        """Say nothing."""

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Say nothing."""

    def should_stop(self) -> bool:
        return False


def check_config(values: Mapping[str, Any]) -> RunSpec:
    """Return a config whose data are in memory; raises SpecError."""
    source = merge_values(values)
    source.values["data"]["source"] = MEMORY
    return with_exact_start(build_spec(source))


def train_in_memory(
    spec: RunSpec, table: Table, *, threads: int | None, record: Mapping[str, Any]
) -> Trained:
    """Train on a table; `record` is kept in the run's manifest. Raises DlcliError.

    The compiled network is kept for the next training of the same shape in this process, and the
    run of a small training is written when its bytes are asked for.
    """
    check_allowed(spec.imports, spec.name)
    with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
        job = prepare_job(spec, Path(folder), table=table)
        # A run that others get has no cells of the training table in it.
        dataset = replace(job.dataset, tables={})
        start = start_of(spec)
        job = replace(
            job,
            threads=threads,
            keeps=True,
            dataset=dataset,
            init_model=None if start is None else start.model,
        )
        held, bundle = _hold(job)
        if held is None or bundle is None or held.onnx is None:
            return _train_whole(job, Path(folder) / "run", record)
        _check_whole(interrupted=held.interrupted)
        scorer = Scorer.open(job.folder / "model.onnx", threads=threads)

    def pack() -> bytes:
        with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
            out = Path(folder) / "run"
            with stage_run(job.spec.name, out) as staged:
                outcome = held.write(staged.path)
                run = _publish(staged, job, outcome, out, record)
            return _packed(run)

    return Trained(run=HeldRun(bundle=bundle, scorer=scorer, pack=pack), history=held.history)


def _hold(job: TrainingJob) -> tuple[Any, Bundle | None]:
    """Train a job whose run can be written later; None for one that is to be written at once."""
    bundle = None if job.spec.refit else plain_bundle(job)
    if bundle is None:
        return None, None
    local: Any = importlib.import_module("dlcli.engines.local")
    return local.train_and_hold(job, _Silent()), bundle


def _train_whole(job: TrainingJob, out: Path, record: Mapping[str, Any]) -> Trained:
    """Train a job and write its run."""
    with stage_run(job.spec.name, out) as staged:
        job = replace(job, folder=staged.path)
        job, outcome = fit_and_refit(job, staged, load_engine("local"), _Silent())
        _check_whole(interrupted=outcome.interrupted)
        run = _publish(staged, job, outcome, out, record)
    return Trained(run=hold_run(run), history=outcome.history)


def _check_whole(*, interrupted: bool) -> None:
    if interrupted:
        raise Interrupted("interrupted; nothing is left of this training")


def _publish(
    staged: StagedRun,
    job: TrainingJob,
    outcome: TrainingOutcome,
    out: Path,
    record: Mapping[str, Any],
) -> RunFolder:
    """Write what training left beside the network."""
    job = with_members(job)
    write_outcome(RunFolder(staged.path), job, outcome, final=out)
    manifest = build_manifest(job, outcome, overrides=())
    return staged.publish({**manifest, "checks": [], ESTIMATOR: dict(record)})


def _packed(run: RunFolder) -> bytes:
    with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
        packed = Path(folder) / "run.zip"
        pack_run(run, packed)
        return packed.read_bytes()


def hold_run(run: RunFolder) -> HeldRun:
    """Pack a run folder into memory; raises RunError."""
    return _held(run, _packed(run))


def open_held(content: bytes, *, called: str = "the packed run") -> HeldRun:
    """Open the bytes of a packed run, which messages call as they are told; raises RunError."""
    with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
        return _held(unpack_bytes(content, Path(folder) / "run", called=called), content)


def unpack_bytes(content: bytes, out: Path, *, called: str = "the packed run") -> RunFolder:
    """Open the bytes of a packed run as a run folder; raises RunError."""
    with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
        packed = Path(folder) / "run.zip"
        packed.write_bytes(content)
        try:
            return unpack_run(packed, out)
        except RunError as error:
            message = error.message.replace(str(packed), called)
            raise RunError(message, hint=error.hint) from error


def _held(run: RunFolder, content: bytes) -> HeldRun:
    bundle = Bundle.load(run)
    if bundle.preprocessing.window is not None:
        raise RunError(
            f"{run.path} reads sequences, and estimators predict single rows",
            hint="dlcli.load(...).forecast predicts from sequences",
        )
    run.check_files(run.config)
    return HeldRun(
        bundle=bundle,
        scorer=open_scorer(run),
        pack=lambda: content,
        manifest=run.load_manifest(),
        config=read_source(run.config).values,
    )


def _first(prediction: TargetPrediction, rows: int) -> TargetPrediction:
    def first(array: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        return None if array is None else array[:rows]

    return replace(
        prediction,
        values=first(prediction.values),
        probabilities=first(prediction.probabilities),
        spread=first(prediction.spread),
    )
