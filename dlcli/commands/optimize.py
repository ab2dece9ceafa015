"""Optimize: a run to the inputs whose predictions come nearest to what is wanted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dlcli.bundle.own_rows import read_own_rows
from dlcli.bundle.store import Bundle, open_scorer
from dlcli.errors import DlcliError, RunError, UsageError
from dlcli.report import format_table
from dlcli.runs import RunFolder, open_run
from dlcli.search.answer import Answer, Solution, find_best, find_pareto
from dlcli.search.cloud import Cloud
from dlcli.search.goals import Condition, read_conditions, read_goals, readable_names
from dlcli.search.problem import Problem
from dlcli.search.rows import RealRow, RealRows
from dlcli.search.space import Space, Variable, build_space

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
            "fixed": _fixed_labels(space),
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
        body = _format_front(self) if self.pareto else _format_solution(self)
        notes = "\n".join(f"warning: {text}" for text in self.warnings)
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


def _fixed_labels(space: Space) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str) else space.label(name, float(value))
        for name, value in space.fixed.items()
    }


def _format_solution(found: Optimization) -> str:
    answer, solution = found.answer, found.answer.solutions[0]
    best = answer.best_row
    with_best = [] if best is None else ["best real row"]
    inputs = [
        [name, _show(value), *([] if best is None else [_show(best.row.inputs[name])]), searched]
        for (name, value), searched in zip(
            solution.inputs.items(), _searched(found.problem.space), strict=True
        )
    ]
    parts = [format_table(["input", "optimum", *with_best, "searched"], inputs)]
    predictions = [
        [name, _show(value), *([] if best is None else [_show(best.row.measured[name])])]
        for name, value in solution.predictions.items()
    ]
    predictions += [
        [f"{name}={label}", _show(share), *(["-"] if best is not None else [])]
        for name, shares in solution.probabilities.items()
        for label, share in shares.items()
    ]
    predictions += [
        [text, _show(value), *([] if best is None else [_show(best.goals[text])])]
        for text, value in solution.goals.items()
        if text not in {row[0] for row in predictions}
    ]
    parts.append(format_table(["prediction", "optimum", *with_best], predictions))
    if solution.slack:
        rows = [
            [each.text, _room(each, solution.slack[each.text])] for each in found.problem.conditions
        ]
        parts.append(format_table(["condition", "room left"], rows))
    if best is not None:
        parts.append(f"best real row: {best.row.place} ({best.row.part} part), as measured")
    parts.append(_format_distance(answer, solution))
    parts.append(_format_nearest(solution.nearest))
    return "\n\n".join(part for part in parts if part)


def _searched(space: Space) -> list[str]:
    variables = {variable.name: variable for variable in space.variables}
    return [_searched_text(variables.get(c.settings.name)) for c in space.columns]


def _searched_text(variable: Variable | None) -> str:
    if variable is None:
        return "fixed"
    if variable.choices:
        labels = [variable.labels[code] for code in variable.choices]
        more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
        return ", ".join(labels[:4]) + more
    whole = ", whole numbers" if variable.kind == "integer" else ""
    return f"{_show(variable.low)} to {_show(variable.high)}{whole}"


def _format_distance(answer: Answer, solution: Solution) -> str:
    if solution.distance is None:
        return ""
    text = f"distance to the nearest training row: {_show(solution.distance)} (in input ranges)"
    spacing = answer.spacing
    if spacing is None:
        return text
    where = "inside" if solution.is_inside else "outside"
    return (
        f"{text}: {where} the data, whose rows lie {_show(spacing.median)} from their nearest "
        f"neighbour (median), 95 % of them at most {_show(spacing.most)}"
    )


def _format_nearest(nearest: Sequence[RealRow]) -> str:
    if not nearest:
        return ""
    first = nearest[0]
    header = ["nearest real row", "part", "distance", *first.inputs, *first.measured]
    rows = [
        [
            row.place,
            row.part,
            _show(row.distance),
            *map(_show, row.inputs.values()),
            *map(_show, row.measured.values()),
        ]
        for row in nearest
    ]
    return format_table(header, rows)


def _format_front(found: Optimization) -> str:
    solutions = found.answer.solutions
    # A goal that is an input itself need not stand there twice.
    goals = [goal.text for goal in found.problem.goals]
    inputs = [variable.name for variable in found.problem.space.variables]
    rows = [
        [
            *(_show(solution.goals[text]) for text in goals),
            *(_show(solution.inputs[name]) for name in inputs if name not in goals),
            *_where(solution),
        ]
        for solution in solutions
    ]
    header = [*goals, *(name for name in inputs if name not in goals)]
    header += ["distance", "data"] if solutions[0].distance is not None else []
    note = (
        f"{len(solutions)} points, none better than another in every goal, found by a sweep of "
        "weighted Chebyshev distances"
    )
    return f"{format_table(header, rows)}\n{note}"


def _where(solution: Solution) -> list[str]:
    if solution.distance is None:
        return []
    return [_show(solution.distance), "outside" if solution.is_inside is False else "inside"]


def _room(condition: Condition, slack: float) -> str:
    if any(each.is_equality for each in condition.comparisons):
        return f"equal to within {abs(slack):.2g}"
    return _show(slack)


def _show(value: Any) -> str:
    """Format a cell: six significant digits, which the settings of a process seldom exceed."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)
