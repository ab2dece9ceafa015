"""Trainings on tables in memory, whose runs stand in no folder: what estimators are made of."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.store import AnyScorer, Bundle, open_scorer
from dlcli.commands.manifest import build_manifest
from dlcli.commands.recording import write_outcome
from dlcli.commands.refitting import fit_and_refit
from dlcli.commands.train import prepare_job
from dlcli.data.readers import type_frame
from dlcli.data.table import Table
from dlcli.engines import load_engine
from dlcli.errors import Interrupted, RunError
from dlcli.packing import pack_run, unpack_run
from dlcli.predictions import TargetPrediction
from dlcli.runs import RunFolder
from dlcli.spec.data import MEMORY
from dlcli.spec.merging import merge_values
from dlcli.spec.run import RunSpec, build_spec
from dlcli.spec.source import read_source
from dlcli.staging import stage_run

ESTIMATOR = "estimator"
"""The key of a manifest under which estimators keep what is theirs."""

SMALLEST_BATCH = 8
"""ONNX Runtime adds up the products of a single row in another order than those of several."""


@dataclass(frozen=True, kw_only=True)
class HeldRun:
    """A packed run, and what predicts with it."""

    content: bytes
    """The bytes of a file that `dlcli unpack` opens."""
    bundle: Bundle
    scorer: AnyScorer
    manifest: Mapping[str, Any]
    config: Mapping[str, Any]
    """The keys of the run's config, as plain values."""

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
    return build_spec(source)


def train_in_memory(
    spec: RunSpec, table: Table, *, threads: int | None, record: Mapping[str, Any]
) -> Trained:
    """Train on a table; `record` is kept in the run's manifest. Raises DlcliError.

    The compiled network is kept for the next training of the same shape in this process.
    """
    with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
        out = Path(folder) / "run"
        with stage_run(spec.name, out) as staged:
            job = prepare_job(spec, staged.path, table=table)
            # A run that others get has no cells of the training table in it.
            job = replace(job, threads=threads, keeps=True, dataset=replace(job.dataset, tables={}))
            job, outcome = fit_and_refit(job, staged, load_engine("local"), _Silent())
            if outcome.interrupted:
                raise Interrupted("interrupted; nothing is left of this training")
            write_outcome(RunFolder(staged.path), job, outcome, final=out)
            manifest = build_manifest(job, outcome, overrides=())
            run = staged.publish({**manifest, "checks": [], ESTIMATOR: dict(record)})
        return Trained(run=hold_run(run), history=outcome.history)


def hold_run(run: RunFolder) -> HeldRun:
    """Pack a run folder into memory; raises RunError."""
    with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
        packed = Path(folder) / "run.zip"
        pack_run(run, packed)
        content = packed.read_bytes()
    return _held(run, content)


def open_held(content: bytes) -> HeldRun:
    """Open the bytes of a packed run; raises RunError."""
    with unpacked(content) as run:
        return _held(run, content)


@contextmanager
def unpacked(content: bytes) -> Iterator[RunFolder]:
    """Give the folder of a packed run for a while."""
    with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
        yield unpack_bytes(content, Path(folder) / "run")


def unpack_bytes(content: bytes, out: Path) -> RunFolder:
    """Open the bytes of a packed run as a run folder; raises RunError."""
    with tempfile.TemporaryDirectory(prefix="dlcli-") as folder:
        packed = Path(folder) / "run.zip"
        packed.write_bytes(content)
        return unpack_run(packed, out)


def _held(run: RunFolder, content: bytes) -> HeldRun:
    bundle = Bundle.load(run)
    if bundle.preprocessing.window is not None:
        raise RunError(
            f"{run.path} reads sequences, and estimators predict single rows",
            hint="dlcli.load(...).forecast predicts from sequences",
        )
    run.check_files(run.config)
    return HeldRun(
        content=content,
        bundle=bundle,
        scorer=open_scorer(run),
        manifest=run.load_manifest(),
        config=read_source(run.config).values,
    )


def _first(prediction: TargetPrediction, rows: int) -> TargetPrediction:
    values, shares = prediction.values, prediction.probabilities
    return replace(
        prediction,
        values=None if values is None else values[:rows],
        probabilities=None if shares is None else shares[:rows],
    )
