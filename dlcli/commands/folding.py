"""Cross-validation: a network for each fold, judged on the rows that the fold holds out."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.commands.recording import fit_bundle, predicted_columns, read_part
from dlcli.data.dataset import ReadData
from dlcli.data.folds import Fold, FoldData, fold_datasets
from dlcli.data.network_inputs import check_network
from dlcli.engines import JobTask, load_judge, load_spread
from dlcli.errors import DlcliError, Interrupted
from dlcli.intervals import interval_of_mean
from dlcli.runs import write_atomically
from dlcli.scores import score_predictions
from dlcli.spec.engine import Engine
from dlcli.spec.figures import possible_range
from dlcli.spec.folds import FoldsSpec
from dlcli.spec.heads import Objective
from dlcli.spec.run import RunSpec, resolve_objectives
from dlcli.training.job import JudgedNetwork, TrainingJob, Watcher
from dlcli.training.kept_networks import KeptNetworks
from dlcli.training.stage_watcher import StageWatcher

HELD_OUT = "test"
"""The part of a fold's arrays that it holds out."""


@dataclass(frozen=True, kw_only=True)
class FoldOptions:
    """How the networks of folds are trained."""

    folder: Path
    """Where their callbacks write."""
    state: Path
    """The folder that keeps what is done, so that another process can go on."""
    threads: int | None = None
    memory_budget_bytes: int | None = None
    init_model: Path | None = None
    debug: bool = False
    engine: Engine = "local"
    """Where they train."""


@dataclass(frozen=True, kw_only=True)
class JudgedFold:
    """One fold: how its network does on the rows that it has not seen."""

    fold: Fold
    num_rows: dict[str, int]
    evaluation: dict[str, float]
    """Keras's own figures, in the scale that training sees."""
    targets: dict[str, dict[str, Any]]
    """Every target's figures, in its unit."""
    columns: dict[str, Any]
    """The held-out rows with what was measured and predicted."""
    seconds: float
    num_parameters: int
    reused: bool


class Stopped(Exception):
    """The watcher asked for an early end."""


def cross_validate(
    spec: RunSpec,
    read: ReadData,
    options: FoldOptions,
    watcher: Watcher,
    networks: KeptNetworks,
    folded: Sequence[FoldData] | None = None,
) -> Iterator[JudgedFold]:
    """Train and judge the network of every fold; `folded` are their arrays, where they are at hand.

    Every fold's arrays are checked before the first network trains. What was done before is taken
    from `options.state`. Raises Stopped where the watcher asks for an end, and DlcliError.
    """
    assert spec.folds is not None
    options.state.mkdir(parents=True, exist_ok=True)
    count = num_folds(spec.folds)
    if folded is None:
        for each in fold_datasets(read, spec.folds):
            _objectives(spec, each)
    spread = load_spread(options.engine)
    if spread is not None:
        tasks = _tasks(spec, folded or fold_datasets(read, spec.folds), options)
        spread(tasks, count, options.engine, watcher)
    for place, each in enumerate(folded or fold_datasets(read, spec.folds), 1):
        shown = StageWatcher(watcher, f"fold {place} of {count}")
        yield _judge(spec, each, options, shown, networks, place)


def num_folds(folds: FoldsSpec) -> int:
    """Return how many networks are trained."""
    return folds.n_splits * folds.n_repeats


def _objectives(spec: RunSpec, each: FoldData) -> tuple[Objective, ...]:
    """Check a fold's arrays against the network; return what is trained for."""
    dataset = each.dataset
    try:
        found = resolve_objectives(
            spec, {info.name: info.classes for info in dataset.preprocessing.targets}
        )
        check_network(spec, dataset)
    except DlcliError as error:
        error.message = f"fold {each.fold.number}: {error.message}"
        raise
    return found


def _job_of(spec: RunSpec, each: FoldData, options: FoldOptions, place: int) -> TrainingJob:
    return TrainingJob(
        spec=spec,
        dataset=each.dataset,
        objectives=_objectives(spec, each),
        folder=options.folder,
        threads=options.threads,
        memory_budget_bytes=options.memory_budget_bytes,
        state=options.state / f"{place:02d}.npz",
        resumes=True,
        init_model=options.init_model,
        debug=options.debug,
    )


def _tasks(spec: RunSpec, folded: Iterable[FoldData], options: FoldOptions) -> Iterator[JobTask]:
    """Yield the trainings of the folds that are not done yet, for an engine with many workers."""
    for place, each in enumerate(folded, 1):
        job = _job_of(spec, each, options, place)
        assert job.state is not None
        if _read_done(_done(job.state)) is None:
            yield JobTask(
                name=f"fold {place}",
                job=job,
                work="dlcli.commands.folding:judge_fold",
                home=options.folder,
                own=(job.state.relative_to(options.folder).as_posix(),),
            )


def judge_fold(job: TrainingJob, watcher: Watcher) -> None:
    """Train and judge a fold, and keep what came of it beside its state; raises Interrupted."""
    if _judged(job, watcher, KeptNetworks()).interrupted:
        raise Interrupted("the training of a fold was stopped")


def _judged(job: TrainingJob, watcher: Watcher, networks: KeptNetworks) -> JudgedNetwork:
    """Return the judged network of a fold: the one that was kept, or a new one, which is kept."""
    assert job.state is not None
    judged = _read_done(_done(job.state))
    if judged is None:
        parts = ("validation", HELD_OUT)
        judged = load_judge("local")(job, watcher, parts=parts, networks=networks)
        if not judged.interrupted:
            _write_done(_done(job.state), judged)
            job.state.unlink(missing_ok=True)
    return judged


def _done(state: Path) -> Path:
    return state.with_name(f"{state.stem}.done.npz")


def _judge(
    spec: RunSpec,
    each: FoldData,
    options: FoldOptions,
    watcher: StageWatcher,
    networks: KeptNetworks,
    place: int,
) -> JudgedFold:
    job = _job_of(spec, each, options, place)
    judged = _judged(job, watcher, networks)
    if judged.interrupted:
        raise Stopped
    return _scored(job, each, judged)


def _scored(job: TrainingJob, each: FoldData, judged: JudgedNetwork) -> JudgedFold:
    part = each.dataset.test
    assert part is not None
    bundle, _ = fit_bundle(job, judged)
    read = read_part(judged, bundle, HELD_OUT)
    columns = predicted_columns(part, read)
    fold = np.full(part.num_rows, each.fold.number)
    repeat = {"repeat": np.full(part.num_rows, each.fold.repeat)} if _repeats(job.spec) else {}
    row = columns.pop("row")
    parts = {"train": each.dataset.train, "validation": each.dataset.validation, "held_out": part}
    return JudgedFold(
        fold=each.fold,
        num_rows={name: each.num_rows for name, each in parts.items() if each is not None},
        evaluation=judged.evaluation[HELD_OUT],
        targets=score_predictions(read, part.targets, part.sample_weight),
        columns={"row": row, **repeat, "fold": fold, **columns},
        seconds=sum(value for value in judged.seconds.values() if value is not None),
        num_parameters=judged.num_parameters,
        reused=judged.reused,
    )


def _repeats(spec: RunSpec) -> bool:
    return spec.folds is not None and spec.folds.n_repeats > 1


def folds_record(spec: RunSpec, judged: Sequence[JudgedFold], *, kind: str) -> dict[str, Any]:
    """Return what `metrics.json` says of the folds: each one's figures, and what they have together.

    `deviation` is that between folds; the interval is Student's t with Nadeau and Bengio's
    correction for training parts that share rows.
    """
    share = float(np.mean([each.num_rows["held_out"] / each.num_rows["train"] for each in judged]))
    names = list(judged[0].targets)
    folds = spec.folds
    assert folds is not None
    return {
        "n_splits": folds.n_splits,
        "n_repeats": folds.n_repeats,
        "kind": kind,
        "targets": {
            name: _together([each.targets[name] for each in judged], share) for name in names
        },
        "keras": _together([each.evaluation for each in judged], share),
        "folds": [
            {
                "repeat": each.fold.repeat,
                "fold": each.fold.number,
                "rows": each.num_rows,
                "targets": {name: _plain(each.targets[name]) for name in names},
                "keras": _plain(each.evaluation),
                "seconds": round(each.seconds, 4),
            }
            for each in judged
        ],
    }


def out_of_fold_columns(judged: Sequence[JudgedFold]) -> dict[str, Any]:
    """Return the held-out rows of all folds, in the order of the table (and of the repeats)."""
    names = list(judged[0].columns)
    joined = {name: np.concatenate([each.columns[name] for each in judged]) for name in names}
    order = np.argsort(joined["row"], kind="stable")
    if "repeat" in joined:
        order = np.lexsort((joined["row"], joined["repeat"]))
    return {name: values[order].tolist() for name, values in joined.items()}


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in figures.items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    }


def _together(figures: Sequence[dict[str, Any]], share: float) -> dict[str, Any]:
    found = {}
    for name in _plain(figures[0]):
        values = [each.get(name) for each in figures]
        known = np.array([value for value in values if value is not None], np.float64)
        if len(known) < len(values):
            continue  # a figure that is not defined in some fold has no mean over them
        # Student's t knows nothing of figures that cannot pass 1, or 0.
        low, high = np.clip(interval_of_mean(known, test_share=share), *possible_range(name))
        found[name] = {
            "mean": float(known.mean()),
            "deviation": float(known.std(ddof=1)),
            "low": float(low),
            "high": float(high),
        }
    return found


def _write_done(path: Path, judged: JudgedNetwork) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    for part, outputs in judged.predictions.items():
        arrays |= {f"{part}/{name}": values for name, values in outputs.items()}
    record = {
        "evaluation": judged.evaluation,
        "num_parameters": judged.num_parameters,
        "path": judged.path,
        "reused": judged.reused,
        "went_on_after": judged.went_on_after,
        "seconds": judged.seconds,
    }
    arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_atomically(path, content.getvalue())


def _read_done(path: Path) -> JudgedNetwork | None:
    """Read a fold that is done; one that cannot be read is done again."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        record = json.loads(arrays.pop("record").tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    predictions: dict[str, dict[str, NDArray[Any]]] = {}
    for name, values in arrays.items():
        part, _, output = name.partition("/")
        predictions.setdefault(part, {})[output] = values
    return JudgedNetwork(history=[], predictions=predictions, interrupted=False, **record)
