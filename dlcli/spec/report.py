"""Problems to one error that shows each at its place in the file."""

from dlcli.errors import LocatedProblem, SpecError
from dlcli.spec.places import Place, Source, format_problem
from dlcli.spec.problems import Problem, Problems

MAX_SHOWN = 50
"""Problems told at once; a file with more of them is most likely no config."""


def raise_problems(problems: Problems, source: Source) -> None:
    """Raise one SpecError that tells every problem in file order; return when there is none."""
    if not problems:
        return
    told = [problem for problem in problems.found if problem.missing not in problems.misplaced]
    placed = [(_place_of(problem, source), problem) for problem in told]
    placed.sort(key=lambda pair: _order(pair[0], source))
    texts = list(dict.fromkeys(_format(place, problem) for place, problem in placed))
    if len(texts) > MAX_SHOWN:
        more = len(texts) - MAX_SHOWN
        least = "at least " if problems.is_full else ""
        texts[MAX_SHOWN:] = [f"{source.file}: and {least}{more} more problems"]
    raise SpecError(
        "\nerror: ".join(texts),
        problems=list(dict.fromkeys(_located(place, problem) for place, problem in placed)),
    )


def _located(place: Place, problem: Problem) -> LocatedProblem:
    return LocatedProblem(
        file=place.file,
        line=place.line or None,
        column=place.column or None,
        message=problem.message,
        hint=problem.hint,
    )


def _place_of(problem: Problem, source: Source) -> Place:
    if problem.missing is not None and (*problem.path, problem.missing) in source.places:
        # An override took it out.
        return source.place((*problem.path, problem.missing))
    if not problem.path:
        # What is wrong with the file as a whole stands on no line.
        return Place(file=str(source.file))
    return source.place(problem.path, on_key=problem.on_key)


def _order(place: Place, source: Source) -> tuple[bool, str, int, int]:
    own = str(source.file)
    return place.file != own, place.file, place.line, place.column


def _format(place: Place, problem: Problem) -> str:
    message = problem.message
    if not place.line and problem.path:
        # A place without a line, as `--set epochs`, names the key itself.
        message = message.removeprefix(f"{problem.path[-1]}: ")
    text = format_problem(message, place)
    return text if problem.hint is None else f"{text}\nhint: {problem.hint}"
