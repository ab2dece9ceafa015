"""The `evaluate` command."""

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import (
    AllowCode,
    AsJson,
    Checks,
    FailIf,
    JUnit,
    LabelledData,
    Previous,
    Run,
    Threads,
)


def evaluate(
    run: Run,
    data: LabelledData = None,
    checks: Checks = None,
    fail_if: FailIf = None,
    previous: Previous = None,
    junit: JUnit = None,
    threads: Threads = None,
    as_json: AsJson = False,
    allow_code: AllowCode = False,
) -> None:
    """Print a run's figures on its test part or on new labelled data.

    Example: dlcli evaluate concrete --data new.csv
    """
    gates = import_command("gate")
    asked = gates.checks_of(checks, fail_if)
    with gates.open_gate(junit, run) as gate:
        evaluation = import_command("evaluate").evaluate(
            run,
            tuple(data or ()),
            threads=threads,
            checks=asked,
            previous=previous,
        )
        console = import_console()
        for warning in evaluation.warnings:
            console.say(f"warning: {warning}")
        console.write_result(dump_json(evaluation.to_json()) if as_json else evaluation.to_text())
        gate.take(evaluation.run, evaluation.verdicts, evaluation=evaluation)
