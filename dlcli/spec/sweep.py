"""The `sweep` key: which keys of a config take which values, and how these are searched."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dlcli.spec.containers import MapOf, OneOf
from dlcli.spec.fields import INVALID, Choice, Integer, JsonSchema, Number, Text, report_unexpected
from dlcli.spec.problems import KeyPath, Problems, join_names, show_flow, show_value, suggest
from dlcli.spec.sections import Section, setting

Sampler = Literal["grid", "random", "tpe"]
Direction = Literal["minimize", "maximize"]

Range = Literal["", "log", "uniform", "int"]
RANGES: tuple[Range, ...] = ("log", "uniform", "int")
DEFAULT_TRIALS = 50
MOST_UNBOUNDED = 1000
"""Points of a grid that are tried without anyone having said how many."""
MOST_LABEL = 40
"""Characters of a sub-tree in the name that it has among the values of an axis."""

_LARGER_IS_BETTER = {
    *("accuracy", "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "TopKCategoricalAccuracy"),
    *("SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "AUC", "Precision", "Recall"),
    *("F1Score", "FBetaScore", "R2Score", "BinaryIoU", "IoU", "MeanIoU", "OneHotIoU"),
    *("OneHotMeanIoU", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity"),
    *("SpecificityAtSensitivity", "ConcordanceCorrelation", "PearsonCorrelation"),
    *("TruePositives", "TrueNegatives", "CosineSimilarity"),
}
_SMALLER_IS_BETTER = {
    *("MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "LogCoshError"),
    *("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson", "Hinge"),
    *("SquaredHinge", "CategoricalHinge", "BinaryCrossentropy", "CategoricalCrossentropy"),
    *("SparseCategoricalCrossentropy", "KLDivergence", "FalsePositives", "FalseNegatives"),
}


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One key of the config with the values that it takes."""

    key: str
    choices: tuple[Any, ...] = ()
    """The listed values, plain; empty for a range."""
    range: Range = ""
    low: float = 0
    high: float = 0
    step: float | None = None

    @property
    def labels(self) -> tuple[Any, ...]:
        """The listed values by name: numbers and words as they are, a sub-tree by its number."""
        if all(value is None or isinstance(value, str | int | float) for value in self.choices):
            return self.choices
        return tuple(
            f"{number}: {_cut(show_flow(value))}" for number, value in enumerate(self.choices, 1)
        )

    @property
    def points(self) -> Sequence[Any]:
        """Every value that it takes, by label; empty where they cannot be listed."""
        if not self.range:
            return self.labels
        if self.range == "int":
            return range(int(self.low), int(self.high) + 1, int(self.step or 1))
        if self.step is None:
            return ()
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(self.low + index * self.step for index in range(count))

    @property
    def count(self) -> int:
        """How many values there are, 0 for a range that cannot be listed."""
        return len(self.points)

    def value_of(self, label: Any) -> tuple[Any, int | None]:
        """Return the value that a label means, and its place in the list, None in a range."""
        if self.range:
            return label, None
        place = self.labels.index(label)
        return self.choices[place], place


@dataclass(frozen=True)
class AxisField:
    """A list of values, or a range; it stays as it is written."""

    expectation: str = "a list of values, or a range as in {log: [1e-4, 1e-2]}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, list | dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        if isinstance(value, list):
            return self._check_list(value, path, problems)
        if isinstance(value, dict):
            return self._check_range(value, path, problems)
        hint = f"one value is no axis: write it at its key, or as a list: [{show_value(value)}]"
        return report_unexpected(self, value, path, problems, hint=hint)

    def _check_list(self, value: list[Any], path: KeyPath, problems: Problems) -> Any:
        if not value:
            return report_unexpected(self, value, path, problems, hint="list at least one value")
        for place, item in enumerate(value):
            if item in value[:place]:
                problems.add((*path, place), "this value stands in the list twice")
                return INVALID
        return value

    def _check_range(self, value: dict[str, Any], path: KeyPath, problems: Problems) -> Any:
        kinds = [name for name in value if name in RANGES]
        if len(kinds) != 1 or not value.keys() <= {*RANGES, "step"}:
            wrong = next((name for name in value if name not in {*RANGES, "step"}), None)
            hint = "a sub-tree of the config goes into a list: [{...}, {...}]"
            if wrong is not None and (near := suggest(wrong, RANGES)).startswith("did you mean"):
                hint = near
            return report_unexpected(self, value, path, problems, hint=hint)
        (kind,) = kinds
        ends = value[kind]
        number = Number(integer=kind == "int")
        if not isinstance(ends, list) or len(ends) != 2:
            message = f"{kind}: expected its two ends, got {show_value(ends)}"
            problems.add((*path, kind), message, hint=f"e.g. {kind}: [1, 100]")
            return INVALID
        checked = [
            number.check(end, (*path, kind, place), problems) for place, end in enumerate(ends)
        ]
        if INVALID in checked:
            return INVALID
        return value if _check_ends(kind, value, path, problems) else INVALID

    def schema(self) -> JsonSchema:
        ends = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        step = {"step": {**_STEP.schema(), "description": "What lies between two values."}}
        ranges = [
            {
                "type": "object",
                "properties": {
                    name: {**ends, "description": about},
                    **({} if name == "log" else step),
                },
                "required": [name],
                "additionalProperties": False,
            }
            for name, about in _RANGES_IN_WORDS.items()
        ]
        return {"anyOf": [{"type": "array", "minItems": 1}, *ranges]}


_RANGES_IN_WORDS = {
    "log": "Numbers between two ends, as many in each order of magnitude.",
    "uniform": "Numbers between two ends.",
    "int": "Whole numbers from one end to the other.",
}
_STEP = Number(exclusive_minimum=0)


def _check_ends(kind: str, value: dict[str, Any], path: KeyPath, problems: Problems) -> bool:
    low, high = value[kind]
    if low >= high:
        hint = f"write the smaller one first: {kind}: [{high:g}, {low:g}]" if low > high else None
        problems.add((*path, kind), f"{kind}: expected a smaller and a larger end", hint=hint)
        return False
    if kind == "log" and low <= 0:
        problems.add((*path, kind, 0), f"log: expected ends above 0, got {low:g}")
        return False
    if "step" not in value:
        return True
    if kind == "log":
        problems.add((*path, "step"), "log takes no step", hint="list the values instead")
        return False
    step = Number(integer=kind == "int", exclusive_minimum=0).check(
        value["step"], (*path, "step"), problems
    )
    return step is not INVALID


@dataclass(frozen=True, kw_only=True)
class HalvingSpec:
    """Successive halving: of the trials that reach a rung, the best go on to the next one."""

    min_resource: int | None = setting(
        Integer(minimum=1),
        "Epochs (with `folds`, folds) of the first rung; the most epochs divided by "
        "reduction_factor twice without it, and one fold.",
        default=None,
    )
    reduction_factor: int = setting(
        Integer(minimum=2),
        "Of so many trials at a rung one goes on, for so many times its epochs.",
        default=3,
    )


@dataclass(frozen=True, kw_only=True)
class PrunerSpec:
    """A pruner with its settings."""

    successive_halving: HalvingSpec = setting(
        Section(HalvingSpec), "Successive halving, with settings of your own."
    )


PRUNER = OneOf((Choice(("none", "successive_halving")), Section(PrunerSpec)))


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """A search over keys of the config."""

    axes: dict[str, Any] = setting(
        MapOf(AxisField(), "keys of the config"),
        "Keys joined by dots, as for --set, each with a list of values (whole sub-trees too) or a "
        "range: {log: [a, b]}, {uniform: [a, b]}, {int: [a, b]}, the last two also with `step`.",
    )
    sampler: Sampler = setting(
        Choice(("grid", "random", "tpe")),
        "How points are chosen: all of a grid, at random, or where earlier trials did well (the "
        "tree-structured Parzen estimator).",
        default="tpe",
    )
    trials: int | None = setting(
        Integer(minimum=1),
        f"The most trials; {DEFAULT_TRIALS} without it, and for a grid all its points.",
        default=None,
    )
    timeout: float | None = setting(
        Number(exclusive_minimum=0),
        "Seconds after which no further trial begins; those that run come to their end.",
        default=None,
    )
    metric: str | None = setting(
        Text("a figure"),
        "What a trial is judged by, as the epochs log it, of its final network: val_loss without "
        "it. With `folds`, val_ means the parts that the folds hold out.",
        default=None,
    )
    direction: Direction | None = setting(
        Choice(("minimize", "maximize")),
        "Whether a smaller or a larger figure is better; only for figures of which that is not "
        "known.",
        default=None,
    )
    pruner: str | PrunerSpec = setting(
        PRUNER,
        "Whether trials that fall behind end early: none, successive_halving, or a mapping with "
        "its settings.",
        default="none",
    )
    storage: str = setting(
        Text("journal, sqlite or a URL"),
        "Where the trials are recorded: a journal or an SQLite file in the sweep's folder, or "
        "postgresql://USER@HOST/DATABASE, at which several machines may work together.",
        default="journal",
    )
    workers: int = setting(
        Integer(minimum=0),
        "Processes that train, each loading Keras once; 0 trains in this one.",
        default=1,
    )

    @property
    def halving(self) -> HalvingSpec | None:
        """The settings of successive halving, None where no trial is pruned."""
        if isinstance(self.pruner, PrunerSpec):
            return self.pruner.successive_halving
        return HalvingSpec() if self.pruner == "successive_halving" else None

    @property
    def parsed_axes(self) -> tuple[Axis, ...]:
        """The axes in their order."""
        return tuple(_axis(key, value) for key, value in self.axes.items())

    @property
    def grid_size(self) -> int:
        """The points of the grid, 0 where a range cannot be listed."""
        return math.prod(axis.count for axis in self.parsed_axes)

    @property
    def num_trials(self) -> int:
        """How many trials there are to be."""
        if self.sampler != "grid":
            return self.trials or DEFAULT_TRIALS
        return min(self.trials or self.grid_size, self.grid_size)


def _axis(key: str, value: Any) -> Axis:
    if isinstance(value, list):
        return Axis(key=key, choices=tuple(value))
    kind = next(name for name in RANGES if name in value)
    low, high = value[kind]
    return Axis(key=key, range=kind, low=low, high=high, step=value.get("step"))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LABEL else f"{text[: MOST_LABEL - 3]}..."


def metric_of(sweep: SweepSpec) -> str:
    """Return the figure that trials are judged by."""
    return sweep.metric or "val_loss"


def direction_of(name: str, metrics: dict[str, str]) -> Direction | None:
    """Return which way a logged figure improves, None where that is not known.

    `metrics` are the logged names of metrics with Keras's own.
    """
    plain = name.removeprefix("val_")
    kind = metrics.get(plain)
    if plain == "loss" or (kind is None and plain.endswith("_loss")):
        return "minimize"
    if kind in _LARGER_IS_BETTER:
        return "maximize"
    return "minimize" if kind in _SMALLER_IS_BETTER else None


def check_sweep(
    sweep: SweepSpec, logged: list[str], metrics: dict[str, str], problems: Problems
) -> None:
    """Report a metric that is not logged, a direction that is open, a grid that cannot be tried."""
    name = metric_of(sweep)
    known = [each for each in logged if each != "learning_rate"]
    path: KeyPath = ("sweep", "metric") if sweep.metric is not None else ("sweep",)
    if name not in known:
        hint = suggest(name, known)
        if name.removeprefix("val_") in known:
            hint = "give a validation part with data.split.validation, or `folds`"
        problems.add(path, f"no epoch logs the figure {name!r}", hint=hint)
    elif sweep.direction is None and direction_of(name, metrics) is None:
        problems.add(
            path,
            f"it is not known whether a larger {name!r} is better",
            hint="say so with `direction: maximize` or `minimize`",
        )
    if not sweep.axes:
        problems.add(("sweep", "axes"), "no axis is given", hint="e.g. {optimizer: [Adam, SGD]}")
    if sweep.sampler == "grid":
        _check_grid(sweep, problems)


def _check_grid(sweep: SweepSpec, problems: Problems) -> None:
    endless = [axis for axis in sweep.parsed_axes if not axis.count]
    for axis in endless:
        ends = f"{axis.low:g}, {axis.high:g}"
        problems.add(
            ("sweep", "axes", axis.key),
            f"a grid takes lists, and {{{axis.range}: [{ends}]}} has no points of its own",
            hint="list the values, or choose sampler: random or tpe",
        )
    unbounded = sweep.trials is None and sweep.timeout is None
    if not endless and unbounded and sweep.grid_size > MOST_UNBOUNDED:
        sizes = " x ".join(str(axis.count) for axis in sweep.parsed_axes)
        problems.add(
            ("sweep", "axes"),
            f"this grid has {sweep.grid_size:,} points ({sizes})",
            hint="say how many to try with `trials`, or for how long with `timeout`; or choose "
            "sampler: tpe",
        )


REFUSED_KEYS = {
    "backend": "Keras takes one backend a process; sweep twice with --set backend=... instead",
    "name": "it names the runs and changes nothing",
    "version": "it is the grammar's version",
    "extends": "the config is merged already; list the sub-trees that differ",
    "sweep": "a sweep has no sweeps in it",
    "engine": "it says where trials run, and changes nothing that comes of them",
}
"""Keys that are no axes, and why."""


def check_axis_keys(sweep: SweepSpec, problems: Problems) -> None:
    """Report axes that no trial could take."""
    firsts: dict[str, str] = {}
    for key in sweep.axes:
        first = key.partition(".")[0]
        why = REFUSED_KEYS.get(first)
        if why is not None:
            problems.add(("sweep", "axes", key), f"{first!r} cannot be an axis: {why}", on_key=True)
        for other in firsts:
            if key.startswith(f"{other}.") or other.startswith(f"{key}."):
                problems.add(
                    ("sweep", "axes", key),
                    f"the axes {join_names([other, key])} overlap: one holds the other",
                    hint="vary the inner key alone, or list whole sub-trees at the outer one",
                    on_key=True,
                )
        firsts[key] = key


def without_sweep(spec: Any) -> Any:
    """Return a config as each of its trials trains it."""
    return replace(spec, sweep=None)
