"""What a CI server is told of checks: JUnit, annotations, the job's summary; and the exit code."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dlcli import github
from dlcli.checks.judging import Verdict
from dlcli.checks.junit import Suite, write_junit
from dlcli.checks.text import check_error, describe, markdown_verdicts
from dlcli.commands.evaluate import Evaluation, stored_evaluation
from dlcli.console import say
from dlcli.errors import CheckError, DlcliError, RunError
from dlcli.report import markdown_table
from dlcli.report.figures import format_figures, shown_figures
from dlcli.runs import RunFolder
from dlcli.spec.checks import opposite_check
from dlcli.spec.places import Place


def checks_of(checks: Sequence[str] | None, fail_if: Sequence[str] | None) -> tuple[str, ...]:
    """Return the checks of a command line, with those that are told from their other side."""
    return (*(checks or ()), *map(opposite_check, fail_if or ()))


@contextmanager
def open_gate(junit: Path | None, subject: str) -> Iterator["Gate"]:
    """Give what takes the verdicts of a command's runs; raises CheckError for those not met.

    An error that ends the command stands in the JUnit file under `subject`.
    """
    gate = Gate()
    try:
        yield gate
    except DlcliError as error:
        gate.suites.append(Suite(name=subject, error=error))
        raise
    finally:
        if junit is not None:
            write_junit(junit, gate.suites)
    if gate.errors:
        message = "\nerror: ".join(error.message for error in gate.errors)
        raise CheckError(message, hint=gate.errors[-1].hint)


@dataclass(kw_only=True)
class Gate:
    """The verdicts of one command's runs."""

    suites: list[Suite] = field(default_factory=list)
    errors: list[CheckError] = field(default_factory=list)

    def take(
        self,
        run: RunFolder,
        verdicts: tuple[Verdict, ...],
        *,
        places: Sequence[Place] = (),
        seconds: float = 0.0,
        evaluation: Evaluation | None = None,
    ) -> None:
        """Take the verdicts of one run; `evaluation` are its figures where they are not stored."""
        where = str(run.path)
        self.suites.append(Suite(name=where, verdicts=verdicts, seconds=seconds))
        error = check_error(verdicts, where=where)
        if error is not None:
            self.errors.append(error)
        if not github.is_github():
            return
        for index, verdict in enumerate(verdicts):
            if verdict.is_met is False:
                say(_annotation(verdict, places[index] if index < len(places) else None))
        # A run without a test part has nothing to show.
        with suppress(RunError):
            _summarize(evaluation or stored_evaluation(run), verdicts)


def _summarize(evaluation: Evaluation, verdicts: Sequence[Verdict]) -> None:
    """Add a run's figures, beside its baselines' and with its checks, to the job's summary."""
    blocks = [f"### {evaluation.run.path}: {evaluation.what}, {evaluation.rows:,} rows"]
    for name, figures in evaluation.targets.items():
        columns = {"network": figures}
        for baseline, part in evaluation.baselines.items():
            if part and name in part["targets"]:
                columns[baseline] = part["targets"][name]
        rows = [
            [metric, *format_figures(metric, [item.get(metric) for item in columns.values()])]
            for metric in shown_figures(figures)
        ]
        blocks.append(markdown_table([name, *columns], rows))
    if verdicts:
        blocks.append(markdown_verdicts(verdicts))
    github.add_summary("\n\n".join(blocks))


def _annotation(verdict: Verdict, place: Place | None) -> str:
    title = "check not met"
    if place is None or not place.line:
        return github.annotation(describe(verdict), title=title)
    return github.annotation(
        describe(verdict), file=place.file, line=place.line, column=place.column, title=title
    )
