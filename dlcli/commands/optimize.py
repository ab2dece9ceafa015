"""Optimize: a run to the inputs whose predictions come nearest to what is wanted."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dlcli.bundle.own_rows import read_own_rows
from dlcli.bundle.store import Bundle, open_scorer
from dlcli.errors import DlcliError, RunError, UsageError
from dlcli.languages import translated
from dlcli.runs import RunFolder, open_run
from dlcli.search.answer import Answer, Solution, find_best, find_pareto
from dlcli.search.bounds import build_space
from dlcli.search.cloud import Cloud
from dlcli.search.goals import read_conditions, read_goals, readable_names
from dlcli.search.problem import Problem
from dlcli.search.rows import RealRows
from dlcli.search.text import format_front, format_solution

DEFAULT_POINTS = 15
"""Points of a front."""


@dataclass(frozen=True, kw_only=True)
class OptimizeOptions:
    """What is wanted, as the command line says it."""

    minimize: tuple[str, ...] = ()
    maximize: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    inside: bool = False
    """Search only where the training data lie."""
    pareto: bool = False
    points: int = DEFAULT_POINTS
    nearest: int = 3
    seed: int | None = None
    """The run's own without it."""


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """The answer with everything that its report says."""

    run: RunFolder
    problem: Problem
    answer: Answer
    pareto: bool
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON values."""
        space, spacing, best = self.problem.space, self.answer.spacing, self.answer.best_row
        return {
            "run": str(self.run.path),
            "seed": self.problem.seed,
            "pareto": self.pareto,
            "goals": [
                {"goal": g.text, "sense": g.sense, "aim": g.aim, "weight": g.weight}
                for g in self.problem.goals
            ],
            "conditions": [condition.text for condition in self.problem.conditions],
            "searched": {variable.name: variable.to_json() for variable in space.variables},
            "fixed": space.fixed_labels,
            "solutions": [solution.to_json() for solution in self.answer.solutions],
            "training_spacing": spacing
            and {
                "median": spacing.median,
                "quantile_95": spacing.most,
                "largest": spacing.largest,
                "rows": spacing.num_rows,
            },
            "best_row": best and best.to_json(),
            "warnings": list(self.warnings),
        }

    def to_text(self) -> str:
        """Return the answer as text for the terminal."""
        goals = ", ".join(goal.title for goal in self.problem.goals)
        head = f"{self.run.path}: {goals}"
        shown = format_front if self.pareto else format_solution
        body = shown(self.problem, self.answer)
        notes = "\n".join(translated(f"warning: {text}") for text in self.warnings)
        return "\n\n".join(part for part in (head, body, notes) if part)


def optimize(
    run: str,
    options: OptimizeOptions,
    *,
    threads: int | None = None,
    on_stage: Callable[[str], None] = lambda text: None,
) -> Optimization:
    """Search the inputs of a run; raises UsageError for what cannot be searched or met."""
    folder = open_run(run)
    bundle = Bundle.load(folder)
    preprocessing = bundle.preprocessing
    if preprocessing.window is not None:
        raise UsageError(
            f"{folder.path} reads sequences: its inputs are {preprocessing.window.spec.length} rows "
            "of the past, which nobody can choose",
            hint="dlcli predict forecasts what comes after a table",
        )
    names = readable_names(preprocessing)
    goals = read_goals(
        names,
        minimize=options.minimize,
        maximize=options.maximize,
        targets=options.targets,
        weights=options.weights,
    )
    _check_options(options, num_goals=len(goals))
    conditions = read_conditions(options.conditions, names)
    space = build_space(
        preprocessing, bounds=options.bounds, fixed=options.fixed, integers=options.integers
    )
    problem = Problem(
        bundle=bundle,
        scorer=open_scorer(folder, threads=threads),
        space=space,
        goals=goals,
        conditions=conditions,
        seed=folder.load_manifest()["seed"] if options.seed is None else options.seed,
    )
    on_stage("reading the data")
    real, lacking = _real_rows(folder, problem)
    if options.inside:
        problem = replace(problem, inside=_cloud(real, lacking))
    on_stage("searching")
    if options.pareto:
        answer = find_pareto(
            problem, real, num_points=options.points, nearest=options.nearest, on_stage=on_stage
        )
    else:
        answer = find_best(problem, real, nearest=options.nearest, on_stage=on_stage)
    return Optimization(
        run=folder,
        problem=problem,
        answer=answer,
        pareto=options.pareto,
        warnings=(*lacking, *_warnings(problem, answer)),
    )


def _check_options(options: OptimizeOptions, *, num_goals: int) -> None:
    if not options.pareto:
        return
    if num_goals < 2:
        raise UsageError(
            "--pareto needs two goals or more, got 1", hint="add another --minimize or --maximize"
        )
    if options.weights:
        raise UsageError(
            "--pareto weighs no goal against another, so --weight means nothing",
            hint="keep one of them",
        )


def _real_rows(run: RunFolder, problem: Problem) -> tuple[RealRows | None, list[str]]:
    preprocessing = problem.bundle.preprocessing
    try:
        parts = read_own_rows(run, preprocessing)
    except DlcliError as error:
        lacking = f"{error.message}; without it nothing is said of distances and real rows"
        return None, [lacking]
    return RealRows.of(problem.space, preprocessing, parts), []


def _cloud(real: RealRows | None, lacking: list[str]) -> Cloud:
    if real is None:
        raise RunError(f"--inside needs the training data: {lacking[0].partition(';')[0]}")
    return real.cloud


def _warnings(problem: Problem, answer: Answer) -> list[str]:
    texts = [
        f"--bounds {v.name}={v.low:g}:{v.high:g} reaches beyond the training range "
        f"{v.trained[0]:g} to {v.trained[1]:g}: predictions there are extrapolated"
        for v in problem.space.variables
        if v.extrapolates and v.trained is not None
    ]
    ranges = problem.bundle.preprocessing.ranges
    for name, value in problem.space.fixed.items():
        low, high = ranges.get(name, (value, value))
        if name in ranges and not low <= value <= high:
            texts.append(
                f"--fix {name}={value:g} is outside the training range {low:g} to {high:g}: "
                "predictions there are extrapolated"
            )
    apart = [name for name, value in problem.space.fixed.items() if isinstance(value, str)]
    if apart:
        texts.append(f"{', '.join(apart)}: dates and texts do not count in distances")
    solutions = answer.solutions
    if len(solutions) == 1:
        texts += _solution_warnings(problem, answer, solutions[0])
    else:
        outside = sum(each.is_inside is False for each in solutions)
        if outside:
            texts.append(f"{outside} of {len(solutions)} points lie outside the training data")
    return texts


def _solution_warnings(problem: Problem, answer: Answer, solution: Solution) -> list[str]:
    texts = []
    if solution.at_bound:
        sides = {v.name: {"lower": v.low, "upper": v.high} for v in problem.space.variables}
        listed = [
            f"{name} ({side}, {sides[name][side]:g})" for name, side in solution.at_bound.items()
        ]
        texts.append(f"better values may lie beyond the bounds of {', '.join(listed)}")
    if solution.is_inside is False:
        texts.append(
            "the optimum lies outside the training data: measure it before relying on it, or search "
            "with --inside"
        )
    best = answer.best_row
    if best is not None and best.cost < solution.cost:
        texts.append(
            f"what was measured at {best.row.place} is better than what is predicted for the optimum"
        )
    return texts
