"""Checks: what a run's figures must reach, as `test.R2Score >= 0.85`, and the names they may hold."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dlcli.errors import UsageError
from dlcli.spec import catalog
from dlcli.spec.arithmetic import (
    Column,
    Comparison,
    Node,
    Number,
    Operation,
    column_names,
    parse_comparisons,
)
from dlcli.spec.experiment import BASELINES, RunSpec
from dlcli.spec.figures import (
    CLASS_METRICS,
    CLASSIFICATION_METRICS,
    LOSS,
    REGRESSION_METRICS,
    figure_named,
    other_names,
)
from dlcli.spec.heads import expected_labels
from dlcli.spec.network import Network, losses_by_output
from dlcli.spec.problems import Problems, closest, suggest
from dlcli.spec.windows import NAIVE, SEASONAL, WindowSpec

PARTS = ("train", "validation", "test")
NEW_DATA = "data"
"""What the figures on other rows than the run's own are called."""
PREVIOUS = "previous"
BASELINE = "baseline"
RUN = "run"
RUN_FIGURES = {
    "parameters": "weights of the network",
    "epochs": "epochs done",
    "seconds": "seconds of training, compiling included",
}
OF_CLASS = (*CLASS_METRICS, "Support")
CLASS_NAMES = {"mean": "majority", "linear": "logistic"}
"""What our own baselines are called where the target has classes."""

_STEPS = re.compile(r"`([^`]*)`|([^.`]+)")
_SIGNS = re.compile(r"`[^`]*`|[<>=!]+")
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_JOINT = "\x1f"
"""Between the steps of a path once it is read; no name holds it."""


@dataclass(frozen=True, kw_only=True)
class TargetFigures:
    """What one target is scored with; `classes` is None while the data has not told them."""

    metrics: tuple[str, ...]
    classes: tuple[str, ...] | None = None

    @property
    def is_number(self) -> bool:
        return self.metrics == REGRESSION_METRICS


@dataclass(frozen=True, kw_only=True)
class FigureNames:
    """The figures that a check may name, and why it may not name others."""

    parts: tuple[str, ...]
    targets: Mapping[str, TargetFigures]
    baselines: tuple[str, ...]
    has_run: bool = True
    """Whether there is a training to speak of, with its parameters and its earlier runs."""
    absent: Mapping[str, str] = field(default_factory=dict)
    unasked: Mapping[str, str] = field(default_factory=dict)
    """Baselines that could be there, and how a config asks for each."""
    noun: str = "figure"
    has_paths: bool = True
    quoted_example: str = "test.`Iris setosa`.Recall"

    @property
    def example(self) -> str:
        """A check of the last part."""
        return f"{self._example(self.parts[-1])} >= 0.85"

    def find(self, name: str, *, context: str) -> str:
        """Return the full path of a figure: part, target, class if any, metric; raises UsageError.

        `previous` and `baseline.NAME` come before it; alone they stand for the check's own figure.
        """
        steps = _read_path(name)
        if steps[0] == PREVIOUS and self.has_run:
            return _JOINT.join([PREVIOUS, *(self._figure(steps[1:], context) if steps[1:] else ())])
        if steps[0] == BASELINE:
            return _JOINT.join(self._baseline(steps, context))
        return _JOINT.join(self._figure(steps, context))

    def _baseline(self, steps: list[str], context: str) -> list[str]:
        if len(steps) == 1:
            hint = f"baseline.NAME: {', '.join(self.baselines)}" if self.baselines else None
            raise UsageError(f"{context}: which baseline?", hint=hint)
        if steps[1] in self.unasked:
            raise UsageError(
                f"{context}: the config asks for no baseline {steps[1]!r}",
                hint=self.unasked[steps[1]],
            )
        if steps[1] not in self.baselines:
            known = (*self.baselines, *self.unasked)
            meant = closest(steps[1], known)
            hint = suggest(steps[1], known if meant or not self.baselines else self.baselines)
            raise UsageError(f"{context}: there is no baseline {steps[1]!r}", hint=hint)
        return [*steps[:2], *(self._figure(steps[2:], context) if steps[2:] else ())]

    def _figure(self, steps: list[str], context: str) -> list[str]:
        part, inner = steps[0], steps[1:-1]
        if part == RUN and self.has_run:
            return self._of_run(steps, context)
        if part in self.absent:
            raise UsageError(
                f"{context}: there is no {part} part", hint=f"{self.absent[part]}; {self._parts()}"
            )
        if part not in self.parts:
            borrowed = [BASELINE] if self.baselines else []
            known = [*self.parts, *borrowed, *((PREVIOUS, RUN) if self.has_run else ())]
            raise UsageError(f"{context}: there is no part {part!r}", hint=suggest(part, known))
        if len(steps) == 1:
            raise UsageError(
                f"{context}: which figure of the {part} part?", hint=f"e.g. {self._example(part)}"
            )
        if steps[1:] == [LOSS]:
            return steps
        if len(inner) > 2:
            raise UsageError(
                f"{context}: expected PART.METRIC, PART.TARGET.METRIC or PART.TARGET.CLASS.METRIC"
            )
        target, of_class = self._target(part, inner, context)
        metric = self._metric(steps[-1], target, of_class, context)
        return [part, target, *(() if of_class is None else (of_class,)), metric]

    def _parts(self) -> str:
        return f"there are figures of {' and '.join(self.parts)}"

    def _of_run(self, steps: list[str], context: str) -> list[str]:
        if len(steps) == 2 and steps[1] in RUN_FIGURES:
            return steps
        hint = suggest(".".join(steps[1:]), RUN_FIGURES)
        raise UsageError(f"{context}: a run has no figure {'.'.join(steps[1:])!r}", hint=hint)

    def _target(self, part: str, inner: list[str], context: str) -> tuple[str, str | None]:
        if inner and inner[0] in self.targets:
            return inner[0], (inner[1] if len(inner) == 2 else None)
        (only, *others) = self.targets
        if not inner and others:
            raise UsageError(
                f"{context}: there are {len(self.targets)} targets, and it names none of them",
                hint=f"e.g. {self._example(part)}",
            )
        if not inner:
            return only, None
        known = self.targets[only]
        may_be_class = not others and len(inner) == 1 and not known.is_number
        if not may_be_class or (known.classes is not None and inner[0] not in known.classes):
            what = "target or class" if may_be_class else "target"
            names = [*self.targets, *(known.classes or () if may_be_class else ())]
            raise UsageError(
                f"{context}: there is no {what} {inner[0]!r}", hint=suggest(inner[0], names)
            )
        return only, inner[0]

    def _metric(self, name: str, target: str, of_class: str | None, context: str) -> str:
        known = self.targets[target]
        if of_class is not None:
            self._check_class(of_class, target, context)
        metrics = known.metrics if of_class is None else OF_CLASS
        found = figure_named(name, metrics)
        if found is not None:
            return found
        what = f"the class {of_class!r}" if of_class is not None else f"the target {target!r}"
        if figure_named(name, (*REGRESSION_METRICS, *CLASSIFICATION_METRICS)) is None:
            what = f"{what} has no metric {name!r}"
        elif of_class is not None:
            what = f"{name} is not measured for single classes"
        else:
            kind, other = ("a number", "classes") if known.is_number else ("a class", "numbers")
            what = f"{what} is {kind}, and {name} is a metric of {other}"
        # An alias such as `mae` may be misspelt too.
        spellings = (*metrics, *(alias for each in metrics for alias in other_names(each)))
        meant = closest(name, metrics) or closest(name, spellings)
        meant = meant or catalog.suggest("metric", name)
        hint = f"did you mean {meant!r}?" if meant in spellings else suggest(name, metrics)
        raise UsageError(f"{context}: {what}", hint=hint)

    def _check_class(self, name: str, target: str, context: str) -> None:
        known = self.targets[target]
        if known.is_number:
            raise UsageError(f"{context}: the target {target!r} is a number and has no classes")
        if known.classes is not None and name not in known.classes:
            raise UsageError(
                f"{context}: the target {target!r} has no class {name!r}",
                hint=suggest(name, known.classes),
            )

    def _example(self, part: str) -> str:
        name, known = next(iter(self.targets.items()))
        metric = "R2Score" if known.is_number else "Accuracy"
        return write_path([part, *([name] if len(self.targets) > 1 else []), metric])


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check as it is written, and what must hold for it."""

    text: str
    comparisons: tuple[Comparison, ...]

    @property
    def figures(self) -> frozenset[str]:
        """The paths of every figure that it compares."""
        return frozenset().union(
            *(column_names(side) for each in self.comparisons for side in (each.left, each.right))
        )


def parse_check(text: str, names: FigureNames) -> Check:
    """Read a check; raises UsageError for what cannot be read or names no figure."""
    comparisons = parse_comparisons(text, names, option="check")
    found = Check(text=text, comparisons=comparisons).figures
    own = {name for name in found if not _is_short(name) and not _is_borrowed(name)}
    short = [name for name in found if _is_short(name)]
    if not short:
        return Check(text=text, comparisons=comparisons)
    if len(own) != 1:
        raise UsageError(
            f"check {text!r}: which figure does {write_path(steps_of(short[0]))!r} stand for?",
            hint=f"name it: {write_path([*steps_of(short[0]), 'test', 'METRIC'])}",
        )
    (figure,) = own
    longer = tuple(
        Comparison(
            left=_lengthen(each.left, figure),
            symbol=each.symbol,
            right=_lengthen(each.right, figure),
        )
        for each in comparisons
    )
    return Check(text=text, comparisons=longer)


def opposite_check(text: str) -> str:
    """Return what must hold for a condition not to: `test.mae > 3` asks for `test.mae <= 3`.

    Raises UsageError for what is no single comparison.
    """
    signs = [found for found in _SIGNS.finditer(text) if not found[0].startswith("`")]
    if len(signs) != 1:
        raise UsageError(
            f"--fail-if {text!r}: expected one comparison",
            hint="e.g. 'test.R2Score < 0.85'; give --fail-if once for each condition",
        )
    (sign,) = signs
    if sign[0] not in _OPPOSITE:
        raise UsageError(
            f"--fail-if {text!r}: expected <, <=, > or >=, got {sign[0]}",
            hint="figures are seldom the same to the last digit; --check says what must hold",
        )
    return f"{text[: sign.start()]}{_OPPOSITE[sign[0]]}{text[sign.end() :]}"


def names_of_spec(spec: RunSpec, network: Network) -> FigureNames:
    """Return the figures that a run of this config will have, as far as the config alone tells."""
    losses = losses_by_output(spec, network.heads)
    targets: dict[str, TargetFigures] = {}
    for head in network.heads:
        labels = expected_labels(head, losses[head.output])
        metrics: tuple[str, ...] = (*REGRESSION_METRICS, *CLASSIFICATION_METRICS)
        if labels is not None:
            metrics = REGRESSION_METRICS if labels == "numbers" else CLASSIFICATION_METRICS
        targets.update(dict.fromkeys(head.targets, TargetFigures(metrics=metrics)))
    return names_of_targets(spec, targets)


def names_of_classes(spec: RunSpec, classes: Mapping[str, tuple[str, ...] | None]) -> FigureNames:
    """Return the figures that a run has once the data has told each target's classes."""
    targets = {
        name: TargetFigures(metrics=REGRESSION_METRICS)
        if found is None
        else TargetFigures(metrics=CLASSIFICATION_METRICS, classes=found)
        for name, found in classes.items()
    }
    return names_of_targets(spec, targets)


def names_of_targets(spec: RunSpec, targets: Mapping[str, TargetFigures]) -> FigureNames:
    """Return the figures of a run with these targets."""
    split = spec.data.split
    absent = {
        part: f"data.split.{part} is 0"
        for part, size in (("validation", split.validation), ("test", split.test))
        if size == 0
    }
    numbers, classes = _may_be(targets, numbers=True), _may_be(targets, numbers=False)
    asked = _baseline_names(spec.baselines, numbers=numbers, classes=classes)
    could_ask = {
        name: f"ask for it: baselines: [{', '.join((*spec.baselines, word))}]"
        for word in BASELINES
        if word not in spec.baselines
        for name in _baseline_names((word,), numbers=numbers, classes=classes)
    }
    repeats, could_repeat = _repeats(spec.data.window, numbers=numbers)
    return FigureNames(
        parts=tuple(part for part in PARTS if part not in absent),
        targets=targets,
        absent=absent,
        baselines=(*asked, *repeats),
        unasked={**could_ask, **could_repeat},
    )


def _may_be(targets: Mapping[str, TargetFigures], *, numbers: bool) -> bool:
    """Tell whether a target is a number, or has classes; before the data is read it may be either."""
    known = REGRESSION_METRICS if numbers else CLASSIFICATION_METRICS
    return any(set(known) <= set(target.metrics) for target in targets.values())


def _baseline_names(words: Iterable[str], *, numbers: bool, classes: bool) -> tuple[str, ...]:
    """Return what the words of `baselines` are called in the figures of a run."""
    found = [
        name
        for word in words
        for name, fits in ((word, numbers), (CLASS_NAMES.get(word, word), classes))
        if fits
    ]
    return tuple(dict.fromkeys(found))


def _repeats(window: WindowSpec | None, *, numbers: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the forecasts that repeat the past, and how a config asks for those it has not."""
    if window is None or not numbers or window.rows_known < 1:
        return (), {}
    if window.season is None:
        most = f"at most {window.rows_known} with this length"
        return (NAIVE,), {SEASONAL: f"say how many rows make a season: data.window.season, {most}"}
    return (NAIVE, SEASONAL), {}


def check_checks(spec: RunSpec, names: FigureNames, problems: Problems) -> None:
    """Report checks that cannot be read, or that name no figure of this run."""
    for index, text in enumerate(spec.checks):
        try:
            parse_check(text, names)
        except UsageError as error:
            problems.add(("checks", index), error.message, hint=error.hint)


def steps_of(figure: str) -> list[str]:
    """Return the steps of a figure that a parsed check names."""
    return figure.split(_JOINT)


def _read_path(name: str) -> list[str]:
    """Return the steps of a path as it is written: dots separate them, back quotes may enclose."""
    return [quoted or plain for quoted, plain in _STEPS.findall(name)] or [name]


def write_path(steps: Iterable[str]) -> str:
    """Write steps as a path, in back quotes where a step is no plain word."""
    return ".".join(step if step.isidentifier() else f"`{step}`" for step in steps)


def _is_borrowed(name: str) -> bool:
    return steps_of(name)[0] in (PREVIOUS, BASELINE)


def _is_short(name: str) -> bool:
    steps = steps_of(name)
    return steps == [PREVIOUS] or (steps[0] == BASELINE and len(steps) == 2)


def _lengthen(node: Node, figure: str) -> Node:
    if isinstance(node, Number):
        return node
    if isinstance(node, Column):
        return Column(f"{node.name}{_JOINT}{figure}") if _is_short(node.name) else node
    return Operation(node.symbol, _lengthen(node.left, figure), _lengthen(node.right, figure))
