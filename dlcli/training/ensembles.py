"""Whole networks as one: the members of an ensemble, what is kept of each, and how they are joined."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.keras_score import output_names
from dlcli.custom.models import EnsembleModel
from dlcli.data.dataset import Dataset, take_rows
from dlcli.data.folds import fold_rows
from dlcli.data.parts import SplitValues
from dlcli.runs import write_atomically
from dlcli.spec.folds import FoldsSpec
from dlcli.training.epochs import EpochsResult
from dlcli.training.job import TrainingJob


@dataclass(frozen=True, kw_only=True)
class Member:
    """What is kept of a member: its weights, and what its training did."""

    weights: list[NDArray[Any]]
    history: list[dict[str, float]]
    result: EpochsResult


def member_jobs(job: TrainingJob) -> list[TrainingJob]:
    """Return the training of each member: its seed and rows, and where it keeps its state."""
    ensemble = job.spec.ensemble
    assert ensemble is not None
    datasets = [job.dataset] * ensemble.members
    if ensemble.vary == "folds":
        datasets = _leaving_folds_out(job, ensemble.members)
    return [
        replace(
            job,
            spec=replace(job.spec, seed=(job.spec.seed + index) % 2**32, ensemble=None),
            dataset=dataset,
            folder=job.folder / f"member-{index + 1}",
            state=None if job.state is None else _state_of(job.state, index),
            resumes=True,
        )
        for index, dataset in enumerate(datasets)
    ]


def _state_of(state: Path, index: int) -> Path:
    return state.parent / "members" / f"{index + 1:02d}.npz"


def _leaving_folds_out(job: TrainingJob, count: int) -> list[Dataset]:
    """Return the arrays of every member: without a fold, which it watches if nothing else is."""
    dataset, num_rows = job.dataset, job.dataset.train.num_rows
    nothing = SplitValues(labels=None, groups=None, order=None)
    cuts = fold_rows(FoldsSpec(n_splits=count), "random", num_rows, job.spec.seed, nothing)
    return [
        replace(
            dataset,
            train=take_rows(dataset.train, cut.train),
            validation=dataset.validation or take_rows(dataset.train, cut.held_out),
        )
        for cut in cuts
    ]


def join_members(models: Sequence[Any]) -> EnsembleModel:
    """Return one network of them all, whose outputs are [rows, members, ...]."""
    first = models[0]
    inputs = [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
        for tensor in first.inputs
    ]
    taken = keras.tree.pack_sequence_as(getattr(first, "_inputs_struct", first.inputs[0]), inputs)
    given = []
    for number, model in enumerate(models, 1):
        model.name = f"member_{number}"
        given.append(keras.tree.flatten(model(taken)))
    outputs = []
    for place, name in enumerate(output_names(first)):
        rows = [
            keras.layers.Reshape((1, *tensors[place].shape[1:]), name=f"{name}_of_{number}")(
                tensors[place]
            )
            for number, tensors in enumerate(given, 1)
        ]
        outputs.append(keras.layers.Concatenate(axis=1, name=name)(rows))
    named: Any = outputs[0]
    if isinstance(getattr(first, "_outputs_struct", None), dict):
        named = dict(zip(output_names(first), outputs, strict=True))
    return EnsembleModel(inputs=taken, outputs=named, name="network")


def joined_result(members: Sequence[Member]) -> EpochsResult:
    """Return what the trainings did together: epoch by epoch the mean of those that came so far."""
    results = [member.result for member in members]
    longest = max(len(member.history) for member in members)
    history = [
        _mean([member.history[at] for member in members if at < len(member.history)])
        for at in range(longest)
    ]
    return replace(
        results[0],
        history=history,
        rates=[],
        compiled_calls=sum(result.compiled_calls for result in results),
        seconds=sum(result.seconds for result in results),
        compile_seconds=sum(result.compile_seconds for result in results),
        interrupted=False,
        reused=False,
    )


def _mean(logs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: float(np.mean([each[name] for each in logs])) for name in logs[0]}


def write_member(job: TrainingJob, member: Member) -> None:
    """Keep a member that is done, for a training that goes on."""
    if job.state is None:
        return
    result = asdict(replace(member.result, history=[], rates=[]))
    record = {"history": member.history, "result": result}
    arrays = {f"weight/{place}": values for place, values in enumerate(member.weights)}
    arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_atomically(_done(job.state), content.getvalue())
    job.state.unlink(missing_ok=True)


def read_member(job: TrainingJob) -> Member | None:
    """Read a member that is done; one that is not there, or cannot be read, is trained again."""
    if job.state is None:
        return None
    job.state.parent.mkdir(parents=True, exist_ok=True)
    try:
        with np.load(io.BytesIO(_done(job.state).read_bytes()), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        record = json.loads(arrays.pop("record").tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Member(
        weights=[arrays[f"weight/{place}"] for place in range(len(arrays))],
        history=record["history"],
        result=EpochsResult(**record["result"]),
    )


def _done(state: Path) -> Path:
    return state.with_name(f"{state.stem}.done.npz")
