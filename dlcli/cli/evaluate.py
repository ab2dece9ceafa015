"""The `evaluate` command."""

import importlib

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson, LabelledData, Run, Threads
from dlcli.terminal_text import counted


def evaluate(
    run: Run,
    data: LabelledData = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Print a run's figures on its test part or on new labelled data.

    Example: dlcli evaluate concrete --data new.csv
    """
    evaluation = import_command("evaluate").evaluate(run, tuple(data or ()), threads=threads)
    for warning in evaluation.warnings:
        import_console().say(f"warning: {warning}")
    if as_json:
        import_console().write_result(dump_json(evaluation.to_json()))
        return
    report = importlib.import_module("dlcli.report")
    import_console().write_result(
        f"{evaluation.run.path} on {evaluation.what}, {counted(evaluation.rows, 'row')}\n\n"
        + report.format_scores(evaluation.targets, evaluation.baselines)
    )
