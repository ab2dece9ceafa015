"""The trials of a sweep in Optuna's storage: claimed, reported, finished, given back."""

import importlib
import importlib.util
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcli.errors import RunError, UsageError
from dlcli.spec.points import Point
from dlcli.spec.sweep import Axis, Direction, HalvingSpec, Sampler
from dlcli.sweeps.trial import FINISHED, State, Trial

if sys.platform != "win32":
    import fcntl

JOURNAL = "journal.log"
SQLITE = "trials.db"

HEARTBEAT_SECONDS = 5
GRACE_SECONDS = 60
"""A trial of another machine that was silent for so long is given to whoever asks next."""
MOST_ATTEMPTS = 3
"""How often a trial may end with its worker before it is recorded as failed."""

_STATES: dict[str, State] = {
    "WAITING": "waiting",
    "RUNNING": "running",
    "COMPLETE": "complete",
    "PRUNED": "pruned",
    "FAIL": "failed",
}
_PLACE, _OWNER, _ATTEMPTS, _RECORD = "place", "owner", "attempts", "record"
_MOST_CHOICE_CHARACTERS = 1500
"""Of the values of an axis in a database, which holds 2048 of its distribution."""


def import_optuna() -> Any:
    """Import Optuna; raises UsageError where it is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise UsageError("sweeps need Optuna", hint="pip install 'dlcli[sweep]'")
    optuna: Any = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextmanager
def storage_errors(storage: str) -> Iterator[None]:
    """Turn what a database raises while it is used into RunError."""
    if "://" not in storage and storage != "sqlite":
        yield
        return
    errors: Any = importlib.import_module("sqlalchemy.exc")
    try:
        yield
    except errors.SQLAlchemyError as error:
        raise RunError(
            f"{_without_password(storage)}: the database fails: {_first_line(error)}",
            hint="when it is there again, the same command with --resume goes on",
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Optuna says of its own interfaces."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A trial that is this driver's to run."""

    number: int
    point: Point
    attempts: int
    """How often it was begun, this time included."""


@dataclass(kw_only=True)
class Study:
    """The trials of one sweep, shared with whoever has opened the same storage."""

    storage: Any
    name: str
    owner: str
    axes: Sequence[Axis]
    direction: Direction
    sampler: Sampler
    seed: int
    halving: HalvingSpec | None
    most_resource: int
    by_folds: bool
    """Whether rungs are folds, not epochs."""
    is_shared: bool
    is_creator: bool = False
    study_id: int = -1
    _running: dict[int, Any] = field(default_factory=dict)
    _last_beat: float = 0.0

    @property
    def rungs(self) -> list[int]:
        """The epochs (or folds) at which a trial may be pruned."""
        if self.halving is None:
            return []
        rung, found = _first_rung(self.halving, self.most_resource), []
        while rung < self.most_resource:
            found.append(rung)
            rung *= self.halving.reduction_factor
        return found

    def plan(self, points: Sequence[Point | None]) -> None:
        """Queue the trials that are not there yet; where others share the storage, once."""
        with _quiet():
            study = self._load()
            if self.is_shared and not self.is_creator:
                self._await_plan(study)
            known = {trial.user_attrs.get(_PLACE) for trial in self._frozen()}
            for place, point in enumerate(points):
                if place not in known:
                    params = {} if point is None else self._as_params(point)
                    study.enqueue_trial(params, user_attrs={_PLACE: place})

    def claim(self) -> Claim | None:
        """Take the next trial that waits, its values chosen; None where none does."""
        optuna = import_optuna()
        with _quiet():
            states = (optuna.trial.TrialState.WAITING,)
            for waiting in self._frozen(states):
                if self._begin(waiting.number):
                    return self._claimed(waiting.number)
        return None

    def report(self, number: int, value: float, step: int) -> bool:
        """Note how a trial does at a rung; tell whether it is to be pruned."""
        with _quiet():
            trial = self._running[number]
            if step not in self._one(number).intermediate_values:
                trial.report(value, step)
            return bool(trial.should_prune())

    def finish(
        self, number: int, state: State, value: float | None, record: dict[str, Any]
    ) -> None:
        """Record what came of a trial."""
        optuna = import_optuna()
        states = {name: optuna.trial.TrialState[key] for key, name in _STATES.items()}
        with _quiet():
            identity = self._identity(number)
            self._running.pop(number, None)
            # Another machine that took us for dead may have finished it first.
            try:
                self.storage.set_trial_user_attr(identity, _RECORD, record)
                self.storage.set_trial_state_values(
                    identity, states[state], None if value is None else [value]
                )
            except optuna.exceptions.UpdateFinishedTrialError:
                return

    def give_back(self, number: int) -> None:
        """Let a trial wait again that was broken off; it goes on from what it has saved."""
        optuna = import_optuna()
        self._running.pop(number, None)
        with _quiet():
            try:
                self.storage.set_trial_state_values(
                    self._identity(number), optuna.trial.TrialState.WAITING
                )
            except optuna.exceptions.UpdateFinishedTrialError:
                return

    def give_back_orphans(self) -> None:
        """Let trials wait again that an earlier driver of this sweep's folder left behind."""
        for trial in self._frozen():
            is_running = trial.state.name == "RUNNING" and trial.number not in self._running
            if is_running and trial.user_attrs.get(_OWNER) in (self.owner, None):
                self.give_back(trial.number)

    def beat(self) -> None:
        """Tell the others that our trials are alive, and take over those of the dead."""
        if not self.is_shared or time.monotonic() - self._last_beat < HEARTBEAT_SECONDS:
            return
        self._last_beat = time.monotonic()
        with _quiet():
            for number in self._running:
                self.storage.record_heartbeat(self._identity(number))
            stale = set(self.storage._get_stale_trial_ids(self.study_id))
            for trial in self._frozen() if stale else ():
                if trial._trial_id in stale and trial.number not in self._running:
                    self.give_back(trial.number)

    def trials(self) -> list[Trial]:
        """Return every trial, by number."""
        with _quiet():
            return [self._as_trial(frozen) for frozen in self._frozen()]

    def is_finished(self, planned: int) -> bool:
        """Tell whether every planned trial has come to an end."""
        states = [_STATES[frozen.state.name] for frozen in self._frozen()]
        return len(states) >= planned and all(state in FINISHED for state in states)

    def _load(self) -> Any:
        # Anew each time: a study keeps the trials that it saw while it chose the last point.
        optuna = import_optuna()
        pruner = optuna.pruners.NopPruner()
        if self.halving is not None:
            pruner = optuna.pruners.SuccessiveHalvingPruner(
                min_resource=_first_rung(self.halving, self.most_resource),
                reduction_factor=self.halving.reduction_factor,
            )
        return optuna.load_study(
            study_name=self.name, storage=self.storage, sampler=self._sampler(), pruner=pruner
        )

    def _sampler(self) -> Any:
        samplers: Any = import_optuna().samplers
        if self.sampler != "tpe":
            return samplers.RandomSampler(seed=self.seed)
        # Its first points are random, and must not be those of the driver before, or beside.
        begun = sum(trial.state.name != "WAITING" for trial in self._frozen())
        beside = 0 if self.is_creator else int(self.owner[:8], 16)
        return samplers.TPESampler(seed=(self.seed + beside + begun) % 2**32)

    def _frozen(self, states: Any = None) -> list[Any]:
        found: list[Any] = self.storage.get_all_trials(self.study_id, deepcopy=False, states=states)
        return sorted(found, key=lambda trial: trial.number)

    def _one(self, number: int) -> Any:
        return self.storage.get_trial(self._identity(number))

    def _identity(self, number: int) -> int:
        return int(self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number))

    def _begin(self, number: int) -> bool:
        optuna = import_optuna()
        try:
            return bool(
                self.storage.set_trial_state_values(
                    self._identity(number), optuna.trial.TrialState.RUNNING
                )
            )
        except optuna.exceptions.UpdateFinishedTrialError:
            return False

    def _claimed(self, number: int) -> Claim:
        optuna = import_optuna()
        identity = self._identity(number)
        attempts = int(self._one(number).user_attrs.get(_ATTEMPTS, 0)) + 1
        self.storage.set_trial_user_attr(identity, _OWNER, self.owner)
        self.storage.set_trial_user_attr(identity, _ATTEMPTS, attempts)
        if self.is_shared:
            self.storage.record_heartbeat(identity)
        trial = optuna.trial.Trial(self._load(), identity)
        self._running[number] = trial
        point = {axis.key: self._as_label(axis, _suggest(trial, axis)) for axis in self.axes}
        return Claim(number=number, point=point, attempts=attempts)

    def _await_plan(self, study: Any) -> None:
        """Wait until whoever made the study has queued its trials, or is taken for dead."""
        last, since = -1, time.monotonic()
        while time.monotonic() - since < GRACE_SECONDS:
            planned = study.user_attrs.get("planned")
            count = len(self._frozen())
            if planned is not None and count >= planned:
                return
            if count != last:
                last, since = count, time.monotonic()
            time.sleep(0.2)

    def _as_params(self, point: Point) -> dict[str, Any]:
        return {axis.key: _as_choice(axis, point[axis.key]) for axis in self.axes}

    def _as_label(self, axis: Axis, choice: Any) -> Any:
        return axis.labels[choice] if not axis.range and _is_numbered(axis) else choice

    def _as_trial(self, frozen: Any) -> Trial:
        record = frozen.user_attrs.get(_RECORD, {})
        values = {
            axis.key: self._as_label(axis, frozen.params[axis.key])
            for axis in self.axes
            if axis.key in frozen.params
        }
        if not values and (fixed := frozen.system_attrs.get("fixed_params")):
            values = {axis.key: self._as_label(axis, fixed[axis.key]) for axis in self.axes}
        state = _STATES[frozen.state.name]
        return Trial(
            number=frozen.number,
            state=state,
            values=values,
            figure=frozen.values[0] if frozen.values and state in FINISHED else None,
            attempts=max(1, int(frozen.user_attrs.get(_ATTEMPTS, 1))),
            **record,
        )


def open_study(
    storage: str,
    folder: Path,
    *,
    name: str,
    owner: str,
    planned: int,
    axes: Sequence[Axis],
    direction: Direction,
    sampler: Sampler,
    seed: int,
    halving: HalvingSpec | None,
    most_resource: int,
    by_folds: bool = False,
) -> Study:
    """Open the study of a sweep, or make it; raises RunError where its storage cannot be reached."""
    optuna = import_optuna()
    is_shared = "://" in storage
    with _quiet():
        # One cache for all that is asked of a database, which Optuna would make anew each time.
        opened = optuna.storages.get_storage(
            _open_url(storage) if is_shared else _open_file(storage, folder)
        )
        study = Study(
            storage=opened,
            name=name,
            owner=owner,
            axes=axes,
            direction=direction,
            sampler=sampler,
            seed=seed,
            halving=halving,
            most_resource=most_resource,
            by_folds=by_folds,
            is_shared=is_shared,
        )
        try:
            made = optuna.create_study(storage=opened, study_name=name, direction=direction)
        except optuna.exceptions.DuplicatedStudyError:
            made = optuna.load_study(study_name=name, storage=opened)
        else:
            made.set_user_attr(_OWNER, owner)
        study.study_id = opened.get_study_id_from_name(name)
        study.is_creator = made.user_attrs.get(_OWNER) == owner
        if study.is_creator:
            made.set_user_attr("planned", max(planned, made.user_attrs.get("planned", 0)))
    return study


def _first_rung(halving: HalvingSpec, most: int) -> int:
    return halving.min_resource or max(1, round(most / halving.reduction_factor**2))


def _suggest(trial: Any, axis: Axis) -> Any:
    if not axis.range:
        return trial.suggest_categorical(axis.key, _choices(axis))
    if axis.range == "int":
        last = int(axis.points[-1])
        return trial.suggest_int(axis.key, int(axis.low), last, step=int(axis.step or 1))
    high = axis.high if axis.step is None else axis.points[-1]
    return trial.suggest_float(axis.key, axis.low, high, log=axis.range == "log", step=axis.step)


def _choices(axis: Axis) -> list[Any]:
    return list(range(len(axis.labels))) if _is_numbered(axis) else list(axis.labels)


def _as_choice(axis: Axis, label: Any) -> Any:
    return axis.labels.index(label) if not axis.range and _is_numbered(axis) else label


def _is_numbered(axis: Axis) -> bool:
    """Tell whether the values are too long for a database, which then holds their places."""
    return len(json.dumps(axis.labels)) > _MOST_CHOICE_CHARACTERS


def _open_file(storage: str, folder: Path) -> Any:
    optuna = import_optuna()
    if storage == "sqlite":
        return optuna.storages.RDBStorage(f"sqlite:///{(folder / SQLITE).absolute()}")
    path = folder / JOURNAL
    journal: Any = importlib.import_module("optuna.storages.journal")
    if sys.platform == "win32":
        lock: Any = journal.JournalFileOpenLock(str(path))
    else:
        lock = SystemLock(path)
    return optuna.storages.JournalStorage(journal.JournalFileBackend(str(path), lock_obj=lock))


class SystemLock:
    """A lock that ends with the process that holds it, and mends what that left half-written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Wait for the journal, and take it."""
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._descriptor = descriptor
        _cut_half_line(self._path)
        return True

    def release(self) -> None:
        """Give the journal to whoever waits for it."""
        assert self._descriptor is not None
        os.close(self._descriptor)
        self._descriptor = None


def _cut_half_line(path: Path) -> None:
    """Remove the end of a line that a dead process began."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def _open_url(url: str) -> Any:
    optuna = import_optuna()
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise UsageError(
            f"sweep.storage: expected journal, sqlite or postgresql://USER@HOST/DATABASE, "
            f"got {scheme}://..."
        )
    if importlib.util.find_spec("psycopg") is None:
        raise UsageError(
            "a sweep in PostgreSQL needs psycopg", hint="pip install 'dlcli[postgres]'"
        )
    errors: Any = importlib.import_module("sqlalchemy.exc")
    pool: Any = importlib.import_module("sqlalchemy.pool")
    for attempt in range(3):
        try:
            return optuna.storages.RDBStorage(
                f"postgresql+psycopg://{rest}",
                # No connection outlives what it was opened for: nobody says when a study ends.
                engine_kwargs={"poolclass": pool.NullPool},
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=GRACE_SECONDS,
            )
        except errors.OperationalError as error:
            raise RunError(
                f"{_without_password(url)} cannot be reached: {_first_line(error)}",
                hint="check the address, and that the server takes connections from this machine",
            ) from None
        except errors.ArgumentError:
            raise UsageError(
                f"{_without_password(url)} is no address of a database",
                hint="write postgresql://USER@HOST/DATABASE",
            ) from None
        except (errors.ProgrammingError, errors.IntegrityError):
            # Two machines that make the tables at the same time: the second one finds them there.
            if attempt == 2:
                raise
            time.sleep(0.5)
    raise AssertionError("unreachable")


def _without_password(url: str) -> str:
    scheme, between, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}{between}{user.partition(':')[0]}{at}{place}"


def _first_line(error: Any) -> str:
    told = str(getattr(error, "orig", None) or error)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
