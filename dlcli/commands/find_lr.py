"""Find-lr: a config to the learning rates at which its network learns, by a range test."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dlcli.commands.starting import start_of
from dlcli.commands.train import Display, Room, prepare_job
from dlcli.diagram import check_drawable
from dlcli.errors import UsageError
from dlcli.permission import check_allowed
from dlcli.plots.rates import draw_rates
from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec
from dlcli.spec.run import RunSpec, load_spec
from dlcli.training.job import TrainingJob


@dataclass(frozen=True, kw_only=True)
class RateOptions:
    """What the command line may ask for beside the config."""

    overrides: tuple[str, ...] = ()
    lowest: float = 1e-6
    highest: float = 10.0
    steps: int = 200
    plot: Path | None = None
    force: bool = False
    backend: str | None = None
    threads: int | None = None
    memory_budget_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class FoundRates:
    """The answer of a range test; `key` is the config's key of the learning rate."""

    key: str
    now: float | None
    """The config's own rate; None where a schedule decides or the optimizer's default holds."""
    suggestion: float | None
    steepest: float | None
    tenth: float | None
    is_at_edge: bool
    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    steps: int
    batch_size: int
    path: str
    sampled: tuple[int, int] | None
    """Rows that were drawn, and of how many; None where all training rows were there."""

    @property
    def override(self) -> str | None:
        """The option that takes the suggestion over."""
        return None if self.suggestion is None else f"--set {self.key}={self.suggestion:g}"

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON values."""
        return {
            "key": self.key,
            "now": self.now,
            "suggestion": self.suggestion,
            "set": self.override,
            "steepest": self.steepest,
            "tenth_of_lowest": self.tenth,
            "is_at_edge": self.is_at_edge,
            "steps": {"asked": self.steps, "read": len(self.rates)},
            "batch_size": self.batch_size,
            "path": self.path,
            "sampled_train_rows": None if self.sampled is None else list(self.sampled),
            "rates": self.rates,
            "losses": self.losses,
            "smoothed": self.smoothed,
        }

    def to_text(self) -> str:
        """Return the answer in a few lines."""
        begin, end = self.rates[0], self.rates[-1]
        read = f"{len(self.rates)} of {self.steps} steps of {self.batch_size} rows"
        lines = [f"read              {read}, learning rates {begin:.2g} to {end:.2g}"]
        if self.sampled is not None:
            drawn, rows = self.sampled
            lines.append(f"sample            {drawn:,} of {rows:,} training rows")
        if self.now is not None:
            lines.append(f"config            {self.now:g}")
        if self.steepest is None or self.tenth is None:
            lines.append("suggestion        none: the loss did not fall at any of these rates")
            return "\n".join([*lines, "", "try more --steps, or another --from and --to"])
        lines += [
            f"steepest descent  {self.steepest:.2g}",
            f"lowest loss       {10 * self.tenth:.2g}, a tenth of it {self.tenth:.2g}",
        ]
        if self.is_at_edge:
            lines.append(
                "warning           the loss still falls at the last rate: try a higher --to"
            )
        return "\n".join([*lines, "", str(self.override)])


def find_lr(config: Path, options: RateOptions, display: Display) -> FoundRates:
    """Train a few hundred steps at rising rates and read the losses; no run is written."""
    _check(options)
    backend = () if options.backend is None else (f"backend={options.backend}",)
    spec = load_spec(config, (*options.overrides, *backend))
    check_allowed(spec.imports, spec.name)
    key, now = _key_of_rate(spec)
    with _prepared(spec, options, display) as job:
        tested = _try_rates(job, options, display)
    curve = tested.curve
    dataset = job.dataset
    drawn = (dataset.train.num_rows, dataset.num_train_rows)
    found = FoundRates(
        key=key,
        now=now,
        suggestion=curve.suggestion,
        steepest=curve.steepest,
        tenth=curve.tenth,
        is_at_edge=curve.is_at_edge,
        rates=curve.rates.tolist(),
        losses=curve.losses.tolist(),
        smoothed=curve.smoothed.tolist(),
        steps=options.steps,
        batch_size=tested.batch_size,
        path=tested.path,
        sampled=None if dataset.stored is None else drawn,
    )
    if options.plot is not None:
        _draw(found, options.plot, title=spec.name)
    return found


@contextmanager
def _prepared(spec: RunSpec, options: RateOptions, display: Display) -> Iterator[TrainingJob]:
    """Read the data; of those over the memory budget, a sample of the training rows is what trains."""
    start = start_of(spec)
    alone = replace(spec, folds=None, ensemble=None, refit=False)
    with TemporaryDirectory(prefix="dlcli-") as folder:
        room = Room(budget_bytes=options.memory_budget_bytes, folder=Path(folder) / "rows")
        job = prepare_job(alone, Path(), table=None, on_stage=display.on_stage, room=room)
        yield replace(
            job, threads=options.threads, init_model=None if start is None else start.model
        )


def _try_rates(job: TrainingJob, options: RateOptions, display: Display) -> Any:
    display.on_stage("loading Keras")
    loading: Any = importlib.import_module("dlcli.model.keras_import")
    loading.load_keras(job.spec.backend, threads=options.threads)
    testing: Any = importlib.import_module("dlcli.training.rate_test")
    return testing.try_rates(
        job, display, lowest=options.lowest, highest=options.highest, steps=options.steps
    )


def _check(options: RateOptions) -> None:
    if not 0 < options.lowest < options.highest:
        raise UsageError(
            f"--from {options.lowest:g} --to {options.highest:g}: the rates must rise from a "
            "number above 0"
        )
    if options.plot is not None:
        check_drawable(options.plot, force=options.force)


def _draw(found: FoundRates, path: Path, *, title: str) -> None:
    marks = {"steepest": found.steepest, "tenth": found.tenth}
    draw_rates(
        found.rates,
        found.losses,
        found.smoothed,
        {mark: rate for mark, rate in marks.items() if rate is not None},
        path,
        title=title,
    )


def _key_of_rate(spec: RunSpec) -> tuple[str, float | None]:
    """Return the key of the learning rate, or of the first or highest one of a schedule."""
    keys, optimizer = ["optimizer"], spec.optimizer
    while True:
        keys.append(optimizer.alias or optimizer.name)
        inner = optimizer.arguments.get("inner_optimizer")
        if not isinstance(inner, ComponentSpec):
            break
        keys.append("inner_optimizer")
        optimizer = inner
    keys.append("learning_rate")
    rate = optimizer.arguments.get("learning_rate")
    if rate is None:
        return ".".join(keys), _default_rate(optimizer)
    if not isinstance(rate, ComponentSpec):
        return ".".join(keys), float(rate)
    for argument in ("warmup_target", "initial_learning_rate"):
        written = rate.arguments.get(argument)
        if written is not None:
            return ".".join([*keys, rate.alias or rate.name, argument]), float(written)
    return ".".join(keys), None


def _default_rate(optimizer: ComponentSpec) -> float | None:
    entry = catalog.find("optimizer", optimizer.name)
    argument = None if entry is None else catalog.argument(entry, "learning_rate")
    return None if argument is None else float(argument.default)
