"""Answers as text: tables for the terminal."""

from collections.abc import Sequence
from typing import Any

from dlcli.languages import spoken, spoken_each, translated
from dlcli.report import format_table
from dlcli.search.answer import Answer, Solution
from dlcli.search.goals import Condition
from dlcli.search.problem import Problem
from dlcli.search.rows import RealRow
from dlcli.search.space import Space, Variable


def format_solution(problem: Problem, answer: Answer) -> str:
    """Lay out one optimum beside the best and the nearest real rows."""
    solution = answer.solutions[0]
    best = answer.best_row
    with_best = [] if best is None else [spoken("best real row")]
    inputs = [
        [name, _show(value), *([] if best is None else [_show(best.row.inputs[name])]), searched]
        for (name, value), searched in zip(
            solution.inputs.items(), _searched(problem.space), strict=True
        )
    ]
    given, found, searched = spoken_each("input", "optimum", "searched")
    parts = [format_table([given, found, *with_best, searched], inputs)]
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
    parts.append(format_table([spoken("prediction"), found, *with_best], predictions))
    if solution.slack:
        rows = [[each.text, _room(each, solution.slack[each.text])] for each in problem.conditions]
        parts.append(format_table(spoken_each("condition", "room left"), rows))
    if best is not None:
        text = f"best real row: {best.row.place} ({best.row.part} part), as measured"
        parts.append(translated(text))
    parts.append(_format_distance(answer, solution))
    parts.append(_format_nearest(solution.nearest))
    return "\n\n".join(part for part in parts if part)


def _searched(space: Space) -> list[str]:
    variables = {variable.name: variable for variable in space.variables}
    return [_searched_text(variables.get(c.settings.name)) for c in space.columns]


def _searched_text(variable: Variable | None) -> str:
    if variable is None:
        return spoken("fixed")
    if variable.choices:
        labels = [variable.labels[code] for code in variable.choices]
        more = f" {translated(f'and {len(labels) - 4} more')}" if len(labels) > 4 else ""
        return ", ".join(labels[:4]) + more
    whole = f", {spoken('whole numbers')}" if variable.kind == "integer" else ""
    return translated(f"{_show(variable.low)} to {_show(variable.high)}") + whole


def _format_distance(answer: Answer, solution: Solution) -> str:
    if solution.distance is None:
        return ""
    text = f"distance to the nearest training row: {_show(solution.distance)} (in input ranges)"
    spacing = answer.spacing
    if spacing is None:
        return translated(text)
    where = "inside" if solution.is_inside else "outside"
    return translated(
        f"{text}: {where} the data, whose rows lie {_show(spacing.median)} from their nearest "
        f"neighbour (median), 95 % of them at most {_show(spacing.most)}"
    )


def _format_nearest(nearest: Sequence[RealRow]) -> str:
    if not nearest:
        return ""
    first = nearest[0]
    header = spoken_each("nearest real row", "part", "distance")
    header += [*first.inputs, *first.measured]
    rows = [
        [
            translated(row.place),
            spoken(row.part),
            _show(row.distance),
            *map(_show, row.inputs.values()),
            *map(_show, row.measured.values()),
        ]
        for row in nearest
    ]
    return format_table(header, rows)


def format_front(problem: Problem, answer: Answer) -> str:
    """Lay out the points of a front, one a line."""
    solutions = answer.solutions
    # A goal that is an input itself need not stand there twice.
    goals = [goal.text for goal in problem.goals]
    inputs = [variable.name for variable in problem.space.variables]
    rows = [
        [
            *(_show(solution.goals[text]) for text in goals),
            *(_show(solution.inputs[name]) for name in inputs if name not in goals),
            *_where(solution),
        ]
        for solution in solutions
    ]
    header = [*goals, *(name for name in inputs if name not in goals)]
    header += spoken_each("distance", "data") if solutions[0].distance is not None else []
    note = (
        f"{len(solutions)} points, none better than another in every goal, found by a sweep of "
        "weighted Chebyshev distances"
    )
    return f"{format_table(header, rows)}\n{translated(note)}"


def _where(solution: Solution) -> list[str]:
    if solution.distance is None:
        return []
    where = spoken("outside") if solution.is_inside is False else spoken("inside")
    return [_show(solution.distance), where]


def _room(condition: Condition, slack: float) -> str:
    if any(each.is_equality for each in condition.comparisons):
        return translated(f"equal to within {abs(slack):.2g}")
    return _show(slack)


def _show(value: Any) -> str:
    """Format a cell: six significant digits, which the settings of a process seldom exceed."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)
