"""A job to a trained network on disk, its history, and its outputs on every part."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dlcli.bundle.export import export_onnx
from dlcli.bundle.keras_score import KerasScorer
from dlcli.bundle.score import Scorer
from dlcli.clock import Clock
from dlcli.custom.models import EnsembleModel
from dlcli.data.dataset import Part, RowSource
from dlcli.errors import Interrupted, TrainingError
from dlcli.model.build import backend_errors, build_model, make_at, make_optimizer
from dlcli.model.describe import describe_layers
from dlcli.spec.callbacks import RUN_PATHS
from dlcli.spec.components import in_steps
from dlcli.spec.names import tensor_name
from dlcli.spec.run import RunSpec, metrics_by_output, resolve_network
from dlcli.training.batches import arrange, count_batches
from dlcli.training.devices import is_shared, shared_by_devices
from dlcli.training.ensembles import (
    Member,
    join_members,
    joined_result,
    member_jobs,
    read_member,
    write_member,
)
from dlcli.training.epochs import Arrays, EpochsResult, train_epochs
from dlcli.training.gradients import forget_gradients
from dlcli.training.job import (
    JudgedNetwork,
    OnnxRecord,
    StartRecord,
    TrainingJob,
    TrainingOutcome,
    Watcher,
    with_members,
)
from dlcli.training.kept_networks import KeptNetworks, Slot, TakenNetwork
from dlcli.training.labels import labels_of, row_weights
from dlcli.training.readings import means_of
from dlcli.training.restarting import may_restart, restart
from dlcli.training.stage_watcher import StageWatcher
from dlcli.training.state import Keeper
from dlcli.training.stopping import StopRequest
from dlcli.training.values import seed_weights, set_state, start_afresh, state_of
from dlcli.training.warm_start import freeze_layers, names_of_frozen, start_from

ONNX_SAMPLE_ROWS = 256
"""Rows on which the ONNX file is compared with Keras."""

_KERAS_ERRORS: tuple[type[Exception], ...] = (ValueError, TypeError)
EVALUATION_ROWS = 65536
"""Rows that are judged at once, which bounds the memory of wide outputs."""


def fit(job: TrainingJob, watcher: Watcher) -> TrainingOutcome:
    """Build, train and save the network of `job`.

    Writes `model.keras` and, where the network exports, `model.onnx` into `job.folder`. Raises
    SpecError for a network that does not fit its data and TrainingError for one that diverges.
    """
    is_one = job.spec.ensemble is None
    trained = _train_network(job, watcher) if is_one else _train_members(job, watcher)
    watcher.on_stage("saving and scoring")
    return _write_network(job, trained)


@dataclass(frozen=True, kw_only=True)
class HeldNetwork:
    """A trained network that is in no file yet, and may not be in Keras any more."""

    job: TrainingJob
    onnx: bytes | None
    """None where the network does not export."""
    history: list[dict[str, float]]
    interrupted: bool
    _trained: "_Trained"
    _values: list[NDArray[Any]]

    def write(self, folder: Path) -> TrainingOutcome:
        """Do what `fit` does after training, in a folder."""
        job = replace(self.job, folder=folder)
        model = restart(job, compile_model).model
        set_state(model, self._values)
        return _write_network(job, replace(self._trained, model=model))


def fit_and_hold(job: TrainingJob, watcher: Watcher) -> HeldNetwork:
    """Train the network of a job that `may_restart` allows, and leave it for another training.

    Writes `model.onnx` into `job.folder`, where the network exports. Raises what `fit` raises.
    """
    trained = _train_network(job, watcher)
    path = job.folder / "model.onnx"
    # A network that is trained again is translated in the same way again.
    sample = trained.parts["train"].inputs if trained.is_new else None
    export = export_onnx(trained.model, path, sample=sample and _some_rows(sample))
    return HeldNetwork(
        job=job,
        onnx=None if export.path is None else path.read_bytes(),
        history=_with_rates(trained.result),
        interrupted=trained.result.interrupted,
        _trained=replace(trained, model=None),
        _values=state_of(trained.model),
    )


@dataclass(frozen=True, kw_only=True)
class _Trained:
    """A network as training left it, and what is known of the training."""

    model: Any
    is_new: bool
    parts: dict[str, Arrays]
    result: EpochsResult
    keeper: Keeper
    started_from: StartRecord | None
    best_epoch: int | None
    clock: Clock


def _write_network(job: TrainingJob, trained: _Trained) -> TrainingOutcome:
    model, parts, result = trained.model, trained.parts, trained.result
    clock, keeper = trained.clock, trained.keeper
    model.save(job.folder / "model.keras")
    onnx = _export(model, parts["train"], job.folder / "model.onnx")
    clock.lap("save")
    scorer = Scorer.open(job.folder / "model.onnx") if onnx.written else KerasScorer(model=model)
    predictions = _each_once(parts, lambda name: scorer.predict(parts[name].inputs))
    evaluation = _each_once(parts, lambda name: _judge(model, parts[name], predictions[name]))
    clock.lap("evaluate")
    return TrainingOutcome(
        history=_with_rates(result),
        predictions=predictions,
        evaluation=evaluation,
        layers=tuple(describe_layers(model)),
        num_parameters=model.count_params(),
        path=result.path,
        uses_xla=result.uses_xla,
        reason=result.reason,
        compiled_calls=result.compiled_calls,
        blocks=result.blocks,
        seconds={
            **clock.laps,
            "loop": result.seconds,
            "first_epoch": result.first_epoch_seconds,
            "compile": result.compile_seconds,
            "state": keeper.seconds,
        },
        interrupted=result.interrupted,
        went_on_after=_went_on_after(keeper),
        started_from=trained.started_from,
        frozen=names_of_frozen(model, job.spec.freeze),
        best_epoch=trained.best_epoch,
        saves=keeper.saves,
        onnx=onnx,
        versions=_versions(job.spec.backend),
    )


def judge(
    job: TrainingJob, watcher: Watcher, *, parts: Sequence[str], networks: KeptNetworks
) -> JudgedNetwork:
    """Build and train the network of `job`, and judge it on these parts; nothing is saved of it.

    A compiled network of the same shape is taken from `networks`. Raises as `fit` does.
    """
    trained = _train_network(job, watcher, networks)
    clock = trained.clock
    watcher.on_stage("scoring")
    scorer = KerasScorer(model=trained.model)
    judged = {name: trained.parts[name] for name in parts if name in trained.parts}
    predictions = _each_once(judged, lambda name: scorer.predict(judged[name].inputs))
    evaluation = _each_once(
        judged, lambda name: _judge(trained.model, judged[name], predictions[name])
    )
    clock.lap("evaluate")
    result = trained.result
    return JudgedNetwork(
        history=_with_rates(result),
        predictions=predictions,
        evaluation=evaluation,
        num_parameters=trained.model.count_params(),
        path=result.path,
        reused=result.reused,
        interrupted=result.interrupted,
        went_on_after=_went_on_after(trained.keeper),
        seconds={**clock.laps, "loop": result.seconds, "compile": result.compile_seconds},
    )


def _went_on_after(keeper: Keeper) -> int | None:
    return None if keeper.progress is None else keeper.progress.epoch


def _train_network(
    job: TrainingJob, watcher: Watcher, networks: KeptNetworks | None = None
) -> _Trained:
    """Train on the devices that the job asks for; the network is on one of them afterwards."""
    clock = Clock()
    watcher.on_stage("building the network")
    restarts = networks is None and may_restart(job)
    if networks and not job.spec.imports:
        seed_weights(job.spec.seed)
    elif not restarts:
        start_afresh(job.spec.seed, backend=job.spec.backend)
    with shared_by_devices(job), forget_gradients():
        trained = _train_made(job, watcher, networks, clock, restarts=restarts)
    if is_shared(job):
        trained = replace(trained, model=_on_one_device(job, trained.model))
    return trained


def _on_one_device(job: TrainingJob, model: Any) -> Any:
    """Return the same network without the devices that trained it, as plain Keras has it."""
    plain = compile_model(job)
    plain.optimizer.build(plain.trainable_variables)
    set_state(plain, state_of(model))
    return plain


def _train_made(
    job: TrainingJob,
    watcher: Watcher,
    networks: KeptNetworks | None,
    clock: Clock,
    *,
    restarts: bool,
) -> _Trained:
    if restarts:
        taken, started_from = restart(job, compile_model), None
    else:
        model = compile_model(job)
        started_from = start_from(model, job)
        if networks is None or is_shared(job):
            taken = TakenNetwork(model=model)
        else:
            taken = networks.take(job, model)
    model = taken.model
    parts = _parts(job, model)
    clock.lap("build")
    keeper = Keeper(job.state, resumes=job.resumes)
    callbacks = _callbacks(job.spec, watcher, job.folder)
    result = _train(job, model, parts, watcher, keeper, callbacks, taken.slot)
    clock.lap("train")
    _check_finite(result, job, keeper)
    return _Trained(
        model=model,
        is_new=taken.is_new,
        parts=parts,
        result=result,
        keeper=keeper,
        started_from=started_from,
        best_epoch=_best_epoch(result, callbacks),
        clock=clock,
    )


def fit_together(job: TrainingJob, watcher: Watcher, *, is_first: bool) -> TrainingOutcome | None:
    """Train as one of several processes, each of which saves the network.

    The first one judges it, by itself, and returns the outcome; the others return None.
    """
    trained = _train_network(job, watcher)
    if is_first:
        watcher.on_stage("saving and scoring")
        return _write_network(job, trained)
    trained.model.save(job.folder / "model.keras")
    return None


def _train_members(job: TrainingJob, watcher: Watcher) -> _Trained:
    """Train the members of an ensemble one after the other, and put them into one network."""
    clock = Clock()
    models, done = [], []
    networks = KeptNetworks()
    for number, own in enumerate(member_jobs(job), 1):
        found = read_member(own)
        if found is None:
            shown = StageWatcher(watcher, f"member {number} of {len(member_jobs(job))}")
            found = train_member(own, shown, networks, name=f"member {number}")
        model = build_model(own.spec, own.dataset.preprocessing.input_specs)
        model.set_weights(found.weights)
        models.append(model)
        done.append(found)
    whole = with_members(job)
    joined = join_members(models)
    joined.means = means_of(job.spec, whole.objectives)
    _compile(joined, whole)
    # Keras reads a saved network only with an optimizer that has all its variables.
    joined.optimizer.build(joined.trainable_variables)
    parts = _parts(job, models[0])
    clock.lap("train")
    return _Trained(
        model=joined,
        is_new=True,
        parts=parts,
        result=joined_result(done),
        keeper=Keeper(None),
        started_from=None,
        best_epoch=None,
        clock=clock,
    )


def train_member(
    job: TrainingJob,
    watcher: Watcher,
    networks: KeptNetworks | None = None,
    *,
    name: str = "a member",
) -> Member:
    """Train a member of an ensemble, and keep it beside its state; raises Interrupted."""
    trained = _train_network(job, watcher, KeptNetworks() if networks is None else networks)
    if trained.result.interrupted:
        raise Interrupted(
            f"training was stopped at {name}: there is no run",
            hint="--resume goes on from where it stood",
        )
    member = Member(
        weights=trained.model.get_weights(),
        history=_with_rates(trained.result),
        result=trained.result,
    )
    write_member(job, member)
    return member


def missing_members(job: TrainingJob) -> list[tuple[int, TrainingJob]]:
    """Return the trainings of the members that are not done yet, counted from 1."""
    jobs = enumerate(member_jobs(job), 1)
    return [(number, own) for number, own in jobs if read_member(own) is None]


def compile_model(job: TrainingJob) -> Any:
    """Return the network of a job, compiled with its optimizer, losses and metrics."""
    spec = job.spec
    model = build_model(spec, job.dataset.preprocessing.input_specs)
    freeze_layers(model, spec.freeze)
    if isinstance(model, EnsembleModel):
        model.means = means_of(spec, job.objectives)
    _compile(model, job)
    return model


def _compile(model: Any, job: TrainingJob) -> None:
    """Give a network its optimizer, losses and metrics."""
    spec = job.spec
    metrics = metrics_by_output(spec, resolve_network(spec).heads)
    single = len(job.objectives) == 1

    def by_output(values: dict[str, Any]) -> Any:
        named = {tensor_name(name): value for name, value in values.items()}
        return next(iter(named.values())) if single else named

    weights = spec.loss_weights
    steps = count_batches(job.dataset.num_train_rows, spec.batch_size)
    optimizer = in_steps(spec.optimizer, steps_per_epoch=steps)
    model.compile(
        optimizer=make_optimizer(spec, optimizer, model.trainable_variables),
        loss=by_output(
            {each.output: make_at(spec, each.loss, ("loss",)) for each in job.objectives}
        ),
        metrics=by_output(
            {
                name: [make_at(spec, metric, ("metrics",)) for metric in each]
                for name, each in metrics.items()
            }
        ),
        loss_weights=None if weights is None or single else by_output(weights),
    )


def _parts(job: TrainingJob, model: Any) -> dict[str, Arrays]:
    """Return the arrays of every part, under the names of the network's tensors."""
    dataset = job.dataset
    found: dict[str, Part | None] = {
        "train": dataset.train,
        "validation": dataset.validation,
        "test": dataset.test,
    }
    given = {name: part for name, part in found.items() if part is not None}
    return _each_once(given, lambda name: part_arrays(job, given[name], model))


def _each_once(parts: dict[str, Any], work: Callable[[str], Any]) -> dict[str, Any]:
    """Return what `work` makes of each part; a test part that is watched is worked on once."""
    made: dict[int, Any] = {}
    for name, part in parts.items():
        if id(part) not in made:
            made[id(part)] = work(name)
    return {name: made[id(part)] for name, part in parts.items()}


def part_arrays(job: TrainingJob, part: Part, model: Any) -> Arrays:
    """Return the arrays of a part, under the names of the network's tensors."""
    # Keras lists the outputs of a dictionary by their sorted names.
    names = sorted(tensor_name(each.output) for each in job.objectives)
    members = {tensor_name(e.output) for e in job.objectives if e.members is not None}
    ranks = {
        name: len(out.shape) - (name in members)
        for name, out in zip(names, model.outputs, strict=True)
    }
    infos = {info.name: info for info in job.dataset.preprocessing.targets}
    first = infos[job.objectives[0].targets[0]]
    taken = job.dataset.preprocessing.network_inputs(part.inputs)
    return Arrays(
        inputs={tensor_name(name): array for name, array in taken.items()},
        targets={
            tensor_name(each.output): labels_of(
                part, each, infos, rank=ranks[tensor_name(each.output)]
            )
            for each in job.objectives
        },
        sample_weight=row_weights(part, first, job.spec.class_weight),
    )


def _train(
    job: TrainingJob,
    model: Any,
    parts: dict[str, Arrays],
    watcher: Watcher,
    keeper: Keeper,
    callbacks: list[Any],
    slot: Slot | None,
) -> EpochsResult:
    spec = job.spec
    if keeper.progress is not None:
        watcher.on_stage(f"going on after epoch {keeper.progress.epoch}")
    watcher.on_start(epochs=spec.epochs)
    try:
        with StopRequest() as stop:
            return train_epochs(
                model,
                parts["train"],
                parts.get("validation"),
                batch_size=spec.batch_size,
                epochs=spec.epochs,
                seed=spec.seed,
                shuffle=spec.shuffle,
                callbacks=callbacks,
                stop_on_nan=True,
                memory_budget_bytes=job.memory_budget_bytes,
                should_stop=lambda: stop.is_requested() or watcher.should_stop(),
                keeper=keeper,
                slot=slot,
                stored=_stored_leaves(job, model),
            )
    except _KERAS_ERRORS + backend_errors() as error:
        # Keras's own words for labels, losses and metrics that do not fit each other.
        raise TrainingError(f"training cannot go on: {_first_lines(error)}") from error


@dataclass(frozen=True, kw_only=True)
class _JobRows:
    """The training rows of a job on disk, as its network takes them."""

    job: TrainingJob
    model: Any
    source: RowSource

    @property
    def num_rows(self) -> int:
        return self.source.num_rows

    @property
    def shuffles(self) -> bool:
        return self.job.spec.shuffle

    @property
    def seed(self) -> int:
        return self.job.spec.seed

    def read(self, start: int, stop: int) -> list[NDArray[Any]]:
        """Read rows, and lay them out as the network's tensors flatten."""
        arrays = part_arrays(self.job, self.source.read(start, stop), self.model)
        leaves: list[NDArray[Any]] = keras.tree.flatten(arrange(self.model, arrays))
        return leaves


def _stored_leaves(job: TrainingJob, model: Any) -> _JobRows | None:
    source = job.dataset.stored
    return None if source is None else _JobRows(job=job, model=model, source=source)


def _callbacks(spec: RunSpec, watcher: Watcher, folder: Path) -> list[Any]:
    made = []
    for index, callback in enumerate(spec.callbacks):
        arguments = dict(callback.arguments)
        if callback.name in RUN_PATHS:
            argument, _ = RUN_PATHS[callback.name]
            path = folder / arguments[argument]
            if callback.name == "BackupAndRestore":
                # What it kept of a process that was killed is older than our own state.
                shutil.rmtree(path, ignore_errors=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            arguments[argument] = str(path)
        placed = replace(callback, arguments=arguments)
        made.append(make_at(spec, placed, ("callbacks", index)))
    return [*made, _Progress(watcher)]


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Passes every epoch's figures to whoever shows them."""

    reads_only_logs = True

    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self._watcher = watcher

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._watcher.on_epoch(epoch, logs or {})


def _best_epoch(result: EpochsResult, callbacks: list[Any]) -> int | None:
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.best is not None:
            return int(callback.best_epoch) + 1
    watched = [logs["val_loss"] for logs in result.history if "val_loss" in logs]
    return int(np.argmin(watched)) + 1 if watched else None


def _with_rates(result: EpochsResult) -> list[dict[str, float]]:
    """Return the figures of every epoch with its learning rate as the last one."""
    if not result.rates:
        return result.history
    return [
        {
            **{name: value for name, value in logs.items() if name != "learning_rate"},
            "learning_rate": rate,
        }
        for logs, rate in zip(result.history, result.rates, strict=True)
    ]


def _check_finite(result: EpochsResult, job: TrainingJob, keeper: Keeper) -> None:
    if not result.history:
        if result.interrupted:
            raise Interrupted(
                "training was stopped before its first epoch ended: there is no run",
                hint="--resume goes on from where it stood" if keeper.saves else None,
            )
        return
    loss = float(result.history[-1]["loss"])
    if math.isfinite(loss):
        return
    hints = ["a lower learning_rate", "clipnorm: 1.0 on the optimizer"]
    if job.spec.data.scale == "none":
        hints.insert(0, "data.scale: standard")
    raise TrainingError(
        f"training diverged: the loss became {loss} in epoch {len(result.history)} "
        f"of {job.spec.epochs}",
        hint=f"try {', '.join(hints)}",
    )


def _export(model: Any, train: Arrays, path: Path) -> OnnxRecord:
    export = export_onnx(model, path, sample=_some_rows(train.inputs))
    return OnnxRecord(
        written=export.path is not None,
        writer=export.writer,
        reason=export.reason,
        max_difference=export.difference,
    )


def _some_rows(inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: array[:ONNX_SAMPLE_ROWS] for name, array in inputs.items()}


def _judge(model: Any, part: Arrays, outputs: dict[str, NDArray[Any]]) -> dict[str, float]:
    """Return Keras's own loss and metrics on a part, from its raw outputs."""
    model.reset_metrics()
    figures: dict[str, Any] = {}
    for start in range(0, part.num_rows, EVALUATION_ROWS):
        rows = slice(start, start + EVALUATION_ROWS)
        labels = {
            name: keras.ops.convert_to_tensor(array[rows]) for name, array in part.targets.items()
        }
        given = {name: keras.ops.convert_to_tensor(array[rows]) for name, array in outputs.items()}
        if len(labels) == 1:
            labels, given = next(iter(labels.values())), next(iter(given.values()))
        loss = model.compute_loss(x=None, y=labels, y_pred=given, training=False)
        model._loss_tracker.update_state(
            loss, sample_weight=min(EVALUATION_ROWS, part.num_rows - start)
        )
        figures = model.compute_metrics(None, labels, given, sample_weight=None)
    return {name: _plain_figure(value) for name, value in figures.items()}


def _plain_figure(value: Any) -> Any:
    array = np.asarray(keras.ops.convert_to_numpy(value))
    return float(array) if array.ndim == 0 else array.tolist()


def _versions(backend: str) -> dict[str, str]:
    names = ["keras", backend, "numpy", "onnxruntime", "pyarrow"]
    return {name: version(name) for name in names}


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return " ".join(lines[:3])[:400]
